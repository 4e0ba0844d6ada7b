"""Write: example conversations and the character sheet.

The editor itself is a module of plain JavaScript (assets/editor.js) in an empty element; it speaks JSON to the routes below, and Gradio
never sees a word of it. Its answers are always 200: a refusal is an answer, with `ok` false and a sentence.
"""

import hashlib
import json
from dataclasses import replace
from typing import Annotated

import gradio as gr
from fastapi import APIRouter
from pydantic import Field

from studio.domain import conversation
from studio.domain.conversation import LONGEST_TITLE, Flag
from studio.domain.errors import NotFound
from studio.domain.persona import Persona
from studio.domain.wanted import Filters, Length, State
from studio.services.studio import Studio
from studio.settings import Settings
from studio.tabs import bible, bring, many, remarks, take
from studio.tabs.door import Answer, Door, Given, Id, Lines, One, Text, Title, poster
from studio.tabs.wiring import LATEST, go, when

COPY = " (copy)"
MOST_RULES = 500

# Runs when the tab is first opened. 'saved' tells Gradio that something was stored.
MOUNT = """
import("/studio/assets/editor.js?v=VERSION").then(module => {
  const onbring = () => document.querySelector('#bring-open').click();
  const onshow = check => { window.studioWanted = check; (GO)(); (ASK)(); };
  const editor = module.mount(element, {persona: props.value, onbring, onshow, onsaved: what => trigger('saved', what)});
  watch('value', () => editor.refresh(props.value));
}).catch(error => {
  console.error(error);
  element.textContent = "The editor could not be loaded. What was saved is safe. Start the studio again, then reload this page.";
});
"""


Rules = Annotated[list[Text], Field(max_length=MOST_RULES)]


class Copying(Given):
    """A conversation of a character, to be copied."""

    persona: Id
    id: Id


class Listing(Given):
    """A page of the list; `query` is looked for in the title and in every line, `like` is the conversation the others shall be near to."""

    persona: Id
    query: Annotated[str, Field(max_length=200)] = ""
    tag: Text = ""
    flag: State = ""
    length: Length = ""
    drafted: bool = False
    like: Annotated[str, Field(max_length=64)] = ""
    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 100


class Saving(Given):
    """A conversation as it stands in the editor, and the revision it began from."""

    id: Id
    base: Annotated[int, Field(ge=1)]
    op: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    title: Title
    turns: Lines
    shrink: bool = False


class Marking(Given):
    """The tags and the state of a conversation, and the revision they are given to."""

    id: Id
    base: Annotated[int, Field(ge=1)]
    tags: list[Text]
    flag: Flag


class Earlier(Given):
    """The revisions below `before`."""

    id: Id
    before: Annotated[int, Field(ge=1)]
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class Beginning(Given):
    """A new conversation."""

    persona: Id
    title: Title
    turns: Lines


class Sheet(Given):
    """What the editor changes of a character sheet; name and ink are changed elsewhere."""

    description: Text
    visitor: Annotated[str, Field(max_length=60)]
    voice: Rules
    facts: Rules
    audition: Rules = []
    system: Text
    greeting: Text


class SavingSheet(Given):
    """A character sheet as it stands in the editor, and the revision it began from."""

    persona: Id
    base_rev: Annotated[int, Field(ge=0)]
    sheet: Sheet


def list_conversations(studio: Studio, given: Listing) -> Answer:
    """A page of the list."""
    filters = Filters(given.tag, given.flag, given.length, given.drafted)
    page = (given.persona, given.query, given.offset, given.limit, filters)
    if not given.like:
        return studio.library.listing(*page)
    nearest = studio.similar.nearest(given.persona, given.like)
    return {**studio.library.listing(*page, nearest.ids), "compared": nearest.compared, "reading": nearest.busy}


def tags(studio: Studio, given: One) -> Answer:
    """A character's tags and how many conversations bear each."""
    return {"ok": True, "tags": [{"tag": tag, "count": count} for tag, count in studio.library.tags(given.id)]}


def load(studio: Studio, given: One) -> Answer:
    """One conversation."""
    return studio.library.load(given.id)


def save(studio: Studio, given: Saving) -> Answer:
    """Stored, or why not; with the hash of what stands on the disk, so that the editor can compare."""
    turns = [turn.model_dump() for turn in given.turns]
    answer = studio.library.save(given.id, given.base, given.op, given.title, turns, shrink=given.shrink)
    return {**answer, "sha256": _seal(studio, answer)} if answer["ok"] else answer


def _seal(studio: Studio, answer: Answer) -> str:
    # Read back, not taken from the request. Empty where another window has saved in between: there is nothing to compare then.
    stored = studio.library.load(answer["id"])
    if not stored["ok"] or stored["rev"] != answer["rev"]:
        return ""
    body = json.dumps({"title": stored["title"], "turns": stored["turns"]}, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()


def mark(studio: Studio, given: Marking) -> Answer:
    """Tags and state stored, or why not; the lines are not touched."""
    return studio.library.mark(given.id, given.base, given.tags, given.flag)


def history(studio: Studio, given: Earlier) -> Answer:
    """Earlier versions, newest first."""
    return studio.library.history(given.id, given.before, given.limit)


def new(studio: Studio, given: Beginning) -> Answer:
    """A new conversation, on top of the list."""
    turns = [conversation.turn(line.model_dump()) for line in given.turns]
    return {"ok": True, "id": studio.library.add(given.persona, given.title, turns)}


def duplicate(studio: Studio, given: Copying) -> Answer:
    """A copy of a conversation with its tags, on top of the list."""
    found = next((each for each in studio.library.conversations(given.persona) if each.id == given.id), None)
    if found is None:
        raise NotFound("This conversation is not there any more, so it was not copied. Nothing else was changed. Choose another one.")
    title = f"{found.title[: LONGEST_TITLE - len(COPY)]}{COPY}"
    return {"ok": True, "id": studio.library.add(given.persona, title, found.turns, found.tags)}


def remove(studio: Studio, given: One) -> Answer:
    """To the bin."""
    studio.library.remove(given.id)
    return {"ok": True, "id": given.id}


def recover(studio: Studio, given: One) -> Answer:
    """Back from the bin."""
    studio.library.recover(given.id)
    return {"ok": True, "id": given.id}


def character(studio: Studio, given: One) -> Answer:
    """A character sheet and its revision."""
    found = studio.library.character(given.id)
    return {"ok": True, "id": found.id, "rev": found.rev, "sheet": found.persona.to_dict(), "avatar": found.avatar is not None}


def save_sheet(studio: Studio, given: SavingSheet) -> Answer:
    """Stored, or the sheet that another window has stored meanwhile."""
    found = studio.library.character(given.persona)
    if found.rev != given.base_rev:
        return {**character(studio, One(id=given.persona)), "ok": False, "error": "conflict"}
    return {"ok": True, "rev": studio.library.save_sheet(given.persona, _changed(found.persona, given.sheet), given.base_rev)}


def _changed(persona: Persona, sheet: Sheet) -> Persona:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in sheet.model_dump(exclude_unset=True).items()}
    return replace(persona, **values)


def routes(studio: Studio) -> APIRouter:
    """The editor's endpoints, for the app to put under /studio."""
    router = APIRouter(route_class=Door)

    post = poster(router, studio)
    post("list", list_conversations, Listing)
    post("tags", tags, One)
    post("load", load, One)
    post("save", save, Saving)
    post("mark", mark, Marking)
    post("history", history, Earlier)
    post("new", new, Beginning)
    post("duplicate", duplicate, Copying)
    post("remove", remove, One)
    post("recover", recover, One)
    post("character", character, One)
    post("sheet", save_sheet, SavingSheet)
    router.include_router(many.routes(studio, Listing, list_conversations), prefix="/many")
    for path, handler, model in (*bible.ROUTES, *remarks.ROUTES):
        post(path, handler, model)
    return router


def editor_version(settings: Settings) -> str:
    """A short hash of the editor's files, so that a browser never keeps an old one."""
    files = [settings.assets / "editor.js", *sorted((settings.assets / "editor").glob("*.js"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def build(studio: Studio, persona: gr.Radio) -> None:
    """The Write tab."""
    with gr.Tab("Write", id="write", elem_id="write"):
        bring.build(studio, persona)
        take.build(studio, persona)
        script = MOUNT.replace("VERSION", editor_version(studio.settings)).replace("GO", go("prepare")).replace("ASK", remarks.ASK)
        editor = gr.HTML(persona.value, html_template="", apply_default_css=False, js_on_load=script, elem_id="write-editor")
        with gr.Row(elem_classes="acts write-end"):
            out = gr.Button("Take out", size="md", elem_classes=["icon", "i-down", "quiet"])
            onward = gr.Button("Go to Prepare", size="md", elem_classes=["quiet"])

    when(persona.change).then(lambda chosen: chosen, persona, editor, show_progress="hidden", queue=False, **LATEST)
    out.click(None, js="() => document.querySelector('#take-open').click()")
    onward.click(None, js=go("prepare"))
