"""A character's conversations, parsed once, and afterwards kept up to date by what was stored since."""

import threading
from typing import NamedTuple

from studio.domain import conversation
from studio.domain.conversation import Conversation
from studio.domain.revision import Revision
from studio.services.records import PART, Records


class Held(NamedTuple):
    """One conversation and where it stands."""

    place: int
    id: str
    spoken: Conversation


class Gathered:
    """The conversations of one character. Never to be asked inside a transaction that may yet be taken back."""

    def __init__(self, records: Records, persona: str) -> None:
        """Nothing is read until somebody asks."""
        self._records, self._persona = records, persona
        self._read = -1  # the number up to which everything is known
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()

    def now(self) -> list[Conversation]:
        """All of them as they stand at one moment, in their order; one that has not changed is the same object as the last time."""
        if not self._lock.acquire(blocking=False):  # whoever asks may hold the records, for which the other one waits
            return Gathered(self._records, self._persona).now()
        try:
            return self._now()
        finally:
            self._lock.release()

    def _now(self) -> list[Conversation]:
        if self._read < 0:
            self._held.clear()
            latest = self._records.latest()[0]
            for part in self._records.parts(self._persona, "conversation"):
                self._take(part)
            self._read = latest
        before = -1
        while before != self._read:  # what was read above may be of several moments; the last of these parts makes it one
            upto, heads = self._records.changed(self._read, PART)
            self._take(heads)
            before, self._read = self._read, upto
        return [held.spoken for held in sorted(self._held.values(), key=lambda held: held[:2])]

    def _take(self, heads: list[Revision]) -> None:
        for head in heads:
            if head.persona == self._persona and head.removed is None:
                self._held[head.id] = Held(head.place, head.id, conversation.from_body(head.id, head.body))
            else:
                self._held.pop(head.id, None)
