"""Reads a `tokenizer.json` without holding its half million merges: as Python objects they alone would take 120 MB."""

import json
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_HEAD = re.compile(rb'"merges"\s*:\s*\[\s*')  # among the tokens “merges” has a number, not a list
# Pairs, or, in files older than transformers 4.45, both parts in one string with a space between; so many at once as make a good piece to read.
_MERGES = re.compile(rb"(?:(?:\[\s*" + _STRING + rb"\s*,\s*" + _STRING + rb"\s*\]|" + _STRING + rb")\s*(?:,\s*)?){1,4096}")


class Lexicon:
    """An open `tokenizer.json`; use it in a `with`. Raises OSError and ValueError where it can't be read."""

    def __init__(self, path: Path) -> None:
        with open(path, "rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._pieces = list(self._found())

    def __enter__(self) -> "Lexicon":
        return self

    def __exit__(self, *_: object) -> None:
        self._bytes.close()

    def rest(self) -> dict[str, Any]:
        """Everything but the merges, of which there are none in it."""
        if not self._pieces:
            return self._object(self._bytes[:])
        return self._object(self._bytes[: self._pieces[0][0]] + self._bytes[self._pieces[-1][1] :])

    def merges(self) -> Iterator[tuple[str, str]]:
        """The merges in their order."""
        for start, end in self._pieces:
            for pair in json.loads(b"[" + self._bytes[start:end].rstrip(b", \t\r\n") + b"]"):
                if isinstance(pair, str):
                    left, _, right = pair.partition(" ")
                    yield left, right
                else:
                    yield pair[0], pair[1]

    def _found(self) -> Iterator[tuple[int, int]]:
        """Where pieces of the list of merges begin and end."""
        match = _HEAD.search(self._bytes)
        while match and (match := _MERGES.match(self._bytes, match.end())):
            yield match.span()

    def _object(self, text: bytes) -> dict[str, Any]:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError("it holds no tokenizer")
        return value
