"""Searches for a better recipe: ordered, and read from their folders."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from studio.domain import progress, search, training
from studio.domain.errors import NotReady
from studio.domain.search import Trial
from studio.domain.training import Preset, Recipe
from studio.services import orders
from studio.services.jobs import Jobs
from studio.services.library import Library
from studio.services.models import Models

NOTHING_KEPT_BACK = (
    "Recipes can only be compared on conversations that are kept back, and this one keeps none. Nothing was started. "
    "Set “Kept back” to 0.1 under Choices for experts."
)


@dataclass(frozen=True)
class Search:
    """A search as its folder tells it. `base`: the recipe it began with; `kept_back`: conversations it tests on; `share`: of its time that is over.

    `note`: what it remarked last, such as that memory ran short.
    """

    folder: Path
    state: progress.State
    minutes: int
    model: str
    base: Recipe
    kept_back: int
    trials: tuple[Trial, ...]
    phase: str
    share: float
    note: str = ""


def order(library: Library, models: Models, persona_id: str, model_id: str, preset: Preset | None, base: Recipe, minutes: int) -> Path:
    """A new search's folder, ready for `jobs.start("search", ...)`; raises NotReady where nothing would be kept back to compare on.

    The one before is kept until this one has begun; those before it, which no window shows any more, go.
    """
    found = orders.material(library, models, persona_id, model_id)
    spec, text = orders.drawn_up(library, models, persona_id, model_id, preset, base)
    if not spec["dataset"]["validation"]:
        raise NotReady(NOTHING_KEPT_BACK)
    base = training.from_dict(spec["recipe"])
    around = search.space(base, replace(found, conversations=spec["dataset"]["train"]))
    begin_with = [asdict(point) for point in search.beginning(base, around)]
    spec |= {"kind": "search", "minutes": minutes, "lessons": search.MOST, "space": asdict(around), "begin_with": begin_with}
    library.forget_searches(persona_id, keep=1)
    folder = library.new_folder("searches", persona_id)
    library.write_text(folder / "dataset.jsonl", text)
    library.write_json(folder / "spec.json", spec)
    return folder


def newest(library: Library, jobs: Jobs, persona_id: str) -> Search | None:
    """The newest search for this character that was ever started; None where there is none."""
    folder = next((folder for folder in library.searches(persona_id) if jobs.state(folder) != "waiting"), None)
    return _read(library, jobs, folder) if folder else None


def _read(library: Library, jobs: Jobs, folder: Path) -> Search:
    state, spec = jobs.state(folder), library.read_json(folder / "spec.json", {})
    record = library.read_json(folder / "trials.json", {})
    trials = search.from_dict(record)
    if state != "running":  # what was being taught when it ended has broken off
        trials = tuple(replace(trial, state="broken") if trial.state == "running" else trial for trial in trials)
    said = {event["kind"]: str(event["text"]) for event in jobs.events(folder) if event["kind"] in ("phase", "note")}
    return Search(
        folder, state, spec["minutes"], spec["model"], training.from_dict(spec["recipe"]), spec["dataset"]["validation"], trials,
        said.get("phase", ""), min(1.0, record.get("spent", 0.0) / (spec["minutes"] * 60)), said.get("note", ""),
    )  # fmt: skip
