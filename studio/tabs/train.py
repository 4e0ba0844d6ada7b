"""Train: choose a model and a pace, press once, and listen to the voice arrive."""

from dataclasses import fields
from typing import Any, get_args

import gradio as gr

from studio.domain import presets, progress
from studio.domain.catalogue import PRACTICE
from studio.domain.errors import Busy, NotReady, StudioError
from studio.domain.training import Preset, Recipe
from studio.services import orders
from studio.services.studio import Studio
from studio.tabs import continuing, earlier, lesson
from studio.tabs.wiring import Pick, bind, go, html, says

# Field of a recipe -> plain word, expert word, one sentence with the usual value.
WORDS: dict[str, tuple[str, str, str]] = {
    "epochs": ("Passes", "epochs", "How often everything is read. Usually 2 to 8."),
    "batch_size": ("Read at once", "batch size", "Conversations looked at together. Usually 4; 1 needs the least memory."),
    "accumulation": ("Looks before a step", "gradient accumulation", "Gathers several looks into one step. Usually 1."),
    "learning_rate": ("Step size", "learning rate", "How far each step goes. Usually 0.0002; about 0.00001 for the practice model."),
    "warmup_steps": ("Gentle first steps", "warm-up steps", "Steps that start small. Usually a tenth of all."),
    "rank": ("Depth", "rank", "How much of the model may change. 8 is light, 16 medium, 32 deep."),
    "alpha": ("Strength", "alpha", "How strongly the change counts. Usually the same as depth."),
    "dropout": ("Forgetting on purpose", "dropout", "Leaves out a share while learning. Usually 0."),
    "rslora": ("Even strength at any depth", "rank-stabilised LoRA", "Keeps the strength steady when depth grows. Usually on."),
    "dora": ("Direction and size apart", "DoRA", "Slower, now and then better. Usually off."),
    "four_bit": ("Small memory", "4-bit base, QLoRA", "Fits a large model on a small graphics card. Usually off."),
    "max_length": ("Longest conversation", "maximum length in tokens", "What is longer is cut off. Usually just above your longest."),
    "evaluations_per_epoch": (
        "Honest tests per pass",
        "evaluations per epoch",
        "How often the kept-back conversations are tried. Usually 1 or 2.",
    ),
    "patience": ("Patience", "early stopping", "Tests without a better version before the lesson ends. Usually 3."),
    "validation": ("Kept back", "validation share", "The share kept back, to test honestly. Usually 0.1."),
    "seed": ("Dice", "seed", "The same number gives the same lesson. Any number."),
}
SHOW_LESSON = "() => document.querySelector('#lesson').scrollIntoView({block: 'start'})"


# ---------------------------------------------------------------- handlers
def watch(studio: Studio, persona_id: str | None, model_id: str | None, question: int, fresh: str, before: dict[str, Any]) -> list[Any]:
    """What is new on the page since `before`, in the order of `lesson.PARTS`; last, what the window shows now."""
    now = lesson.page(studio, persona_id, model_id, question, fresh == persona_id)
    return [*(gr.skip() if part is None else gr.update(**part) for part in lesson.changed(now, before)), {**before, **now}]


def form(studio: Studio, persona_id: str | None, model_id: str | None, preset: Preset, edited: str) -> list[Any]:
    """The choices before a lesson: model, paces, how long it takes, and every field of the recipe unless its writer changed one."""
    if not persona_id:
        return [gr.skip()] * (3 + len(WORDS))
    model = model_id or last_model(studio, persona_id)
    known = recipes(studio, persona_id, model)
    pace = measured_pace(studio, model)
    cards = [(card(p, known.get(p), pace, studio, persona_id), p) for p in get_args(Preset)]
    values = [gr.skip()] * len(WORDS) if edited == persona_id or preset not in known else [getattr(known[preset], name) for name in WORDS]
    return [
        gr.update(choices=model_cards(studio), value=model),
        gr.update(choices=cards),
        f'<p class="lede">{time_words(pace is not None)}</p>',
        *values,
    ]


def teach(studio: Studio, persona_id: str, model_id: str, preset: Preset, *values: Any) -> str:
    """Order the lesson and start it; returns that nothing new is asked for any more."""
    if studio.jobs.running():
        raise Busy("The studio is busy with other work already. What you wrote is safe. Wait until that ends, or stop it first.")
    folder = orders.order_lesson(studio.library, studio.models, persona_id, model_id, preset, recipe(values))
    studio.voice.rest()
    studio.jobs.start("train", folder)
    return ""


def go_on(studio: Studio, persona_id: str) -> None:
    """Start the newest lesson again in its own folder: it goes on from its last safe copy."""
    folder = newest(studio, persona_id)
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
    folder.mkdir(exist_ok=True)
    studio.library.write_json(folder / "spec.json", {"kind": "fetch", "model": model_id, "repo": choice.repo, "revision": "main"})
    studio.jobs.start("fetch", folder)


def halt(studio: Studio, model_id: str) -> None:
    """Stop fetching; what has arrived is kept."""
    studio.jobs.stop(studio.library.model_folder(model_id))


def add_folder(studio: Studio, path: str) -> tuple[dict[str, Any], str]:
    """Put a folder on the list of models and choose it; empties the field."""
    identifier = studio.models.add_folder(path)
    return gr.update(choices=model_cards(studio), value=identifier), ""


# ---------------------------------------------------------------- what they are made of
def newest(studio: Studio, persona_id: str) -> Any:
    """This character's newest lesson; raises NotReady when there is none."""
    folder = lesson.newest(studio, persona_id)
    if folder is None:
        raise NotReady("There is no lesson to go on with. What you wrote is safe. Start a new one.")
    return folder


def model_cards(studio: Studio) -> list[tuple[str, str]]:
    """Every model there is to choose, with its id."""
    return [(lesson.model_label(choice), choice.id) for choice in studio.models.choices()]


def recipe(values: tuple[Any, ...]) -> Recipe:
    """The recipe in the form; raises StudioError for an empty field."""
    given = dict(zip(WORDS, values, strict=True))
    empty = next((name for name, value in given.items() if value is None), None)
    if empty:
        raise StudioError(f"“{WORDS[empty][0]}” is empty. Nothing was started. Fill it in under Choices for experts.")
    kinds = {field.name: type(field.default) for field in fields(Recipe)}
    return Recipe(**{name: kinds[name](value) for name, value in given.items()}).checked()


def recipes(studio: Studio, persona_id: str, model_id: str) -> dict[Preset, Recipe]:
    """The three recipes for what there is to learn; none while it can't be counted."""
    try:
        material = orders.material(studio.library, studio.models, persona_id, model_id)
        longest = studio.models.context(model_id)
    except NotReady:
        return {}
    return {preset: capped(presets.recipe(preset, material), longest) for preset in get_args(Preset)}


def capped(plan: Recipe, longest: int) -> Recipe:
    """A recipe that asks for no more than the model can read."""
    return Recipe(**{**plan.to_dict(), "max_length": min(plan.max_length, longest)})


def last_model(studio: Studio, persona_id: str) -> str:
    """The model of this character's newest lesson, else the first that is here."""
    folder = lesson.newest(studio, persona_id)
    here = [c.id for c in studio.models.choices() if c.path and not c.why_not]
    used = lesson.read_json(folder / "spec.json").get("model") if folder else None
    return used if used in here else here[0] if here else PRACTICE


def measured_pace(studio: Studio, model_id: str) -> float | None:
    """Seconds one conversation takes in one pass with this model, as an earlier lesson on this machine measured it."""
    folders = [folder for who in studio.library.characters() for folder in studio.library.adapters(who.id)]
    for folder in folders:
        spec, result = lesson.read_json(folder / "spec.json"), lesson.read_json(folder / "result.json")
        if result.get("steps") and spec["model"] == model_id:
            return float(result["seconds"] / (result["steps"] * spec["recipe"]["batch_size"] * spec["recipe"]["accumulation"]))
    return None


def card(preset: Preset, plan: Recipe | None, pace: float | None, studio: Studio, persona_id: str) -> str:
    """The two lines of a pace; a time only where it was measured here."""
    took = ""
    if plan and pace:
        looks = plan.epochs * len(orders.teachable(studio.library, persona_id)) * (1 - plan.validation)
        took = f", {progress.in_words(looks * pace)}"
    return f"{presets.TITLES[preset]}{took}\n{presets.SENTENCES[preset]}{f' {plan.epochs} passes.' if plan else ''}"


def time_words(measured: bool) -> str:
    """Where the times on the cards come from."""
    if measured:
        return "The times come from earlier lessons on this computer. Nothing you wrote leaves it."
    return "How long it takes on this computer shows once learning has begun. Nothing you wrote leaves it."


# ---------------------------------------------------------------- the tab
def build(studio: Studio, persona: gr.Radio) -> None:
    """The Train tab."""
    parts: dict[str, Any] = {}
    recipe_form: dict[str, Any] = {}
    with gr.Tab("Train", id="train", elem_id="train") as tab:
        shown, wants_new, edited = gr.State({}), gr.State(""), gr.State("")
        parts["timer"] = gr.Timer(1, active=False)
        with gr.Column(visible=False, elem_classes="blank") as parts["empty"]:
            html('<i class="facepic" aria-hidden="true"></i>')
            parts["needs"] = says("", "h1")
            with gr.Row(elem_classes="acts"):
                write = gr.Button("Go to Write", variant="primary", size="lg", min_width=0)
        with gr.Row(visible=False, elem_classes="two") as parts["before"]:
            with gr.Column(elem_classes="main", scale=6, min_width=320):
                with gr.Column(elem_classes="headwords", min_width=0):
                    parts["title"] = says("", "h1")
                    promise = html("")
                preset = gr.Radio(
                    [(presets.TITLES[p], p) for p in get_args(Preset)],
                    value="balanced",
                    label="How patiently?",
                    interactive=True,
                    elem_classes="choices",
                )
                with gr.Row(elem_classes="acts"):
                    parts["teach"] = gr.Button("Teach", variant="primary", size="lg", min_width=0)
                    parts["back"] = gr.Button("Back to the last lesson", size="md", visible=False, elem_classes="quiet", min_width=0)
                with gr.Column(visible=False, elem_classes="fetch") as parts["fetching"]:
                    parts["fetch_words"] = says("", "lede")
                    parts["fetch_bar"] = html("", visible=False)
                    with gr.Row(elem_classes="acts"):
                        parts["download"] = gr.Button("Download", variant="primary", size="lg", min_width=0)
                        parts["halt"] = gr.Button("Stop fetching", size="md", visible=False, elem_classes=["icon", "i-stop"], min_width=0)
                with gr.Accordion("Choices for experts", open=False, elem_classes="experts"), gr.Row(elem_classes="fields"):
                    for field in fields(Recipe):
                        recipe_form[field.name] = entry(field.name, field.default)
            with gr.Column(elem_classes="side", scale=5, min_width=300):
                parts["model"] = gr.Radio(
                    model_cards(studio), label="Which model learns?", interactive=True, elem_classes=["choices", "models"]
                )
                with gr.Accordion("I have a model folder", open=False, elem_classes="own"):
                    folder = gr.Textbox(
                        label="Folder on this computer", info="The whole path of a folder that holds a Gemma model.", lines=1, max_lines=1
                    )
                    add = gr.Button("Add this folder", size="md", min_width=0)
        with gr.Row(visible=False, elem_classes=["hero", "debut"]) as parts["debut"]:
            with gr.Column(elem_classes="portrait", min_width=320):
                parts["picture"] = html("")
            with gr.Column(elem_classes="pitch", min_width=320):
                parts["kicker"] = html("")
                parts["first"] = says("", "quote", "first")
                parts["summary"] = says("", "lede")
                with gr.Row(elem_classes="acts"):
                    hello = gr.Button("Say hello back", variant="primary", size="lg", min_width=0)
                    see = gr.Button("See how learning went", size="lg", min_width=0)
        with gr.Row(visible=False, elem_classes="two", elem_id="lesson") as parts["lesson"]:
            with gr.Column(elem_classes="main", scale=7, min_width=320):
                parts["head"] = html("")
                parts["words"] = says("", "lede")
                parts["bar"] = html("")
                with gr.Column(elem_classes="chart", min_width=0):
                    with gr.Row(elem_classes="charthead"):
                        parts["surprised"] = says("", "h2")
                        html(
                            '<p class="key"><span class="k-kept">by conversations never seen</span><span class="k-seen">by yours</span></p>'
                        )
                    parts["chart"] = html("")
                with gr.Accordion("All the curves", open=False, elem_classes="all-curves"):
                    parts["curves"] = html("")
                with gr.Row(visible=False, elem_classes="acts") as parts["running"]:
                    parts["pause"] = gr.Button("Pause", size="md", elem_classes=["icon", "i-pause"], min_width=0)
                    parts["stop"] = gr.Button("Stop and keep what is learned", size="md", elem_classes=["icon", "i-stop"], min_width=0)
                with gr.Row(visible=False, elem_classes="acts") as parts["broken"]:
                    parts["on"] = gr.Button("Go on from here", variant="primary", size="lg", min_width=0)
                    over = gr.Button("Start over", size="lg", min_width=0)
                with gr.Row(visible=False, elem_classes="acts") as parts["more"]:
                    parts["again"] = gr.Button("Teach again", size="md", min_width=0)
                    only_new = gr.Button("Teach only what is new since the last lesson", size="md", min_width=0)
                    with_all = gr.Button("Go on with all", size="md", min_width=0)
                    html(f'<p class="fine">{continuing.SENTENCE}</p>')
                parts["strip"] = html("")
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
        parts["earlier"] = earlier.build(studio.settings)

    refresh: Any = {
        "fn": bind(watch, studio), "inputs": [persona, parts["model"], parts["question"], wants_new, shown],
        "outputs": [*(parts[p] for p in lesson.PARTS), shown],
        "show_progress": "hidden", "concurrency_id": "train", "concurrency_limit": 1,
    }  # fmt: skip
    choices: Any = {
        "fn": bind(form, studio), "inputs": [persona, parts["model"], preset, edited], "show_progress": "hidden",
        "outputs": [parts["model"], preset, promise, *recipe_form.values()],
    }  # fmt: skip
    quiet: Any = {"show_progress": "hidden"}
    gr.on([tab.select, persona.change], **choices).success(**refresh)
    gr.on([parts["model"].input, preset.input], lambda: "", None, edited, **quiet).success(**choices).success(**refresh)
    gr.on([field.input for field in recipe_form.values()], fresh, persona, edited, **quiet)
    gr.on([parts["timer"].tick, parts["question"].input], **refresh)
    parts["teach"].click(bind(teach, studio), [persona, parts["model"], preset, *recipe_form.values()], wants_new, **quiet).success(
        **refresh
    )
    parts["on"].click(bind(go_on, studio), persona, None, **quiet).success(**refresh)
    only_new.click(bind(continuing.teach_new, studio), persona, wants_new, **quiet).success(**refresh)
    with_all.click(bind(continuing.teach_all, studio), persona, wants_new, **quiet).success(**refresh)
    parts["pause"].click(bind(pause, studio), persona, None, **quiet).success(**refresh)
    parts["stop"].click(bind(stop, studio), persona, None, **quiet).success(**refresh)
    gr.on([over.click, parts["again"].click], fresh, persona, wants_new, **quiet).success(**choices).success(**refresh)
    parts["back"].click(lambda: "", None, wants_new, **quiet).success(**refresh)
    parts["download"].click(bind(download, studio), parts["model"], None, **quiet).success(**refresh)
    parts["halt"].click(bind(halt, studio), parts["model"], None, **quiet).success(**refresh)
    gr.on([add.click, folder.submit], bind(add_folder, studio), folder, [parts["model"], folder], **quiet).success(**choices).success(
        **refresh
    )
    write.click(None, js=go("write"))
    hello.click(None, js=go("chat"))
    see.click(None, js=SHOW_LESSON)


def entry(name: str, default: Any) -> Any:
    """The component for one field of a recipe."""
    plain, expert, sentence = WORDS[name]
    label, info = plain, f"{sentence} ({expert})"
    if isinstance(default, bool):
        return gr.Checkbox(default, label=label, info=info, interactive=True)
    if isinstance(default, int):
        return gr.Number(default, label=label, info=info, precision=0, interactive=True, min_width=200)
    return gr.Number(default, label=label, info=info, interactive=True, min_width=200)
