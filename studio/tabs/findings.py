"""What the checks found, one at a time: where it is, what can be put right at once, and what shall be quiet."""

from typing import Any, NamedTuple

import gradio as gr

from studio.domain import checks, desk, mending
from studio.domain.checks import Finding, number
from studio.domain.desk import Reading
from studio.domain.errors import StudioError
from studio.services.studio import Studio
from studio.tabs.wiring import Pick, html, says

MOST_PLACES = 12  # each is a tab stop of its own
SPEAKS = "A habit stays silent. Anything else speaks again when there is more of it."
WORDS, CUT = "The words", "This would be cut off the first of them"
GONE = "This was found a moment ago and is not there any more. Nothing was changed."


class Desk(NamedTuple):
    """Everything on the desk that changes, in the order Gradio gets it."""

    box: Any = gr.skip()
    which: Any = gr.skip()
    said: Any = gr.skip()
    where: Any = gr.skip()
    mend: Any = gr.skip()
    hush: Any = gr.skip()
    reason: Any = gr.skip()
    quiet: Any = gr.skip()
    quiet_head: Any = gr.skip()
    quieted: Any = gr.skip()
    hear: Any = gr.skip()


# ---------------------------------------------------------------- what it shows
def shown(reading: Reading, finding: Finding | None, is_open: bool) -> Desk:
    """The desk with one finding on it."""
    silenced = {
        "quiet": gr.update(visible=bool(reading.quiet)),
        "quiet_head": f"<h3>{_silent(len(reading.quiet))}</h3>",
        "quieted": gr.update(choices=[(f"{f.title}\n{s.reason}", s.check) for f, s in reading.quiet], value=None),
        "hear": gr.update(interactive=bool(reading.quiet)),
    }
    if finding is None or not is_open:
        return Desk(box=gr.update(visible=False), **silenced)
    return Desk(
        box=gr.update(visible=True),
        which=gr.update(choices=[(_label(f), desk.check_of(f)) for f in reading.findings], value=desk.check_of(finding)),
        said=gr.update(value=finding.words, label=WORDS, visible=bool(finding.words)),
        where=where(reading, finding),
        mend=gr.update(value=mending.button(finding.kind) or "Mend", visible=can_mend(reading, finding)),
        hush=gr.update(visible=finding.severity == "look"),
        **silenced,
    )


def closed() -> Desk:
    """The desk where there is nobody to read."""
    return Desk(box=gr.update(visible=False), quiet=gr.update(visible=False))


def found(reading: Reading, check: str | None) -> Finding | None:
    """The finding a check is silenced under, as long as it is there."""
    return next((f for f in reading.findings if desk.check_of(f) == check), None)


def can_mend(reading: Reading, finding: Finding) -> bool:
    """Whether a button would change anything."""
    if finding.kind not in mending.MENDS:
        return bool(mending.button(finding.kind))
    ids = {place[0] for place in finding.places}
    return any(mending.mended(finding.kind, c) != c for c in reading.conversations if c.id in ids)


def _label(finding: Finding) -> str:
    words = " ".join(finding.words.split())[:60] if finding.kind in desk.NAMED else ""
    measured = f" ({finding.expert})" if finding.expert else ""
    return f"{finding.title}\n{f'“{words}” ' if words else ''}{finding.sentence}{measured}"


def _silent(count: int) -> str:
    return f"{number(count).capitalize()} {'check is' if count == 1 else 'checks are'} silenced"


def titled(title: str) -> str:
    """A title on one line; it becomes the first line of a label."""
    return " ".join(title.split())[:80] or "Untitled"


def where(reading: Reading, finding: Finding) -> dict[str, Any]:
    """The first places of a finding, as a list that leads to Write. A place travels as "<conversation id>:<line, or nothing>"."""
    rows = [
        (
            f"{titled(title)}\n{checks.advice(finding.kind, turn, reading.persona.name, finding.words)}",
            f"{identifier}:{'' if turn is None else turn}",
        )
        for identifier, title, turn in finding.places
    ]
    unique = list({value: (label, value) for label, value in reversed(rows)}.values())[::-1]
    label = f"The first {MOST_PLACES} of {len(unique)}. Choose one to open it." if len(unique) > MOST_PLACES else "Choose one to open it."
    return gr.update(choices=unique[:MOST_PLACES], value=None, label=label, visible=bool(unique))


# ---------------------------------------------------------------- what it does
def mend(studio: Studio, reading: Reading, check: str | None) -> str:
    """Put one finding right by ordinary saves; returns what was done. Raises StudioError where there is nothing to mend."""
    finding = found(reading, check)
    if finding is None or not mending.button(finding.kind):
        raise StudioError(GONE)
    identifiers = list(dict.fromkeys(place[0] for place in finding.places))
    if finding.kind in mending.REMOVE:
        with studio.library.transaction():
            for identifier in identifiers:
                studio.library.remove(identifier)
        return f"{_conversations(len(identifiers))} moved to the bin. There they stay for 30 days."
    changed = studio.library.mend(finding.kind, identifiers)
    return f"{_conversations(changed)} mended. What stood there before is in History, in Write."


def _conversations(count: int) -> str:
    return f"{number(count).capitalize()} {'conversation was' if count == 1 else 'conversations were'}"


def silence(studio: Studio, persona_id: str, reading: Reading, check: str | None, reason: str) -> None:
    """Keep with the character that a check shall be quiet, and why."""
    finding = found(reading, check)
    if finding is None:
        raise StudioError(GONE)
    character = studio.library.character(persona_id)
    studio.library.save_sheet(persona_id, desk.silenced(character.persona, finding, reason), character.rev)


def hear(studio: Studio, persona_id: str, check: str | None) -> None:
    """Let a silenced check speak again."""
    if not check:
        raise StudioError("Nothing was changed. Choose a check in the list first.")
    character = studio.library.character(persona_id)
    studio.library.save_sheet(persona_id, desk.heard(character.persona, check), character.rev)


# ---------------------------------------------------------------- how it lies
def lay_out() -> tuple[Desk, gr.Button]:
    """The desk, and the button that silences."""
    with gr.Column(visible=False, elem_classes="desk", elem_id="prepare-desk", min_width=0) as box:
        which = Pick([], label="What was found", interactive=True, elem_classes=["list", "places", "found"])
        said = says("", "quote", label=WORDS, visible=False)
        where_ = Pick([], label="Choose one to open it.", interactive=True, elem_classes=["list", "places"])
        mend_ = gr.Button("Mend", size="md", min_width=0, visible=False)
        with gr.Row(elem_classes="hush", visible=False) as hush:
            reason = gr.Textbox(
                "", label="Is this all right as it is? Write why.", lines=1, max_length=desk.LONGEST_REASON, scale=3, min_width=220
            )
            quieten = gr.Button("Silence this", size="md", min_width=0, scale=1)
    with gr.Column(visible=False, elem_classes="desk", min_width=0) as quiet:
        quiet_head = html("")
        quieted = Pick([], label=SPEAKS, interactive=True, elem_classes=["list", "places", "found"])
        hear_ = gr.Button("Let it speak again", size="md", min_width=0)
    return Desk(box, which, said, where_, mend_, hush, reason, quiet, quiet_head, quieted, hear_), quieten
