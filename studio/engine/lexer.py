"""Reads a `tokenizer.json` without holding its half million merges: as Python objects they alone would take 120 MB."""

import json
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_STRING = rb'"((?:[^"\\]|\\.)*)"'
_HEAD = re.compile(rb'"merges"\s*:\s*\[')  # among the tokens “merges” has a number, not a list
# A pair, or, in files older than transformers 4.45, both parts in one string with a space between.
_MERGE = re.compile(rb"\s*,?\s*(?:\[\s*" + _STRING + rb"\s*,\s*" + _STRING + rb"\s*\]|" + _STRING + rb")")


class Lexicon:
    """An open `tokenizer.json`; use it in a `with`. Raises OSError and ValueError where it can't be read."""

    def __init__(self, path: Path) -> None:
        with open(path, "rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __enter__(self) -> "Lexicon":
        return self

    def __exit__(self, *_: object) -> None:
        self._bytes.close()

    def rest(self) -> dict[str, Any]:
        """Everything but the merges, of which there are none in it."""
        head = _HEAD.search(self._bytes)
        if not head:
            return self._object(self._bytes[:])
        end = head.end()
        while match := _MERGE.match(self._bytes, end):
            end = match.end()
        return self._object(self._bytes[: head.end()] + self._bytes[end:])

    def merges(self) -> Iterator[tuple[str, str]]:
        """The merges in their order."""
        head = _HEAD.search(self._bytes)
        end = head.end() if head else len(self._bytes)
        while match := _MERGE.match(self._bytes, end):
            end, (left, right, both) = match.end(), match.groups()
            if both is not None:
                left, _, right = both.partition(b" ")
            yield _text(left), _text(right)

    def _object(self, text: bytes) -> dict[str, Any]:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError("it holds no tokenizer")
        return value


def _text(raw: bytes) -> str:
    return str(json.loads(b'"' + raw + b'"')) if b"\\" in raw else raw.decode("utf-8")
