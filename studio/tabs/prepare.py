"""Prepare: everything is read once, the way a copy editor would, and shown as the model will see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.domain import checks, dataset, gemma
from studio.domain.conversation import Conversation, to_jsonl
from studio.domain.persona import Persona, slug
from studio.domain.training import Recipe
from studio.services.models import Choice
from studio.services.studio import Studio
from studio.tabs import pictures
from studio.tabs.wiring import bind, go, html, says, ticks

MOST_PLACES = 12  # each is a tab stop of its own
LONGEST_LESSON = 4096  # tokens a preset lets one conversation have
LEDE = '<p class="lede">Before learning starts, the studio reads everything once, the way a copy editor would.</p>'
Marked = list[tuple[str, str | None]]

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


@dataclass(frozen=True)
class Reading:
    """What the studio found when it read one character's conversations."""

    persona: Persona
    conversations: tuple[Conversation, ...]
    tokens: dict[str, int]
    longest: int
    findings: tuple[checks.Finding, ...]


# ---------------------------------------------------------------- handlers
def look(studio: Studio, persona_id: str | None, model_id: str | None, conversation_id: str | None) -> list[Any]:
    """The whole page but the marked text: see `build` for the order of the outputs."""
    model = chosen(studio, model_id)
    read = reading(studio, persona_id, model) if persona_id else None
    if read is None or not read.conversations:
        return [gr.update(visible=True), gr.update(visible=False), *[gr.skip()] * 12]
    mend = any(f.severity == "fix" and f.places for f in read.findings)
    few = any(f.kind == "few" for f in read.findings)
    places = any(f.places for f in read.findings)
    parts = dataset.split(dataset.teachable(read.conversations), Recipe().validation, Recipe().seed)
    files = saved(studio, persona_id, read, model) if model else (None, None)
    return [
        gr.update(visible=False), gr.update(visible=True),
        f"<h1>{checks.headline(read.findings)}</h1>{LEDE}",
        ticks(marks(checks.ticks(read.findings, len(read.conversations), read.longest))),
        gr.update(visible=places, variant="primary" if mend and not few else "secondary"),
        gr.update(choices=[], value=None, visible=False),
        figures(read),
        f"What {read.persona.name} will learn, word for word",
        conversation_choices(read.conversations, conversation_id),
        model_choices(studio, model),
        pictures.split(len(parts.train), len(parts.validation)) + pictures.lengths([c.words for c in read.conversations]),
        next_step(few, mend),
        gr.update(value=files[0], interactive=files[0] is not None),
        gr.update(value=files[1], interactive=files[1] is not None),
    ]  # fmt: skip


def places(studio: Studio, persona_id: str, model_id: str | None) -> dict[str, Any]:
    """The first places to mend or to look at, as a list that leads to Write."""
    read = reading(studio, persona_id, chosen(studio, model_id))
    found = [(f.kind, place) for f in read.findings for place in f.places]
    rows = [
        (f"{titled(title)}\n{checks.advice(kind, turn, read.persona.name)}", f"{identifier}:{'' if turn is None else turn}")
        for kind, (identifier, title, turn) in found
    ]
    unique = list({value: (label, value) for label, value in reversed(rows)}.values())[::-1]
    label = f"The first {MOST_PLACES} of {len(unique)}. Choose one to open it." if len(unique) > MOST_PLACES else "Choose one to open it."
    return gr.update(choices=unique[:MOST_PLACES], value=None, label=label, visible=True)


def marked(studio: Studio, persona_id: str | None, model_id: str | None, conversation_id: str | None, exact: bool) -> tuple[Marked, str]:
    """One conversation with its learned stretches marked, as read by people or exactly as the model sees it, and its length."""
    model = chosen(studio, model_id)
    conversation = next((c for c in studio.library.conversations(persona_id) if c.id == conversation_id), None) if persona_id else None
    if conversation is None or model is None:
        return [], ""
    persona = studio.library.character(persona_id).persona
    rows = gemma.rows(conversation.turns, persona.system, studio.models.dialect(model.id))
    counts = [learned_tokens(row, studio.models.spans(model.id, "".join(s.text for s in row))) for row in rows]
    view = as_seen(rows) if exact else as_read(conversation, persona)
    return view, length(sum(all_ for all_, _ in counts), sum(learned for _, learned in counts), len(rows))


# ---------------------------------------------------------------- what they are made of
def ready_models(studio: Studio) -> list[Choice]:
    """The models that are on this machine."""
    return [choice for choice in studio.models.choices() if choice.path and not choice.why_not]


def chosen(studio: Studio, model_id: str | None) -> Choice | None:
    """The model asked for, or the first that is here."""
    ready = ready_models(studio)
    return next((choice for choice in ready if choice.id == model_id), ready[0] if ready else None)


def reading(studio: Studio, persona_id: str, model: Choice | None) -> Reading:
    """Read everything this character has."""
    persona = studio.library.character(persona_id).persona
    conversations = tuple(studio.library.conversations(persona_id))
    tokens, longest = {}, LONGEST_LESSON
    if model:
        dialect = studio.models.dialect(model.id)
        tokens = {
            c.id: studio.models.count(model.id, "".join(s.text for s in gemma.segments(c.turns, persona.system, dialect)))
            for c in conversations
        }
        longest = min(longest, studio.models.context(model.id))
    return Reading(persona, conversations, tokens, longest, tuple(checks.read(conversations, tokens, longest)))


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


def marks(rows: Sequence[checks.Tick]) -> list[tuple[str, str, str, str]]:
    """The rows as the style sheet knows them: what has to be mended is bad."""
    return [("bad" if mark == "fix" else mark, title, sentence, expert) for mark, title, sentence, expert in rows]


def next_step(few: bool, mend: bool) -> dict[str, Any]:
    """Go to Train stands back while something has to be mended first."""
    return gr.update(variant="secondary" if mend or few else "primary", visible=not few)


def titled(title: str) -> str:
    """A title on one line; it becomes the first line of a label."""
    return " ".join(title.split())[:80] or "Untitled"


def conversation_choices(conversations: Sequence[Conversation], conversation_id: str | None) -> dict[str, Any]:
    """All conversations to leaf through; the one looked at stays."""
    known = [c.id for c in conversations]
    return gr.update(
        choices=[(titled(c.title), c.id) for c in conversations], value=conversation_id if conversation_id in known else known[0]
    )


def model_choices(studio: Studio, model: Choice | None) -> dict[str, Any]:
    """The models that are here; with only one there is nothing to choose."""
    ready = ready_models(studio)
    return gr.update(choices=[(c.title, c.id) for c in ready], value=model.id if model else None, visible=len(ready) > 1)


def as_read(conversation: Conversation, persona: Persona) -> Marked:
    """With names, the way it was written."""
    out: Marked = []
    for turn in conversation.turns:
        said = gemma.plain(turn.text)
        out += (
            [(f"{persona.name}: ", None), (said, "learned"), ("\n", None)]
            if turn.role == "model"
            else [(f"{persona.visitor}: {said}\n", None)]
        )
    return out


def as_seen(rows: Sequence[Sequence[gemma.Segment]]) -> Marked:
    """The exact text with its marks, row by row."""
    return [(s.text, "learned" if s.learned else None) for row in rows for s in row]


def learned_tokens(row: Sequence[gemma.Segment], spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Number of all tokens of a row, and of those that begin inside a learned segment."""
    learned, start = 0, 0
    for segment in row:
        stop = start + len(segment.text)
        learned += sum(start <= first < stop for first, _ in spans) if segment.learned else 0
        start = stop
    return len(spans), learned


def length(tokens: int, learned: int, rows: int) -> str:
    """How much of a conversation is learned, in a small line."""
    parts = f", read as {rows} examples" if rows > 1 else ""
    percent = round(learned / max(1, tokens) * 100)
    return f'<p class="fine">{percent} % of this is learned{parts}. <small>{learned:,} of {tokens:,} tokens</small></p>'


# ---------------------------------------------------------------- the tab
def build(studio: Studio, persona: gr.Radio) -> None:
    """The Prepare tab."""
    with gr.Tab("Prepare", id="prepare", elem_id="prepare") as tab:
        with gr.Column(visible=False, elem_classes="blank") as empty:
            html(
                '<i class="facepic" aria-hidden="true"></i><h1>There is nothing to check yet.</h1>'
                '<p class="lede">Come back after the first conversation.</p>'
            )
            with gr.Row(elem_classes="acts"):
                write = gr.Button("Go to Write", variant="primary", size="lg", min_width=0)
        with gr.Row(elem_classes="two") as page:
            with gr.Column(elem_classes="main", scale=7, min_width=320):
                head = html(f"<h1>Reading.</h1>{LEDE}")
                list_ = html("")
                with gr.Row(elem_classes="acts"):
                    show = gr.Button("Show them to me", size="md", min_width=0, visible=False)
                where = gr.Radio([], label="Choose one to open it.", interactive=True, visible=False, elem_classes=["list", "places"])
                numbers = html("")
                title = says("", "h2")
                html('<p class="key"><span class="k-learn">learned</span><span class="k-read">only read</span></p>')
                with gr.Row(elem_classes="leaf"):
                    conversation = gr.Dropdown([], label="Conversation", interactive=True, scale=3, min_width=220)
                    model = gr.Dropdown([], label="Model", interactive=True, scale=2, min_width=180, visible=False)
                exact = gr.Checkbox(False, label="Show it exactly as the model sees it", interactive=True, elem_classes="plaincheck")
                text = gr.HighlightedText(
                    [],
                    color_map={"learned": "blue"},
                    show_label=False,
                    label="Learned words",
                    show_inline_category=False,
                    elem_classes="marked",
                )
                measure = html("")
            with gr.Column(elem_classes="side", scale=4, min_width=300):
                panels = html("", elem_classes="panels")
                onward = gr.Button("Go to Train", size="lg", variant="primary", elem_classes="wide")
                gemma_file = gr.DownloadButton("Save the training file", size="sm", elem_classes=["icon", "i-down", "quiet"])
                html('<p class="fine c">A text file other programs can read <small>JSONL, Gemma chat format</small></p>')
                messages_file = gr.DownloadButton("Save the conversations", size="sm", elem_classes=["icon", "i-down", "quiet"])
                html('<p class="fine c">The same without marks, for any other model <small>JSONL, messages</small></p>')

    shown = [empty, page, head, list_, show, where, numbers, title, conversation, model, panels, onward, gemma_file, messages_file]
    one = [persona, model, conversation, exact]
    gr.on(
        [tab.select, persona.change, model.input], bind(look, studio), [persona, model, conversation], shown, show_progress="hidden"
    ).success(bind(marked, studio), one, [text, measure], show_progress="hidden")
    gr.on([conversation.input, exact.input], bind(marked, studio), one, [text, measure], show_progress="hidden")
    show.click(bind(places, studio), [persona, model], where, show_progress="hidden")
    where.input(None, where, None, js=OPEN.replace("GO", go("write")))
    write.click(None, js=go("write"))
    onward.click(None, js=go("train"))
