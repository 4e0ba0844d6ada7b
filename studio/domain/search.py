"""A search for a better recipe: what may differ between its lessons, how each went, and which is best."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from studio.domain import presets
from studio.domain.machine import SMALL
from studio.domain.presets import DRIFT, Material
from studio.domain.training import Recipe

MINUTES = (10, 30, 60)
MOST = 40  # lessons of one search; beyond them nothing new is learned about three numbers
MARGIN = 0.01  # nats; a smaller gain on unseen replies is chance
FEW = 5  # kept-back conversations below which even a larger gain may be chance

State = Literal["running", "finished", "behind", "unsteady", "cut", "memory", "broken"]


@dataclass(frozen=True)
class Space:
    """What may differ: the step size by a factor, the depths to choose from, and the passes, fewest and most.

    `shared`: more passes take smaller steps, so that a model of some million parameters is never led further than DRIFT allows.
    """

    push: tuple[float, float]
    ranks: tuple[int, ...]
    passes: tuple[int, int]
    shared: bool = False


@dataclass(frozen=True)
class Try:
    """One point of a space."""

    push: float
    rank: int
    passes: int


AXES = tuple(axis.name for axis in fields(Try))


@dataclass(frozen=True)
class Trial:
    """One lesson of a search. `loss`: the lowest on unseen conversations, in nats per learned token; `curve`: all of them, by step."""

    rate: float
    rank: int
    passes: int
    state: State
    loss: float | None
    curve: tuple[tuple[int, float], ...]


def space(base: Recipe, material: Material) -> Space:
    """Where to look around a recipe for this material."""
    low, high = 0.25, 4.0
    small = material.parameters < SMALL
    if small:
        high = max(1.0, min(high, DRIFT["patient"] / (base.learning_rate * presets.total_steps(material, base))))
    ranks = {max(1, base.rank // 2), base.rank, min(512, base.rank * 2)}
    passes = (base.epochs, base.epochs) if base.steps else (max(1, base.epochs // 2), min(200, base.epochs * 2))
    return Space((low, high), tuple(sorted(ranks)), passes, small)


def beginning(base: Recipe, around: Space) -> list[Try]:
    """What is tried first: the recipe itself, then longer and shorter steps."""
    pushes = (1.0, min(2.0, around.push[1]), max(0.5, around.push[0]))
    return [Try(push, base.rank, base.epochs) for push in dict.fromkeys(pushes)]


def recipe(base: Recipe, around: Space, tried: Try) -> Recipe:
    """The recipe at a point of the space; what is not searched stays as it is, and depth changes no strength."""
    shares = base.epochs / tried.passes if around.shared else 1.0
    return varied(base, base.learning_rate * tried.push * shares, tried.rank, tried.passes)


def varied(base: Recipe, rate: float, rank: int, passes: int) -> Recipe:
    """A recipe with another step size, depth and number of passes; what hangs on these goes along."""
    strength = min(1024, max(1, round(base.alpha * rank / base.rank)))
    warm = base.warmup_steps if base.steps else round(base.warmup_steps * passes / base.epochs)
    near = rate if rate == base.learning_rate else float(f"{rate:.3g}")  # three figures are enough for a person to type
    return replace(base, learning_rate=near, rank=rank, alpha=strength, epochs=passes, warmup_steps=warm)


def is_base(trial: Trial, base: Recipe) -> bool:
    """Whether a lesson was taught by the recipe the search began with."""
    return (trial.rate, trial.rank, trial.passes) == (base.learning_rate, base.rank, base.epochs)


def best(trials: Sequence[Trial]) -> Trial | None:
    """The finished lesson with the lowest loss; None where none ended."""
    return min((trial for trial in trials if trial.state == "finished"), key=_loss, default=None)


def _loss(trial: Trial) -> float:
    return math.inf if trial.loss is None else trial.loss


def own(trials: Sequence[Trial], base: Recipe) -> Trial | None:
    """The finished lesson by the recipe the search began with; None where it did not come to its end."""
    return best([trial for trial in trials if is_base(trial, base)])


def winner(trials: Sequence[Trial], base: Recipe) -> Trial | None:
    """The best lesson where it is better than that of the recipe the search began with, by more than chance; else None."""
    found, before = best(trials), own(trials, base)
    if found is None or found is before:
        return None
    return found if before is None or _loss(before) - _loss(found) >= MARGIN else None


def sentence(trials: Sequence[Trial], base: Recipe, kept_back: int) -> str:
    """What a search has found, for a person."""
    found, before = winner(trials, base), own(trials, base)
    if best(trials) is None:
        return "No lesson came to its end in this time, so nothing can be said yet. Give it longer, or choose Quick try."
    if found is None:
        return "Nothing better was found. The recipe you have is a good one."
    than = "; the one you have did not come to its end" if before is None else f" instead of {before.loss:.2f}"
    doubt = (
        ""
        if kept_back >= FEW
        else f" Only {kept_back} conversation{' was' if kept_back == 1 else 's were'} kept back to test on, so it may be chance."
    )
    return f"A better recipe was found. Its surprise at unseen replies is {found.loss:.2f}{than}.{doubt}"


def lessons(minutes: int, seconds: float | None) -> str:
    """How many lessons of so many seconds a search has time for, in words; empty where that is not known."""
    if seconds is None or seconds <= 0:
        return ""
    count = min(MOST, int(minutes * 60 / seconds))
    if count < 2:
        return "Too short to compare two lessons"
    return f"About {count} lessons"


# ---------------------------------------------------------------- on the disk
def space_from(value: Mapping[str, Any]) -> Space:
    """The space under `space` in the `spec.json` of a search."""
    return Space(tuple(value["push"]), tuple(value["ranks"]), tuple(value["passes"]), bool(value["shared"]))


def to_dict(trials: Sequence[Trial], spent: float) -> dict[str, Any]:
    """What `trials.json` holds: the lessons so far, and the seconds they took."""
    return {"spent": round(spent, 1), "trials": [asdict(trial) for trial in trials]}


def from_dict(value: Mapping[str, Any]) -> tuple[Trial, ...]:
    """The lessons in a `trials.json`; none where there is no such file yet."""
    return tuple(Trial(**{**row, "curve": tuple((step, loss) for step, loss in row["curve"])}) for row in value.get("trials", ()))
