"""How long a lesson still takes: from the real times in its journal, steps and evaluations counted apart."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
ENDS = ("done", "stopped", "failed", "paused")
RECENT = 20, 90.0  # steps and seconds that count at least: enough to even out long and short ones, and the machine may have become busier
ENOUGH = 5  # steps since the last start after which only these count


@dataclass(frozen=True)
class Left:
    """`seconds` from the last step to the end, and how many of them the next step is expected to take."""

    seconds: float
    due: float


@dataclass
class _Times:
    """What lies between two steps: (steps, seconds) without an evaluation, (steps, seconds, evaluations) with one; and what safe copies took."""

    plain: list[tuple[int, float]] = field(default_factory=list)
    marked: list[tuple[int, float, int]] = field(default_factory=list)
    saving: float = 0.0
    warm: tuple[int, float] | None = None  # the first gap after a start holds all that is made once
    look: float = 0.0  # seconds the look before learning took, until a later one is known

    def a_step(self) -> float | None:
        """Seconds one step takes."""
        steps, seconds = 0, 0.0
        for more, longer in reversed(self.plain):
            steps, seconds = steps + more, seconds + longer
            if steps >= RECENT[0] and seconds >= RECENT[1]:
                break
        if steps:
            return seconds / steps
        if self.warm:
            return self.warm[1] / self.warm[0]
        return None

    def a_look(self, step: float) -> float:
        """Seconds one evaluation takes, with its answers and its safe copy."""
        looks = sum(count for *_, count in self.marked)
        if not looks:
            return self.look
        return max(0.0, (sum(seconds - step * steps for steps, seconds, _ in self.marked) + self.saving) / looks)


def left(events: Iterable[Any]) -> Left | None:
    """None before the first step since the last start, and after an end."""
    now, earlier, last, facts, ended = _Times(), _Times(), None, {}, False
    looked: set[int] = set()
    since: set[int] = set()
    phase = None
    for event in events:
        kind = event["kind"]
        if kind == "phase":
            phase = event["at"]
        elif kind == "start":
            facts, last, ended = event, (event.get("from_step", 0), event["at"]), False
            earlier, now, since = (now if now.plain else earlier), _Times(look=now.look), set()
            looked = {step for step in looked if step <= last[0]}
        elif kind in ("evaluation", "sample"):
            since.add(event["step"])
            looked |= {event["step"]} if kind == "evaluation" else set()
            if not event["step"] and phase is not None and not facts:
                now.look = event["at"] - phase
        elif kind == "saved" and last:
            now.saving += event["at"] - last[1]
            last = (last[0], event["at"])
        elif kind == "step" and last and event["step"] > last[0]:
            _count(now, event["step"] - last[0], event["at"] - last[1], len(since))
            last, since = (event["step"], event["at"]), set()
        elif kind in ENDS:
            ended = True
    if ended or not last or not facts.get("steps") or last[0] <= facts.get("from_step", 0):
        return None
    every = facts.get("every") or min((step for step in looked if step), default=0)
    return _left(now if len(now.plain) >= ENOUGH or not earlier.plain else _together(earlier, now), last[0], facts["steps"], every)


def _count(times: _Times, steps: int, seconds: float, looks: int) -> None:
    if times.warm is None:
        times.warm = (steps, seconds)
    elif looks:
        times.marked.append((steps, seconds, looks))
    else:
        times.plain.append((steps, seconds))


def _together(earlier: _Times, now: _Times) -> _Times:
    return _Times(earlier.plain + now.plain, earlier.marked + now.marked, earlier.saving + now.saving, now.warm, now.look)


def _left(times: _Times, step: int, steps: int, every: int) -> Left | None:
    one = times.a_step()
    if one is None:
        return None
    if not times.plain and times.marked and every == 1:
        # Nothing but steps with an evaluation: what one takes, both take together.
        both = (sum(seconds for _, seconds, _ in times.marked) + times.saving) / sum(count for count, *_ in times.marked)
        return Left(both * (steps - step), both)
    look = times.a_look(one)
    due = one + (look if every and (step + 1) % every == 0 else 0.0)
    return Left(one * max(0, steps - step) + look * _looks(step, steps, every), due)


def _looks(step: int, steps: int, every: int) -> int:
    """Evaluations still to come: at every so many steps, and at the last."""
    if not every or step >= steps:
        return 0
    return steps // every - step // every + (steps % every > 0)
