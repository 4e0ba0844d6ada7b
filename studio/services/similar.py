"""Which conversations are nearest to one of them."""

import threading
from typing import NamedTuple

from studio.domain import likeness
from studio.domain.errors import NotFound
from studio.services.library import Library

GONE = "This conversation is not here any more, so nothing can be compared with it. Nothing was changed. Choose another one."
BY_WORDS = "Compared by their words."


class Nearest(NamedTuple):
    """The ids of conversations, the nearest first, and a sentence that says by what they were compared."""

    ids: list[str]
    compared: str


class Similar:
    """Compares a character's conversations with one of them by the rarer words they share; remembers the last answer."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._last: tuple[tuple[str, str, int], Nearest] | None = None  # of whom, to which one, when

    def nearest(self, persona_id: str, identifier: str) -> Nearest:
        """The conversations that have something in common with this one. Raises NotFound."""
        with self._lock:
            asked = (persona_id, identifier, self._library.stamp())
            if self._last is None or self._last[0] != asked:
                self._last = (asked, self._compare(persona_id, identifier))
            return self._last[1]

    def _compare(self, persona_id: str, identifier: str) -> Nearest:
        texts = dict(self._library.texts(persona_id))
        if identifier not in texts:
            raise NotFound(GONE)
        scores = dict(zip(texts, likeness.nearness(texts[identifier], texts.values()), strict=True))
        near = [each for each, score in scores.items() if score > 0 and each != identifier]
        return Nearest(sorted(near, key=lambda each: (-scores[each], each)), BY_WORDS)
