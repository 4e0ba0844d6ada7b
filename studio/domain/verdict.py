"""What the curves of a lesson mean, in plain words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from studio.domain.measures import smooth
from studio.domain.progress import Lesson

Kind = Literal["early", "learning", "flat", "overfitting", "unstable", "done"]

FEWEST = 3  # measurements of the unseen conversations before anything is read from them
FEWEST_STEPS = 20  # where nothing was kept back: steps before the training loss is read
WORSE = 1.02  # times the best: turned up
FLAT = 0.98  # times the first: not learned
BLOWN = 1.2  # times the first training loss, smoothed: it runs away
JUMP = 1.1  # a rise and a fall by more than this from one measurement to the next, twice: it jumps
BY_HEART = 0.2  # nats per token: the lines can be said word for word


@dataclass(frozen=True)
class Verdict:
    """`mark` is how the sentence looks, `title` two words, `since` the step at which it began where that is known."""

    kind: Kind
    mark: Literal["ok", "look", ""]
    title: str
    sentence: str
    since: int | None = None


def read(lesson: Lesson, rate: float | None = None, done: bool = False) -> Verdict:
    """How to read the curves. `rate` is the learning rate the recipe asks for; `done`: the lesson has ended."""
    if lesson.ended.get("why") == "unstable":
        return Verdict("unstable", "look", "Unsteady.", str(lesson.ended["message"]))
    unseen, learned = list(lesson.unseen), list(lesson.learned)
    if _unsteady([loss for _, loss in unseen], learned):
        return _unstable(rate, done)
    if not unseen and len(learned) >= FEWEST_STEPS:
        return _by_training(learned, rate, done)
    if len(unseen) < FEWEST:
        return Verdict("early", "", "", "")
    best = min(unseen, key=lambda point: (point[1], point[0]))
    later = [point for point in unseen if point[0] > best[0]]
    if later and _mean([loss for _, loss in later[-2:]]) > best[1] * WORSE:
        return _overfitting(best[0], later[0][0], done)
    if best[1] > unseen[0][1] * FLAT:
        return _flat(rate, done)
    return _learning(best[0], done)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _unsteady(unseen: Sequence[float], learned: Sequence[tuple[int, float]]) -> bool:
    if not all(math.isfinite(loss) for loss in (*unseen, *(loss for _, loss in learned))):
        return True
    if len(learned) >= FEWEST and smooth(learned)[-1][1] > _mean([loss for _, loss in learned[:FEWEST]]) * BLOWN:
        return True
    # The first measurement is the model before learning: what follows may fall from it as far as it likes.
    return _swings(unseen[1:]) >= 2


def _swings(values: Sequence[float]) -> int:
    """How often a jump is followed at once by one the other way. A line that rises and falls slowly is steady, whatever else it is."""
    jumps = [(after > before * JUMP) - (after * JUMP < before) for before, after in pairwise(values)]
    return sum(one * other < 0 for one, other in pairwise(jumps))


def _unstable(rate: float | None, done: bool) -> Verdict:
    smaller = f"a smaller step size: a tenth of it, {rate / 10:.1g}" if rate else "a smaller step size"
    what = "The lines jumped." if done else "The lines jump."
    return Verdict("unstable", "look", "Unsteady.", f"{what} {'Teach again with' if done else 'Stop, and choose'} {smaller}.")


def _flat(rate: float | None, done: bool) -> Verdict:
    larger = f"a larger step size: ten times as much, {rate * 10:.1g}" if rate else "a larger step size"
    if done:
        return Verdict("flat", "look", "Hardly anything learned.", f"The lines stayed flat. Teach again with {larger}.")
    return Verdict("flat", "look", "Not learning yet.", f"The lines are flat. Wait one more pass; if they stay so, choose {larger}.")


def _overfitting(best: int, since: int, done: bool) -> Verdict:
    kept = f"The best version, from step {best}, is kept." if best else "Nothing was better than what there was before."
    turned = "turned up" if done else "has turned up"
    return Verdict("overfitting", "look", "Starting to memorise.", f"The unseen line {turned} at step {since}. {kept}", since)


def _learning(best: int, done: bool) -> Verdict:
    if done:
        return Verdict("done", "ok", "Learned.", f"Both lines have fallen. The best version, from step {best}, is kept.")
    return Verdict("learning", "ok", "Going well.", "Both lines fall together, so the voice is being learned, not memorised.")


def _by_training(learned: Sequence[tuple[int, float]], rate: float | None, done: bool) -> Verdict:
    """Nothing was kept back, so only the lines that are learned can be read."""
    line = smooth(learned)
    since = next((step for step, loss in line if loss < BY_HEART), None)
    if since is not None:
        words = f"Since step {since} your lines can be said word for word. Fewer passes are enough; the newest version is kept."
        return Verdict("overfitting", "look", "Learned by heart.", words, since)
    if line[-1][1] > _mean([loss for _, loss in learned[:FEWEST]]) * FLAT:
        return _flat(rate, done)
    words = "No conversation was kept back, so nothing can be said about new questions."
    return Verdict("done" if done else "learning", "ok", "Learned." if done else "Going well.", f"Your line falls. {words}")
