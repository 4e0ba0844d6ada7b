"""The panel in Write in which files come in: what was understood is shown first, then it comes in as one step, which can be undone as one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from studio.domain.errors import NotReady
from studio.domain.formats import telling, writing
from studio.domain.formats.found import Found
from studio.domain.formats.source import shown
from studio.domain.formats.speakers import folded
from studio.domain.formats.telling import counted
from studio.services import exchange, homecoming
from studio.services.exchange import Arrived, Reading
from studio.services.studio import Studio
from studio.tabs.wiring import LATEST, Pick, bind, cast, focus, html, once_seen, says

LEDE = "Cards, chats, data sets, scripts, tables or packages, one or many, or a whole folder. Nothing comes in before you have seen it."
LEARNED = "This is what was learned on another machine. Nothing was brought in. Drop it in Train, under “Train on another machine”."
MOST_PLACES = 8  # that are named; all of them stand in the file
MOST_FIELDS = 20
MOST_SPEAKERS = 12
HERE, NEW = "here", "new"
REJECTS = "not-read.csv"
SHOW = "() => requestAnimationFrame(() => document.querySelector('#bring').scrollIntoView({block: 'start'}))"
# What came in for the open character is shown in the editor; a new character opens by itself.
TELL = """(persona, first) => {
  if (persona) localStorage.setItem('studio.open', persona);
  if (first) window.dispatchEvent(new CustomEvent('studio:changed', {detail: first}));
}"""
TELL_BACK = "(persona) => { localStorage.setItem('studio.open', persona || ''); window.dispatchEvent(new CustomEvent('studio:changed', {detail: null})); }"


Source = tuple[str, ...] | str  # the files, or what was pasted


class Panel(NamedTuple):
    """Everything in the panel that changes, in the order Gradio gets it. In a handler's answer, what is left out stays as it is."""

    panel: Any = gr.skip()
    files: Any = gr.skip()
    folder: Any = gr.skip()
    pasted: Any = gr.skip()
    understood: Any = gr.skip()
    headline: Any = gr.skip()
    each: Any = gr.skip()
    speaker: Any = gr.skip()
    mapping: Any = gr.skip()
    first: Any = gr.skip()
    notes: Any = gr.skip()
    passed: Any = gr.skip()
    places: Any = gr.skip()
    rejects: Any = gr.skip()
    where: Any = gr.skip()
    bring: Any = gr.skip()
    told: Any = gr.skip()
    news: Any = gr.skip()
    undo: Any = gr.skip()
    source: Any = gr.skip()
    readings: Any = gr.skip()
    arrived: Any = gr.skip()
    shown: Any = gr.skip()
    persona: Any = gr.skip()


# ---------------------------------------------------------------- handlers
def open_panel(studio: Studio) -> Panel:
    """The panel, empty."""
    return _closed()._replace(panel=gr.update(visible=True), told=gr.update(visible=False))


def close(studio: Studio) -> Panel:
    """Put the panel away; what came in stays, and its Undo too."""
    return _closed()


def put_away(studio: Studio) -> tuple[Any, ...]:
    """`close` for a character just opened, without a word to the cast: told anything while it changes, it changes again."""
    return _closed()[:-1]


def look_at_files(studio: Studio, persona_id: str | None, files: list[str] | None) -> Panel:
    """What the chosen files hold."""
    if not files:
        return Panel(understood=gr.update(visible=False), source=(), readings=())
    if any(homecoming.recognises(Path(file)) for file in files):
        raise NotReady(LEARNED)
    return _look(studio, persona_id, tuple(files), _name(studio, persona_id))


def look_at_folder(studio: Studio, persona_id: str | None, files: list[str] | None) -> Panel:
    """What the files of a chosen folder hold, those the studio can read."""
    chosen = exchange.of_folder(sorted(map(Path, files or []), key=lambda path: path.name))
    return _look(studio, persona_id, tuple(map(str, chosen)), _name(studio, persona_id))._replace(files=None, folder=None)


def look_at_text(studio: Studio, persona_id: str | None, text: str) -> Panel:
    """What the pasted text holds."""
    if not text.strip():
        raise NotReady("There is nothing in the box. Nothing was brought in. Paste a conversation into it first.")
    return _look(studio, persona_id, text, _name(studio, persona_id))


def take_for(studio: Studio, persona_id: str | None, source: Source, where: str, speaker: str) -> Panel:
    """The same with another of those who speak as the character."""
    seen = _look(studio, persona_id, source, speaker)
    turned = turn_to(studio, persona_id, seen.readings, where)
    return seen._replace(where=gr.update(value=where), notes=turned.notes, bring=turned.bring)


def turn_to(studio: Studio, persona_id: str | None, readings: Sequence[Reading], where: str) -> Panel:
    """The same for another place to bring it to."""
    good = _good(readings)
    return Panel(notes=_notes(good, where), bring=gr.update(value=_action(good, where)))


def bring_in(studio: Studio, persona_id: str | None, readings: Sequence[Reading], where: str) -> Panel:
    """All of it, as one step."""
    good = _good(readings)
    if not good:
        raise NotReady("There is nothing to bring in yet. Choose a file, or paste a conversation.")
    arrived = exchange.bring_in(studio.library, good, persona_id if where == HERE and persona_id else None)
    learned = homecoming.follow(studio.library, studio.models, readings, arrived)
    new = next((one.persona for one in arrived if one.is_new), None)
    return _closed()._replace(
        told=gr.update(visible=True),
        news=" ".join([_news(studio, arrived), *learned]),
        undo=gr.update(value="Undo"),
        arrived=tuple(arrived),
        shown="" if new else arrived[0].conversations[0],
        persona=cast(studio, new) if new else gr.skip(),
    )


def undo(studio: Studio, persona_id: str | None, arrived: Sequence[Arrived]) -> Panel:
    """Take back what came in last, as one step."""
    if not arrived:
        raise NotReady("There is nothing to take back any more. What was removed is in the bin.")
    exchange.take_back(studio.library, arrived)
    new = any(one.is_new for one in arrived)
    return Panel(told=gr.update(visible=False), arrived=(), shown="", persona=cast(studio, persona_id or "") if new else gr.skip())


# ---------------------------------------------------------------- what they are made of
def _closed() -> Panel:
    hidden = gr.update(visible=False)
    return Panel(panel=hidden, files=None, folder=None, pasted="", understood=hidden, source=(), readings=())


def _name(studio: Studio, persona_id: str | None) -> str:
    return studio.library.character(persona_id).persona.name if persona_id else ""


def _good(readings: Sequence[Reading]) -> list[tuple[str, Found]]:
    return [(one.file, one.found) for one in readings if one.found]


def _look(studio: Studio, persona_id: str | None, source: Source, character: str) -> Panel:
    if isinstance(source, str):
        readings = exchange.read_text(source, character)
    else:
        readings = exchange.read_files([Path(file) for file in source], character, studio.settings)
    return _understood(studio, persona_id, readings)._replace(source=source)


def _understood(studio: Studio, persona_id: str | None, readings: Sequence[Reading]) -> Panel:
    good = _good(readings)
    persona = studio.library.character(persona_id).persona if persona_id else None
    whole = all(found.whole for _, found in good)
    where = NEW if persona is None or whole else HERE
    who = next((found.persona for _, found in good if found.persona), None) if whole else persona
    conversations = [c for _, found in good for c in found.conversations]
    glimpses = telling.first(conversations, who.visitor if who else "Visitor", who.name if who else "Character")
    fields = list(dict.fromkeys(line for _, found in good for line in telling.taken_for(found)))
    places = [place for one in readings for place in (map(str, one.skipped) if one.found else [one.refusal])]
    choices = [(f"To {persona.name}", HERE)] if persona else []
    return Panel(
        understood=gr.update(visible=True),
        headline=telling.headline(*good[0]) if len(readings) == len(good) == 1 else _together(len(readings), good),
        each=gr.update(value="\n".join(map(_told, readings)), label=counted(len(readings), "file"), visible=len(readings) > 1),
        speaker=_speakers(good),
        mapping=gr.update(value=_some(fields, MOST_FIELDS, "more"), visible=bool(fields)),
        first=gr.update(value="\n\n".join(glimpses), label=telling.first_label(len(conversations)), visible=bool(glimpses)),
        notes=_notes(good, where),
        passed=gr.update(visible=bool(places)),
        places=gr.update(value=_some(places, MOST_PLACES, "more, all of them in the list"), label=_passed_over(len(places))),
        rejects=_rejects(studio, persona_id, readings) if places else None,
        where=gr.update(choices=[*choices, ("As a new character", NEW)], value=where, visible=bool(good) and bool(choices)),
        bring=gr.update(value=_action(good, where), visible=bool(good)),
        readings=tuple(readings),
    )


def _together(count: int, good: Sequence[tuple[str, Found]]) -> str:
    if not good:
        return "Nothing in it can be brought in."
    files = f"All {count:,} files" if len(good) == count else f"{len(good):,} of {count:,} files"
    return f"{files} can be brought in, with {counted(sum(len(found.conversations) for _, found in good))}."


def _told(one: Reading) -> str:
    return telling.headline(one.file, one.found) if one.found else one.refusal


def _speakers(good: Sequence[tuple[str, Found]]) -> dict[str, Any]:
    """Who could be the character, with the one it was taken for chosen; nothing where the files disagree."""
    named = [found.speakers for _, found in good if found.speakers]
    names = list({folded(name): name for speakers in reversed(named) for name in reversed(speakers)}.values())[::-1]
    guesses = {folded(speakers[0]) for speakers in named}
    guess = next((name for name in names if {folded(name)} == guesses), None)
    return gr.update(choices=[(shown(name), name) for name in names[:MOST_SPEAKERS]], value=guess, visible=len(names) > 1)


def _notes(good: Sequence[tuple[str, Found]], where: str) -> dict[str, Any]:
    told = list(dict.fromkeys(line for _, found in good for line in telling.left(found, where == HERE)))
    return gr.update(value="\n".join(told), visible=bool(told))


def _action(good: Sequence[tuple[str, Found]], where: str) -> str:
    talk = counted(sum(len(found.conversations) for _, found in good))
    names = [found.persona.name for _, found in good if found.whole and found.persona]
    return f"Bring in {' and '.join(names)} with {talk}" if where == NEW and len(names) == 1 else f"Bring in {talk}"


def _news(studio: Studio, arrived: Sequence[Arrived]) -> str:
    return " ".join(
        f"{studio.library.character(one.persona).persona.name} is here with {counted(len(one.conversations))}."
        if one.is_new
        else f"{counted(len(one.conversations))} came in for {studio.library.character(one.persona).persona.name}."
        for one in arrived
    )


def _passed_over(count: int) -> str:
    return f"{counted(count, 'place')} could not be read and {'stays' if count == 1 else 'stay'} out"


def _some(lines: Sequence[str], most: int, rest: str) -> str:
    return "\n".join([*lines[:most], *([f"and {len(lines) - most:,} {rest}"] if len(lines) > most else [])])


def _rejects(studio: Studio, persona_id: str | None, readings: Sequence[Reading]) -> str:
    """The file with all that was passed over."""
    folder = studio.library.scratch / (studio.library.character(persona_id).id if persona_id else NEW)
    folder.mkdir(exist_ok=True)
    studio.library.write_text(folder / REJECTS, writing.to_rejects((one.file, skip) for one in readings for skip in one.skipped))
    return str(folder / REJECTS)


# ---------------------------------------------------------------- layout and listeners
def build(studio: Studio, persona: gr.Radio) -> None:
    """The panel, and the line that says what came in."""
    quiet: dict[str, Any] = {"show_label": True, "container": True, "lines": 1, "max_lines": 30}
    with gr.Row(elem_classes="told", visible=False) as told:
        news = says("", label="What came in", show_label=False, container=False)
        back = gr.Button("Undo", size="sm", elem_classes=["icon", "i-undo", "quiet"])
    start = gr.Button("Bring in a file", visible="hidden", elem_id="bring-open")
    with gr.Column(elem_classes="folio", elem_id="bring", visible=False) as panel:
        html(f'<h2 tabindex="-1">Bring in a file</h2><p class="lede">{LEDE}</p>')
        files = gr.File(label="Drop files here, or choose them", file_count="multiple", type="filepath", interactive=True)
        with gr.Row(elem_classes="acts"):
            folder = gr.UploadButton("Choose a folder", file_count="directory", type="filepath", size="md", min_width=0)
        pasted = gr.Textbox(label="Or paste a conversation", lines=4, max_lines=12, placeholder="Mia: Come on.\nBiscuit: Not yet.", interactive=True, elem_classes="storied")  # fmt: skip
        with gr.Row(elem_classes="acts"):
            read = gr.Button("Look at what I pasted", size="md")
            leave = gr.Button("Not now", size="md", elem_classes="quiet")
        with gr.Column(visible=False) as understood:
            headline = says("", "h2", label="What this is", show_label=False, container=False)
            each = says("", label="Files", **quiet)
            speaker = Pick([], label="Who is the character?", interactive=True, elem_classes="seg")
            mapping = says("", label="What is taken for what", **quiet)
            first = says("", "storied", label="The first conversations", **quiet)
            notes = says("", "fine", label="Good to know", **quiet)
            with gr.Column(visible=False) as passed:
                places = says("", "fine", label="What stays out", **quiet)
                rejects = gr.DownloadButton("Save the list of what stays out", size="sm", elem_classes=["icon", "i-down", "quiet"])
            where = Pick([], label="Where does it go?", interactive=True, elem_classes="seg")
            bring = gr.Button("Bring in", variant="primary", size="lg")
    opened = gr.Textbox(visible="hidden")
    source, readings, arrived = gr.State(()), gr.State(()), gr.State(())

    everything = Panel(
        panel, files, folder, pasted, understood, headline, each, speaker, mapping, first, notes, passed, places, rejects, where, bring, told,
        news, back, source, readings, arrived, opened, persona,
    )  # fmt: skip
    outputs, calm = list(everything), {"show_progress": "hidden"}
    start.click(bind(open_panel, studio), None, outputs, **calm).success(None, js=SHOW).success(None, js=focus("#bring h2"))
    leave.click(bind(close, studio), None, outputs, **calm).success(
        None, js=focus("#write .ps-shelf > .ps-quiet.ps-wide", "#write .ps-drawer")
    )
    once_seen("write", persona.change).success(bind(put_away, studio), None, outputs[:-1], **calm, **LATEST)
    gr.on([files.upload, files.delete, files.clear], bind(look_at_files, studio), [persona, files], outputs, show_progress_on=files)
    folder.upload(bind(look_at_folder, studio), [persona, folder], outputs, show_progress_on=files)
    speaker.input(bind(take_for, studio), [persona, source, where, speaker], outputs, **calm)
    read.click(bind(look_at_text, studio), [persona, pasted], outputs, **calm)
    where.input(bind(turn_to, studio), [persona, readings, where], outputs, **calm)
    bring.click(bind(bring_in, studio), [persona, readings, where], outputs, trigger_mode="once", **calm).success(
        None, [persona, opened], None, js=TELL
    )
    back.click(bind(undo, studio), [persona, arrived], outputs, trigger_mode="once", **calm).success(None, persona, None, js=TELL_BACK)
