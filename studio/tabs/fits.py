"""What fits this computer: a word for every model, and a line for every way to learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from studio.domain import footprint, presets, progress, sizes
from studio.domain.errors import NotReady, StudioError
from studio.domain.footprint import Shape, Verdict
from studio.domain.machine import Machine, Speed
from studio.domain.presets import Material
from studio.domain.training import Preset, Recipe
from studio.services import hardware, orders
from studio.services.models import Choice
from studio.services.studio import Studio

# Plain name, expert name, what it changes in a recipe.
METHODS: tuple[tuple[str, str, Mapping[str, bool]], ...] = (
    ("Usual", "LoRA, 16 bit", {"four_bit": False, "dora": False}),
    ("Small memory", "QLoRA, 4 bit", {"four_bit": True, "dora": False}),
    ("Direction and size apart", "DoRA", {"four_bit": False, "dora": True}),
)
MARKS: dict[Verdict, str] = {"fits": "ok", "tight": "look", "does not fit": "bad"}


@dataclass(frozen=True)
class Desk:
    """What every prediction for one character is made from."""

    machine: Machine
    speed: Speed | None
    material: Material


def desk(studio: Studio, persona_id: str, model_id: str, others: Sequence[str] = ()) -> Desk | None:
    """What there is to learn and to learn with; None while there is too little. A model that is not here is counted with another's words."""
    ready = [choice.id for choice in studio.models.ready()]
    counted = model_id if model_id in ready else next(iter(reversed(ready)), None)
    if counted is None:
        return None
    try:
        material = orders.material(studio.library, studio.models, persona_id, counted, others)
        known = studio.models.choice(model_id)
    except (NotReady, StudioError):
        return None
    return Desk(*hardware.here(studio.library), replace(material, parameters=known.parameters or material.parameters))


def cards(studio: Studio, persona_id: str) -> list[tuple[str, str]]:
    """Every model there is to choose, with its id; each says whether it fits."""
    choices = studio.models.choices()
    here = desk(studio, persona_id, choices[0].id)
    return [(label(studio, choice, here), choice.id) for choice in choices]


def label(studio: Studio, choice: Choice, here: Desk | None) -> str:
    """The lines of a model's card: its title, whether it fits, and what has to be known before it is chosen."""
    shape = studio.models.shape(choice.id)
    need = ""
    if here and shape:
        plan = presets.recipe("balanced", replace(here.material, parameters=choice.parameters or shape.parameters))
        need = f" {fit_words(presets.fitted(plan, shape, here.machine, here.material.longest), shape, here)}"
    return f"{choice.title}\n{choice.sentence}{need}{f' {choice.why_not}' if choice.why_not else ''}"


def fit_words(plan: Recipe, shape: Shape, here: Desk) -> str:
    """“Fits: about 2.1 of 24 GB memory.”"""
    need = footprint.predict(shape, plan, here.machine, here.material.longest).peak
    found = footprint.verdict(need, here.machine)
    four = " in 4 bit" if plan.four_bit else ""
    return f"{found.capitalize()}{four}: about {need / 1e9:.1f} of {here.machine.free / 1e9:.1f} GB free memory."


def panel(studio: Studio, persona_id: str, model_id: str, preset: Preset, others: Sequence[str] = ()) -> str:
    """The ways to learn with the chosen model as markup, made of the studio's own words and numbers alone."""
    here, shape = desk(studio, persona_id, model_id, others), studio.models.shape(model_id)
    if here is None or shape is None:
        return ""
    rows = "".join(row(*method, here, shape, preset) for method in METHODS)
    measured = "Times are estimates from a two-second measurement." if here.speed else "Times come once this computer is measured."
    lede = f"On the {where(here.machine)}, {here.machine.free / 1e9:.1f} of {here.machine.memory / 1e9:.1f} GB memory free. {measured}"
    return f'<h2>What fits this computer</h2><p class="help">{lede}</p><ul class="fits">{rows}</ul>'


def where(machine: Machine) -> str:
    """What computes here, as far as it decides how: cores or compute capability, and whether short numbers are quick."""
    place = {"cuda": "graphics card", "mps": "Apple chip", "cpu": "processor"}[machine.kind]
    cores = f", {machine.cores} cores" if machine.kind == "cpu" else ""
    capability = f", compute capability {machine.capability}" if machine.capability else ""
    return f"{place}{cores}{capability}, {'quick' if machine.bf16 else 'not quick'} with short numbers (bf16)"


def row(plain: str, expert: str, change: Mapping[str, bool], here: Desk, shape: Shape, preset: Preset) -> str:
    """One way to learn: its badge, and memory, time of a pass and disk as predicted."""
    name = f"<div><b>{plain}</b> <small>{expert}</small></div>"
    if change["four_bit"] and here.machine.kind != "cuda":
        return f'<li>{name}<em class="bad">does not fit</em><span>Needs an NVIDIA card.</span></li>'
    plan = replace(presets.recipe(preset, here.material), **change)  # type: ignore[arg-type]
    plan = replace(presets.fitted(plan, shape, here.machine, here.material.longest), four_bit=change["four_bit"])
    need = footprint.predict(shape, plan, here.machine, here.material.longest)
    found = footprint.verdict(need.peak, here.machine)
    facts = [f"about {need.peak / 1e9:.1f} GB memory", f"{sizes.in_words(round(need.disk))} disk"]
    if here.speed:
        facts.insert(1, f"{progress.in_words(a_pass(plan, shape, here))} a pass")
    return f'<li>{name}<em class="{MARKS[found]}">{found}</em><span>{", ".join(facts)}</span></li>'


def a_pass(plan: Recipe, shape: Shape, here: Desk) -> float:
    """Estimated seconds of one pass."""
    assert here.speed
    halves = plan.dtype != "float32" and here.machine.halves(shape.parameters)
    looks = here.material.conversations * (1 - plan.validation) * min(plan.max_length, here.material.typical or here.material.longest)
    return footprint.seconds(shape, plan, here.speed, halves, looks)
