"""Home: who there is, where the open character stands, and the next thing to do."""

import html as markup
from dataclasses import replace
from textwrap import shorten
from typing import Any

import gradio as gr

from studio.domain.errors import NotFound, StudioError
from studio.domain.persona import INKS, LONGEST_NAME, Persona
from studio.services.library import Character
from studio.services.studio import Studio
from studio.tabs import standing
from studio.tabs.standing import brief, day, path
from studio.tabs.wiring import LATEST, Pick, bind, cast, focus, go, html, on_view, says, when

QUIET: dict[str, Any] = {"show_progress": "hidden"}
LAST = "This is the only character, so it stays. Make another one first, then move this one to the bin."
WELCOME = "Write a few dozen short conversations. Your computer studies them and learns the voice. No account, no internet, and nothing you write leaves this machine."
PARTS = 15  # components that change with the open character, see `build`
PICTURE = '<div class="picture"><i></i></div>'
# Which character was open last is remembered by the browser, not by the studio: it is about this window. "new" stands for one without an id yet.
OPENED = "localStorage.getItem('studio.open') || ''"
ASK_OPENED = f"(persona) => [persona, {OPENED}]"
REMEMBER = "(persona) => { localStorage.setItem('studio.open', persona); return [persona]; }"
STARTED = "(...values) => { localStorage.setItem('studio.open', 'new'); return values; }"
OPEN_THIS = "(persona) => { localStorage.setItem('studio.open', persona); return [persona, persona]; }"
GO_THERE = "(tab) => ({" + ", ".join(f"{tab}: {go(tab)}" for tab in ("write", "prepare", "train", "chat", "export")) + "})[tab]()"
TO_NAME = focus("#home .storied textarea", "#home .storied input")
TO_ACT = focus("#home .pitch:not(.folio) button.primary", "#home .pitch:not(.folio) button")
PRESS_NEW = f"() => {{ ({go('home')})(); document.querySelector('#start').click(); }}"


# ---------------------------------------------------------------- handlers
def opening(studio: Studio, remembered: str | None) -> dict[str, Any]:
    """The cast as the page opens: the character that was open last, else the first. What the library had to mend is said, and stays until it is closed."""
    for notice in studio.library.notices():
        gr.Warning(markup.escape(notice, quote=False), title="Please read", duration=None)
    return cast(studio, remembered or "")


def reink(studio: Studio, persona_id: str | None) -> str:
    """The hidden element that prints the studio in the open character's ink, with everybody's portrait. Ids, inks and numbers only."""
    lines, ink = [], "blue"
    for character in studio.library.characters():
        mine = f'label:has(input[value="{character.id}"])'
        face = f"url(/studio/avatar/{character.id}?v={character.rev})"
        colours = character.persona.ink
        lines.append(f"{mine}{{--pic:{face};--chip:var(--{colours}-chip);--mine:var(--{colours}-ink)}}")
        lines.append(f'#cards {mine}::after{{content:"{standing.brief_state(standing.read(studio, character))}"}}')
        if character.id == persona_id:
            ink = colours
            lines.append(f".gradio-container{{--face:{face}}}")
    return f'<style>{"".join(lines)}</style><i class="ink-{ink}"></i>'


def look(studio: Studio, persona_id: str | None, opened: str | None) -> list[Any]:
    """The whole page but the panels: see `build` for the order of the outputs."""
    try:
        character = studio.library.character(persona_id or "")
    except NotFound:
        # A question that was under way while its character went to the bin; the next one is coming.
        return welcome(studio, None) if not studio.library.characters() else [gr.skip()] * PARTS
    known = opened == "new" or opened in {c.id for c in studio.library.characters()}
    stand = standing.read(studio, character, count=True)
    if not known and stand.learned is None and stand.lesson is None:
        return welcome(studio, character)
    name, first = brief(character.persona.name), stand.character.conversations == 0
    tab, action = standing.next_step(stand, name)
    return [
        gr.update(value=character.persona.description, visible=bool(character.persona.description)),
        standing.headline(stand),
        standing.lede(stand),
        gr.update(value=action, visible=True),
        gr.update(visible=tab != "write"),
        gr.update(visible=False),
        gr.update(visible="hidden"),
        tab,
        PICTURE,
        gr.update(value=character.persona.greeting, visible=bool(character.persona.greeting) and not first),
        path(stand),
        *_around(studio, character.id),
        gr.Timer(active=stand.lesson is not None),
    ]


def welcome(studio: Studio, character: Character | None) -> list[Any]:
    """The page before anything was opened."""
    trio = sorted((c for c in studio.library.characters()[:3] if c.avatar), key=lambda c: c == character)
    faces = "".join(f'<img src="/studio/avatar/{c.id}?v={c.rev}" alt="">' for c in trio)
    around = f"Look around with {brief(character.persona.name)}" if character else ""
    return [
        gr.update(value="Welcome", visible=True),
        "Write how they talk. Then meet them.",
        WELCOME,
        gr.update(visible=False),
        gr.update(visible=False),
        gr.update(value=around, visible=bool(character)),
        gr.update(visible=True),
        "write",
        f'<div class="picture trio">{faces}</div>' if len(trio) == 3 else PICTURE,
        gr.update(value="Are you the one who makes us up?", visible=True),
        path(None),
        *_around(studio, character.id if character else None),
        gr.Timer(active=False),
    ]


def _around(studio: Studio, persona_id: str | None) -> list[Any]:
    # What stands under the hero in every state: the cards and what can be done with the open character.
    characters, thrown = studio.library.characters(), len(studio.library.bin())
    cards = [(card(c.persona), c.id) for c in characters]
    return [
        gr.update(choices=cards, value=persona_id),
        gr.update(visible=persona_id is not None),
        gr.update(visible=bool(thrown), value=f"Bin ({thrown})"),
    ]


def card(persona: Persona) -> str:
    """The words on a card. Its first line is drawn as the name, so the name is kept to one line."""
    return f"{brief(persona.name, 22)}\n{shorten(persona.description, 68, placeholder='…')}"


def compose(studio: Studio) -> list[Any]:
    """Open the panel for a new character, with the next free ink."""
    taken = [c.persona.ink for c in studio.library.characters()]
    return [*_panel(True), "", "", "", min(INKS, key=taken.count), "A new character", "Make this character"]


def revise(studio: Studio, persona_id: str) -> list[Any]:
    """Open the panel with what is known of the open character."""
    persona = studio.library.character(persona_id).persona
    return [*_panel(True), persona_id, persona.name, persona.description, persona.ink, "Name and ink", "Keep these changes"]


def shut(studio: Studio) -> list[Any]:
    """Put the panel away."""
    return _panel(False)


def _panel(is_open: bool) -> list[Any]:
    return [gr.update(visible=not is_open), gr.update(visible=is_open)]


def keep(studio: Studio, edited: str, name: str, description: str, ink: str) -> list[Any]:
    """Make the character, or keep what was changed about the one that was open."""
    if edited:
        character = studio.library.character(edited)
        sheet = replace(character.persona, name=name, description=description.strip(), ink=ink).checked()
        studio.library.save_sheet(edited, sheet, character.rev)
        persona_id = edited
    else:
        persona_id = studio.library.create(Persona(name, description=description.strip(), ink=ink).checked())
    return [*_panel(False), cast(studio, persona_id), reink(studio, persona_id)]


def duplicate(studio: Studio, persona_id: str) -> list[Any]:
    """A copy of the open character with all its conversations, opened."""
    name = studio.library.character(persona_id).persona.name
    copied = studio.library.copy(persona_id, f"{name[: LONGEST_NAME - 7]} (copy)")
    return [cast(studio, copied), reink(studio, copied)]


def discard(studio: Studio, persona_id: str) -> list[Any]:
    """Move the open character to the bin and say how it comes back."""
    if len(studio.library.characters()) == 1:
        raise StudioError(LAST)
    name = studio.library.character(persona_id).persona.name
    studio.library.delete(persona_id)
    following = cast(studio, "")
    return [
        following,
        reink(studio, following["value"]),
        gr.update(visible=True),
        f"{name} moved to the bin. It stays there for 30 days.",
        persona_id,
    ]


def put_back(studio: Studio, persona_id: str | None) -> list[Any]:
    """Take a character out of the bin and open it."""
    if not persona_id:
        raise StudioError("Choose a character in the bin first. Nothing was changed.")
    studio.library.restore(persona_id)
    return [cast(studio, persona_id), reink(studio, persona_id), gr.update(visible=False), gr.update(visible=False)]


def open_bin(studio: Studio) -> list[Any]:
    """The bin's list."""
    thrown = [(f"{name}\nmoved {day(at)}", persona_id) for persona_id, name, at in studio.library.bin()]
    return [gr.update(visible=True), gr.update(choices=thrown, value=thrown[0][1] if thrown else None)]


def close_bin(studio: Studio) -> dict[str, Any]:
    """Put the bin's list away."""
    return gr.update(visible=False)


# ---------------------------------------------------------------- layout and listeners
def build(studio: Studio, persona: gr.Radio) -> None:
    """The Home tab."""
    parts: dict[str, Any] = {}
    with gr.Tab("Home", id="home", elem_id="home") as parts["tab"]:
        parts["ink"] = html(elem_id="ink")
        html("<h1>Home</h1>", elem_classes="unseen")
        with gr.Row(elem_classes="hero"):
            _pitch(parts)
            _folio(parts)
            with gr.Column(elem_classes="portrait", min_width=320):
                parts["picture"] = html(PICTURE)
                parts["quote"] = says("", "quote", label="A first word", show_label=False, container=False, visible=False)
        parts["way"] = html(path(None))
        parts["cards"] = gr.Radio([], label="Characters", show_label=False, container=False, interactive=True, elem_id="cards")
        _shelf(parts)
        # Client-side slots: they outlive a restart of the studio, which a gr.State would not.
        for slot in ("opened", "edited", "gone", "where"):
            parts[slot] = gr.Textbox(visible="hidden")
        parts["clock"] = gr.Timer(3, active=False)
    refresh = _showing(studio, persona, parts)
    _writing(studio, persona, parts, refresh)
    _keeping(studio, persona, parts)


def _pitch(parts: dict[str, Any]) -> None:
    """Where the character stands, and the next thing to do."""
    with gr.Column(elem_classes="pitch", min_width=320) as parts["pitch"]:
        parts["kick"] = says("", "kick", label="Who", show_label=False, container=False)
        parts["head"] = says("", "display", label="Where the character stands", show_label=False, container=False, lines=2)
        parts["sentence"] = says("", "lede", label="What that means", show_label=False, container=False, lines=2)
        with gr.Row(elem_classes="acts"):
            parts["act"] = gr.Button("", variant="primary", size="lg", visible=False)
            parts["start"] = gr.Button("Start a character", variant="primary", size="lg", visible="hidden", elem_id="start")
            parts["again"] = gr.Button("Keep writing", size="lg", visible=False)
            parts["around"] = gr.Button("", size="lg", visible=False)


def _folio(parts: dict[str, Any]) -> None:
    """The sheet of a new character, in the place of the pitch."""
    with gr.Column(elem_classes=["pitch", "folio"], min_width=320, visible=False) as parts["panel"]:
        parts["title"] = says("A new character", "kick", label="What this is", show_label=False, container=False)
        parts["name"] = gr.Textbox(
            label="Name", max_length=LONGEST_NAME, placeholder="Grandmother Pim", elem_classes="storied", interactive=True
        )
        parts["line"] = gr.Textbox(
            label="Who is this, in one line",
            max_length=200,
            placeholder="A retired sea captain who knits",
            elem_classes="storied",
            interactive=True,
        )
        parts["colour"] = gr.Radio(
            [(ink_name.capitalize(), ink_name) for ink_name in INKS],
            value=INKS[0],
            label="Ink",
            interactive=True,
            elem_classes="inks",
        )
        with gr.Row(elem_classes="acts"):
            parts["make"] = gr.Button("Make this character", variant="primary", size="lg")
            parts["leave"] = gr.Button("Not now", size="lg")


def _shelf(parts: dict[str, Any]) -> None:
    """What can be done with the characters that are here, and the bin."""
    with gr.Row(elem_classes="told", visible=False) as parts["told"]:
        parts["news"] = says("", label="What happened", show_label=False, container=False)
        parts["undo"] = gr.Button("Undo", size="sm", elem_classes=["icon", "i-undo", "quiet"])
    with gr.Row(elem_classes="more"):
        with gr.Row(elem_classes="more", visible=False) as parts["own"]:
            parts["change"] = gr.Button("Name and ink", size="sm", elem_classes=["icon", "i-pen", "quiet"])
            parts["copy"] = gr.Button("Copy", size="sm", elem_classes=["icon", "i-copy", "quiet"])
            parts["throw"] = gr.Button("Move to the bin", size="sm", elem_classes=["icon", "i-bin", "quiet"])
        parts["bin"] = gr.Button("Bin", size="sm", elem_classes=["icon", "i-bin", "quiet"], visible=False)
    with gr.Column(elem_classes="drawer", visible=False) as parts["drawer"]:
        parts["thrown"] = Pick([], label="In the bin", interactive=True, elem_classes="list")
        with gr.Row(elem_classes="acts"):
            parts["back"] = gr.Button("Put back", size="md")
            parts["close"] = gr.Button("Close the bin", size="md", elem_classes="quiet")


def _showing(studio: Studio, persona: gr.Radio, parts: dict[str, Any]) -> dict[str, Any]:
    """Keep the page true; returns what an event asks that draws it anew."""
    drawn = (
        "kick",
        "head",
        "sentence",
        "act",
        "again",
        "around",
        "start",
        "where",
        "picture",
        "quote",
        "way",
        "cards",
        "own",
        "bin",
        "clock",
    )
    outputs = [parts[name] for name in drawn]
    refresh: dict[str, Any] = {"fn": bind(look, studio), "inputs": [persona, parts["opened"]], "outputs": outputs, **QUIET}
    when(persona.change).then(bind(reink, studio), persona, parts["ink"], **QUIET, **LATEST)
    gr.on([persona.input, parts["cards"].input], bind(shut, studio), None, [parts["pitch"], parts["panel"]], **QUIET)
    on_view(parts["tab"], persona).success(js=ASK_OPENED, **refresh, **LATEST)
    parts["clock"].tick(js=ASK_OPENED, **refresh)
    persona.input(js=OPEN_THIS, **refresh)
    parts["cards"].input(None, parts["cards"], persona, js=REMEMBER)
    parts["around"].click(js=OPEN_THIS, **refresh)
    parts["act"].click(None, parts["where"], None, js=GO_THERE)
    parts["again"].click(None, None, None, js=go("write"))
    return refresh


def _writing(studio: Studio, persona: gr.Radio, parts: dict[str, Any], refresh: dict[str, Any]) -> None:
    """A new character, or another name and ink for one that is here."""
    panels = [parts["pitch"], parts["panel"]]
    fields = [parts[name] for name in ("edited", "name", "line", "colour", "title", "make")]
    typed = [parts[name] for name in ("edited", "name", "line", "colour")]
    parts["start"].click(bind(compose, studio), None, [*panels, *fields], **QUIET).success(None, js=TO_NAME)
    parts["change"].click(bind(revise, studio), persona, [*panels, *fields], **QUIET).success(None, js=TO_NAME)
    parts["leave"].click(bind(shut, studio), None, panels, **QUIET).success(None, js=TO_ACT)
    made = parts["make"].click(bind(keep, studio), typed, [*panels, persona, parts["ink"]], js=STARTED, **QUIET)
    made.success(js=OPEN_THIS, **refresh).success(None, js=TO_ACT)


def _keeping(studio: Studio, persona: gr.Radio, parts: dict[str, Any]) -> None:
    """Copies, the bin, and the way back out of it."""
    ink, told, drawer, thrown = parts["ink"], parts["told"], parts["drawer"], parts["thrown"]
    restored = [persona, ink, told, drawer]
    done = [
        parts["copy"].click(bind(duplicate, studio), persona, [persona, ink], js=STARTED, **QUIET),
        parts["throw"].click(bind(discard, studio), persona, [persona, ink, told, parts["news"], parts["gone"]], js=STARTED, **QUIET),
        parts["undo"].click(bind(put_back, studio), parts["gone"], restored, js=STARTED, **QUIET),
        parts["back"].click(bind(put_back, studio), thrown, restored, js=STARTED, **QUIET),
    ]
    for event in done:
        event.success(None, persona, None, js=REMEMBER)
    parts["bin"].click(bind(open_bin, studio), None, [drawer, thrown], **QUIET)
    parts["close"].click(bind(close_bin, studio), None, drawer, **QUIET)
