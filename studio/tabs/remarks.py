"""What the checks say about the conversation that is open in Write, while somebody goes on writing it."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from studio.domain import checks, desk
from studio.domain.checks import Finding
from studio.domain.desk import Reading
from studio.services.studio import Studio
from studio.tabs import findings
from studio.tabs.door import Answer, Given, Id, Text

UNFINISHED = ("ending", "empty")  # of a last line this says no more than that it is still being written
# Prepare takes over what is wanted from window.studioWanted; its door may be there only a moment after its tab was pressed.
ASK = """function ask(left = 300) {
  const door = document.querySelector('#prepare-ask');
  if (door) door.click(); else if (left > 0) requestAnimationFrame(() => ask(left - 1));
}"""


class Looking(Given):
    """A conversation of a character."""

    persona: Id
    id: Id


class Silencing(Given):
    """A check that shall be quiet for a character, and why."""

    persona: Id
    check: Annotated[Text, Field(min_length=1)]
    reason: Text


class Hearing(Given):
    """A check that shall speak again for a character."""

    persona: Id
    check: Annotated[Text, Field(min_length=1)]


def look(studio: Studio, given: Looking) -> Answer:
    """What speaks about this conversation, line by line; what is silenced is left out, as in Prepare."""
    return {"ok": True, "remarks": said(studio.reader.latest(given.persona), given.id)}


def said(read: Reading, identifier: str) -> list[Answer]:
    """Each finding at each line of one conversation, once; `turn` is the line's name, None for the conversation as a whole."""
    spoken = next((c for c in read.conversations if c.id == identifier), None)
    if spoken is None:
        return []
    found = [(f, place[2]) for f in read.findings for place in dict.fromkeys(f.places) if place[0] == identifier]
    last = len(spoken.turns) - 1
    shown = [(f, line) for f, line in found if not (f.kind in UNFINISHED and line in (None, last))]
    return [_remark(read, f, line, None if line is None else spoken.turns[line].id) for f, line in shown]


def _remark(read: Reading, finding: Finding, line: int | None, turn: str | None) -> Answer:
    text = checks.advice(finding.kind, line, read.persona.name, finding.words)
    return {"check": desk.check_of(finding), "turn": turn, "text": text, "silent": finding.severity == "look"}


def silence(studio: Studio, given: Silencing) -> Answer:
    """The check is quiet from now on, here and in Prepare."""
    findings.silence(studio, given.persona, studio.reader.latest(given.persona), given.check, given.reason)
    return {"ok": True}


def hear(studio: Studio, given: Hearing) -> Answer:
    """The check speaks again."""
    findings.hear(studio, given.persona, given.check)
    return {"ok": True}


ROUTES: tuple[tuple[str, Callable[[Studio, Any], Answer], type[Given]], ...] = (
    ("remarks", look, Looking),
    ("silence", silence, Silencing),
    ("hear", hear, Hearing),
)
