"""What a lesson has measured, step by step: the table behind the curves and behind metrics.csv.

Columns and units: `step` (optimiser steps), `epoch` (passes), `seconds` (learning time since the first start, pauses between two starts left out),
`train_loss` and `validation_loss` (nats per learned token; validation only at the steps where it was measured, step 0 is before learning),
`learning_rate` (per step), `grad_norm` (before clipping), `tokens_per_second` (tokens read, mean since the last start), `memory_mb` (megabytes).
"""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from studio.domain.progress import Event

SMOOTHING = 0.9  # share of the past in the smoothed training loss
OF_A_STEP = ("learning_rate", "grad_norm", "tokens_per_second", "memory_mb")


@dataclass(frozen=True)
class Measure:
    """One row; None where nothing was measured."""

    step: int
    epoch: float
    seconds: float
    train_loss: float | None = None
    validation_loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    tokens_per_second: float | None = None
    memory_mb: float | None = None


COLUMNS = tuple(field.name for field in fields(Measure))


def table(events: Iterable[Event]) -> tuple[Measure, ...]:
    """Every step of the lesson once, in order. After a resume the steps beyond the safe copy are those that were taken anew."""
    rows: dict[int, dict[str, Any]] = {}
    began, before = None, 0.0
    for event in events:
        if event["kind"] == "start":
            first = event.get("from_step", 0)
            rows = {step: row for step, row in rows.items() if step <= first}
            began, before = event["at"], max((row["seconds"] for row in rows.values()), default=0.0)
        elif event["kind"] in ("step", "evaluation"):
            seconds = round(before + event["at"] - began, 3) if began is not None and event["step"] else 0.0
            row = rows.setdefault(event["step"], {"step": event["step"], "epoch": event.get("epoch", 0.0), "seconds": seconds})
            row.update(_measured(event))
    return tuple(Measure(**rows[step]) for step in sorted(rows))


def _measured(event: Event) -> dict[str, Any]:
    if event["kind"] == "evaluation":
        return {"validation_loss": event["loss"]}
    return {"train_loss": event["loss"], **{name: event[name] for name in OF_A_STEP if name in event}}


def to_csv(rows: Iterable[Measure]) -> str:
    """metrics.csv: the columns' names, then a row a step; empty where nothing was measured."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if value is None else value for value in astuple(row)] for row in rows)
    return text.getvalue()


def column(rows: Iterable[Measure], name: str) -> list[tuple[int, float]]:
    """(step, value) of one column, where there is a finite value."""
    points = ((row.step, getattr(row, name)) for row in rows)
    return [(step, value) for step, value in points if value is not None and math.isfinite(value)]


def smooth(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """An exponential mean of the values, without the pull of its beginning (as Adam corrects its own)."""
    mean, weight, out = 0.0, 0.0, []
    for step, value in points:
        mean, weight = SMOOTHING * mean + (1 - SMOOTHING) * value, SMOOTHING * weight + (1 - SMOOTHING)
        out.append((step, mean / weight))
    return out
