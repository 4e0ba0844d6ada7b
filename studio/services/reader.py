"""Reads a character's conversations in the background as they are written, so that what was found is there before anybody asks."""

import logging
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import count

from rapidfuzz.distance import Indel

from studio.domain import desk, gemma, likeness
from studio.domain.checks import Sizes
from studio.domain.conversation import Conversation
from studio.domain.desk import Reading
from studio.domain.errors import StudioError
from studio.domain.words import words
from studio.services.library import Library
from studio.services.models import Models

LONGEST_LESSON = 4096  # tokens a preset lets one conversation have
PAUSE = 1.0  # seconds between two looks at whether something was written
KEPT = 6  # readings kept; the oldest goes first
Wanted = tuple[str, str | None]  # a character and a model


class Reader:
    """The last readings, and a thread that reads whoever was written last. Nothing is read twice that has not changed."""

    def __init__(self, library: Library, models: Models, pause: float = PAUSE) -> None:
        self._library, self._models, self._pause = library, models, pause
        self._lock = threading.Lock()
        self._readings: dict[Wanted, tuple[int, Reading]] = {}
        self._counts: dict[tuple[str, str], int] = {}  # tokens of a text, by model
        self._model: str | None = None  # the one looked at last
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="reader")

    def read(self, persona_id: str, model_id: str | None) -> Reading:
        """What the checks find now. `model_id`: the model to count with; None where there is none. Raises NotFound, NotReady."""
        wanted = (persona_id, model_id)
        with self._lock:
            self._model = model_id
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

    def latest(self, persona_id: str) -> Reading:
        """The same, counted with the model that was looked at last."""
        model = self._models.chosen(self._model)
        return self.read(persona_id, model.id if model else None)

    def _read(self, persona_id: str, model_id: str | None) -> Reading:
        persona = self._library.character(persona_id).persona
        conversations = self._library.conversations(persona_id)
        if not model_id:
            return desk.read(persona, conversations, Sizes({}, {}, LONGEST_LESSON), twins(conversations))
        longest = min(LONGEST_LESSON, self._models.context(model_id))
        texts = self._texts(model_id, conversations, persona.system)
        tokens = self._tokens(model_id, texts)
        cuts = {c.id: self._cut(model_id, c, persona.system, texts[c.id], longest) for c in conversations if tokens[c.id] > longest}
        return desk.read(persona, conversations, Sizes(tokens, cuts, longest), twins(conversations))

    def _texts(self, model_id: str, conversations: Sequence[Conversation], system: str) -> dict[str, str]:
        dialect = self._models.dialect(model_id)
        return {c.id: "".join(s.text for s in gemma.segments(c.turns, system, dialect)) for c in conversations}

    def _cut(self, model_id: str, spoken: Conversation, system: str, text: str, longest: int) -> int:
        """The line in which a conversation is cut off."""
        place, dialect = self._models.tokens(model_id, text)[longest].start, self._models.dialect(model_id)
        starts = (len("".join(s.text for s in gemma.segments(spoken.turns[:n], system, dialect))) for n in range(1, len(spoken.turns)))
        return sum(start <= place for start in starts)

    def _tokens(self, model_id: str, texts: Mapping[str, str]) -> dict[str, int]:
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
        failed = -1  # what could not be read, until something else is written
        while not self._closing.wait(self._pause):
            stamp = self._library.stamp()
            if stamp == failed:
                continue
            try:
                if who := self._library.written():
                    self.latest(who)
            except StudioError:
                continue  # the character or the model is gone, or the disk refuses; who looks next is told
            except Exception:
                # Who opens Prepare meets the same fault and is told; a thread that ends would leave the others unread too.
                logging.getLogger("studio").exception("Reading in the background failed")
                failed = stamp


def twins(conversations: Sequence[Conversation]) -> dict[str, str]:
    """Conversations that are nearly the same as an earlier one, though no copy: the id of each, with the earlier one's."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)  # a word takes eight bytes wherever it comes again
    texts = [[numbers[word] for word in words(" ".join(turn.text for turn in c.turns))] for c in conversations]
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
