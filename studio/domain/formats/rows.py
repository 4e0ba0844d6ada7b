"""JSON text to rows: one a line, one after another over many lines, or in a list inside the file; always with the line.

Sources: JSON Lines (https://jsonlines.org), JSON (RFC 8259, https://www.rfc-editor.org/rfc/rfc8259).
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from studio.domain.formats.found import DEEPEST, Skipped
from studio.domain.formats.source import TOO_DEEP, is_deep, reason, spot, too_deep

SPEAKER_KEYS = ("role", "from", "speaker")
TEXT_KEYS = ("content", "value", "text")
# A list of whole conversations inside an object. Under the second set a list can also be the lines of one conversation.
_ROWS = {"data", "train", "test", "valid", "validation", "eval", "rows", "examples", "samples", "entries", "records"}
_ROWS_OR_LINES = {"conversations", "dialogues", "dialogs", "chats", "items"}
_GAP = re.compile(r"[ \t\r\n\ufeff,]*")  # a comma too many or too few between two rows loses nothing
_KEY = re.compile(r'[\s,]*"((?:[^"\\]|\\.)*)"\s*:\s*')
_FIRST_KEY = re.compile(r'\{\s*("(?:[^"\\]|\\.)*")')
_OBJECTS = re.compile(r"\[\s*\{")
_WIDEST_INDENT = 100


class Row(NamedTuple):
    """One value of a file and its place."""

    where: str
    value: Any


def _number(digits: str) -> int | float:
    # Python refuses to turn thousands of digits into an int. No format has such a number where it matters.
    return int(digits) if len(digits) < 100 else float(digits)


_DECODER, _LENIENT = json.JSONDecoder(parse_int=_number), json.JSONDecoder(parse_int=_number, strict=False)


def values(name: str, content: str) -> Iterator[Row | Skipped]:
    """Every row in the file's order, or the reason why one can't be read."""
    scan, wrapping = _Scan(name, content), True  # whether lists of rows may stand inside the objects; the first one tells
    while scan.skip():
        begun = scan.at
        if content.startswith("[", begun) and scan.holds_rows(begun + 1):
            scan.at += 1
            yield from scan.listed()
        elif wrapping and content.startswith("{", begun):
            yield from scan.wrapped()
            wrapping = scan.at > begun
        if scan.at == begun:
            yield scan.take("")
            wrapping = False


class _Unread(Exception):
    """Why a value can't be decoded, and where that was seen."""

    def __init__(self, what: str, at: int, cut: bool = False) -> None:
        super().__init__(what)
        self.at, self.cut = at, cut


class _Scan:
    """A place in a text that moves on from row to row, and past what can't be read to the next row."""

    def __init__(self, name: str, content: str) -> None:
        self.name, self.text, self.at = name, content, 0
        self._counted = (0, 1)  # a place and its line: counted onwards only, or many rows would cost the square of them
        self._patience = 10 * len(content) + 100_000  # characters that may be looked at again before the rest is given up

    def skip(self) -> bool:
        """On to the next row; False at the end of the text."""
        found = _GAP.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at < len(self.text)

    def take(self, entry: str) -> Row | Skipped:
        """The value here, and the place after it."""
        place, line = self._counted
        line += self.text.count("\n", place, self.at)
        self._counted = (self.at, line)
        try:
            value, self.at = self._value(self.at)
        except _Unread as unread:
            line += self.text.count("\n", self.at, unread.at)
            return self._left_out(f"{self.name}, line {line}, {spot(self.text, unread.at, self.at)}{entry}", str(unread))
        if isinstance(value, dict) and isinstance(value.get("row"), dict) and "row_idx" in value:
            value = value["row"]  # as the Hugging Face data set viewer hands rows out
        return Row(f"{self.name}, line {line}{entry}", value)

    def _left_out(self, where: str, what: str) -> Skipped:
        following = self._next(self.at) if self._patience > 0 else None
        self.at = len(self.text) if following is None else following
        return Skipped(where, what, "Mend it. What comes after it was not read." if following is None else "Mend it, or remove it.")

    def listed(self) -> Iterator[Row | Skipped]:
        """The rows of a list, from after its opening bracket to after its closing one."""
        entry = 0
        while self.skip():
            if self.text[self.at] == "]":
                self.at += 1
                return
            entry += 1
            yield self.take(f", entry {entry:,}")

    def wrapped(self) -> Iterator[Row | Skipped]:
        """The rows in all lists of rows of the object that begins here; nothing, and the place unmoved, where it has none."""
        begun, at, seen = self.at, self.at + 1, False
        while found := _KEY.match(self.text, at):
            at, rows = found.end(), found[1] in _ROWS
            if (rows or found[1] in _ROWS_OR_LINES) and self.text.startswith("[", at) and self.holds_rows(at + 1, not rows):
                self.at, seen = at + 1, True
                yield from self.listed()
                at = self.at
                continue
            try:
                _, at = self._decode(self.text, at, 0)
            except _Unread:
                break
        self.at = at if seen else begun
        if seen and self.skip():
            self.at += self.text[self.at] == "}"

    def holds_rows(self, at: int, surely: bool = False) -> bool:
        """Whether the list whose inside begins here holds conversations, and not the lines of one."""
        found = _GAP.match(self.text, at)
        at = found.end() if found else at
        opener = self.text[at : at + 1]
        if opener in ("", "]", '"') or opener == "[":
            return opener == "[" and (not surely or _OBJECTS.match(self.text, at) is not None)
        try:
            first, _ = self._value(at)
        except _Unread:
            key = _FIRST_KEY.match(self.text, at)
            return key is not None and key[1].strip('"') not in SPEAKER_KEYS + TEXT_KEYS
        if not isinstance(first, dict):
            return not surely
        if surely:
            return any(isinstance(inner, list) for inner in first.values())
        return not (any(key in first for key in SPEAKER_KEYS) and any(key in first for key in TEXT_KEYS))

    def _value(self, at: int) -> tuple[Any, int]:
        """The value here and the place after it. Only what stands before the next row is looked at, unless that was a part of this one."""
        end, ahead, first = self._next(at), 1, None
        ends: set[int | None] = set()  # where other rows begin: what is wrong exactly there is wrong at the end of this one
        while end is not None:
            try:
                value, stop = self._decode(self.text[at:end], 0, at)
                return value, at + stop
            except _Unread as unread:
                first = first or unread
                self._patience -= end - at
                if not unread.cut or self._patience <= 0 or _opened(self.text, at, end) > DEEPEST:
                    raise (first if unread.cut or unread.at in ends else unread) from unread
            for _ in range(ahead):
                ends.add(end)
                end = self._next(end) if end is not None else None
            ahead *= 2
        try:
            return self._decode(self.text, at, 0)
        except _Unread as unread:
            self._patience -= unread.at
            raise (first if first and unread.at in ends else unread) from unread

    def _decode(self, piece: str, at: int, offset: int) -> tuple[Any, int]:
        try:
            value, stop = _decoded(piece, at)
        except json.JSONDecodeError as error:
            end = len(piece.rstrip())
            raise _Unread(f"this can't be read as JSON: {reason(error)}.", offset + min(error.pos, end), error.pos >= end) from error
        except RecursionError as error:
            raise _Unread(TOO_DEEP, offset + too_deep(piece, at)) from error
        if piece.count("[", at, stop) + piece.count("{", at, stop) > DEEPEST and is_deep(value):
            raise _Unread(TOO_DEEP, offset + too_deep(piece, at))
        return value, stop

    def _next(self, at: int) -> int | None:
        """Where the next row begins: on a line like this one's, or with the same first name."""
        indent, key = self._indent(at), _FIRST_KEY.match(self.text, at)
        found = re.compile(rf"\n{indent}(?=[\[{{])").search(self.text, at) if indent is not None else None
        if found is None and key is not None and self._patience > 0:
            found = re.compile(rf"(?=\{{\s*{re.escape(key[1])}\s*:)").search(self.text, at + 1)
            self._patience -= 0 if found else len(self.text) - at
        return found.end() if found else None

    def _indent(self, at: int) -> str | None:
        """The spaces before this place on its line; None where something else stands there."""
        start = at
        while start and self.text[start - 1] in " \t" and at - start < _WIDEST_INDENT:
            start -= 1
        return self.text[start:at] if start == 0 or self.text[start - 1] in "\n\ufeff" else None


def _decoded(piece: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(piece, at)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Invalid control character"):
            raise
        value, stop = _LENIENT.raw_decode(piece, at)  # a tab inside a text harms nobody, but a text over several lines lacks its end
        if "\n" in piece[at:stop]:
            raise
        return value, stop


def _opened(content: str, at: int, end: int) -> int:
    return sum(content.count(sign, at, end) for sign in "[{") - sum(content.count(sign, at, end) for sign in "]}")
