"""Prepare: everything is read once, the way a copy editor would, and shown as the model will see it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from studio.domain import checks, dataset, facts, manner
from studio.domain.conversation import Conversation, to_jsonl
from studio.domain.desk import Reading
from studio.domain.persona import slug
from studio.services.models import Choice
from studio.services.studio import Studio
from studio.tabs import findings, mask, pictures, survey
from studio.tabs.findings import Desk, titled
from studio.tabs.mask import Shown, View
from studio.tabs.survey import Survey
from studio.tabs.wiring import LATEST, bind, focus, go, html, on_view, says, ticks

LEDE = '<p class="lede">Before learning starts, the studio reads everything once, the way a copy editor would.</p>'

# After something was mended or silenced, its button may be gone.
KEPT_FOCUS = focus("#prepare .found input:checked", "#prepare .acts button", "#prepare .side button", lost=True)
# The place travels as "<conversation id>:<line, or nothing>". Write's editor may be mounted only by the click on its tab: then it finds
# the place in window.studioOpen.
OPEN = """(place) => {
  if (!place) return;
  const [conversation, turn] = place.split(":");
  window.studioOpen = {conversation, turn: turn === "" ? null : Number(turn)};
  (GO)();
  const tell = () => window.studioOpen && window.dispatchEvent(new CustomEvent("studio:open", {detail: window.studioOpen}));
  requestAnimationFrame(() => requestAnimationFrame(tell));
}"""


# What somebody wants to see of the findings, asked for by the editor of Write.
WANTED = "(who, model) => [who, model, window.studioWanted ?? null]"
# The editor of Write follows what was mended or silenced here.
TELL = "() => { window.dispatchEvent(new Event('studio:checked')); }"
TO_DESK = "() => requestAnimationFrame(() => document.querySelector('#prepare-desk')?.scrollIntoView({block: 'start'}))"


class Page(NamedTuple):
    """Everything in the room that changes with what was read, in the order Gradio gets it."""

    empty: Any = gr.skip()
    page: Any = gr.skip()
    head: Any = gr.skip()
    ticks: Any = gr.skip()
    show: Any = gr.skip()
    numbers: Any = gr.skip()
    title: Any = gr.skip()
    conversation: Any = gr.skip()
    model: Any = gr.skip()
    onward: Any = gr.skip()
    gemma: Any = gr.skip()
    messages: Any = gr.skip()


# ---------------------------------------------------------------- handlers
def look(studio: Studio, persona_id: str | None, model_id: str | None, conversation_id: str | None, opened: str = "") -> Page:
    """The whole page but the findings, the marked text and the picture. `opened` as in `consult`."""
    model = studio.models.chosen(model_id)
    read = reading(studio, persona_id, model) if persona_id else None
    if persona_id is None or read is None or not read.conversations:
        return Page(empty=gr.update(visible=True), page=gr.update(visible=False))
    mend = any(f.severity == "fix" and f.places for f in read.findings)
    few = any(f.kind == "few" for f in read.findings)
    files = saved(studio, persona_id, read, model) if model else (None, None)
    return Page(
        empty=gr.update(visible=False),
        page=gr.update(visible=True),
        head=f"<h1>{checks.headline(read.findings)}</h1>{LEDE}",
        ticks=checked(read, opened == persona_id),
        show=gr.update(visible=bool(read.findings), variant="primary" if mend and not few else "secondary"),
        numbers=figures(read),
        title=f"What {read.persona.name} will learn, word for word",
        conversation=conversation_choices(read.conversations, conversation_id),
        model=model_choices(studio, model),
        onward=next_step(few, mend),
        gemma=gr.update(value=files[0], interactive=files[0] is not None),
        messages=gr.update(value=files[1], interactive=files[1] is not None),
    )


def consult(studio: Studio, persona_id: str | None, model_id: str | None, check: str | None, opened: str) -> Desk:
    """What was found, one finding at a time. `opened`: the character whose findings somebody asked to see."""
    if not persona_id:
        return findings.closed()
    model = studio.models.chosen(model_id)
    read = reading(studio, persona_id, model)
    finding = findings.found(read, check) or next(iter(read.findings), None)
    shown = findings.shown(read, finding, opened == persona_id)
    if finding and finding.kind == "long" and model:
        cut = {c.id: mask.cut(studio, read, c, model.id) for c in read.conversations if c.id == finding.places[0][0]}
        shown = shown._replace(said=gr.update(value="".join(cut.values()), label=findings.CUT, visible=True))
    return shown


def open_desk(studio: Studio, persona_id: str, model_id: str | None) -> tuple[str, str]:
    """Whose findings are asked to be seen one at a time, and the list above them without these."""
    return persona_id, checked(reading(studio, persona_id, studio.models.chosen(model_id)), is_open=True)


def open_at(studio: Studio, persona_id: str, model_id: str | None, check: str | None) -> tuple[str, str, Any]:
    """The desk for one finding that somebody asked for in Write."""
    return *open_desk(studio, persona_id, model_id), gr.update(value=check)


def marked(studio: Studio, persona_id: str | None, model_id: str | None, conversation_id: str | None, view: View) -> Shown:
    """One conversation with its learned stretches marked, in one of four views, and what would be cut off."""
    model = studio.models.chosen(model_id)
    if not persona_id or model is None:
        return Shown([], gr.update(visible=False), "")
    read = reading(studio, persona_id, model)
    conversation = next((c for c in read.conversations if c.id == conversation_id), None)
    return mask.show(studio, read, conversation, model.id, view)


def picture(studio: Studio, persona_id: str | None, model_id: str | None) -> Survey:
    """The picture of the set."""
    read = reading(studio, persona_id, studio.models.chosen(model_id)) if persona_id else None
    if not persona_id or read is None or not read.conversations:
        return Survey()
    return survey.shown(read, *studio.similar.places(persona_id, [c.id for c in read.conversations]))


def pick(studio: Studio, persona_id: str, model_id: str | None, dot: gr.SelectData) -> Any:
    """The conversation behind a dot of the map."""
    return survey.pointed(reading(studio, persona_id, studio.models.chosen(model_id)), dot.index) or gr.skip()


def mend(studio: Studio, persona_id: str, model_id: str | None, check: str | None) -> None:
    """Put right what can be put right without the writer, and say what was done."""
    gr.Success(findings.mend(studio, reading(studio, persona_id, studio.models.chosen(model_id)), check), title="Mended")


def silence(studio: Studio, persona_id: str, model_id: str | None, check: str | None, reason: str) -> str:
    """Keep with the character that this check shall be quiet; returns what then stands in the box of the reason: nothing."""
    findings.silence(studio, persona_id, reading(studio, persona_id, studio.models.chosen(model_id)), check, reason)
    return ""


def hear(studio: Studio, persona_id: str, check: str | None) -> None:
    """Let a silenced check speak again."""
    findings.hear(studio, persona_id, check)


# ---------------------------------------------------------------- what they are made of
def reading(studio: Studio, persona_id: str, model: Choice | None) -> Reading:
    """What the checks find in everything this character has."""
    return studio.reader.read(persona_id, model.id if model else None)


def checked(read: Reading, is_open: bool) -> str:
    """The list of checks. What was found stands on the desk instead while that is open: nothing is said twice."""
    shown = [row for row in rows(read) if not is_open or row[0] == "ok"]
    return ticks(shown) if shown else ""


def rows(read: Reading) -> list[tuple[str, str, str, str]]:
    """The ticks as the style sheet knows them: what has to be mended is bad."""
    held = manner.count(manner.understood(read.persona.voice)), facts.count(read.persona)
    found = checks.ticks(read.findings, len(read.conversations), read.longest, *held, silent={f.kind for f, _ in read.quiet})
    return [("bad" if mark == "fix" else mark, title, sentence, expert) for mark, title, sentence, expert in found]


def saved(studio: Studio, persona_id: str, read: Reading, model: Choice) -> tuple[str, str]:
    """Two files other programs can read: Gemma chat text and messages, under names that stay the same."""
    dialect = studio.models.dialect(model.id)
    folder = studio.library.scratch / persona_id
    folder.mkdir(exist_ok=True)
    name = slug(read.persona.name)
    learnable = dataset.teachable(read.conversations)
    marked_up, plain = folder / f"{name}-{dialect.name}.jsonl", folder / f"{name}-messages.jsonl"
    studio.library.write_text(marked_up, dataset.to_gemma_jsonl(learnable, read.persona.system, dialect))
    studio.library.write_text(plain, to_jsonl(learnable))
    return str(marked_up), str(plain)


def figures(read: Reading) -> str:
    """How much there is, in numbers."""
    turns, replies = sum(len(c.turns) for c in read.conversations), sum(len(c.replies) for c in read.conversations)
    tokens = sum(read.tokens.values())
    return pictures.strip([
        ("Conversations", f"{len(read.conversations):,}", ""),
        ("Lines", f"{turns:,}", "turns"),
        ("Answers to learn", f"{replies:,}", "replies"),
        ("Words", f"{sum(c.words for c in read.conversations):,}", f"{tokens:,} tokens" if tokens else ""),
    ])  # fmt: skip


def next_step(few: bool, mend: bool) -> dict[str, Any]:
    """Go to Train stands back while something has to be mended first."""
    return gr.update(variant="secondary" if mend or few else "primary", visible=not few)


def conversation_choices(conversations: Sequence[Conversation], conversation_id: str | None) -> dict[str, Any]:
    """All conversations to leaf through; the one looked at stays."""
    known = [c.id for c in conversations]
    return gr.update(
        choices=[(titled(c.title), c.id) for c in conversations], value=conversation_id if conversation_id in known else known[0]
    )


def model_choices(studio: Studio, model: Choice | None) -> dict[str, Any]:
    """The models that are here; with only one there is nothing to choose."""
    ready = studio.models.ready()
    return gr.update(choices=[(c.title, c.id) for c in ready], value=model.id if model else None, visible=len(ready) > 1)


# ---------------------------------------------------------------- the tab
def build(studio: Studio, persona: gr.Radio) -> None:
    """The Prepare tab."""
    with gr.Tab("Prepare", id="prepare", elem_id="prepare") as tab:
        empty, write = _empty()
        with gr.Row(elem_classes="two") as page:
            with gr.Column(elem_classes="main", scale=7, min_width=320):
                head = html(f"<h1>Reading.</h1>{LEDE}")
                list_ = html("")
                with gr.Row(elem_classes="acts"):
                    show = gr.Button("Show them to me", size="md", min_width=0, visible=False)
                desk, quieten = findings.lay_out()
                numbers = html("")
                title = says("", "h2")
                html('<p class="key"><span class="k-learn">learned</span><span class="k-read">only read</span></p>')
                with gr.Row(elem_classes="leaf"):
                    conversation = gr.Dropdown([], label="Conversation", interactive=True, scale=3, min_width=220)
                    model = gr.Dropdown([], label="Model", interactive=True, scale=2, min_width=180, visible=False)
                view, shown = mask.lay_out()
            with gr.Column(elem_classes="side", scale=4, min_width=300):
                onward = gr.Button("Go to Train", size="lg", variant="primary", elem_classes="wide")
                parts = survey.lay_out()
                gemma_file, messages_file = _files()
        opened = gr.State("")
        wanted = gr.Button("Show a finding", visible="hidden", elem_id="prepare-ask")

    room = list(Page(empty, page, head, list_, show, numbers, title, conversation, model, onward, gemma_file, messages_file))
    quiet: Any = {"show_progress": "hidden"}
    look_: Any = {"fn": bind(look, studio), "inputs": [persona, model, conversation, opened], "outputs": room, **quiet}
    consult_: Any = {
        "fn": bind(consult, studio), "inputs": [persona, model, desk.which, opened], "outputs": list(desk), **quiet,
    }  # fmt: skip
    mark: Any = {"fn": bind(marked, studio), "inputs": [persona, model, conversation, view], "outputs": list(shown), **quiet}
    draw: Any = {"fn": bind(picture, studio), "inputs": [persona, model], "outputs": list(parts), **quiet}
    seen = on_view(tab, persona, model.input).success(**look_, **LATEST).success(**consult_, **LATEST)
    seen.success(**mark, **LATEST).success(**draw, **LATEST)
    gr.on([conversation.input, view.input], **mark)
    parts.sky.select(bind(pick, studio), [persona, model], conversation, **quiet).success(**mark)
    show.click(bind(open_desk, studio), [persona, model], [opened, list_], **quiet).success(**consult_).success(None, js=TO_DESK)
    named = wanted.click(bind(open_at, studio), [persona, model, desk.which], [opened, list_, desk.which], js=WANTED, **quiet)
    named.success(**look_).success(**consult_).success(None, js=TO_DESK)
    desk.which.input(**consult_)
    desk.where.input(None, desk.where, None, js=OPEN.replace("GO", go("write")))
    asked = [persona, model, desk.which]
    for acted in (
        desk.mend.click(bind(mend, studio), asked, None, **quiet),
        gr.on([quieten.click, desk.reason.submit], bind(silence, studio), [*asked, desk.reason], desk.reason, **quiet),
        desk.hear.click(bind(hear, studio), [persona, desk.quieted], None, **quiet),
    ):
        acted.success(None, js=TELL).success(**look_).success(**consult_).success(None, js=KEPT_FOCUS).success(**mark).success(**draw)
    write.click(None, js=go("write"))
    onward.click(None, js=go("train"))


def _empty() -> tuple[gr.Column, gr.Button]:
    with gr.Column(visible=False, elem_classes="blank") as empty:
        html(
            '<i class="facepic" aria-hidden="true"></i><h1>There is nothing to check yet.</h1>'
            '<p class="lede">Come back after the first conversation.</p>'
        )
        with gr.Row(elem_classes="acts"):
            write = gr.Button("Go to Write", variant="primary", size="lg", min_width=0)
    return empty, write


def _files() -> tuple[gr.DownloadButton, gr.DownloadButton]:
    ready: Any = {"size": "sm", "interactive": False}  # once there is a file
    gemma_file = gr.DownloadButton("Save the training file", **ready, elem_classes=["icon", "i-down", "quiet"])
    html('<p class="fine c">A text file other programs can read <small>JSONL, Gemma chat format</small></p>')
    messages_file = gr.DownloadButton("Save the conversations", **ready, elem_classes=["icon", "i-down", "quiet"])
    html('<p class="fine c">The same without marks, for any other model <small>JSONL, messages</small></p>')
    return gemma_file, messages_file
