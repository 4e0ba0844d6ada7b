"""The choices before a lesson: how patiently, which model, what fits, and every field of the recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from studio.domain import presets, progress
from studio.domain.catalogue import PRACTICE
from studio.domain.errors import NotReady
from studio.domain.training import Preset, Recipe
from studio.services import cookbook, hardware, orders
from studio.services.studio import Studio
from studio.tabs import expert, fits, lesson, several
from studio.tabs.wiring import bind, html

MOST_NAMED = 12  # conversations that are too long, by their titles


# ---------------------------------------------------------------- handlers
def form(
    studio: Studio, persona_id: str | None, model_id: str | None, preset: Preset, edited: str, ticked: Sequence[str] = ()
) -> list[Any]:
    """Model, paces, how long it takes, what fits, the recipes there are, and every field of the recipe unless its writer changed one."""
    if not persona_id:
        return [gr.skip()] * (5 + len(expert.WORDS))
    model = model_id or last_model(studio, persona_id)
    others = several.chosen(studio, persona_id, ticked)
    known = recipes(studio, persona_id, model, others)
    kept_by_hand = edited == persona_id or preset not in known
    return [
        gr.update(choices=fits.cards(studio, persona_id), value=model),
        gr.update(choices=paces(studio, persona_id, model, known, others)),
        lede(studio, persona_id, model, others),
        fits.panel(studio, persona_id, model, preset, others),
        gr.update(choices=named(studio, persona_id), value=None) if not kept_by_hand else gr.update(choices=named(studio, persona_id)),
        *([gr.skip()] * len(expert.WORDS) if kept_by_hand else expert.values(known[preset])),
    ]


def cuts(studio: Studio, persona_id: str | None, model_id: str | None, longest: float | None, ticked: Sequence[str] = ()) -> dict[str, Any]:
    """Which conversations the longest length would cut, by their titles; hidden where it cuts none."""
    if not persona_id or not longest:
        return gr.update(visible=False)
    model = model_id or last_model(studio, persona_id)
    if model not in [choice.id for choice in studio.models.ready()]:
        return gr.update(visible=False)  # nobody can count with a model that is not here
    longest = min(int(longest), studio.models.context(model))
    everybody = (persona_id, *several.chosen(studio, persona_id, ticked))
    found = [each for who in everybody for each in orders.too_long(studio.library, studio.models, who, model, longest)]
    return gr.update(visible=bool(found), value=cut_words(found, longest))


def cut_words(found: Sequence[tuple[str, int]], longest: int) -> str:
    """The conversations that are too long, each with its length."""
    named = [f"“{title}” ({count} tokens)" for title, count in found[:MOST_NAMED]]
    more = [f"{len(found) - MOST_NAMED} more"] if len(found) > MOST_NAMED else []
    these = "1 conversation is" if len(found) == 1 else f"{len(found)} conversations are"
    return f"{these} longer than {longest} tokens, so the end is not learned: {', '.join(named + more)}. Shorten them, or read longer ones under Choices for experts."


def measure(studio: Studio) -> None:
    """Measure this computer once; while other work runs the figures would be wrong, so then it waits for the next time."""
    if hardware.kept(studio.library) is None and not studio.jobs.running():
        hardware.measure(studio.library, studio.settings.project)


def measure_again(studio: Studio) -> None:
    """Measure this computer now."""
    hardware.measure(studio.library, studio.settings.project)


def take(studio: Studio, persona_id: str, name: str | None) -> list[Any]:
    """Fill the fields with a recipe that has a name, or that of a past lesson; from then on they are the writer's own."""
    if not name:
        return [gr.skip()] * (1 + len(expert.WORDS))
    return [persona_id, *expert.values(cookbook.recipe(studio.library, persona_id, name))]


def save(studio: Studio, persona_id: str, name: str, *values: Any) -> tuple[dict[str, Any], str]:
    """Keep the fields as a recipe of that name; empties the field of the name."""
    kept = cookbook.save(studio.library, name, expert.recipe(values))
    return gr.update(choices=named(studio, persona_id), value=kept), ""


def hand_on(studio: Studio, name: str, *values: Any) -> dict[str, Any]:
    """Make the file that holds the fields, for somebody else, and show the button that saves it."""
    return gr.update(value=str(cookbook.hand_on(studio.library, name, expert.recipe(values))), visible=True)


def open_file(studio: Studio, persona_id: str, file: str | None) -> list[Any]:
    """Keep the recipe of a file, choose it, and fill the fields."""
    if not file:
        return [gr.skip()] * (2 + len(expert.WORDS))
    name = cookbook.take_in(studio.library, Path(file))
    return [gr.update(choices=named(studio, persona_id), value=name), *take(studio, persona_id, name)]


# ---------------------------------------------------------------- what they are made of
def named(studio: Studio, persona_id: str) -> list[tuple[str, str]]:
    """Every recipe that can be started from."""
    return [(name, name) for name in cookbook.saved(studio.library)] + list(cookbook.past(studio.library, persona_id).items())


def recipes(studio: Studio, persona_id: str, model_id: str, others: Sequence[str] = ()) -> dict[Preset, Recipe]:
    """The three recipes for what there is to learn, with that of others in the same lesson; none while it can't be counted."""
    try:
        material = orders.material(studio.library, studio.models, persona_id, model_id, others)
        longest = studio.models.context(model_id)
    except NotReady:
        return {}
    return {preset: capped(orders.plan(studio.library, studio.models, model_id, preset, material), longest) for preset in get_args(Preset)}


def chosen(
    studio: Studio, persona_id: str, model_id: str, preset: Preset, edited: str, values: Sequence[Any], others: Sequence[str] = ()
) -> Recipe:
    """The recipe that is asked for, for a lesson in which `others` learn too.

    The fields count where their writer changed one. Else the pace does: it may have been chosen so lately that they still show the one before.
    """
    known = {} if edited == persona_id else recipes(studio, persona_id, model_id, others)
    return known[preset] if preset in known else expert.recipe(tuple(values))


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
        if result.get("steps") and spec["model"] == model_id and not spec.get("elsewhere"):
            return float(result["seconds"] / (result["steps"] * spec["recipe"]["batch_size"] * spec["recipe"]["accumulation"]))
    return None


def paces(
    studio: Studio, persona_id: str, model_id: str, known: dict[Preset, Recipe], others: Sequence[str] = ()
) -> list[tuple[str, Preset]]:
    """The three presets, each with what it will do and how long that takes."""
    here, pace = fits.desk(studio, persona_id, model_id, others), measured_pace(studio, model_id)
    found = []
    for preset in get_args(Preset):
        plan = known.get(preset)
        words = presets.sentence(preset, plan, here.material) if plan and here else presets.SENTENCES[preset]
        found.append((f"{presets.TITLES[preset]}{how_long(studio, model_id, plan, here, pace)}\n{words}", preset))
    return found


def how_long(studio: Studio, model_id: str, plan: Recipe | None, here: fits.Desk | None, pace: float | None) -> str:
    """The time of a preset: as measured in an earlier lesson, else as estimated, else nothing."""
    found = seconds(studio, model_id, plan, here, pace)
    return f", {progress.in_words(found)}{'' if pace else ' (estimate)'}" if found else ""


def seconds(studio: Studio, model_id: str, plan: Recipe | None, here: fits.Desk | None, pace: float | None) -> float | None:
    """The seconds a lesson takes: by the pace of an earlier one, else by the measurement of this computer, else unknown."""
    shape = studio.models.shape(model_id)
    if plan and here and pace:
        return pace * plan.epochs * here.material.conversations * (1 - plan.validation)
    if plan and here and here.speed and shape:
        return presets.estimate(plan, here.material, shape, here.machine, here.speed)
    return None


def lede(studio: Studio, persona_id: str, model_id: str, others: Sequence[str] = ()) -> str:
    """Where the times come from, and what has to be said of few conversations."""
    here, pace = fits.desk(studio, persona_id, model_id, others), measured_pace(studio, model_id)
    words = f'<p class="lede">{time_words(pace is not None, bool(here and here.speed))}</p>'
    careful = presets.caution(here.material.conversations) if here else ""
    return words + (f'<p class="read look">{careful}</p>' if careful else "")


def time_words(measured: bool, estimated: bool) -> str:
    """Where the times on the cards come from."""
    if measured:
        return "The times come from earlier lessons on this computer. Nothing you wrote leaves it."
    if estimated:
        return "The times are estimates from a short measurement of this computer. Nothing you wrote leaves it."
    return "How long it takes on this computer shows once learning has begun. Nothing you wrote leaves it."


# ---------------------------------------------------------------- the parts
def build_experts(studio: Studio, persona: gr.Radio, edited: gr.State) -> dict[str, Any]:
    """The drawer of the experts: recipes to start from, every field, and the doors in and out. Returns its parts: `named`, and `fields` by name."""
    quiet: Any = {"show_progress": "hidden"}
    with gr.Accordion("Choices for experts", open=False, elem_classes="experts"):
        chosen = gr.Dropdown(
            [],
            value=None,
            label="Start from a recipe",
            info="One with a name, or that of an earlier lesson. It fills the fields below.",
            interactive=True,
        )
        with gr.Row(elem_classes="fields"):
            fields = expert.build()
        with gr.Row(elem_classes="acts keep"):
            name = gr.Textbox(label="Name of this recipe", lines=1, max_lines=1, min_width=200)
            keep = gr.Button("Save this recipe", size="md", min_width=0)
            out = gr.Button("Make a file of it", size="md", min_width=0)
            file = gr.DownloadButton("Save the file", size="md", min_width=0, visible=False)
            into = gr.UploadButton("Open a recipe file", size="md", file_types=[".json"], min_width=0)
    every = list(fields.values())
    chosen.input(bind(take, studio), [persona, chosen], [edited, *every], **quiet)
    keep.click(bind(save, studio), [persona, name, *every], [chosen, name], **quiet)
    out.click(bind(hand_on, studio), [name, *every], file, **quiet)
    gr.on(
        [name.input, *(field.input for field in every)], lambda: gr.update(visible=False), None, file, **quiet
    )  # it would hold what was before
    into.upload(bind(open_file, studio), [persona, into], [chosen, edited, *every], **quiet)
    return {"named": chosen, "fields": fields}


def build_fits() -> tuple[gr.HTML, gr.Button]:
    """The panel of what fits, and the button that measures again."""
    with gr.Column(elem_classes="fitting", min_width=0):
        panel = html("")
        again = gr.Button("Measure this computer again", size="sm", min_width=0, elem_classes="quiet")
    return panel, again
