"""Reads a character's conversations in the background as they are written, so that what was found is there before anybody asks."""

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, islice
from typing import NamedTuple

from studio.domain import desk, gemma
from studio.domain.checks import Sizes
from studio.domain.conversation import Conversation
from studio.domain.desk import Reading
from studio.domain.errors import StudioError
from studio.domain.notes import Notes
from studio.services.gathered import Gathered
from studio.services.library import Library
from studio.services.models import Models
from studio.services.nearly import twins
from studio.services.returning import give_back, much_made

LONGEST_LESSON = 4096  # tokens a preset lets one conversation have
PAUSE = 1.0  # seconds between two looks at whether something was written
KEPT = 6  # readings kept; the oldest goes first
REMEMBERED = 2  # characters whose conversations are remembered one by one
COUNT = "tokens"
Wanted = tuple[str, str | None]  # a character and a model


class Form(NamedTuple):
    """How a conversation is put before a model: what its length goes by."""

    model: str
    system: str
    dialect: gemma.Dialect

    def lines(self, spoken: Conversation) -> Iterator[str]:
        """Each line as the model reads it. It begins with a control mark, so that its tokens are its own, whatever comes before."""
        parts: list[str] = []
        for segment in gemma.segments(spoken.turns, self.system, self.dialect):
            if parts and segment.text.startswith(self.dialect.start):
                yield "".join(parts)
                parts = []
            parts.append(segment.text)
        if parts:
            yield "".join(parts)


class Reader:
    """The last readings, and a thread that reads whoever was written last. Nothing is read twice that has not changed."""

    def __init__(self, library: Library, models: Models, pause: float = PAUSE) -> None:
        self._library, self._models, self._pause = library, models, pause
        self._lock = threading.Lock()
        self._readings: dict[Wanted, tuple[int, Reading]] = {}
        self._memory: dict[str, tuple[Gathered, Notes]] = {}  # by character
        self._model: str | None = None  # the one looked at last
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="reader")

    def read(self, persona_id: str, model_id: str | None) -> Reading:
        """What the checks find now. `model_id`: the model to count with; None where there is none. Raises NotFound, NotReady."""
        wanted = (persona_id, model_id)
        if self._readings.get(wanted, (-1,))[0] != self._library.stamp():
            give_back()  # a file that was just brought in is gone by now, though somebody else may be reading already
        with self._lock:
            self._model = model_id
            stamp = self._library.stamp()
            known = self._readings.get(wanted)
            if known and known[0] == stamp:
                return known[1]
            with much_made():
                reading = self._read(persona_id, model_id)
            give_back()
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
        gathered, notes = self._remembered(persona_id)
        conversations = gathered.now()
        form = Form(model_id, persona.system, self._models.dialect(model_id)) if model_id else None
        uncounted = [c for c in conversations if form and notes.lacks(c, COUNT, form)]
        with ThreadPoolExecutor(1, "tokens") as aside:  # the tokenizer works on other cores while the words are looked at
            counted = aside.submit(self._counts, form, uncounted)
            shown = desk.seen(persona, conversations, notes)
            give_back()
            alike = twins(conversations, notes)
            for c, count in zip(uncounted, counted.result(), strict=True):
                notes.put(c, COUNT, form, count)
        notes.keep(conversations)
        return desk.read(persona, conversations, self._sizes(form, conversations, notes), alike, shown)

    def _remembered(self, persona_id: str) -> tuple[Gathered, Notes]:
        """What is known of a character already; whoever was read longest ago is forgotten first."""
        known = self._memory.pop(persona_id, None) or (self._library.gathered(persona_id), Notes())
        self._memory[persona_id] = known
        for old in list(self._memory)[:-REMEMBERED]:
            del self._memory[old]
        return known

    def _counts(self, form: Form | None, conversations: Sequence[Conversation]) -> list[tuple[int, ...]]:
        """The tokens of each line of each of these."""
        counted = iter(self._models.counts(form.model, (line for c in conversations for line in form.lines(c))) if form else ())
        return [tuple(islice(counted, len(c.turns))) for c in (conversations if form else ())]

    def _sizes(self, form: Form | None, conversations: Sequence[Conversation], notes: Notes) -> Sizes:
        if form is None:
            return Sizes({}, {}, LONGEST_LESSON)
        longest = min(LONGEST_LESSON, self._models.context(form.model))
        lines: dict[str, tuple[int, ...]] = {c.id: notes.known(c, COUNT) for c in conversations}
        tokens = {identifier: sum(counts) for identifier, counts in lines.items()}
        return Sizes(tokens, {one: _cut(lines[one], longest) for one, count in tokens.items() if count > longest}, longest)

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


def _cut(counts: Sequence[int], longest: int) -> int:
    """The line in which a conversation is cut off."""
    return sum(before <= longest for before in accumulate(counts[:-1]))
