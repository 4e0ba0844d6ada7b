"""The studio's own table of conversations, one line of dialogue a row, made to be worked on in a spreadsheet.

Columns: conversation (a number), title, tags, turn (a number), role (user or assistant), text. A cell that a spreadsheet would take for a formula
has an apostrophe in front, and so has one that begins with apostrophes and then like a formula; the reader takes exactly one away.
Source of that rule: OWASP, CSV Injection (https://owasp.org/www-community/attacks/CSV_Injection).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studio.domain.formats import decoding, meanings, tables
from studio.domain.formats.assembly import Broken, Entry, Line, gather
from studio.domain.formats.found import Found, Skipped
from studio.domain.formats.rows import Row
from studio.domain.formats.source import Refused, shown
from studio.domain.formats.speakers import speaker
from studio.domain.formats.tables import OddRow

COLUMNS = ("conversation", "title", "tags", "turn", "role", "text")
_NEEDED = {"conversation", "role", "text"}
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_MEANINGS = (
    ("conversation", "which rows belong together"),
    ("title", meanings.TITLE),
    ("tags", meanings.TAGS),
    ("turn", "the order of its lines"),
    ("role", "who speaks"),
    ("text", meanings.SAID),
)


def guarded(cell: str) -> str:
    """A cell that no spreadsheet computes."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """The cell that was guarded."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def tags_cell(tags: Sequence[str]) -> str:
    """Tags as a person would write them, or as JSON where one of them could be mistaken for several."""
    plain = ", ".join(tags)
    return plain if _tags(plain) == tuple(tags) else json.dumps(list(tags), ensure_ascii=False)


def recognises(names: Sequence[str]) -> bool:
    """Whether these are the columns of such a table."""
    return {name.casefold() for name in names} >= _NEEDED


def read(name: str, data: bytes, character: str = "") -> Found:
    """The conversations of such a table."""
    content = decoding.text(name, data)
    if not recognises(tables.columns(content)):
        what = "the columns of this table are not called conversation, role and text."
        raise Refused(f"{name}, row 1", what, "Name them so in the first row.")
    return gather(name, data, _entries(tables.rows(name, content), character))


def _entries(found: Iterator[Row | OddRow], character: str) -> Iterator[Entry | Skipped]:
    """Rows with one number are one conversation, also where something was sorted; a row without a number belongs to the one above."""
    together: dict[str, list[Row | OddRow]] = {}
    number = ""
    for row in found:
        cells = _cells(row.value if isinstance(row, Row) else row.cells)
        number = cells["conversation"] or number
        together.setdefault(number, []).append(Row(row.where, cells) if isinstance(row, Row) else row)
    for of_one in together.values():
        yield _entry(of_one, character)


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {name.casefold(): unguarded(cell) for name, cell in row.items()}


def _entry(together: Sequence[Row | OddRow], character: str) -> Entry | Skipped:
    """One conversation; a row that can't be read takes the others along."""
    odd = next((row for row in together if isinstance(row, OddRow)), None)
    if odd:
        return Skipped(odd.where, odd.what, odd.cure)
    spoken = [row for row in together if isinstance(row, Row)]
    try:
        lines = [_line(row, character) for row in _ordered(spoken)]
    except Broken as broken:
        return broken.skipped
    first: Mapping[str, str] = spoken[0].value
    mapping = tuple(dict.fromkeys(first, meanings.UNUSED).items())
    known = dict(_MEANINGS)
    return Entry(
        spoken[0].where,
        "table of conversations",
        lines,
        tuple((shown(name), known.get(name, meaning)) for name, meaning in mapping),
        first.get("title", ""),
        _tags(first.get("tags", "")),
    )


def _line(row: Row, character: str) -> Line:
    role = speaker(row.value["role"], character)
    if role is None:
        raise Broken(f"{row.where}, role", f"“{shown(row.value['role'])}” is not known.", "Write user or assistant there.")
    return Line(f"{row.where}, text", role, row.value["text"])


def _ordered(spoken: Sequence[Row]) -> Sequence[Row]:
    numbers = [row.value.get("turn", "").strip() for row in spoken]
    if not all(number.isascii() and number.isdigit() and len(number) < 10 for number in numbers):
        return spoken
    return [row for _, row in sorted(zip(numbers, spoken, strict=True), key=lambda pair: int(pair[0]))]


def _tags(cell: str) -> tuple[str, ...]:
    if cell.startswith("["):
        try:
            tags = json.loads(cell)
        except (ValueError, RecursionError):
            tags = None
        if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
            return tuple(tags)
    return tuple(tag.strip() for tag in cell.split(",") if tag.strip())
