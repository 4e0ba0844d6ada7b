"""Export: the character becomes one file, is compared with what was trained, and travels to Ollama."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from studio.domain import sizes
from studio.domain.errors import NotReady, StudioError
from studio.domain.order import checked_name
from studio.domain.persona import slug
from studio.services import adapters, exports, orders
from studio.services.adapters import Adapter
from studio.services.studio import Studio
from studio.tabs import diploma, giving, pictures
from studio.tabs.product import FIRST, Bench, at_work, cards, fingerprint, needs, note, outcome, to_send
from studio.tabs.room import FILES, RARE, chosen, lesson_line
from studio.tabs.wiring import LATEST, bind, go, html, once_seen, says

OURS: sizes.FileKind = "Q8_0"
SENT = "sent"  # no fingerprint: whatever is there is news
LEDE = '<p class="lede">One file holds the whole character. It runs in Ollama, a free app, on any computer with enough memory.</p>'
HOW = """<ol class="how"><li>Get Ollama from ollama.com, start it, and press Send to Ollama here.</li>
<li>Or make the file; two lines for a terminal then stand beside it.</li></ol>"""
FOUR_BIT = "For experts: merge into the 4-bit weights of the lesson (dequantised NF4)"
WHEN = (
    "This lesson saw the model rounded to 4 bit. Merged into exactly that, the file computes what the lesson computed; better where a long lesson "
    "learned to make up for the rounding. Usually off: the original weights are the better model."
)
# The browser saves what it shows already; no file of this machine is served for it.
SAVE = """(text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "text/plain"}));
  link.download = "Modelfile";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}"""


# ---------------------------------------------------------------- handlers
def visit(studio: Studio, persona_id: str | None, lesson: str | None, file: sizes.Kind | None, name: str | None) -> Bench:
    """The whole room as the disk has it. A size that was chosen and a name that was typed stay (there are none in a tab not opened yet).

    A file that was on its way to Ollama when the page was left goes on its way.
    """
    if not persona_id:
        return Bench()
    persona = studio.library.character(persona_id).persona
    learned = [a for a in adapters.learned(studio.library, persona_id) if a.finished]
    adapter = chosen(learned, lesson)
    if adapter is None:
        words = f"Nothing to export yet. Teach {persona.name} first."
        return Bench(empty=gr.update(visible=True), empty_words=words, page=gr.update(visible=False), timer=gr.update(active=False))
    sending = to_send(studio, persona_id)
    return Bench(
        empty=gr.update(visible=False),
        page=gr.update(visible=True),
        headline=f"Take {persona.name} anywhere.",
        lesson=gr.update(choices=[(lesson_line(a), a.folder.name) for a in learned], value=adapter.folder.name, visible=len(learned) > 1),
        file=gr.update(choices=cards(studio, adapter, file), value=file or OURS),
        needs=needs(studio, adapter, file or OURS),
        four_bit=gr.update(visible=adapter.four_bit),
        name=(name or "").strip() or slug(persona.name),
        **at_work(studio, persona_id, sending),
        **outcome(studio, persona_id, persona.name),
        sending=sending,
    )


def arrive(studio: Studio, persona_id: str | None, lesson: str | None, file: sizes.Kind | None) -> Bench:
    """The room for a character just opened: its own name stands in the field."""
    return visit(studio, persona_id, lesson, file, "")


def prefer(studio: Studio, persona_id: str, lesson: str | None, rare: sizes.Kind | None) -> Bench:
    """A rare kind of file joins the others and is chosen."""
    adapter = _adapter(studio, persona_id, lesson)
    return Bench(file=gr.update(choices=cards(studio, adapter, rare), value=rare or OURS), needs=needs(studio, adapter, rare or OURS))


def weigh(studio: Studio, persona_id: str, lesson: str | None, file: sizes.Kind) -> Bench:
    """Another kind of file takes more or less room."""
    return Bench(needs=needs(studio, _adapter(studio, persona_id, lesson), file))


def make(studio: Studio, persona_id: str, lesson: str | None, file: sizes.Kind, name: str, four_bit: bool = False) -> Bench:
    """Start making the file; pressed twice it is started once."""
    _start(studio, persona_id, lesson, file, name, four_bit)
    return Bench(**at_work(studio, persona_id, ""), note=note(""), taken=gr.update(visible=False))


def send(studio: Studio, persona_id: str, lesson: str | None, file: sizes.Kind, name: str, four_bit: bool = False) -> Bench:
    """Send the file to Ollama, making it first unless it lies here already; where Ollama has somebody of that name, ask first."""
    called = checked_name(name.strip())
    if file == sizes.ADAPTER:
        raise NotReady("What was learned can't speak in Ollama by itself. Choose one of the sizes for that, or make the file only.")
    _check_running(studio)
    if called in studio.ollama.names():
        words = f"There is a “{called}” in Ollama already. Replace it with this one, or type another name above and send again."
        return Bench(taken=gr.update(visible=True), taken_words=words, note=note(""))
    return replace(studio, persona_id, lesson, file, name, four_bit)


def replace(studio: Studio, persona_id: str, lesson: str | None, file: sizes.Kind, name: str, four_bit: bool = False) -> Bench:
    """Send the file to Ollama, whoever has that name there."""
    _check_running(studio)
    started = _sent(studio, persona_id, lesson, file, name, four_bit)
    return started._replace(taken=gr.update(visible=False))


def _check_running(studio: Studio) -> None:
    status = studio.ollama.status()
    if status.state != "running":
        raise NotReady(status.sentence)


def _sent(studio: Studio, persona_id: str, lesson: str | None, file: sizes.Kind, name: str, four_bit: bool) -> Bench:
    adapter, made = _adapter(studio, persona_id, lesson), exports.newest(studio.library, persona_id)
    if made and made.answers_to(adapter.folder, file, checked_name(name.strip()), four_bit and adapter.four_bit):
        exports.want(studio.library, made.folder)
        return Bench(**at_work(studio, persona_id, str(made.folder)), note=note(""), sending=str(made.folder))
    exports.want(studio.library, _start(studio, persona_id, lesson, file, name, four_bit))
    return Bench(**at_work(studio, persona_id, ""), note=note(""))


def watch(studio: Studio, persona_id: str | None, seen: str) -> Bench:
    """What is new since the last look; nothing at all where nothing is."""
    if not persona_id or (now := fingerprint(studio, persona_id)) == seen:
        return Bench()
    newest = next(iter(studio.library.exports(persona_id)), None)
    if newest and studio.jobs.state(newest) == "running":
        return Bench(**at_work(studio, persona_id, ""))
    sending = to_send(studio, persona_id)
    name = studio.library.character(persona_id).persona.name
    return Bench(**(at_work(studio, persona_id, sending) | {"seen": now}), **outcome(studio, persona_id, name), sending=sending)


def deliver(studio: Studio, persona_id: str, sending: str) -> Iterator[Bench]:
    """Hand the finished file to Ollama, let it answer there, and say how far it is."""
    made = exports.newest(studio.library, persona_id)
    if not sending or made is None or str(made.folder) != sending:
        return
    exports.unhalt(made.folder)
    try:
        giving_it = studio.ollama.create(made.spec["name"], made.file, exports.card(made, studio.models))
        for phase, share in exports.until_halted(made.folder, giving_it):
            yield Bench(phase=phase, bar=pictures.share(share))
        exports.remember(studio.library, made)
        exports.unwant(made.folder)
        for phase, share in exports.rehearse(studio.library, studio.models, studio.ollama, made):
            yield Bench(phase=phase, bar=pictures.share(share))
    except StudioError as error:
        exports.unwant(made.folder)
        yield Bench(**at_work(studio, persona_id, ""), note=note(str(error), "warn"), sending="")
    except Exception:
        exports.unwant(made.folder)
        yield Bench(**at_work(studio, persona_id, ""), note=note(""), sending="")
        raise
    else:
        # By now another character may be open: the timer looks again, and knows who it is.
        yield Bench(sending="", seen=SENT, timer=gr.update(active=True))
    finally:
        exports.unhalt(made.folder)


def stop(studio: Studio, persona_id: str, sending: str) -> Bench:
    """Ask the export, or the way to Ollama, to end; neither what was learned nor a finished file is touched by it."""
    folder = next(iter(studio.library.exports(persona_id)), None)
    if sending:
        exports.halt(studio.library, Path(sending))
    elif folder and studio.jobs.state(folder) == "running":
        studio.jobs.stop(folder)
    return Bench(phase="Stopping", stop=gr.update(interactive=False))


# ---------------------------------------------------------------- what they are made of
def _adapter(studio: Studio, persona_id: str, lesson: str | None) -> Adapter:
    adapter = chosen([a for a in adapters.learned(studio.library, persona_id) if a.finished], lesson)
    if adapter is None:
        raise NotReady(f"Nothing to export yet. Teach {studio.library.character(persona_id).persona.name} first.")
    return adapter


def _start(studio: Studio, persona_id: str, lesson: str | None, file: sizes.Kind, name: str, four_bit: bool) -> Path:
    adapter = _adapter(studio, persona_id, lesson)
    if file in sizes.MIXED and (sentence := exports.without_engine()):
        raise NotReady(sentence)
    small = four_bit and adapter.four_bit and file != sizes.ADAPTER
    folder = orders.order_export(studio.library, studio.models, adapter.folder, file, checked_name(name.strip()), persona_id, small)
    studio.voice.rest()  # the file is made with the whole model in memory: not beside another copy of it
    try:
        studio.jobs.start("export", folder)
    except StudioError:
        if not any(folder.glob("*.part")):  # an order that was refused leaves nothing behind, but what was begun stays
            shutil.rmtree(folder)
        raise
    exports.sweep(folder)
    return folder


# ---------------------------------------------------------------- the room
def build(studio: Studio, persona: gr.Radio) -> None:
    """The Export tab."""
    parts: dict[str, Any] = {}
    with gr.Tab("Export", id="export", elem_id="export") as tab:
        with gr.Column(elem_classes="nothing", visible=False) as parts["empty"]:
            html('<div class="face" aria-hidden="true"></div>')
            parts["empty_words"] = says("", "headline")
            teach = gr.Button("Go to Train", variant="primary", size="lg", min_width=0)
            teach.click(None, js=go("train"))
        with gr.Column(min_width=0) as parts["page"]:
            with gr.Row(elem_classes="two"):
                _order(parts)
                _result(parts)
                with parts["product"]:
                    giving.build(studio, persona, parts["name"])
            _answers(parts)
        parts["timer"] = gr.Timer(1, active=False)
        parts["seen"], parts["sending"] = gr.State(""), gr.State("")
    _wire(studio, persona, tab, parts)


def _order(parts: dict[str, Any]) -> None:
    """What is wanted, the button, and the work while it goes on."""
    with gr.Column(elem_classes="main", scale=6, min_width=320):
        with gr.Column(min_width=0, elem_classes="lead"):
            parts["headline"] = says("", "headline")
            html(LEDE)
        parts["lesson"] = gr.Dropdown([], label="Which lesson?", interactive=True, visible=False)
        parts["file"] = gr.Radio(
            [(f"{word}\n{sentence} ({kind})", kind) for kind, (word, sentence) in FILES.items()],
            value=OURS, label="How big may the file be?", interactive=True, elem_classes="choices",
        )  # fmt: skip
        parts["rare"] = gr.Dropdown(
            [(f"{word} ({kind})", kind) for kind, (word, _) in RARE.items()],
            value=None, label="More kinds", info="other sizes, or what was learned alone", interactive=True, elem_classes="short",
        )  # fmt: skip
        parts["needs"] = says("", "fine")
        parts["four_bit"] = gr.Checkbox(False, label=FOUR_BIT, info=WHEN, interactive=True, visible=False)
        parts["name"] = gr.Textbox(label="Name in Ollama", info="small letters, numbers and dashes", interactive=True, elem_classes="short")
        with gr.Row(elem_classes="acts") as parts["acts"]:
            parts["send"] = gr.Button("Send to Ollama", variant="primary", size="lg", min_width=0, visible=False)
            parts["make"] = gr.Button("Make the file", variant="primary", size="lg", min_width=0)
        with gr.Column(elem_classes="work", min_width=0, visible=False) as parts["work"]:
            parts["phase"] = says("", "phase")
            parts["bar"] = html("")
            parts["stop"] = gr.Button("Stop", size="md", min_width=0, elem_classes=["icon", "i-stop"])
        with gr.Row(elem_classes="taken", visible=False) as parts["taken"]:
            parts["taken_words"] = says("", "aside", "warn")
            parts["replace"] = gr.Button("Replace it", size="md", min_width=0)
        parts["note"] = says("", "aside", visible=False)
        parts["ollama"] = says("", "fine")
        parts["how"] = html(HOW)


def _result(parts: dict[str, Any]) -> None:
    """The certificate, and where the file lies."""
    with gr.Column(elem_classes="side", scale=6, min_width=320):
        parts["cert"] = html(diploma.waiting())
        with gr.Column(elem_classes="there", min_width=0, visible=False) as parts["there"]:
            parts["there_words"] = says("")
            parts["command"] = _copied("Command")
        with gr.Column(elem_classes="product", min_width=0, visible=False) as parts["product"]:
            parts["path"] = _copied("The file")
            talk = gr.Button("Hear it in Chat", size="md", min_width=0)
            talk.click(None, js=go("chat"))
            with gr.Accordion("Ollama on another computer", open=False):
                html("<p>Take the whole folder of the file there, open it in a terminal, and type these two lines.</p>")
                parts["recipe"] = _copied("Two lines", lines=2)
                parts["modelfile"] = _copied("What Ollama is told", lines=8)
                save = gr.Button("Save the Modelfile", size="sm", min_width=0, elem_classes=["icon", "i-down", "quiet"])
                save.click(None, parts["modelfile"], None, js=SAVE)


def _wire(studio: Studio, persona: gr.Radio, tab: gr.Tab, parts: dict[str, Any]) -> None:
    """What each button does, and when the room is looked at anew."""
    lesson, file = parts["lesson"], parts["file"]
    everything, calm = [parts[name] for name in Bench._fields], {"show_progress": "hidden"}
    shown = [persona, lesson, file, parts["name"]]
    order = [*shown, parts["four_bit"]]
    gr.on([tab.select, lesson.input], bind(visit, studio), shown, everything, **calm)
    file.input(bind(weigh, studio), [persona, lesson, file], everything, **calm)
    parts["rare"].input(bind(prefer, studio), [persona, lesson, parts["rare"]], everything, **calm)
    parts["make"].click(bind(make, studio), order, everything, **calm)
    parts["send"].click(bind(send, studio), order, everything, **calm)
    parts["replace"].click(bind(replace, studio), order, everything, **calm)
    parts["timer"].tick(bind(watch, studio), [persona, parts["seen"]], everything, **calm)
    once_seen("export", persona.change).success(bind(arrive, studio), [persona, lesson, file], everything, **calm, **LATEST)
    parts["sending"].change(bind(deliver, studio), [persona, parts["sending"]], everything, concurrency_limit=None, **calm)
    parts["stop"].click(bind(stop, studio), [persona, parts["sending"]], everything, **calm)


def _copied(label: str, lines: int = 1) -> gr.Textbox:
    return gr.Textbox("", label=label, lines=lines, max_lines=12, interactive=False, buttons=["copy"], elem_classes=["mono"])


def _answers(parts: dict[str, Any]) -> None:
    """All that was asked, with the answers side by side: those that differ first."""
    with gr.Column(elem_classes="pairs", min_width=0, visible=False) as parts["answers"]:
        parts["counted"] = html("")
        parts["rows"] = gr.State([])

        @gr.render(inputs=parts["rows"], triggers=[parts["rows"].change])
        def drawn(rows: list[dict[str, str]]) -> None:
            for row in rows[:FIRST]:
                _asked(row)
            if rows[FIRST:]:
                with gr.Accordion(f"The other {len(rows) - FIRST}", open=False):
                    for row in rows[FIRST:]:
                        _asked(row)


def _asked(row: dict[str, str]) -> None:
    with gr.Column(elem_classes="pair", min_width=0):
        says(row["asked"], "ask")
        with gr.Row():
            for label, words in row["takes"].items():
                with gr.Column(min_width=240):
                    says(words, "take", label=label)
