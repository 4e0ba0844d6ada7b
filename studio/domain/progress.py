"""What a job has said so far, and what that means in plain words.

A job appends one JSON object a line to `events.jsonl`. Kinds: `phase` {text}, `start` {steps, epochs, ...}, `step` {step, loss, ...},
`evaluation` {step, epoch, loss, best}, `sample` {step, epoch, prompt, text}, `saved` {step}, `note` {text, why}, `done` {...}, `stopped` {...},
`paused` {step}, `failed` {message}. Every event carries `at`, seconds since 1970.

The `why` of a note: `memory` (a step down the ladder), `length` (with `cut`, the conversations read in part) or `unstable`. The `why` of an end: `stop`,
`stale` (nothing got better any more), `behind` (others in a search are better) or `unstable` (with a `message`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from studio.domain import pace

FINEST = 5  # seconds, in what is said of time

State = Literal["waiting", "running", "paused", "done", "stopped", "interrupted", "failed"]
Event = Mapping[str, Any]


def read(text: str) -> list[dict[str, Any]]:
    """The events in a journal; a last line without its end of line is still being written and is left out."""
    events = []
    for line in text.split("\n")[:-1]:
        try:
            value = json.loads(line)
        except ValueError:
            continue  # a line torn by a power cut in the middle of the file: what stands around it is still true
        if isinstance(value, dict) and "kind" in value:
            events.append(value)
    return events


@dataclass(frozen=True)
class Lesson:
    """A training run as its journal tells it. Losses are mean nats per learned token."""

    phase: str = ""
    step: int = 0
    steps: int = 0
    epochs: int = 0
    epoch: float = 0.0
    seconds_left: float | None = None
    learned: tuple[tuple[int, float], ...] = ()  # (step, training loss)
    unseen: tuple[tuple[int, float], ...] = ()  # (step, validation loss); step 0 is the base model
    best_step: int | None = None
    best_epoch: float | None = None
    takes: tuple[tuple[float, str, str], ...] = ()  # (epoch, prompt, answer), in order; epoch 0 is before learning
    tokens_per_second: float | None = None
    memory_mb: float | None = None
    saved_at: float | None = None
    notes: tuple[str, ...] = ()  # what the lesson itself remarked, in order, each once
    heard_at: float | None = None  # when the last step ended
    due: float = 0.0  # seconds the next step is expected to take
    ended: Event = field(default_factory=dict)


def lesson(events: Iterable[Event]) -> Lesson:
    """Fold a training journal into one picture. After a resume the journal repeats steps; the later line counts."""
    events = list(events)
    notes: dict[str, None] = {}
    phase = ""
    facts: dict[str, Any] = {}
    learned: dict[int, float] = {}
    unseen: dict[int, float] = {}
    takes: list[tuple[float, str, str, int]] = []
    epochs: dict[int, float] = {}  # of each evaluated step
    last: dict[str, Any] = {}
    ended: Event = {}
    saved = None
    for event in events:
        kind = event["kind"]
        if kind == "phase":
            phase = event["text"]
        elif kind == "start":
            facts, first_step, ended = dict(event), event.get("from_step", 0), {}
            learned = {s: v for s, v in learned.items() if s <= first_step}
            unseen = {s: v for s, v in unseen.items() if s <= first_step}
            takes = [t for t in takes if t[3] <= first_step]
            share = first_step / facts["steps"] if facts.get("steps") else 0.0
            last = {"step": first_step, "at": event["at"], "epoch": share * facts.get("epochs", 0)}
        elif kind == "step":
            learned[event["step"]] = event["loss"]
            last = dict(event)
        elif kind == "evaluation":
            unseen[event["step"]] = event["loss"]
            epochs[event["step"]] = event.get("epoch", 0.0)
        elif kind == "sample":
            takes.append((event["epoch"], event["prompt"], event["text"], event["step"]))
        elif kind == "saved":
            saved = event["at"]
        elif kind == "note":
            notes[str(event["text"])] = None
        elif kind in pace.ENDS:
            ended = event
    left = pace.left(events)
    best = min(unseen, key=lambda s: (unseen[s], s)) if unseen else None
    return Lesson(
        phase, last.get("step", 0), facts.get("steps", 0), facts.get("epochs", 0), last.get("epoch", 0.0), left.seconds if left else None, tuple(sorted(learned.items())), tuple(sorted(unseen.items())), best,
        epochs[best] if best is not None else None,
        tuple(t[:3] for t in takes), last.get("tokens_per_second"), last.get("memory_mb"), saved, tuple(notes), last.get("at"), left.due if left else 0.0, ended,
    )  # fmt: skip


def seconds_left(lesson: Lesson, now: float) -> float | None:
    """What is left at this moment; between two steps it goes down no further than the next step was expected to take."""
    if lesson.seconds_left is None or lesson.heard_at is None:
        return None
    return lesson.seconds_left - min(max(0.0, now - lesson.heard_at), lesson.due)


def in_words(seconds: float) -> str:
    """A length of time as people say it, at most a fifth off from 12 seconds on: “40 seconds”, “about one and a half minutes”, “about two hours”."""
    numbers = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    if seconds < 55:
        rounded = max(FINEST, round(seconds / FINEST) * FINEST)
        return f"{rounded} seconds"
    amount, unit = (seconds / 60, "minute") if seconds < 5400 else (seconds / 3600, "hour")
    halves = round(2 * amount)
    if halves in (3, 5):
        return f"about {numbers[halves // 2]} and a half {unit}s"
    amount = max(1, round(amount))
    return f"about {numbers[amount] if amount < 10 else amount} {unit}{'' if amount == 1 else 's'}"
