"""Answers for the writer to choose from, spoken by the character as it was taught last or, before its first lesson, by a plain model."""

from collections import deque
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from studio.domain import catalogue
from studio.domain.conversation import Turn
from studio.domain.errors import Busy, NotReady
from studio.services import adapters
from studio.services.jobs import WORDS, Jobs
from studio.services.library import Library
from studio.services.models import Models
from studio.services.voice import Voice

WARM, WARMER, TRIES = 0.8, 0.25, 3  # the first temperature, what each further try adds, and how many there are
NOTHING_NEW = "No other answer came. Your words are safe. Change the last line a little, then ask again."
ANSWERING = "Another answer is being spoken just now. Wait for its end, or press Stop there. Then ask again."
PRACTICE = "The practice model is very small. Its drafts show how this works; few will be worth keeping."


@dataclass(frozen=True)
class Pen:
    """Who writes the drafts. `adapter` None: the plain model, under the text of the sheet. `about` says so; `caution`: what to think of it."""

    model: Path
    adapter: Path | None
    system: str
    about: str
    caution: str


class Drafts:
    """Asks the voice for answers, one at a time."""

    def __init__(self, library: Library, models: Models, jobs: Jobs, voice: Voice) -> None:
        self._library, self._models, self._jobs, self._voice = library, models, jobs, voice
        self._stopped: deque[str] = deque(maxlen=64)

    def pen(self, persona_id: str) -> Pen:
        """Who would write for this character; raises NotFound, or NotReady where its model is not on this computer."""
        persona = self._library.character(persona_id).persona
        learned = adapters.learned(self._library, persona_id)
        chosen = learned[0].model if learned else self._models.plain()
        model, caution = self._models.path(chosen), PRACTICE if chosen == catalogue.PRACTICE else ""
        if learned:
            return Pen(model, learned[0].folder, learned[0].system, f"{persona.name} writes, as taught last.", caution)
        about = f"{persona.name} has not learned to talk yet. The plain model writes; it knows the character sheet only."
        return Pen(model, None, persona.system, about, caution)

    def draft(self, persona_id: str, turns: Sequence[Turn], unlike: Collection[str] = (), ticket: str = "") -> str:
        """An answer to the last of these turns that is none of `unlike`; `ticket` is the name to stop it by, and then it may be cut short.

        Raises Busy while a lesson, an export or another answer has the machine, NotReady where no other answer comes.
        """
        pen = self.pen(persona_id)
        self._room()
        said = [turn for turn in turns if turn.text.strip()]
        for n in range(TRIES):
            text = self._spoken(pen, said, WARM + n * WARMER, ticket)
            if ticket in self._stopped or (text and text not in unlike):
                return text
        raise NotReady(NOTHING_NEW)

    def stop(self, ticket: str) -> None:
        """End the draft of that name, and no other answer."""
        self._stopped.append(ticket)

    def _room(self) -> None:
        working = self._jobs.running()
        kind = self._library.read_json(working / "spec.json", {}).get("kind", "train") if working else "fetch"
        if kind != "fetch":  # a download needs the line, not the memory
            raise Busy(f"{WORDS[kind]} and needs the computer for itself. Your words are safe. Ask again when it has ended.")
        if self._voice.busy():
            raise Busy(ANSWERING)

    def _spoken(self, pen: Pen, turns: Sequence[Turn], temperature: float, ticket: str) -> str:
        text = ""
        with closing(self._voice.speak(pen.model, pen.adapter, turns, pen.system, temperature)) as answer:
            for grown in answer:
                text = grown
                if ticket in self._stopped:
                    break
        return text.strip()
