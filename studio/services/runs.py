"""All lessons of a character: what each was, what the writer noted about it, and the bin they can be taken back from."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain import blend, dataset, measures, progress, together
from studio.domain.errors import Busy, NotFound, StudioError
from studio.services.jobs import Jobs
from studio.services.library import Library

LONGEST_NOTE = 500
LONGEST_NAME = 60
GONE = "This lesson is not here any more. Nothing was changed. Look at the list again."
AT_WORK = "This lesson is in use just now. Nothing was changed. Wait until that work ends, or stop it first."


@dataclass(frozen=True)
class Run:
    """A lesson, as its folder tells it. Losses in nats per learned token; `unseen` says what the validation losses were measured on.

    `beside` names the characters that learned in the same lesson; the losses are this character's own. `blended` says what a blend was made of.
    """

    id: str
    name: str
    note: str
    created: float
    model: str
    recipe: Mapping[str, Any]
    conversations: int
    continues: str
    state: progress.State
    steps: int
    seconds: float
    best_loss: float | None
    best_step: int | None
    kept: bool
    curve: tuple[tuple[int, float], ...]
    takes: tuple[tuple[str, str], ...]  # (line, what the best version answered)
    unseen: str
    beside: tuple[str, ...] = ()
    blended: str = ""
    elsewhere: bool = False  # learned on another machine


def runs(library: Library, jobs: Jobs, persona_id: str) -> list[Run]:
    """Every lesson of this character that was ever started, newest first."""
    return [_run(library, jobs, folder, persona_id) for folder in library.adapters(persona_id) if jobs.state(folder) != "waiting"]


def _run(library: Library, jobs: Jobs, folder: Path, persona_id: str) -> Run:
    whole, about = library.read_json(folder / "spec.json", {}), library.read_json(folder / "about.json", {})
    spec, result = together.seen_by(whole, persona_id), library.read_json(folder / "result.json", {})
    events = jobs.events(folder)
    story, rows = progress.lesson(together.heard_by(events, persona_id)), measures.table(together.measured_on(events, persona_id))
    scores = dict(measures.column(rows, "validation_loss"))
    best = _kept_step(measures.column(measures.table(events), "validation_loss"))
    return Run(
        folder.name, about.get("name", ""), about.get("note", ""), spec["created"], spec["model"], spec["recipe"], spec["dataset"]["conversations"],
        spec.get("continues", ""), jobs.state(folder), story.step, result.get("seconds") or (rows[-1].seconds if rows else 0.0),
        scores.get(best) if best is not None else None, best, (folder / "adapter_model.safetensors").is_file(), tuple(scores.items()),
        _takes(story, spec), _unseen(folder, persona_id), together.beside(whole, persona_id), blend.told(spec) if spec.get("kind") == blend.KIND else "",
        bool(spec.get("elsewhere")),
    )  # fmt: skip


def _kept_step(scores: Sequence[tuple[int, float]]) -> int | None:
    """The step of the version that is kept: the lowest loss, of all characters together, after the first step."""
    later = {step: loss for step, loss in scores if step}
    return min(later, key=lambda step: (later[step], step)) if later else None


def _takes(story: progress.Lesson, spec: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The last answer of the best version, or of a newer one where nothing was measured, to each line."""
    best = story.best_epoch if story.best_step else None
    said = {line: text for epoch, line, text in story.takes if epoch and (best is None or epoch <= best)}
    return tuple((line, said[line]) for line in spec["samples"] if line in said)


def _unseen(folder: Path, persona_id: str) -> str:
    """The conversations that were kept back, as one short name: equal names, comparable losses."""
    try:
        parts = dataset.from_snapshot((folder / "dataset.jsonl").read_text("utf-8"), persona_id)
    except (OSError, ValueError, KeyError):
        return folder.name  # nothing is comparable to what can't be read
    return dataset.names(parts.validation)


def best(found: Sequence[Run]) -> str:
    """The id of the run with the lowest validation loss among those that kept something; empty where none did."""
    scored = [(run.best_loss, -run.created, run.id) for run in found if run.best_loss is not None and run.kept]
    return min(scored)[2] if scored else ""


def folder(library: Library, persona_id: str, run_id: str) -> Path:
    """The folder of one of this character's lessons; raises NotFound."""
    there = next((folder for folder in library.adapters(persona_id) if folder.name == run_id), None)
    if there is None:
        raise NotFound(GONE)
    return there


def describe(library: Library, persona_id: str, run_id: str, name: str, note: str) -> None:
    """Keep what the writer calls this lesson, and what they noted about it."""
    tidy = " ".join(name.split())
    if len(tidy) > LONGEST_NAME or len(note) > LONGEST_NOTE:
        raise StudioError(
            f"A lesson's name has up to {LONGEST_NAME} characters, a note up to {LONGEST_NOTE}. Nothing was changed. Shorten it."
        )
    library.write_json(folder(library, persona_id, run_id) / "about.json", {"name": tidy, "note": note.strip()})


def delete(library: Library, jobs: Jobs, persona_id: str, run_id: str) -> None:
    """Move a lesson to the bin; it stays there for 30 days. Raises Busy while it is learned or made into a file.

    Other characters that learned in it keep it.
    """
    there, busy = folder(library, persona_id, run_id), jobs.running()
    if busy and (busy == there or library.read_json(busy / "spec.json", {}).get("adapter") == str(there)):
        raise Busy(AT_WORK)
    library.bin_lesson(there, time.time(), persona_id)


def restore(library: Library, persona_id: str, run_id: str) -> None:
    """Bring a lesson back from the bin."""
    there = next((folder for folder in library.binned_lessons(persona_id) if folder.name == run_id), None)
    if there is None:
        raise NotFound(GONE)
    library.restore_lesson(there, persona_id)


def binned(library: Library, persona_id: str) -> list[tuple[str, str, float]]:
    """The lessons in the bin: id, name, when they were begun; newest first."""
    out = []
    for there in library.binned_lessons(persona_id):
        spec, about = library.read_json(there / "spec.json", {}), library.read_json(there / "about.json", {})
        out.append((there.name, about.get("name", ""), float(spec.get("created", 0))))
    return out


def metrics(library: Library, there: Path) -> Path:
    """metrics.csv of a lesson, written anew from its journal; returns the file."""
    file = there / "metrics.csv"
    try:
        events = progress.read((there / "events.jsonl").read_text("utf-8"))
    except FileNotFoundError:
        events = []
    library.write_text(file, measures.to_csv(measures.table(events)))
    return file


def log(there: Path) -> str:
    """Everything the lesson has said, for experts: what stands in log.txt, then its journal."""
    parts = []
    for name in ("log.txt", "events.jsonl"):
        try:
            parts.append(f"===== {name} =====\n{(there / name).read_text('utf-8', 'replace')}")
        except FileNotFoundError:
            continue
    spec = json.dumps(json.loads((there / "spec.json").read_text("utf-8"))["recipe"], indent=2)
    return f"===== recipe =====\n{spec}\n" + "\n".join(parts)
