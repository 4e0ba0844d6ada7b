"""One door for files of every kind: by what is in them first, and by their name's ending second."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePath
from typing import Any, NamedTuple

from studio.domain.formats import cards, decoding, logs, markup, messages, older, package, pairs, png, rows, script, spreadsheet, tables
from studio.domain.formats.assembly import entries, gather
from studio.domain.formats.found import Found
from studio.domain.formats.source import WHOLE, Refused, decoded, mended

_DIALECTS = (messages.DIALECT, pairs.DIALECT, markup.DIALECT)
_CARDS = ("chara_card_v2", "chara_card_v3")
_CARD_KEYS = {"name", "first_mes", "mes_example"}
_PICTURES = (png.SIGNATURE, b"\xff\xd8\xff", b"RIFF", b"GIF8", b"%PDF")  # all but the first only for a sentence of their own
_ZIP = b"PK\x03\x04"
_JSON = (".json", ".jsonl", ".ndjson")
_NO_TEXT = (".png", ".charx", ".zip")  # what no text editor mends
_LOOKED_AT = 100  # rows, until one can be read


@dataclass(frozen=True)
class _File:
    """A file as far as a reader must look at it to know its own."""

    name: str
    data: bytes
    character: str
    content: str = ""
    first: Any = None  # the first value, where this is JSON
    columns: tuple[str, ...] = ()

    def ends(self, *endings: str) -> bool:
        return PurePath(self.name).suffix.lower() in endings


class Reader(NamedTuple):
    """Somebody who reads one kind of file."""

    kind: str
    recognises: Callable[[_File], bool]
    read: Callable[[str, bytes, str], Found]  # name, bytes, the character's name or nothing


def is_card(value: Any) -> bool:
    """Whether this is a character card."""
    return isinstance(value, dict) and (value.get("spec") in _CARDS or value.keys() >= _CARD_KEYS or older.recognises(value))


def _greets(value: Any) -> bool:
    """Whether this is a card that lacks some of its fields: no other form has a first message."""
    return isinstance(value, dict) and ("first_mes" in value or _greets(value.get("data")))


def is_log(value: Any) -> bool:
    """Whether this is the first row of a SillyTavern chat."""
    return isinstance(value, dict) and ("user_name" in value or value.keys() >= {"is_user", "mes"})


def is_book(value: Any) -> bool:
    """Whether this is a world book, or one entry of it, without the character it belongs to."""
    entries = value.get("entries") if isinstance(value, dict) else None
    inside = list(entries.values())[:1] if isinstance(entries, dict) else [value]
    return any(isinstance(one, dict) and "content" in one and bool(one.keys() & {"key", "keys"}) for one in inside)


def _refuse_book(name: str, data: bytes, character: str) -> Found:
    what = "this is a world book: facts that belong to a character, and no character or conversation with them."
    raise Refused(f"{name}, entries", what, "Choose the card of that character, or write what matters under its facts in Write.")


def read_rows(name: str, data: bytes, character: str = "") -> Found:
    """JSON, every row in whatever dialect it is."""
    return gather(name, data, markup.settled(entries(rows.values(name, decoding.text(name, data)), _DIALECTS, character)))


# Who reads what. The first who recognises a file reads it.
READERS = (
    Reader("a character card (PNG, WebP, JSON or CHARX)", lambda f: f.data.startswith(_PICTURES), lambda n, d, c: cards.read(n, d)),
    Reader("a persona package", lambda f: package.recognises(f.data), lambda n, d, c: package.read(n, d)),
    Reader("", lambda f: f.data.startswith(_ZIP) and f.ends(".byaf"), lambda n, d, c: cards.read_backyard(n, d)),
    Reader("", lambda f: f.data.startswith(_ZIP) and b"card.json" in f.data, lambda n, d, c: cards.read(n, d)),
    Reader("", lambda f: is_card(f.first) or _greets(f.first), lambda n, d, c: cards.read(n, d)),
    Reader("a character of text-generation-webui (YAML)", lambda f: f.ends(*cards.YAML), lambda n, d, c: cards.read(n, d)),
    Reader("", lambda f: is_book(f.first), _refuse_book),
    Reader("a SillyTavern chat (JSONL)", lambda f: is_log(f.first), logs.read),
    Reader("OpenAI messages, ShareGPT or Alpaca (JSON or JSONL)", lambda f: f.first is not None, read_rows),
    Reader("the studio's own table (CSV)", lambda f: spreadsheet.recognises(f.columns), spreadsheet.read),
    Reader(
        "a table with columns like prompt and response (CSV or TSV)",
        lambda f: pairs.columns(f.columns) is not None,
        lambda n, d, c: pairs.read(n, d),
    ),
    Reader("Gemma's markup", lambda f: markup.is_marked(f.content), lambda n, d, c: markup.read(n, d)),
    Reader("a script in which every line begins with a name and a colon", lambda f: script.is_script(f.content, f.character), script.read),
    # Nobody knows it by its content. What its name promises gives at least a reason.
    Reader("", lambda f: f.ends(*_JSON), read_rows),
)


def read(name: str, data: bytes, character: str = "") -> Found:
    """What a file holds; `character` tells who of the speakers in it is the character, where it has names. Raises Refused."""
    name = mended(name)
    return _reader(name, data, character).read(name, data, character)


def _reader(name: str, data: bytes, character: str) -> Reader:
    """Who reads this file. What was looked at of it is let go: whoever reads it takes as much room again."""
    file = _File(name, data, character) if data.startswith((_ZIP, *_PICTURES)) else _opened(name, data, character)
    reader = next((reader for reader in READERS if reader.recognises(file)), None)
    if reader is None:
        raise _unknown(name)
    return reader


def _opened(name: str, data: bytes, character: str) -> _File:
    try:
        content = decoding.text(name, data)
    except decoding.OddText as error:
        first = _first(name, decoded(name, data))
        if is_card(first) or is_log(first) or PurePath(name).suffix.lower() in cards.YAML:
            return _File(name, data, character, first=first)  # their readers lose only the entry with the odd byte
        if PurePath(name).suffix.lower() in _NO_TEXT:
            what = "no such file begins like this: it is damaged, or another one under this name."
            raise Refused(f"{name}, byte 1", what, "Copy it again from where it came.") from error
        raise
    file = _File(name, data, character, content, columns=tables.columns(content))
    if content.lstrip("\ufeff \t\r\n").startswith(("{", "[")) or file.ends(*_JSON):
        return replace(file, first=_first(name, content))
    return file


def _first(name: str, content: str) -> Any:
    return next((row.value for row in islice(rows.values(name, content), _LOOKED_AT) if isinstance(row, rows.Row)), None)


def _unknown(name: str) -> Refused:
    kinds = [reader.kind for reader in READERS if reader.kind]
    known = ", ".join(kinds[:-1])
    what = "nothing in it is in a form the studio reads."
    return Refused(f"{name}, {WHOLE}", what, f"Save it as one of those it knows: {known}, or {kinds[-1]}.")
