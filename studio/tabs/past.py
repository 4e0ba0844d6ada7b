"""The routes behind Earlier lessons: the table, two lessons side by side, names and notes, the bin, and the files to take away."""

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, PlainTextResponse, Response
from pydantic import Field

from studio.domain import progress, together
from studio.domain.errors import NotFound
from studio.services import runs
from studio.services.runs import Run
from studio.services.studio import Studio
from studio.tabs import curves, expert
from studio.tabs.door import Answer, Door, Given, Id, Text, poster

STATES: dict[str, str] = {
    "running": "learning now", "done": "finished", "stopped": "stopped", "paused": "paused", "interrupted": "broken off", "failed": "broken off",
}  # fmt: skip
NOTHING = "–"


class Whose(Given):
    """A character whose lessons are wanted."""

    persona: Id


class One(Whose):
    """One of its lessons."""

    run: Id


class Naming(One):
    """What the writer calls a lesson, and what they noted about it."""

    name: Text
    note: Text


class Pairing(Whose):
    """Two of its lessons."""

    runs: Annotated[list[Id], Field(min_length=2, max_length=2)]


def listing(studio: Studio, given: Whose) -> Answer:
    """Every lesson as a row of words, the curves over each other, and what lies in the bin."""
    found = runs.runs(studio.library, studio.jobs, given.persona)
    best, differing = runs.best(found), differences(found)
    titles = {choice.id: choice.title for choice in studio.models.choices()}
    return {
        "ok": True,
        "rows": [_row(run, differing, titles.get(run.model, run.model), run.id == best, len(found)) for run in found],
        "curves": overlaid(found),
        "fair": len({run.unseen for run in found if run.curve}) < 2,
        "bin": [{"id": id_, "name": name, "date": date(at)} for id_, name, at in runs.binned(studio.library, given.persona)],
    }


def differences(found: Sequence[Run]) -> list[str]:
    """The fields of the recipe that are not the same in all of these lessons, in the order of the form."""
    taught = [run for run in found if not run.blended]
    fields = [*expert.WORDS, *(field for run in taught for field in run.recipe if field not in expert.WORDS)]
    return [field for field in dict.fromkeys(fields) if len({repr(run.recipe.get(field)) for run in taught}) > 1]


def _row(run: Run, differing: Sequence[str], model: str, best: bool, count: int) -> Answer:
    own = [
        f"{expert.WORDS[field][0] if field in expert.WORDS else field.replace('_', ' ')} {figure(run.recipe.get(field))}"
        for field in ([] if run.blended else differing)
    ]
    whence = ["goes on from an earlier lesson"] * bool(run.continues) + ["on another machine"] * run.elsewhere
    more = [*filter(None, (together.company(run.beside), run.blended)), *whence]
    same = "Nothing" if count > 1 else NOTHING
    return {
        "id": run.id,
        "name": run.name,
        "note": run.note,
        "date": date(run.created),
        "model": model,
        "differs": ", ".join(own + more) or same,
        "steps": NOTHING if run.blended else f"{run.steps:,}",
        "loss": NOTHING if run.best_loss is None else f"{run.best_loss:.2f}",
        "time": progress.in_words(run.seconds).removeprefix("about ") if run.seconds else NOTHING,
        "state": "blended" if run.blended else STATES[run.state],
        "busy": run.state == "running",
        "best": best,
    }


def figure(value: Any) -> str:
    """A value of a recipe as people read it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else NOTHING if value is None else str(value)


def date(at: float) -> str:
    """The day and the minute, in this computer's time."""
    return time.strftime("%d %B %Y, %H:%M", time.localtime(at)).removeprefix("0")


def overlaid(found: Sequence[Run]) -> Answer:
    """The validation curves in one frame, each as the `d` of a path, with what its ends are called."""
    lines = {run.id: run.curve for run in found if len(run.curve) > 1}
    if not lines:
        return {"paths": {}, "high": "", "low": "", "steps": ""}
    low, high = curves.frame(list(lines.values()))
    most = max(step for line in lines.values() for step, _ in line)
    paths = {id_: curves.path(line, most, low, high) for id_, line in lines.items()}
    return {"paths": paths, "high": f"{high:.2f}", "low": f"{low:.2f}", "steps": f"{most:,}"}


def side_by_side(studio: Studio, given: Pairing) -> Answer:
    """What the best versions of two lessons answered to the lines both were asked."""
    found = {run.id: run for run in runs.runs(studio.library, studio.jobs, given.persona)}
    if not set(given.runs) <= set(found):
        raise NotFound(runs.GONE)
    left, right = (dict(found[id_].takes) for id_ in given.runs)
    return {"ok": True, "lines": [{"line": line, "answers": [left[line], right[line]]} for line in left if line in right]}


def describe(studio: Studio, given: Naming) -> Answer:
    """Stored."""
    runs.describe(studio.library, given.persona, given.run, given.name, given.note)
    return {"ok": True}


def delete(studio: Studio, given: One) -> Answer:
    """Moved to the bin."""
    studio.voice.rest()
    runs.delete(studio.library, studio.jobs, given.persona, given.run)
    return {"ok": True}


def restore(studio: Studio, given: One) -> Answer:
    """Brought back."""
    runs.restore(studio.library, given.persona, given.run)
    return {"ok": True}


ROUTES: tuple[tuple[str, Callable[[Studio, Any], Answer], type[Given]], ...] = (
    ("list", listing, Whose),
    ("pair", side_by_side, Pairing),
    ("describe", describe, Naming),
    ("bin", delete, One),
    ("restore", restore, One),
)


def routes(studio: Studio) -> APIRouter:
    """The endpoints, for the app to put under /studio."""
    router = APIRouter(route_class=Door, prefix="/runs")
    post = poster(router, studio)
    for path, handler, model in ROUTES:
        post(path, handler, model)

    @router.get("/{persona_id}/{run_id}/metrics.csv")
    def metrics(persona_id: str, run_id: str) -> Response:
        """Every step of a lesson as a table; columns and units stand in the README."""
        return FileResponse(
            runs.metrics(studio.library, _folder(studio, persona_id, run_id)), media_type="text/csv", filename="metrics.csv"
        )

    @router.get("/{persona_id}/{run_id}/log.txt")
    def log(persona_id: str, run_id: str) -> Response:
        """Everything a lesson has said, for experts."""
        text = runs.log(_folder(studio, persona_id, run_id))
        return PlainTextResponse(text, headers={"content-disposition": 'attachment; filename="log.txt"'})

    return router


def _folder(studio: Studio, persona_id: str, run_id: str) -> Any:
    try:
        return runs.folder(studio.library, persona_id, run_id)
    except NotFound as error:
        raise HTTPException(404) from error
