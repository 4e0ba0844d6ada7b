"""Rows of a table kept as text: cells between commas, semicolons or tabs, quotation marks around what runs over lines.

Sources: RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180), and the line “sep=;” with which Excel marks its own files.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from studio.domain.formats.found import LARGEST, Skipped
from studio.domain.formats.rows import Row
from studio.domain.formats.source import shown

_DELIMITERS = ",;\t"
_HEAD = 100_000  # characters in which the names of the columns are looked for
_SEP = re.compile(r"sep=([^\r\n])\r?\n", re.IGNORECASE)


@dataclass(frozen=True)
class OddRow(Skipped):
    """A row that can't be read, with what can be told of its cells."""

    cells: Mapping[str, str] = field(default_factory=dict)


def columns(content: str) -> tuple[str, ...]:
    """The names in the first row, as they would be if this were a table."""
    _, names = _heading(content)
    return names


def rows(name: str, content: str) -> Iterator[Row | OddRow]:
    """Every row below the names, as a dict by column; empty rows are left out without a word."""
    delimiter, names = _heading(content)
    begun = False
    for number, (line, cells, whole) in enumerate(_records(content, delimiter), 1):
        if not any(cell.strip() for cell in cells):
            continue
        if not begun:
            begun = True
            continue
        where = f"{name}, row {number}" + ("" if line == number else f", line {line}")
        row = {**dict.fromkeys(names, ""), **dict(zip(names, cells, strict=False))}
        if not whole:
            where += f", {shown(names[len(cells) - 1])}" if len(cells) <= len(names) else ""
            cure = "Close it, and write every quotation mark inside a text twice."
            yield OddRow(where, "a quotation mark is opened here and never closed.", cure, row)
        elif any(cells[len(names) :]):
            what = f"there are {len(cells)} cells, and only {len(names)} columns have a name."
            yield OddRow(where, what, "Put quotation marks around a text that holds a comma, a semicolon or a tab.", row)
        else:
            yield Row(where, row)


def _heading(content: str) -> tuple[str, tuple[str, ...]]:
    """What stands between the cells, and the names of the columns."""
    head = content[:_HEAD]
    marked = _SEP.match(head)
    best: tuple[str, tuple[str, ...]] = (",", ())
    for delimiter in marked[1] if marked else _DELIMITERS:
        cells = next((cells for _, cells, _ in _records(head, delimiter) if any(cell.strip() for cell in cells)), [])
        if len(cells) > len(best[1]):
            best = delimiter, tuple(cell.strip() for cell in cells)
    return best


def _records(content: str, delimiter: str) -> Iterator[tuple[int, list[str], bool]]:
    """Each row's first line, its cells, and whether all its quotation marks are closed."""
    csv.field_size_limit(LARGEST)  # one for the whole process; its default of 131,072 would break off in the middle of a file
    marked = _SEP.match(content)
    start, first = (marked.end(), 2) if marked else (0, 1)
    unused = (c for c in map(chr, range(0xE000, 0x110000)) if c not in content)
    zero, end = next(unused), next(unused)  # Python 3.10 stops at a zero character, so another one takes its place meanwhile
    body = content[start:].replace("\0", zero)
    lines = io.StringIO(body if body.endswith("\n") else body + "\n", newline="")
    reader = csv.reader(chain(lines, [end]), delimiter=delimiter)
    line = 0
    for cells in reader:
        if cells != [end]:
            whole = not (cells and cells[-1].endswith(end))
            yield line + first, [cell.replace(zero, "\0").replace(end, "") for cell in cells], whole
        line = reader.line_num
