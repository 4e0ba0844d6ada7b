"""Reads a character's conversations in the background as they are written, so that what was found is there before anybody asks."""

import logging
import threading
from collections.abc import Sequence

from rapidfuzz.distance import Indel

from studio.domain import desk, gemma, likeness
from studio.domain.conversation import Conversation
from studio.domain.desk import Reading
from studio.domain.errors import StudioError
from studio.domain.persona import Persona
from studio.domain.words import words
from studio.services.library import Library
from studio.services.models import Models

LONGEST_LESSON = 4096  # tokens a preset lets one conversation have
PAUSE = 1.0  # seconds between two looks at whether something was written
KEPT = 6  # readings kept; the oldest goes first
Wanted = tuple[str, str | None]  # a character and a model


class Reader:
    """The last readings, and a thread that renews the one somebody looked at last. Nothing is read twice that has not changed."""

    def __init__(self, library: Library, models: Models, pause: float = PAUSE) -> None:
        self._library, self._models, self._pause = library, models, pause
        self._lock = threading.Lock()
        self._readings: dict[Wanted, tuple[int, Reading]] = {}
        self._counts: dict[tuple[str, str], int] = {}  # tokens of a text, by model
        self._last: Wanted | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="reader")

    def read(self, persona_id: str, model_id: str | None) -> Reading:
        """What the checks find now. `model_id`: the model to count with; None where there is none. Raises NotFound, NotReady."""
        wanted = (persona_id, model_id)
        with self._lock:
            self._last = wanted
            stamp = self._library.stamp()
            known = self._readings.get(wanted)
            if known and known[0] == stamp:
                return known[1]
            reading = self._read(persona_id, model_id)
            self._readings.pop(wanted, None)
            self._readings[wanted] = (stamp, reading)
            for old in list(self._readings)[:-KEPT]:
                del self._readings[old]
            return reading

    def _read(self, persona_id: str, model_id: str | None) -> Reading:
        persona = self._library.character(persona_id).persona
        conversations = self._library.conversations(persona_id)
        tokens: dict[str, int] = {}
        longest = LONGEST_LESSON
        if model_id:
            tokens = self._tokens(model_id, conversations, persona)
            longest = min(longest, self._models.context(model_id))
        return desk.read(persona, conversations, tokens, longest, twins(conversations))

    def _tokens(self, model_id: str, conversations: Sequence[Conversation], persona: Persona) -> dict[str, int]:
        dialect = self._models.dialect(model_id)
        texts = {c.id: "".join(s.text for s in gemma.segments(c.turns, persona.system, dialect)) for c in conversations}
        missing = list({text for text in texts.values() if (model_id, text) not in self._counts})
        counted = zip(missing, self._models.counts(model_id, missing), strict=True)
        self._counts |= {(model_id, text): count for text, count in counted}
        found = {identifier: self._counts[model_id, text] for identifier, text in texts.items()}
        if len(self._counts) > 4 * len(texts) + 1000:  # what was written over is not asked for again
            self._counts = {(model_id, text): found[identifier] for identifier, text in texts.items()}
        return found

    def follow(self) -> None:
        """Begin to read in the background."""
        self._thread.start()

    def close(self) -> None:
        """Read no more; to be called before the library is closed."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _follow(self) -> None:
        while not self._closing.wait(self._pause):
            if self._last is None:
                continue
            try:
                self.read(*self._last)
            except StudioError:
                self._last = None  # the character or the model is gone; who looks next is told
            except Exception:
                logging.getLogger("studio").exception("Reading in the background stopped")
                return


def twins(conversations: Sequence[Conversation]) -> dict[str, str]:
    """Conversations that are nearly the same as an earlier one, though no copy: the id of each, with the earlier one's."""
    texts = [words(" ".join(turn.text for turn in c.turns)) for c in conversations]
    found = {}
    for n, others in likeness.candidates(texts):
        for other in others:
            alike = Indel.normalized_similarity(texts[n], texts[other], score_cutoff=likeness.SAME)
            if alike and not _copies(conversations[n], conversations[other]):
                found[conversations[n].id] = conversations[other].id
                break
    return found


def _copies(one: Conversation, other: Conversation) -> bool:
    return [(t.role, t.text.strip()) for t in one.turns] == [(t.role, t.text.strip()) for t in other.turns]
