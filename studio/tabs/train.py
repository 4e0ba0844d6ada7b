"""Train: choose a model and a pace, press once, and listen to the voice arrive."""

from collections.abc import Sequence
from typing import Any, get_args

import gradio as gr

from studio.domain import presets
from studio.domain.errors import Busy, NotReady, StudioError
from studio.domain.training import Preset
from studio.services import orders
from studio.services.studio import Studio
from studio.tabs import away, blending, continuing, earlier, fits, form, lesson, several, trying
from studio.tabs.wiring import LATEST, Choose, Pick, bind, go, html, on_view, once_seen, says

AWAY = "This lesson was taught on another machine, and its safe copies stayed there. What was learned is kept. Start over, or go on with it there."
QUIET: dict[str, Any] = {"show_progress": "hidden"}
SHOW_LESSON = "() => document.querySelector('#lesson').scrollIntoView({block: 'start'})"


# ---------------------------------------------------------------- handlers
def watch(studio: Studio, persona_id: str | None, model_id: str | None, question: int, fresh: str, before: dict[str, Any]) -> list[Any]:
    """What is new on the page since `before`, in the order of `lesson.PARTS`; last, what the window shows now."""
    now = lesson.page(studio, persona_id, model_id, question, fresh == persona_id)
    return [*(gr.skip() if part is None else gr.update(**part) for part in lesson.changed(now, before)), {**before, **now}]


def press(studio: Studio, ticked: Sequence[str], persona_id: str, *chosen: Any) -> str:
    """`teach`, with whoever is ticked to learn in the same lesson."""
    return teach(studio, persona_id, *chosen, others=several.chosen(studio, persona_id, ticked))


def teach(
    studio: Studio, persona_id: str, model_id: str | None, preset: Preset, edited: str, *values: Any, others: Sequence[str] = ()
) -> str:
    """Order the lesson and start it; returns that nothing new is asked for any more."""
    if studio.jobs.running():
        raise Busy("The studio is busy with other work already. What you wrote is safe. Wait until that ends, or stop it first.")
    model = model_id or form.last_model(studio, persona_id)  # a quick hand presses before the page has said which
    recipe = form.chosen(studio, persona_id, model, preset, edited, values, others)
    folder = orders.order_lesson(studio.library, studio.models, persona_id, model, preset, recipe, others)
    studio.voice.rest()
    studio.jobs.start("train", folder)
    return ""


def go_on(studio: Studio, persona_id: str) -> None:
    """Start the newest lesson again in its own folder: it goes on from its last safe copy."""
    folder = newest(studio, persona_id)
    if lesson.read_json(folder / "spec.json").get("elsewhere"):
        raise NotReady(AWAY)
    orders.rejoin(studio.library, studio.models, folder)
    studio.voice.rest()
    studio.jobs.start("train", folder)


def stop(studio: Studio, persona_id: str) -> None:
    """Ask the running lesson to end and keep what it has."""
    studio.jobs.stop(newest(studio, persona_id))


def pause(studio: Studio, persona_id: str) -> None:
    """Ask the running lesson to rest; it goes on later as if nothing had been."""
    studio.jobs.pause(newest(studio, persona_id))


def fresh(persona_id: str) -> str:
    """A new lesson is wanted for this character, although there is an earlier one."""
    return persona_id


def download(studio: Studio, model_id: str) -> None:
    """Fetch a model that is not here yet."""
    if studio.settings.offline:
        raise StudioError("The studio was started offline, so nothing was fetched. Start it online, or add a model folder you have.")
    choice = studio.models.choice(model_id)
    folder = studio.library.model_folder(model_id)
    if studio.jobs.running():
        raise Busy("The studio is busy with other work already. Nothing was fetched. Wait until that ends, or stop it first.")
    orders.check_fetch(studio.library, model_id)
    folder.mkdir(exist_ok=True)
    studio.library.write_json(folder / "spec.json", {"kind": "fetch", "model": model_id, "repo": choice.repo, "revision": "main"})
    studio.jobs.start("fetch", folder)


def halt(studio: Studio, model_id: str) -> None:
    """Stop fetching; what has arrived is kept."""
    studio.jobs.stop(studio.library.model_folder(model_id))


def add_folder(studio: Studio, persona_id: str, path: str) -> tuple[dict[str, Any], str]:
    """Put a folder on the list of models and choose it; empties the field."""
    identifier = studio.models.add_folder(path)
    return gr.update(choices=fits.cards(studio, persona_id), value=identifier), ""


# ---------------------------------------------------------------- what they are made of
def newest(studio: Studio, persona_id: str) -> Any:
    """This character's newest lesson; raises NotReady when there is none."""
    folder = lesson.newest(studio, persona_id)
    if folder is None:
        raise NotReady("There is no lesson to go on with. What you wrote is safe. Start a new one.")
    return folder


# ---------------------------------------------------------------- the tab
def build(studio: Studio, persona: gr.Radio) -> None:
    """The Train tab."""
    parts: dict[str, Any] = {}
    with gr.Tab("Train", id="train", elem_id="train") as tab:
        shown, wants_new, edited = gr.State({}), gr.State(""), gr.State("")
        parts["timer"] = gr.Timer(1, active=False)
        with gr.Column(visible=False, elem_classes="blank") as parts["empty"]:
            html('<i class="facepic" aria-hidden="true"></i>')
            parts["needs"] = says("", "h1")
            with gr.Row(elem_classes="acts"):
                parts["write"] = gr.Button("Go to Write", variant="primary", size="lg", min_width=0)
        drawer = _before(studio, persona, edited, parts)
        _debut(parts)
        with gr.Row(visible=False, elem_classes="two", elem_id="lesson") as parts["lesson"]:
            _curve(parts)
            _voice(parts)
        parts["pack"], parts["parcel"], parts["drop"], parts["home"] = away.build()
        parts["earlier"] = earlier.build(studio.settings)
        parts["kept"] = blending.build(studio, persona, tab)
    _wire(studio, persona, tab, parts, drawer, (shown, wants_new, edited))


def _before(studio: Studio, persona: gr.Radio, edited: gr.State, parts: dict[str, Any]) -> dict[str, Any]:
    """What is chosen before a lesson; returns the drawer for experts."""
    with gr.Row(visible=False, elem_classes="two") as parts["before"]:
        with gr.Column(elem_classes="main", scale=6, min_width=320):
            with gr.Column(elem_classes="headwords", min_width=0):
                parts["title"] = says("", "h1")
                parts["promise"] = html("")
            parts["pace"] = gr.Radio(
                [(presets.TITLES[p], p) for p in get_args(Preset)],
                value="balanced",
                label="How patiently?",
                interactive=True,
                elem_classes="choices",
            )
            parts["cuts"] = says("", "aside", "warn", "cuts", visible=False)
            with gr.Row(elem_classes="acts"):
                parts["teach"] = gr.Button("Teach", variant="primary", size="lg", min_width=0)
                parts["back"] = gr.Button("Back to the last lesson", size="md", visible=False, elem_classes="quiet", min_width=0)
            with gr.Column(visible=False, elem_classes="fetch") as parts["fetching"]:
                parts["fetch_words"] = says("", "lede")
                parts["fetch_bar"] = html("", visible=False)
                with gr.Row(elem_classes="acts"):
                    parts["download"] = gr.Button("Download", variant="primary", size="lg", min_width=0)
                    parts["halt"] = gr.Button("Stop fetching", size="md", visible=False, elem_classes=["icon", "i-stop"], min_width=0)
            parts["several"] = several.build()
            parts["tries"] = trying.build()
            drawer = form.build_experts(studio, persona, edited)
        with gr.Column(elem_classes="side", scale=5, min_width=300):
            parts["model"] = gr.Radio(
                [(lesson.model_label(c), c.id) for c in studio.models.choices()],
                label="Which model learns?",
                interactive=True,
                elem_classes=["choices", "models"],
            )
            parts["fitting"], parts["measure"] = form.build_fits()
            with gr.Accordion("I have a model folder", open=False, elem_classes="own"):
                parts["folder"] = gr.Textbox(
                    label="Folder on this computer", info="The whole path of a folder that holds a Gemma model.", lines=1, max_lines=1
                )
                parts["add"] = gr.Button("Add this folder", size="md", min_width=0)
    return drawer


def _debut(parts: dict[str, Any]) -> None:
    """The first words after the first lesson."""
    with gr.Row(visible=False, elem_classes=["hero", "debut"]) as parts["debut"]:
        with gr.Column(elem_classes="portrait", min_width=320):
            parts["picture"] = html("")
        with gr.Column(elem_classes="pitch", min_width=320):
            parts["kicker"] = html("")
            parts["first"] = says("", "quote", "first")
            parts["summary"] = says("", "lede")
            with gr.Row(elem_classes="acts"):
                parts["hello"] = gr.Button("Say hello back", variant="primary", size="lg", min_width=0)
                parts["see"] = gr.Button("See how learning went", size="lg", min_width=0)


def _curve(parts: dict[str, Any]) -> None:
    """How far the lesson is, its curves, and what can be done with it."""
    with gr.Column(elem_classes="main", scale=7, min_width=320):
        parts["head"] = html("")
        parts["words"] = says("", "lede")
        parts["company"] = says("", "lede", "company", visible=False)
        parts["bar"] = html("")
        with gr.Column(elem_classes="chart", min_width=0):
            with gr.Row(elem_classes="charthead"):
                parts["surprised"] = says("", "h2")
                html('<p class="key"><span class="k-kept">by conversations never seen</span><span class="k-seen">by yours</span></p>')
            parts["chart"] = html("")
        with gr.Accordion("All the curves", open=False, elem_classes="all-curves"):
            parts["curves"] = html("")
        with gr.Row(visible=False, elem_classes="acts") as parts["running"]:
            parts["pause"] = gr.Button("Pause", size="md", elem_classes=["icon", "i-pause"], min_width=0)
            parts["stop"] = gr.Button("Stop and keep what is learned", size="md", elem_classes=["icon", "i-stop"], min_width=0)
        with gr.Row(visible=False, elem_classes="acts") as parts["broken"]:
            parts["on"] = gr.Button("Go on from here", variant="primary", size="lg", min_width=0)
            parts["over"] = gr.Button("Start over", size="lg", min_width=0)
        with gr.Row(visible=False, elem_classes="acts") as parts["more"]:
            parts["again"] = gr.Button("Teach again", size="md", min_width=0)
            parts["only_new"] = gr.Button("Teach only what is new since the last lesson", size="md", min_width=0)
            parts["with_all"] = gr.Button("Go on with all", size="md", min_width=0)
            parts["source"] = Choose([], value=None, label="Go on from which lesson?", interactive=True, visible=False)
            html(f'<p class="fine">{continuing.SENTENCE}</p>')
        parts["strip"] = html("")


def _voice(parts: dict[str, Any]) -> None:
    """The answers, as they change."""
    with gr.Column(elem_classes=["side", "takes"], scale=5, min_width=300) as parts["takes"]:
        html("<h2>Listen to the voice arrive</h2>")
        parts["question"] = Pick(
            [], value=0, label="Line", show_label=False, container=False, interactive=True, elem_classes="seg", elem_id="lines"
        )
        parts["ask"] = says("", "ask")
        with gr.Row(elem_classes="beside"):
            for n in (0, 3):
                parts[f"t{n}"] = says("", "take", f"t{n}", label="Answer", visible=False)
        with gr.Accordion("On the way", open=False, visible=False, elem_classes="way") as parts["way"]:
            for n in (1, 2):
                parts[f"t{n}"] = says("", "take", f"t{n}", label="Answer", visible=False)


def _wire(
    studio: Studio, persona: gr.Radio, tab: gr.Tab, parts: dict[str, Any], drawer: dict[str, Any], states: tuple[gr.State, ...]
) -> None:
    """What happens when something is pressed."""
    shown, wants_new, edited = states
    refresh: Any = {
        "fn": bind(watch, studio), "inputs": [persona, parts["model"], parts["question"], wants_new, shown],
        "outputs": [*(parts[p] for p in lesson.PARTS), shown],
        "show_progress": "hidden", "concurrency_id": "train", "concurrency_limit": 1,
    }  # fmt: skip
    choices: Any = {
        "fn": bind(form.form, studio), "inputs": [persona, parts["model"], parts["pace"], edited, parts["several"]], "show_progress": "hidden",
        "outputs": [parts["model"], parts["pace"], parts["promise"], parts["fitting"], drawer["named"], *drawer["fields"].values()],
    }  # fmt: skip
    _wire_before(studio, persona, tab, parts, drawer, edited, choices, refresh)
    _wire_lesson(studio, persona, parts, drawer, (wants_new, edited), choices, refresh)
    parts["write"].click(None, js=go("write"))
    parts["hello"].click(None, js=go("chat"))
    parts["see"].click(None, js=SHOW_LESSON)


def _wire_before(
    studio: Studio,
    persona: gr.Radio,
    tab: gr.Tab,
    parts: dict[str, Any],
    drawer: dict[str, Any],
    edited: gr.State,
    choices: Any,
    refresh: Any,
) -> None:
    """What is chosen before a lesson: who learns, on which model, how patiently, from which folder."""
    on_view(tab, persona).success(**choices, **LATEST).success(**refresh, **LATEST)
    tab.select(bind(form.measure, studio), None, None, **QUIET).success(**choices)
    parts["measure"].click(bind(form.measure_again, studio), None, None, **QUIET).success(**choices)
    on_view(tab, persona).success(bind(several.offered, studio), persona, parts["several"], **QUIET, **LATEST)
    parts["several"].input(**choices)
    length = drawer["fields"]["max_length"]
    told = [persona, parts["model"], length, parts["several"]]
    asked = [length.change, parts["model"].input, parts["several"].input]
    on_view(tab, persona, *asked).success(bind(form.cuts, studio), told, parts["cuts"], **QUIET, **LATEST)
    gr.on([parts["model"].input, parts["pace"].input], lambda: "", None, edited, **QUIET).success(**choices).success(**refresh)
    gr.on([field.input for field in drawer["fields"].values()], fresh, persona, edited, **QUIET)
    parts["download"].click(bind(download, studio), parts["model"], None, **QUIET).success(**refresh)
    parts["halt"].click(bind(halt, studio), parts["model"], None, **QUIET).success(**refresh)
    own = [persona, parts["folder"]]
    added = gr.on([parts["add"].click, parts["folder"].submit], bind(add_folder, studio), own, [parts["model"], parts["folder"]], **QUIET)
    added.success(**choices).success(**refresh)
    trying.wire(studio, persona, tab, parts, drawer, edited)


def _wire_lesson(
    studio: Studio,
    persona: gr.Radio,
    parts: dict[str, Any],
    drawer: dict[str, Any],
    states: tuple[gr.State, gr.State],
    choices: Any,
    refresh: Any,
) -> None:
    """A lesson here, or on another machine: begun, paused, gone on with, brought home."""
    wants_new, edited = states
    asked = [persona, parts["model"], parts["pace"], edited, *drawer["fields"].values()]
    parts["teach"].click(bind(press, studio), [parts["several"], *asked], wants_new, **QUIET).success(**refresh)
    gr.on([parts["timer"].tick, parts["question"].input], **refresh)
    parts["kept"].change(**refresh)
    parts["on"].click(bind(go_on, studio), persona, None, **QUIET).success(**refresh)
    whence = [persona, parts["source"]]
    parts["only_new"].click(bind(continuing.teach_new, studio), whence, wants_new, **QUIET).success(**refresh)
    parts["with_all"].click(bind(continuing.teach_all, studio), whence, wants_new, **QUIET).success(**refresh)
    parts["pause"].click(bind(pause, studio), persona, None, **QUIET).success(**refresh)
    parts["stop"].click(bind(stop, studio), persona, None, **QUIET).success(**refresh)
    gr.on([parts["over"].click, parts["again"].click], fresh, persona, wants_new, **QUIET).success(**choices).success(**refresh)
    parts["back"].click(lambda: "", None, wants_new, **QUIET).success(**refresh)
    packed = parts["pack"].click(bind(away.pack, studio), asked, parts["parcel"], **QUIET)
    packed.success(None, parts["parcel"], None, js=away.TAKE)
    home = [parts["drop"], parts["home"], wants_new]
    parts["drop"].upload(bind(away.bring_home, studio), parts["drop"], home, show_progress_on=parts["drop"]).success(**refresh)
    # What came home tells of the character before.
    once_seen("train", persona.change).success(lambda: gr.update(visible=False), None, parts["home"], **QUIET, **LATEST)
