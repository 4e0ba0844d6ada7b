"""The named traps of strangers' files, each with the sentence a person sees; and files of every kind that were harmed."""

import base64
import io
import json
import random
import struct
import time
import zipfile
import zlib

import pytest

from studio.domain.conversation import Conversation, Turn
from studio.domain.errors import BadFile
from studio.domain.formats import delivery, package, png, reading
from studio.domain.formats.delivery import Whole
from studio.domain.persona import Persona

NOTHING = "Nothing was brought in."
BISCUIT = Persona("Biscuit", "A puppy", "Mia", (), ("She is six.",), "You are Biscuit.", "Woof.", "blue")
CARD = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Pip", "first_mes": "Hi.", "mes_example": ""}}
NEVER = "Export the card again from the program it came from."
NO_PICTURE = "Choose a picture for the character yourself."


def row(*lines, **more):
    """One row of ShareGPT."""
    said = [{"from": who, "value": text} for who, text in lines]
    return json.dumps({"conversations": said, **more}, ensure_ascii=False)


def packed(value):
    return base64.b64encode(json.dumps(value).encode())


def picture(*parts, width=1, height=1):
    """A PNG with further parts before its points."""
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    points = zlib.compress(b"\0" + b"\0" * 3)
    whole = [png.made(b"IHDR", ihdr), *parts, png.made(b"IDAT", points), png.made(b"IEND", b"")]
    return png.SIGNATURE + b"".join(part.packed() for part in whole)


def archive(*entries, **options):
    """A zip with these entries, whatever their names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            made.writestr(zipfile.ZipInfo(name) if options.get("raw") else name, content)
    return file.getvalue()


def texts(found):
    return [[turn.text for turn in c.turns] for c in found.conversations]


# ---------------------------------------------------------------- F3: what is read in spite of everything
READ = {
    "the mark at the beginning": (b"\xef\xbb\xbf" + row(("human", "a"), ("gpt", "b")).encode(), [["a", "b"]]),
    "UTF-16": (row(("human", "é"), ("gpt", "b")).encode("utf-16"), [["é", "b"]]),
    "Windows' line ends": ((row(("human", "a"), ("gpt", "b")) + "\r\n").encode() * 2, [["a", "b"], ["a", "b"]]),
    "line ends that are none": (row(("human", "a\u2028b\u0085c"), ("gpt", "d")).encode(), [["a\u2028b\u0085c", "d"]]),
    "gpt twice": (row(("human", "a"), ("gpt", "b"), ("gpt", "c")).encode(), [["a", "b\n\nc"]]),
    "no human": (row(("gpt", "b")).encode(), [["b"]]),
    "names twice": (b'{"prompt": "x", "prompt": "a", "response": "b"}', [["a", "b"]]),
    "NaN elsewhere": (b'{"prompt": "a", "response": "b", "score": NaN}', [["a", "b"]]),
    "dialects that are mixed": (row(("human", "a"), ("assistant", "b")).encode() + b'\n{"prompt": "c", "response": "d"}', [["a", "b"], ["c", "d"]]),
    "a long cell": (b"prompt,response\n" + b"a" * 90_000 + b"," + b"b" * 90_000, [["a" * 90_000, "b" * 90_000]]),
    "a zero character in a table": (b"prompt,response\na\0b,c", [["a\0b", "c"]]),
    "a formula": (b'prompt,response\n"=cmd()",b', [["=cmd()", "b"]]),
}  # fmt: skip


@pytest.mark.parametrize(("data", "said"), READ.values(), ids=READ)
def test_what_only_looks_like_a_trap_is_read(data, said):
    found = reading.read("dog", data)
    assert (texts(found), found.skipped) == (said, ())


# ---------------------------------------------------------------- F3 to F5: what is refused
REFUSED = {
    "a line of fifty megabytes": (
        "dog.jsonl",
        b'{"prompt": "' + b"a" * 50_000_000 + b'", "response": "b"}',
        f"dog.jsonl, line 1: the text has 50,000,000 characters, and a line has at most 100,000. Split it. {NOTHING}",
    ),
    "a cell too long": (
        "dog.csv",
        b"prompt,response\n" + b"a" * 140_000 + b",b",
        f"dog.csv, row 2: the text has 140,000 characters, and a line has at most 100,000. Split it. {NOTHING}",
    ),
    "a picture": ("dog.jpg", b"\xff\xd8\xff\xe0", f"dog.jpg, byte 1: this is a JPEG picture, and no card can be read from one. Choose a character card as PNG, WebP, JSON or CHARX. {NOTHING}"),
    "a picture without a card": ("dog.png", picture(), f"dog.png, the whole file: this is a picture without a character card in it. Choose a character card as PNG, WebP, JSON or CHARX. {NOTHING}"),
    "a card that is no base64": ("dog.png", picture(png.made(b"tEXt", b"chara\0???")), f"dog.png, tEXt “chara” at byte 34: this is not base64, in which cards are written. {NEVER} {NOTHING}"),
    "a packed bomb": (
        "dog.png",
        picture(png.made(b"zTXt", b"chara\0\0" + zlib.compress(b" " * 20_000_000))),
        f"dog.png, zTXt “chara” at byte 34: this text would unpack to more than 100 times its size. {NEVER} {NOTHING}",
    ),
    "a text that was damaged": (
        "dog.png",
        picture(png.Chunk(b"tEXt", b"chara\0" + packed(CARD), 1)),
        f"dog.png, tEXt “chara” at byte 34: this text was damaged; its check number does not agree with it. {NEVER} {NOTHING}",
    ),
    "parts without end": ("dog.png", picture(*[png.made(b"tEXt", b"x\0")] * 100_000), f"dog.png, byte 140,020: a picture has at most 10,000 parts, and here is one more. Save it again in a picture program. {NOTHING}"),
    "a zip of files without end": (
        "dog.charx",
        archive(("card.json", json.dumps(CARD)), *[(f"{n}", b"") for n in range(2_001)]),
        f"dog.charx, file 2,001 in it: the studio opens at most 2,000. Make it again with less in it. {NOTHING}",
    ),
    "a zip that unpacks without end": (
        "dog.charx",
        archive(("card.json", b" " * 30_000_000)),
        "dog.charx, card.json: “card.json” would unpack to more than 100 times its size. Choose a character card as PNG, WebP, JSON or CHARX. " + NOTHING,
    ),
    "a zip in a zip": (
        "dog.zip",
        archive(("inner.zip", archive(("persona.json", b"{}")))),
        "a sentence that names every kind",
    ),
    "a package whose sheet is elsewhere": (
        "dog.zip",
        archive(("package.json", b'{"format": "persona-studio-package", "version": 1}'), ("../persona.json", b'{"name": "x"}')),
        f"dog.zip, persona.json: there is no “persona.json” in the archive. Take the character out again in the studio it came from. {NOTHING}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "data", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_trap_ends_in_its_sentence_and_soon(name, data, sentence):
    began = time.process_time()
    with pytest.raises(BadFile) as caught:
        reading.read(name, data)
    if sentence == "a sentence that names every kind":
        assert str(caught.value).startswith(
            "dog.zip, the whole file: nothing in it is in a form the studio reads. Save it as one of those it knows: "
        )
    else:
        assert str(caught.value) == sentence
    assert time.process_time() - began < 2


# ---------------------------------------------------------------- F4 and F5: what is left out of something that is read
def card_with(icon):
    return {
        **CARD,
        "spec": "chara_card_v3",
        "data": {**CARD["data"], "assets": [{"type": "icon", "name": "main", "uri": f"embeded://{icon}"}]},
    }


NAMES = (
    "../x.png",
    "/x.png",
    "C:x.png",
    "\\\\host\\x.png",
    ".",
    "..",
    "x/../../y.png",
    "a:b",
    "CON",
    "x. ",
    "x" * 300,
    "assets/missing.png",
)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_in_a_zip_leads_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = archive(("card.json", json.dumps(card_with(name))), ("x.png", picture()), (name, b"not a picture"))
    found = reading.read("dog.charx", data)
    assert (found.persona.name, found.picture) == ("Pip", b"")
    assert [str(s) for s in found.skipped] == [
        f"dog.charx, assets, main icon: there is no PNG picture at the path given there. {NO_PICTURE}"
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_a_zip_is_a_file_like_any_other():
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    file = io.BytesIO(archive(("card.json", json.dumps(card_with("link.png")))))
    with zipfile.ZipFile(file, "a") as made:
        made.writestr(link, "/etc/passwd")
    assert reading.read("dog.charx", file.getvalue()).picture == b""


def test_a_picture_of_endless_size_is_left_out_and_its_card_read():
    data = picture(png.made(b"tEXt", b"chara\0" + packed(CARD)), width=60_000, height=60_000)
    found = reading.read("dog.png", data)
    assert (found.persona.name, found.picture) == ("Pip", b"")
    assert [str(s) for s in found.skipped] == [
        f"dog.png, picture: the picture is 60,000 by 60,000 points; at most 50,000,000 in all can be shown. {NO_PICTURE}"
    ]


def test_a_plain_text_of_three_megabytes_is_read_and_its_field_left_out():
    card = {**CARD, "data": {**CARD["data"], "description": "a" * 3_000_000}}
    found = reading.read("dog.png", picture(png.made(b"tEXt", b"chara\0" + packed(card))))
    assert [str(s) for s in found.skipped] == ["dog.png, description: this text has more than 100,000 characters. Shorten it."]


def test_of_two_cards_in_one_picture_the_newer_counts_also_after_the_points():
    newer = {**CARD, "spec": "chara_card_v3", "data": {**CARD["data"], "name": "Newer"}}
    data = picture(png.made(b"tEXt", b"chara\0" + packed(CARD)))
    late = png.made(b"tEXt", b"ccv3\0" + packed(newer)).packed()
    end = png.made(b"IEND", b"").packed()
    assert reading.read("dog.png", data.replace(end, late + end)).persona.name == "Newer"


# ---------------------------------------------------------------- F1: harmed files of every kind
def talk(n):
    texts = (f"Question {n}?", f"Answer “{n}”, é.", "And then?", "Nothing.")
    return Conversation(
        str(n), f"Talk {n}", tuple(Turn(f"{n}{i}", "model" if i % 2 else "user", t) for i, t in enumerate(texts)), ("rain",)
    )


KINDS = ("messages", "sharegpt", "csv", "card-v3-png", "package", "gemma4", "script")
HARMED = 150  # of each kind


def harmed(data, chance):
    """A file after one mishap: bits flipped, cut off, a part lost, a part twice, a part from elsewhere."""
    a, b = sorted(chance.randrange(len(data)) for _ in range(2))
    match chance.randrange(5):
        case 0:
            flipped = bytearray(data)
            for _ in range(chance.randrange(1, 9)):
                flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            return bytes(flipped)
        case 1:
            return data[:a]
        case 2:
            return data[:a] + data[b:]
        case 3:
            return data[:b] + data[a:]
        case _:
            return data[:a] + chance.randbytes(chance.randrange(1, 60)) + data[a:]


@pytest.mark.parametrize("key", KINDS)
def test_a_harmed_file_ends_in_conversations_or_in_a_sentence_that_names_it(key):
    whole = delivery.taken(key, Whole(BISCUIT, [talk(n) for n in range(8)], png.plain(), ".png"))
    name, chance = f"dog{delivery.way(key).ending}", random.Random(key)
    for n in range(HARMED):
        data, began = harmed(whole, chance), time.process_time()
        try:
            found = reading.read(name, data, "Biscuit")
        except BadFile as error:
            assert str(error).startswith(name) and str(error).endswith(NOTHING), (n, str(error))
        else:
            assert all(s.where.startswith(name) and s.what and s.cure for s in found.skipped), n
            json.dumps([c.body() for c in found.conversations]).encode()
        assert time.process_time() - began < 2, n


def test_a_package_inside_limits_is_read_in_no_time():
    began = time.process_time()
    data = package.written(BISCUIT, [talk(n) for n in range(1_000)], png.plain())
    assert len(reading.read("dog.zip", data).conversations) == 1_000
    assert time.process_time() - began < 5
