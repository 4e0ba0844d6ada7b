"""Whatever happens to a file on its way, reading it ends with records that can be kept or with a sentence that names it."""

import io
import json
import random
import zipfile

import pytest

from studio.domain.conversation import Conversation, Turn, fault
from studio.domain.errors import StudioError
from studio.domain.formats import cards, logs, png
from studio.domain.persona import Persona

TALK = (Conversation("a", "A door", (Turn("1", "user", "Who is there?"), Turn("2", "model", "It is me, ünd.")), ("short",)),)
BISCUIT = Persona("Biscuit", "A puppy", "Mia", ("Short",), ("She is six.",), "You are Biscuit.", "Is it dinner?", "blue")
CARD = {
    "name": "Tansy", "description": "A witch.", "first_mes": "Hi {{user}}", "mes_example": "<START>\n{{user}}: a\n{{char}}: b", "tags": ["x"],
    "character_book": {"entries": [{"content": "A fact", "insertion_order": 3, "enabled": True}]}, "alternate_greetings": ["Ho"],
    "assets": [{"type": "icon", "uri": "embeded://main.png", "name": "main"}],
}  # fmt: skip
ROWS = [
    {"user_name": "Ana", "character_name": "Tansy", "chat_metadata": {}},
    {"name": "Tansy", "is_user": False, "is_system": False, "mes": "Hi"},
    {"name": "Ana", "is_user": True, "mes": "Who?", "extra": {}},
    {"name": "Tansy", "is_user": False, "mes": "Me.", "swipes": ["Me.", "I."], "swipe_id": 0},
]
ODD = [
    b"\\ud800",
    b"null",
    b"[]",
    b"{}",
    b"1e999",
    b"-1",
    b"true",
    b'""',
    b"\0",
    b"\r\n",
    b"\xff\xfe",
    b"[" * 2_000,
    b"9" * 5_000,
    b"{{char}}",
]
ODD += [b"<START>", b"\x7f\xff\xff\xff", b"PK\x01\x02", b"PK\x03\x04", b"IDAT", b"tEXt", b"\xe2\x80\xa8", b'"', b"\\"]


def charx():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", json.dumps({"spec": "chara_card_v3", "data": CARD}))
        archive.writestr("main.png", png.plain((1, 2, 3), 4, 4))
    return held.getvalue()


def unpacked():
    """A picture whose card stands in it as it is, so that changes reach the JSON; check numbers are not what is tested then."""
    return png.with_texts("x", png.plain((1, 2, 3), 4, 4), {"chara": json.dumps({"spec": "chara_card_v2", "data": CARD})})


FILES = {
    "V1": (cards.read, json.dumps(CARD).encode()),
    "V2": (cards.read, cards.card_v2(BISCUIT, TALK, ("Ho",)).encode()),
    "V3 picture": (cards.read, cards.card_v3_png(BISCUIT, TALK, png.plain((1, 2, 3), 4, 4))),
    "unpacked picture": (cards.read, unpacked()),
    "CHARX": (cards.read, charx()),
    "chat": (logs.read, "\n".join(map(json.dumps, ROWS)).encode()),
    "UTF-16 chat": (logs.read, "\n".join(map(json.dumps, ROWS)).encode("utf-16")),
}


def torn(data, draw):
    """The bytes after one to four accidents."""
    for _ in range(draw.randint(1, 4)):
        at, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
        match draw.randrange(5):
            case 0:
                data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at]
            case 2:
                data = data[:at] + data[end:]
            case 3:
                data = data[:at] + data[at:end] + data[at:]
            case _:
                data = data[:at] + draw.choice(ODD) + data[draw.choice((at, end)) :]
    return data


def mended(data):
    """The bytes with right check numbers, so that damage gets past them."""
    if not data.startswith(png.SIGNATURE):
        return data
    return png.SIGNATURE + b"".join(png.made(part.kind, part.body).packed() for part in png.chunks("x", data))


def check(found):
    """Everything found can be stored, shown and sent."""
    assert all(str(s).startswith("torn.file") and s.what.endswith(".") and s.cure.endswith(".") for s in found.skipped)
    for c in found.conversations:
        assert fault(c.title, [{"id": t.id, "role": t.role, "text": t.text} for t in c.turns]) == ""
    assert len({c.id for c in found.conversations}) == len(found.conversations)
    if found.persona:
        assert found.persona.checked().name == found.persona.name
    assert not found.picture or not png.flaw(png.chunks("x", found.picture))
    sheet = found.persona and found.persona.to_dict()
    bodies = [c.body() for c in found.conversations]
    json.dumps([sheet, found.kind, found.mapping, found.greetings, [str(s) for s in found.skipped], bodies], ensure_ascii=False).encode()


@pytest.mark.parametrize("kind", FILES)
def test_a_torn_file_gives_records_or_a_sentence_that_names_it(kind):
    read, whole = FILES[kind]
    draw = random.Random(f"torn {kind}")
    check(read("torn.file", whole))
    refused = 0
    for n in range(500):
        data = torn(whole, draw)
        try:
            check(read("torn.file", mended(data) if n % 2 else data))
        except StudioError as error:
            refused += 1
            assert str(error).startswith("torn.file"), error
            assert str(error).endswith("Nothing was brought in."), error
    assert 0 < refused < 500


VALUES = [
    None,
    True,
    0,
    -1.5,
    float("nan"),
    10**300,
    "",
    "text",
    "\ud800",
    "x" * 100_001,
    [],
    [None],
    [["a"]],
    {},
    {"a": None},
    {"name": []},
]


def everywhere(value, odd):
    """The value with `odd` in place of each of its parts, one at a time."""
    yield odd
    if isinstance(value, dict):
        for key in value:
            yield from ({**value, key: other} for other in everywhere(value[key], odd))
    if isinstance(value, list):
        for n in range(len(value)):
            yield from ([*value[:n], other, *value[n + 1 :]] for other in everywhere(value[n], odd))


@pytest.mark.parametrize("odd", VALUES, ids=lambda v: repr(v)[:12])
def test_a_wrong_type_at_any_place_gives_records_or_a_sentence(odd):
    card = {"spec": "chara_card_v3", "spec_version": "3.0", "data": {**CARD, "nickname": "T", "extensions": {}}}
    own = json.loads(cards.card_v2(BISCUIT, TALK, ("Ho",)))
    files = [(cards.read, json.dumps(value)) for whole in (card, own) for value in everywhere(whole, odd)]
    files += [(logs.read, "\n".join(json.dumps(row) for row in rows)) for rows in everywhere(ROWS, odd) if isinstance(rows, list)]
    for read, text in files:
        try:
            check(read("torn.file", text.encode()))
        except StudioError as error:
            assert str(error).startswith("torn.file"), error
            assert str(error).endswith("Nothing was brought in."), error
