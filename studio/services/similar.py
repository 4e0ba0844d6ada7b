"""Which conversations are nearest to one of them."""

import threading
from collections.abc import Sequence
from typing import NamedTuple

from studio.domain import likeness
from studio.domain.conversation import Conversation
from studio.domain.errors import NotFound
from studio.domain.likeness import Vector
from studio.services.library import Library

GONE = "This conversation is not here any more, so nothing can be compared with it. Nothing was changed. Choose another one."

BY_WORDS = "Compared by their words."


class Nearest(NamedTuple):
    """The ids of conversations, the nearest first, and a sentence that says by what they were compared."""

    ids: list[str]
    compared: str


class Similar:
    """Compares a character's conversations by their rarer words; what was weighed is kept until something is written."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._weighed: tuple[str, int, list[str], list[Vector]] = ("", -1, [], [])  # of whom, when, ids, vectors

    def nearest(self, persona_id: str, identifier: str) -> Nearest:
        """The conversations that have something in common with this one. Raises NotFound."""
        with self._lock:
            ids, weighed = self._weigh(persona_id)
        if identifier not in ids:
            raise NotFound(GONE)
        scores = likeness.nearness(weighed, ids.index(identifier))
        order = sorted(range(len(ids)), key=lambda n: -scores[n])
        return Nearest([ids[n] for n in order if scores[n] > 0 and ids[n] != identifier], BY_WORDS)

    def _weigh(self, persona_id: str) -> tuple[list[str], list[Vector]]:
        who, when, ids, weighed = self._weighed
        stamp = self._library.stamp()
        if (who, when) != (persona_id, stamp):
            spoken = self._library.conversations(persona_id)
            ids, weighed = [each.id for each in spoken], likeness.vectors(_texts(spoken))
            self._weighed = (persona_id, stamp, ids, weighed)
        return ids, weighed


def _texts(spoken: Sequence[Conversation]) -> list[list[str]]:
    return [likeness.pieces("\n".join((each.title, *(turn.text for turn in each.turns)))) for each in spoken]
