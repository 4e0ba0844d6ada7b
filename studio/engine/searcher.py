"""Tries recipes: `python -m studio.engine.searcher FOLDER` reads `spec.json` and `dataset.jsonl` there and leaves `trials.json` beside them.

Each lesson is a real one, taught by the trainer in the folder `lesson`, which is emptied after it. The study lies in `study.log`: a search that is
killed goes on where it was, and tries the lesson that broke off once more.
"""

import gc
import json
import logging
import math
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from studio.domain import ladder, progress, search, training
from studio.engine import copies, trainer
from studio.engine.material import prepare
from studio.engine.reporter import Again, Reporter, Stopped, run

STUDY = "study.log"
BY_CHANCE = 4  # lessons before the choice learns from them
COMPLETE = 2  # lessons that have to be finished before another can fall behind them
LOOKS = 2  # measurements every lesson gets before it can fall behind
SPARED = "spared"  # in the study: how many steps down were taken
NO_LENGTHS = ladder.Lengths(0, 0)  # those steps don't look at them
OUTCOMES: dict[str, search.State] = {"behind": "behind", "unstable": "unsteady", "stop": "cut"}


class Ear(Reporter):
    """The journal of one lesson, which hears what is asked of the whole search, and that its time is over."""

    def __init__(self, folder: Path, asked: Callable[[], bool]) -> None:
        super().__init__(folder)
        self.asked = asked

    @property
    def stopping(self) -> bool:
        """Whether this lesson is to end now."""
        return self.asked()

    @property
    def pausing(self) -> bool:
        """Never: a lesson of a search is ended, not kept."""
        return False


class Search:
    """One search in its folder: the study, the clock, and the record the window reads."""

    def __init__(self, folder: Path, reporter: Reporter, clock: Callable[[], float]) -> None:
        self.folder, self.reporter, self.clock = folder, reporter, clock
        self.spec: dict[str, Any] = json.loads((folder / "spec.json").read_text("utf-8"))
        self.base = training.from_dict(self.spec["recipe"])
        self.space = search.space_from(self.spec["space"])
        self.record = folder / "trials.json"
        before = json.loads(self.record.read_text("utf-8"))["spent"] if self.record.is_file() else 0.0
        self.began = clock() - before
        self.study = study(folder)
        self.begin()

    def begin(self) -> None:
        """Line up what is tried first; after an interruption, what broke off, once more."""
        if not self.study.trials:
            for point in self.spec["begin_with"]:
                self.study.enqueue_trial(point)
        for broken in self.study.get_trials(states=(TrialState.RUNNING,)):
            point = broken.params if len(broken.params) == len(search.AXES) else broken.system_attrs.get("fixed_params")
            if point and not broken.user_attrs.get("again"):
                self.study.enqueue_trial(point, user_attrs={"again": True})
            self.study.tell(broken.number, state=TrialState.FAIL)

    # ---------------------------------------------------------------- the clock
    @property
    def spent(self) -> float:
        """Seconds this search has taken so far, interruptions left out."""
        return self.clock() - self.began

    @property
    def late(self) -> bool:
        """Whether its time is over."""
        return self.spent >= self.spec["minutes"] * 60

    def over(self) -> bool:
        """Whether no further lesson is begun: enough of them, or no time in which even the shortest so far would end."""
        ended = [trial for trial in self.study.trials if trial.state.is_finished() and shown(trial)]
        took = [trial.user_attrs["seconds"] for trial in ended if trial.state == TrialState.COMPLETE]
        return len(ended) >= self.spec["lessons"] or self.late or bool(took) and self.spent + min(took) > self.spec["minutes"] * 60

    # ---------------------------------------------------------------- one lesson
    def one(self) -> None:
        """Choose a recipe, teach by it, and keep how it went; raises Again where memory ran short, so that the next has all of it.

        Short of memory, this lesson and all after it take the steps down that change nothing of what is learned; any other would make them
        incomparable, so a lesson that needs one is given up.
        """
        trial, began = self.choose(), self.clock()
        self.write()
        plan = self.plan(trial)
        outcome = self.teach(trial, plan)
        shutil.rmtree(self.folder / "lesson", ignore_errors=True)
        if self.reporter.leaving:
            return  # what was asked for comes first; this lesson has broken off
        if outcome == "memory" and (rung := ladder.spare(plan, NO_LENGTHS)):
            self.spare(trial, rung.sentence)
            raise Again
        if outcome == "memory" and not any(each.state == TrialState.COMPLETE for each in self.study.trials):
            raise MemoryError
        trial.set_user_attr("seconds", self.clock() - began)
        self.tell(trial, outcome)
        self.write()
        if outcome == "memory":
            raise Again
        free()

    def choose(self) -> optuna.Trial:
        """The next trial. The dice depend on its number alone, so an interruption changes no choice."""
        seed = self.base.seed + len(self.study.trials)
        self.study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=BY_CHANCE)
        trial = self.study.ask()
        trial.suggest_float("push", *self.space.push, log=True)
        trial.suggest_categorical("rank", self.space.ranks)
        trial.suggest_int("passes", *self.space.passes)
        return trial

    def plan(self, trial: optuna.Trial) -> ladder.Plan:
        """How the lesson of a trial is run, after the steps down that were taken so far."""
        plan = ladder.plan(search.recipe(self.base, self.space, point(trial)))
        for _ in range(self.study.user_attrs.get(SPARED, 0)):
            rung = ladder.spare(plan, NO_LENGTHS)
            plan = rung.plan if rung else plan
        return plan

    def spare(self, trial: optuna.Trial, sentence: str) -> None:
        """One step further down from now on, said in a sentence; what this trial was to try is lined up anew."""
        self.study.set_user_attr(SPARED, self.study.user_attrs.get(SPARED, 0) + 1)
        self.study.enqueue_trial(trial.params)
        trial.set_user_attr("anew", True)
        self.study.tell(trial, state=TrialState.FAIL)
        self.write()
        self.reporter.say("note", text=sentence, why="memory")

    def teach(self, trial: optuna.Trial, plan: ladder.Plan) -> search.State:
        """A lesson by this plan; returns how it ended."""
        place = self.lay_out(plan.recipe)
        ear = Ear(place, lambda: self.reporter.leaving or self.late)
        try:
            lesson = prepare(place, ear)
            lesson.hopeless = lambda scores: self.look(trial, scores)
            if not trainer.attempt(lesson, plan, time.monotonic()):
                return "memory"
        except Stopped:
            return "cut"
        finally:
            ear.close()
        story = progress.lesson(progress.read((place / "events.jsonl").read_text("utf-8")))
        if story.ended.get("why") == "behind" and story.step == story.steps:
            return "finished"
        return OUTCOMES.get(story.ended.get("why", ""), "finished")

    def lay_out(self, recipe: training.Recipe) -> Path:
        """The folder of the next lesson."""
        place = self.folder / "lesson"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        shutil.copyfile(self.folder / "dataset.jsonl", place / "dataset.jsonl")
        spec = {**self.spec, "kind": "train", "recipe": recipe.to_dict(), "samples": []}
        copies.write(place / "spec.json", json.dumps(spec, ensure_ascii=False).encode())
        return place

    def look(self, trial: optuna.Trial, scores: Mapping[int, float]) -> bool:
        """Keep what was measured; True where the lesson has fallen behind the others."""
        newest = max(scores)
        if not newest:
            return False
        trial.report(scores[newest], sum(step > 0 for step in scores))
        trial.set_user_attr("curve", sorted(scores.items()))
        self.write()
        return trial.should_prune()

    def tell(self, trial: optuna.Trial, outcome: search.State) -> None:
        """Let the study know how a lesson ended."""
        loss = lowest(trial.user_attrs.get("curve", ()))
        if outcome == "finished" and loss is None:
            outcome = "unsteady"
        trial.set_user_attr("outcome", outcome)
        if outcome == "finished":
            self.study.tell(trial, loss)
        else:
            self.study.tell(trial, state=TrialState.FAIL if outcome == "memory" else TrialState.PRUNED)

    # ---------------------------------------------------------------- the record
    def write(self) -> None:
        """Keep what the window reads."""
        trials = [row(self.base, self.space, trial) for trial in self.study.trials if shown(trial)]
        copies.write(self.record, json.dumps(search.to_dict(trials, self.spent), indent=1).encode())


def study(folder: Path) -> optuna.Study:
    """The study of a folder. A line that a power cut tore is left out, and a lock nobody holds any more is taken away: one process works here."""
    file = folder / STUDY
    if file.is_file():
        whole = file.read_bytes()
        copies.write(file, whole[: whole.rfind(b"\n") + 1])
    for left in folder.glob(f"{STUDY}.lock*"):
        left.unlink()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(file), JournalFileOpenLock(str(file))))
    pruner = optuna.pruners.MedianPruner(n_startup_trials=COMPLETE, n_warmup_steps=LOOKS)
    return optuna.create_study(storage=storage, study_name="search", load_if_exists=True, direction="minimize", pruner=pruner)


def shown(trial: FrozenTrial) -> bool:
    """Whether a trial is a row of the record: it was chosen whole, and is not one that broke off and was lined up again."""
    told = trial.user_attrs
    again = "anew" in told or trial.state == TrialState.FAIL and "outcome" not in told and not told.get("again")
    return len(trial.params) == len(search.AXES) and trial.state != TrialState.WAITING and not again


def point(trial: FrozenTrial | optuna.Trial) -> search.Try:
    """Where in the space a trial lies."""
    return search.Try(**trial.params)


def row(base: training.Recipe, space: search.Space, trial: FrozenTrial) -> search.Trial:
    """A trial as the window reads it."""
    recipe = search.recipe(base, space, point(trial))
    curve = tuple((step, loss) for step, loss in trial.user_attrs.get("curve", ()))
    state = "running" if trial.state == TrialState.RUNNING else trial.user_attrs.get("outcome", "broken")
    return search.Trial(recipe.learning_rate, recipe.rank, recipe.epochs, state, lowest(curve), curve)


def lowest(curve: Any) -> float | None:
    """The lowest loss after learning began; None where nothing was measured."""
    return min((loss for step, loss in curve if step and math.isfinite(loss)), default=None)


def free() -> None:
    """Give back what the last lesson held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def seek(folder: Path, reporter: Reporter, clock: Callable[[], float] = time.monotonic) -> None:
    """One search, from its spec to the record of its lessons; goes on where it was when it was interrupted."""
    reporter.phase("Getting ready")
    found = Search(folder, reporter, clock)
    while not found.over():
        reporter.check()
        count = sum(shown(trial) for trial in found.study.trials) + 1
        reporter.phase(f"Learning by recipe {count}")
        found.one()
    reporter.check()
    found.write()
    reporter.say("done", lessons=len(found.study.trials), why="time" if found.late else "")


def main() -> None:
    """The child process."""
    logging.basicConfig(level=logging.INFO)
    run(seek)


if __name__ == "__main__":
    main()
