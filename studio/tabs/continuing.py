"""Going on from the last lesson, or an earlier one, with what was written since."""

from pathlib import Path
from typing import Any

from studio.domain.errors import Busy, NotReady
from studio.services import adapters, continuations, runs
from studio.services.studio import Studio
from studio.tabs.room import lesson_line

SENTENCE = "With what is new, as many earlier conversations are read again, ten at least, so that nothing is forgotten."
BUSY = "The studio is busy with other work already. What you wrote is safe. Wait until that ends, or stop it first."


def sources(studio: Studio, persona_id: str, newest: Path) -> dict[str, Any]:
    """The lessons one can go on from, the newest chosen; hidden where there is only one."""
    learned = [each for each in adapters.learned(studio.library, persona_id) if each.finished and not each.blended]
    choices = [(lesson_line(each), each.folder.name) for each in learned]
    return {"choices": choices, "value": newest.name, "visible": len(choices) > 1}


def teach_new(studio: Studio, persona_id: str, source: str | None) -> str:
    """Start a lesson on what is new since the chosen one; returns that no other new lesson is asked for."""
    return _teach(studio, persona_id, source, everything=False)


def teach_all(studio: Studio, persona_id: str, source: str | None) -> str:
    """Start a lesson on everything there is, from where the chosen one ended."""
    return _teach(studio, persona_id, source, everything=True)


def _teach(studio: Studio, persona_id: str, source: str | None, everything: bool) -> str:
    if studio.jobs.running():
        raise Busy(BUSY)
    if not source:
        raise NotReady(continuations.NOTHING_KEPT)
    old = runs.folder(studio.library, persona_id, source)
    folder = continuations.order(studio.library, studio.models, persona_id, old, everything)
    studio.voice.rest()
    studio.jobs.start("train", folder)
    return ""
