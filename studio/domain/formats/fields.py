"""The fields of one JSON object, read one at a time; what can't be used is noted with a sentence and counts as absent."""

from collections.abc import Iterator, Mapping
from typing import Any

from studio.domain.conversation import LONGEST_TEXT
from studio.domain.formats.found import Skipped
from studio.domain.formats.source import shown, storable

_KINDS = {bool: "yes or no", int: "a number", float: "a number", list: "a list", dict: "a group of fields", str: "a text"}
_MOST_NAMES = 80


class Fields:
    """A reader of one object that stands at `where` and puts down in `skipped` whatever it passes over."""

    def __init__(self, where: str, values: Mapping[str, Any], skipped: list[Skipped], called: Mapping[str, str] | None = None) -> None:
        self.where = where
        self.values = values
        self.skipped = skipped
        self.called = called or {}  # what the file calls a field, where that is not its name here

    def text(self, name: str, longest: int | None = LONGEST_TEXT) -> str:
        """A text without outer spaces and with plain line ends; empty where there is none."""
        return self._text(self.values.get(name), name, longest)

    def texts(self, name: str) -> list[str]:
        """The texts of a list that hold anything."""
        listed = [self._text(value, f"{name}, item {n}", LONGEST_TEXT) for n, value in enumerate(self._list(name), 1)]
        return [text for text in listed if text]

    def items(self, name: str) -> Iterator["Fields"]:
        """The objects of a list."""
        for n, value in enumerate(self._list(name), 1):
            if isinstance(value, dict):
                yield Fields(f"{self.where}, {name}, item {n}", value, self.skipped)
            else:
                self.note(f"{name}, item {n}", f"{_kind(value)} stands where a group of fields belongs.", "Remove that item.")

    def group(self, name: str) -> "Fields":
        """An object inside this one; an empty one where there is none."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, dict):
            self.note(name, f"{_kind(value)} stands where a group of fields belongs.", "Remove that field.")
        return Fields(f"{self.where}, {name}", value if isinstance(value, dict) else {}, self.skipped)

    def names(self) -> list[str]:
        """The names of the fields that hold something, as they can be shown; at most eighty."""
        return [shown(name) for name, value in self.values.items() if value not in (None, "", [], {})][:_MOST_NAMES]

    def note(self, name: str, what: str, cure: str) -> None:
        """Puts down what is odd about one field."""
        self.skipped.append(Skipped(f"{self.where}, {self.called.get(name, name)}", what, cure))

    def _list(self, name: str) -> list[Any]:
        value = self.values.get(name)
        if value is None or isinstance(value, list):
            return value or []
        self.note(name, f"{_kind(value)} stands where a list belongs.", "Put it into a list, or remove that field.")
        return []

    def _text(self, value: Any, name: str, longest: int | None) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            self.note(name, f"{_kind(value)} stands where a text belongs.", "Put it in quotation marks, or remove it.")
            return ""
        text = value.replace("\r\n", "\n").strip()
        if not storable(text):
            self.note(name, "there is half a character that can't be stored.", "Type that place again and save the file as UTF-8.")
            return ""
        if longest is not None and len(text) > longest:
            self.note(name, f"this text has more than {longest:,} characters.", "Shorten it.")
            return ""
        return text


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "nothing")
