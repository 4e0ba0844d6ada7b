"""Blending voices: choose some, say how strong each shall be, listen, and keep what pleases."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple, get_args

import gradio as gr

from studio.domain import blend
from studio.domain.blend import Blend, Method
from studio.domain.conversation import Turn
from studio.domain.errors import NotReady, StudioError
from studio.services import blends
from studio.services.blends import Ingredient
from studio.services.studio import Studio
from studio.tabs.room import lesson_line, note
from studio.tabs.wiring import LATEST, Choose, Pick, bind, html, once_seen, says

FEW = 3  # lines, where the writer has named none
LONGEST = 60  # tokens of an answer, as in a lesson
EVEN = 0.5
Heard = dict[tuple[str, str], str]  # (voice, line) -> answer; a voice is a lesson, or `_blend` of a character
SENTENCE = "Mixes what several lessons have learned into one new voice of this character. The lessons stay as they are."
SLOTS = blend.MOST


class Desk(NamedTuple):
    """Everything in the fold that changes, in the order Gradio gets it. In a handler's answer, what is left out stays as it is."""

    fold: Any = gr.skip()
    voices: Any = gr.skip()
    listen: Any = gr.skip()
    stop: Any = gr.skip()
    keep: Any = gr.skip()
    note: Any = gr.skip()
    stage: Any = gr.skip()
    line: Any = gr.skip()
    ask: Any = gr.skip()
    blended: Any = gr.skip()
    parent_1: Any = gr.skip()
    parent_2: Any = gr.skip()
    parent_3: Any = gr.skip()
    parent_4: Any = gr.skip()
    weight_1: Any = gr.skip()
    weight_2: Any = gr.skip()
    weight_3: Any = gr.skip()
    weight_4: Any = gr.skip()
    heard: Any = gr.skip()
    kept: Any = gr.skip()


class Listener:
    """Whom this page listens to blends of; nobody once another character is opened. One a page."""

    persona = ""


# ---------------------------------------------------------------- handlers
def visit(studio: Studio, persona_id: str | None, voices: Sequence[str] | None) -> Desk:
    """What there is to blend; the fold is there from two voices on."""
    if not persona_id:
        return Desk(fold=gr.update(visible=False))
    choices = [(_label(each), each.adapter.folder.name) for each in blends.ingredients(studio.library, persona_id)]
    there = {value for _, value in choices}
    stay = [name for name in voices or () if name in there]
    return Desk(
        fold=gr.update(visible=len(choices) > 1), voices=gr.update(choices=choices, value=stay), **_sliders(studio, persona_id, stay)
    )


def arrive(studio: Studio, listener: Listener, persona_id: str | None) -> Desk:
    """The fold of a character just opened: nothing is chosen, and nobody is listened to any more."""
    if listener.persona:
        listener.persona = ""
        studio.voice.stop()
    empty = {"stage": gr.update(visible=False), "keep": gr.update(interactive=False), "note": note(""), "heard": {}}
    idle = {"listen": gr.update(visible=True), "stop": gr.update(visible=False)}
    return visit(studio, persona_id, [])._replace(**empty, **idle)


def choose(studio: Studio, persona_id: str, voices: Sequence[str]) -> Desk:
    """A slider for each chosen voice; what was heard of another choice goes."""
    return Desk(
        **_sliders(studio, persona_id, voices[:SLOTS]),
        voices=gr.update(value=list(voices[:SLOTS])),
        stage=gr.update(visible=False),
        keep=gr.update(interactive=False),
        note=note(""),
    )


def changed(studio: Studio) -> Desk:
    """Another strength or way: what was heard is not what would be kept."""
    return Desk(keep=gr.update(interactive=False))


def listen(
    studio: Studio,
    listener: Listener,
    persona_id: str,
    voices: Sequence[str],
    method: Method,
    line: int | None,
    heard: Heard,
    *weights: float,
) -> Iterator[Desk]:
    """Make the blend and let it answer the character's lines, then each voice alone; what a voice has said is not asked again.

    It ends without another word when the page goes to another character.
    """
    listener.persona = persona_id
    try:
        for desk in _heard(studio, persona_id, voices, method, line, heard, weights):
            if listener.persona != persona_id:
                return
            yield desk
    finally:
        listener.persona = ""


def _heard(
    studio: Studio, persona_id: str, voices: Sequence[str], method: Method, line: int | None, heard: Heard, weights: Sequence[float]
) -> Iterator[Desk]:
    wanted = _wanted(voices, method, weights)
    chosen = blends.parents(studio.library, persona_id, wanted)
    busy = {"listen": gr.update(visible=False), "stop": gr.update(visible=True), "keep": gr.update(interactive=False)}
    said = {key: text for key, text in heard.items() if key[0] != _blend(persona_id)}
    idle = {"listen": gr.update(visible=True), "stop": gr.update(visible=False)}
    try:
        yield Desk(**busy, note=note("Blending."))
        for share in blends.mix(studio.library, studio.voice, persona_id, wanted):
            yield Desk(note=note(f"Blending, {share:.0%} done."))
        if not blends.made(studio.library, wanted):
            yield Desk(**idle, note=note("Stopped. Nothing was blended."))
            return
        asked = blends.lines(studio.library, persona_id, chosen, FEW)
        for now in _answers(studio, persona_id, chosen, asked, said):
            said = now
            yield Desk(**_shown(persona_id, chosen, asked, line, said), note=note("Answering."), heard=said)
        done = all((_blend(persona_id), each) in said for each in asked)
        yield Desk(**idle, keep=gr.update(interactive=done), note=note(_fits(studio, method) if done else "Stopped."), heard=said)
    except StudioError as error:
        yield Desk(**idle, note=note(str(error), "warn"))
    except Exception:  # whatever it is, the button has to come back before it is told
        yield Desk(**idle, note=note(""))
        raise


def show(studio: Studio, persona_id: str, voices: Sequence[str], line: int | None, heard: Heard) -> Desk:
    """The answers to another line."""
    there = {each.adapter.folder.name: each for each in blends.ingredients(studio.library, persona_id)}
    chosen = [there[name] for name in voices if name in there]
    return Desk(**_shown(persona_id, chosen, [each for voice, each in heard if voice == _blend(persona_id)], line, heard))


def keep(studio: Studio, persona_id: str, voices: Sequence[str], method: Method, heard: Heard, *weights: float) -> Desk:
    """Make the blend a lesson of this character: Chat, Export and Earlier lessons have it from now on."""
    said = {line: text for (voice, line), text in heard.items() if voice == _blend(persona_id)}
    if not said:
        raise NotReady(blends.LISTEN)
    folder = blends.keep(studio.library, studio.models, persona_id, _wanted(voices, method, weights), said)
    return Desk(
        keep=gr.update(interactive=False),
        note=note("Kept. It stands under Earlier lessons, and can be chosen in Chat and Export.", "good"),
        kept=folder.name,
    )


def hush(studio: Studio) -> None:
    """Stop blending or answering."""
    studio.voice.stop()


# ---------------------------------------------------------------- what they are made of
def _wanted(voices: Sequence[str], method: Method, weights: Sequence[float]) -> Blend:
    return Blend(tuple(voices), tuple(weights[: len(voices)]), method).checked()


def _label(each: Ingredient) -> str:
    return f"{each.name}, {lesson_line(each.adapter)}"


def _sliders(studio: Studio, persona_id: str, voices: Sequence[str]) -> dict[str, Any]:
    there = {each.adapter.folder.name: _label(each) for each in blends.ingredients(studio.library, persona_id)}
    labels = [there.get(name, "") for name in voices]
    return {
        f"weight_{n + 1}": gr.update(visible=n < len(labels), label=labels[n] if n < len(labels) else f"Voice {n + 1}")
        for n in range(SLOTS)
    }


def _answers(studio: Studio, persona_id: str, chosen: Sequence[Ingredient], asked: Sequence[str], heard: Heard) -> Iterator[Heard]:
    """What is heard so far, after each answer; ends early when somebody presses Stop."""
    own = studio.library.character(persona_id).persona.system
    voices = [(_blend(persona_id), blends.place(studio.library), own)] + [(_name(e), e.adapter.folder, e.adapter.system) for e in chosen]
    model = studio.models.path(chosen[0].adapter.model)
    for line in asked:
        for name, folder, system in voices:
            if (name, line) in heard:
                continue
            with closing(studio.voice.speak(model, folder, (Turn("", "user", line),), system, 0.0, LONGEST)) as growing:
                said = "".join(list(growing)[-1:])
            if studio.voice.stopped():
                return
            heard = {**heard, (name, line): said}
            yield heard


def _name(each: Ingredient) -> str:
    # A lesson that goes on keeps its name and speaks another way.
    return f"{each.adapter.folder.name}:{each.adapter.at}"


def _blend(persona_id: str) -> str:
    return f"blend:{persona_id}"


def _shown(persona_id: str, chosen: Sequence[Ingredient], asked: Sequence[str], line: int | None, heard: Heard) -> dict[str, Any]:
    place = min(line or 0, len(asked) - 1) if asked else 0
    question = asked[place] if asked else ""
    said = {f"parent_{n + 1}": _bubble(_label(each), heard.get((_name(each), question))) for n, each in enumerate(chosen[:SLOTS])}
    gone = {f"parent_{n + 1}": gr.update(visible=False) for n in range(len(chosen), SLOTS)}
    return {
        "stage": gr.update(visible=True),
        "line": gr.update(choices=[(f"Line {n}", n - 1) for n in range(1, len(asked) + 1)], value=place, visible=len(asked) > 1),
        "ask": question,
        "blended": _bubble("The blend", heard.get((_blend(persona_id), question))),
        **said,
        **gone,
    }


def _bubble(label: str, text: str | None) -> dict[str, Any]:
    return gr.update(visible=text is not None, value=text or "(nothing)", label=label)


def _fits(studio: Studio, method: Method) -> str:
    """How much of a blend its depth holds, where that is not all of it."""
    if method == "linear":
        return "This is the blend, exactly as the sliders say."
    return f"{blends.kept_share(studio.library):.0%} of this blend fits into its depth; the rest was let go."


# ---------------------------------------------------------------- the fold
def build(studio: Studio, persona: gr.Radio, tab: gr.Tab) -> gr.State:
    """The fold; returns a state that changes whenever a blend was kept."""
    kept, heard, listener = gr.State(""), gr.State({}), gr.State(Listener())
    with gr.Accordion("Blend two voices", open=False, visible=False, elem_classes=["own", "blending"], elem_id="blending") as fold:
        html(f'<p class="fine">{SENTENCE}</p>')
        voices = Choose(
            [],
            value=[],
            multiselect=True,
            max_choices=SLOTS,
            label="Voices",
            info="Two to four, learned on the same model.",
            interactive=True,
        )
        weights = [
            gr.Slider(0, blend.STRONGEST, EVEN, step=0.05, label=f"Voice {n + 1}", visible=False, interactive=True, buttons=[])
            for n in range(SLOTS)
        ]
        method = gr.Radio(
            [(f"{blend.TITLES[m]}\n{blend.SENTENCES[m]}", m) for m in get_args(Method)],
            value="linear",
            label="How are they blended?",
            interactive=True,
            elem_classes="choices",
        )
        with gr.Row(elem_classes="acts"):
            listen_ = gr.Button("Listen", size="lg", min_width=0)
            stop = gr.Button("Stop", size="lg", min_width=0, visible=False, elem_classes=["icon", "i-stop"])
            keep_ = gr.Button("Keep", size="lg", min_width=0, interactive=False, elem_classes=["icon", "i-keep"])
        told = says("", "aside", visible=False)
        with gr.Column(visible=False, elem_classes="takes", min_width=0) as stage:
            line = Pick([], value=0, label="Line", show_label=False, container=False, interactive=True, elem_classes="seg")
            ask = says("", "ask")
            blended = says("", "take", "t3", label="The blend", visible=False)
            with gr.Row(elem_classes="beside"):
                alone = [says("", "take", "t2", label="A voice", visible=False) for _ in range(SLOTS)]
    desk = Desk(fold, voices, listen_, stop, keep_, told, stage, line, ask, blended, *alone, *weights, heard, kept)
    every, calm = list(desk), {"show_progress": "hidden"}
    tab.select(bind(visit, studio), [persona, voices], every, **calm)
    voices.input(bind(choose, studio), [persona, voices], every, **calm)
    gr.on([method.input, *(weight.release for weight in weights)], bind(changed, studio), None, every, **calm)
    chosen = [persona, voices, method, line, heard, *weights]
    listen_.click(bind(listen, studio), [listener, *chosen], every, concurrency_limit=None, trigger_mode="once", **calm)
    once_seen("train", persona.change).success(bind(arrive, studio), [listener, persona], every, **calm, **LATEST)
    stop.click(bind(hush, studio), None, None, **calm)
    line.input(bind(show, studio), [persona, voices, line, heard], every, **calm)
    keep_.click(bind(keep, studio), [persona, voices, method, heard, *weights], every, **calm).success(
        bind(visit, studio), [persona, voices], every, **calm
    )
    return kept
