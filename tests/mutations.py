"""Damaged files, always the same ones for the same seed, and what is wrong with the answer the studio gives to each."""

import io
import json
import random
import re
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from studio.domain import persona
from studio.domain.conversation import from_jsonl, to_jsonl
from studio.domain.formats import delivery, png
from studio.domain.formats.delivery import Whole
from studio.domain.formats.found import Skipped
from studio.services import exchange, parquet
from studio.settings import Settings
from tests.domain.formats.pictured import as_tavern_writes, webp

PROJECT = Path(__file__).resolve().parents[1]
LONGEST = 2.0  # seconds for one file
FEW = 6  # conversations of a seed: what is small is hit everywhere
VERBS = (
    "Add", "Ask", "Change", "Choose", "Close", "Connect", "Copy", "Export", "Fill", "Give", "Leave", "Look", "Make", "Mend", "Move", "Name", "Open", "Pack", "Put", "Remove",
    "Save", "Shorten", "Split", "Start", "Take", "Type", "Unpack", "Update", "Use", "Write", "Run",
)  # fmt: skip
CURE = re.compile(rf"(?:^|[.!?”] )(?:{'|'.join(VERBS)})\b")
PLACE = re.compile(r"(?:,| at) (?:the whole file$|(?:line|row|byte|file) [\d,]+|[\w./]+\.(?:jsonl?|png|svg)\b|entries$)")
JSON_PLACE = re.compile(r"line [\d,]+, column \d+")
FIELD = re.compile(r"there is no text under (.+)\.$")
PASSED_OVER = ("It was left out.", "They were left out.")  # nothing of the person's is in there, so there is nothing to do
VALUES = (
    None,
    True,
    0,
    -1,
    1e308,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "\ud800",
    "\0",
    "x" * 200_001,
    [],
    {},
    [[]],
    {"": ""},
    ["user", "gpt"],
)


# ---------------------------------------------------------------- what is damaged
def seeds(settings: Settings) -> dict[str, bytes]:
    """Every form a bundled character is taken out in, and what other programs write, each under the name of a file."""
    folder = PROJECT / "personas" / "biscuit"
    sheet = persona.from_dict(json.loads((folder / "persona.json").read_text("utf-8")), "persona.json")
    some = from_jsonl((folder / "conversations.jsonl").read_text("utf-8"), "conversations.jsonl", "b")[:FEW]
    whole = Whole(sheet, some, png.plain())
    made = {f"biscuit{way.ending}": delivery.taken(way.key, whole) for way in delivery.WAYS if way.key not in ("parquet", "alpaca")}
    made["biscuit.parquet"] = parquet.table(to_jsonl(some).encode(), settings)
    return {**made, **_strangers(), "archive.charx": _charx(made["biscuit.card.json"])}


def _strangers() -> dict[str, bytes]:
    card = {"name": "Tansy", "description": "{{char}} gathers herbs.", "personality": "", "scenario": "", "first_mes": "Mind the nettles."}
    card["mes_example"] = "<START>\n{{user}}: Who are you?\n{{char}}: Tansy. Sit.\n<START>\n{{user}}: Why?\n{{char}}: Because."
    log = [{"user_name": "Ana", "character_name": "Tansy"}] + [
        {"name": name, "is_user": name == "Ana", "mes": text, "swipes": [text, "Hm."], "swipe_id": 0}
        for name, text in (("Tansy", "Mind."), ("Ana", "Who?"), ("Tansy", "Me."), ("Ana", "Why?"), ("Tansy", "So."))
    ]
    pairs = [{"instruction": f"Question {n}?", "input": "", "output": f"Answer {n}."} for n in range(5)]
    table = "prompt,response\n" + "".join(f'"Question {n}, ""you""?",Answer {n}.\n' for n in range(5))
    talk = [{"conversations": [{"from": "human", "value": f"Q{n}"}, {"from": "gpt", "value": "A"}]} for n in range(5)]
    return {
        "v1.json": json.dumps(card).encode(),
        "v1.webp": webp(as_tavern_writes(json.dumps(card))),
        "webui.yaml": b"name: Tansy\ngreeting: |-\n  Mind the nettles.\ncontext: |-\n  Tansy: a witch.\n\n  {{user}}: Who?\n  {{char}}: Me.\n",
        "v1.png": png.with_texts("x", png.plain(), {"chara": json.dumps(card)}),
        "chat.jsonl": "\n".join(map(json.dumps, log)).encode(),
        "alpaca.json": json.dumps(pairs, indent=1).encode(),
        "pairs.csv": table.encode(),
        "pairs.tsv": table.replace(",", "\t").encode("utf-16"),
        "talk.json": json.dumps(talk).encode(),
        "gemma.txt": b"<start_of_turn>user\nHello?<end_of_turn>\n<start_of_turn>model\nYes.<end_of_turn>\n" * 3,
        "play.txt": b"Mia: Come on.\nBiscuit: **No!**\n    Not yet.\n\n# Bed\nMia: Sleep.\nBiscuit: In a moment.\n",
    }


def _charx(card: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", card)
        archive.writestr("assets/icon/images/main.png", png.plain())
    return held.getvalue()


# ---------------------------------------------------------------- how
def _flip(rng: random.Random, data: bytes) -> bytes:
    made = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    return bytes(made)


def _cut(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] if rng.random() < 0.7 else data[at:]


def _double(rng: random.Random, data: bytes) -> bytes:
    start, stop = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:stop] + data[start:stop] * rng.randint(1, 3) + data[stop:]


def _swap(rng: random.Random, data: bytes) -> bytes:
    a, b, c = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def _poke(rng: random.Random, data: bytes) -> bytes:
    """Bytes that are no text, signs that mean something, numbers without end, brackets without end."""
    signs = (
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\0",
        b"\xe2\x80\xa8",
        b"\r",
        b'"',
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 5_000,
        b"[" * 2_000,
        b'{"a":' * 300,
    )
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(signs) + data[at + rng.randint(0, 3) :]


def _field(rng: random.Random, data: bytes) -> bytes:
    """One value of the JSON in it made something else, one field renamed, doubled or gone."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    try:
        value = json.loads(lines[at])
        whole = False
    except (ValueError, RecursionError):
        try:
            value, whole = json.loads(data), True
        except (ValueError, RecursionError):
            return _poke(rng, data)
    made = json.dumps(_other(rng, value)).encode()
    if rng.random() < 0.1 and made.startswith(b'{"'):
        made = b"{" + made[1:-1] + b", " + made[1:-1] + b"}"  # every field twice
    return made if whole else b"\n".join([*lines[:at], made, *lines[at + 1 :]])


def _other(rng: random.Random, value: object) -> object:
    if isinstance(value, dict) and value:
        key = rng.choice(list(value))
        kind = rng.random()
        if kind < 0.15:
            return {name: each for name, each in value.items() if name != key}
        if kind < 0.3:
            return {rng.choice((f"{name}x", "role", "content", "", "id")) if name == key else name: each for name, each in value.items()}
        return {**value, key: _other(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], _other(rng, value[at]), *value[at + 1 :]]
    return _deep(rng.randint(40, 200)) if rng.random() < 0.05 else rng.choice(VALUES)


def _deep(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


def _entry(rng: random.Random, data: bytes) -> bytes:
    """A zip packed anew with one entry changed, gone, doubled or led astray."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            parts = [(entry.filename, old.read(entry)) for entry in old.infolist()]
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, RuntimeError, EOFError):
        return _flip(rng, data)
    if not parts:
        return _flip(rng, data)
    at = rng.randrange(len(parts))
    name, content = parts[at]
    change = rng.choice((_field, _flip, _cut, _poke)) if content else _poke
    ways: tuple[Callable[[], list[tuple[str, bytes]]], ...] = (
        lambda: [*parts[:at], (name, change(rng, content)), *parts[at + 1 :]],
        lambda: [*parts[:at], *parts[at + 1 :]],
        lambda: [*parts, (f"{len(parts)}.old", content)],
        lambda: [*parts[:at], (rng.choice(("../x", "/etc/x", "a\0b", "ü" * 300, name.upper())), content), *parts[at + 1 :]],
        lambda: [*parts[:at], (name, b" " * 3_000_000), *parts[at + 1 :]],
    )
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as new:
        for entry, inside in rng.choice(ways)():
            new.writestr(entry, inside)
    return held.getvalue()


WAYS = (_flip, _cut, _double, _swap, _poke, _field, _field, _field)


def mutation(made: dict[str, bytes], number: int, seed: int = 7) -> tuple[str, bytes]:
    """The name and the bytes of the damaged file of this number. A table, which a child has to read, is one in a hundred."""
    rng = random.Random(f"{seed}:{number}")
    tables = [name for name in made if name.endswith(".parquet")]
    name = rng.choice(tables if number % 100 == 99 else [name for name in made if name not in tables])
    data = made[name]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        way = _entry if data.startswith(b"PK") and rng.random() < 0.6 else rng.choice(WAYS)
        data = way(rng, data) or b"\n"
    return name, data


# ---------------------------------------------------------------- what the studio says of it
class Answer(NamedTuple):
    """What the studio said of one damaged file: whether it was read, how long that took, what it passed over, and what is wrong with that."""

    is_read: bool
    seconds: float
    said: tuple[str, ...]  # the refusal, or each place that was passed over
    fault: str


def answer(name: str, data: bytes, folder: Path, settings: Settings) -> Answer:
    """What is said of a file. A defect of the studio's is raised."""
    file = folder / name
    file.write_bytes(data)
    began = time.perf_counter()
    (one,) = exchange.read_files([file], "Biscuit", settings)
    spent = time.perf_counter() - began
    said = tuple(map(str, one.found.skipped)) if one.found else (one.refusal,)
    if spent > LONGEST:
        return Answer(bool(one.found), spent, said, f"it took {spent:.1f} s")
    if one.found is None:
        return Answer(False, spent, said, _refusal(name, one))
    odd = (f"a place that was passed over {lacks}: {skip}" for skip in one.found.skipped if (lacks := _lacking(name, skip)))
    return Answer(True, spent, said, next(odd, ""))


def fault(name: str, data: bytes, folder: Path, settings: Settings) -> str:
    """What is wrong with the answer; empty where the file was read, or refused as it should be."""
    return answer(name, data, folder, settings).fault


def shape(sentence: str) -> str:
    """A sentence without what is this one file's: its numbers, and the words quoted from it."""
    return re.sub(r"\d[\d,]*", "0", re.sub(r"“[^”]*”", "“…”", sentence))


def _refusal(name: str, one: exchange.Reading) -> str:
    if one.refused is None:
        return f"the refusal is not made of place, reason and cure: {one.refusal}"
    lacks = _lacking(name, one.refused) or ("" if PLACE.search(one.refused.where) else "tells no place")
    return lacks and f"the refusal {lacks}: {one.refusal}"


def _lacking(name: str, told: Skipped) -> str:
    """What a sentence does not tell of file, place, field and cure; empty where it tells all."""
    inside = told.where.removeprefix(f"{name}, ")
    if inside in (told.where, "") and told.cure not in PASSED_OVER:
        return "does not name the file and a place in it"
    if "can't be read as JSON" in told.what and not JSON_PLACE.search(inside):
        return "tells no line and column"
    under = FIELD.search(told.what)
    if under and under[1] not in inside:
        return "tells no field"
    return "" if told.what and (told.cure in PASSED_OVER or CURE.search(told.cure)) else "has no cure"
