"""Going on from the last lesson, with what was written since."""

from studio.domain.errors import Busy, NotReady
from studio.services import continuations
from studio.services.studio import Studio
from studio.tabs import lesson

SENTENCE = "With what is new, as many earlier conversations are read again, ten at least, so that nothing is forgotten."
BUSY = "The studio is busy with other work already. What you wrote is safe. Wait until that ends, or stop it first."


def teach_new(studio: Studio, persona_id: str) -> str:
    """Start a lesson on what is new since the last one; returns that no other new lesson is asked for."""
    return _teach(studio, persona_id, everything=False)


def teach_all(studio: Studio, persona_id: str) -> str:
    """Start a lesson on everything there is, from where the last one ended."""
    return _teach(studio, persona_id, everything=True)


def _teach(studio: Studio, persona_id: str, everything: bool) -> str:
    if studio.jobs.running():
        raise Busy(BUSY)
    old = lesson.newest(studio, persona_id)
    if old is None:
        raise NotReady(continuations.NOTHING_KEPT)
    folder = continuations.order(studio.library, studio.models, persona_id, old, everything)
    studio.voice.rest()
    studio.jobs.start("train", folder)
    return ""
