"""All the curves of a lesson as small pictures: made of numbers and the studio's own words only."""

import math
from collections.abc import Sequence

from studio.domain import measures
from studio.domain.measures import Measure

Points = Sequence[tuple[int, float]]
MOST_POINTS = 240
# Column -> plain words, expert word, how a value is written.
SMALL: tuple[tuple[str, str, str, str], ...] = (
    ("learning_rate", "Step size", "learning rate", "{:.2g}"),
    ("grad_norm", "How hard it is pulled", "gradient norm", "{:.2f}"),
    ("tokens_per_second", "Speed", "tokens a second", "{:,.0f}"),
    ("memory_mb", "Memory", "megabytes", "{:,.0f}"),
)


def all_curves(rows: Sequence[Measure], steps: int) -> str:
    """The losses, raw and smoothed, then a small picture a column; a sentence while nothing is measured."""
    raw, unseen = measures.column(rows, "train_loss"), measures.column(rows, "validation_loss")
    if not raw:
        return '<p class="fine">The curves begin with the first step.</p>'
    losses = [("raw", raw), ("smooth", measures.smooth(raw)), ("kept", unseen)]
    key = '<p class="key"><span class="k-kept">never seen</span><span class="k-smooth">yours, smoothed</span><span class="k-raw">each step</span></p>'
    first = _figure("Surprise", "loss, nats per token", losses, steps, "{:.2f}", key)
    rest = "".join(_figure(plain, expert, [("smooth", measures.column(rows, name))], steps, form) for name, plain, expert, form in SMALL)
    return f'<div class="smalls">{first}{rest}</div><p class="fine">From step 0 on the left to step {steps:,} on the right.</p>'


def thinned(points: Points) -> Points:
    """At most MOST_POINTS of them, the last always among them."""
    every = math.ceil(len(points) / MOST_POINTS)
    return points if every < 2 else [*points[:-1:every], points[-1]]


def frame(lines: Sequence[Points]) -> tuple[float, float]:
    """Lowest and highest value of all lines, never the same."""
    values = [value for line in lines for _, value in line]
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - abs(low) * 0.1 - 1e-12, high + abs(high) * 0.1 + 1e-12)


def path(points: Points, steps: int, low: float, high: float) -> str:
    """A line in a box of 100 by 100, as the `d` of an SVG path."""
    places = (f"{min(100, step / max(1, steps) * 100):.2f},{4 + (high - value) / (high - low) * 92:.2f}" for step, value in points)
    return "M" + "L".join(places) if points else ""


def _figure(plain: str, expert: str, lines: Sequence[tuple[str, Points]], steps: int, form: str, key: str = "") -> str:
    there = [(kind, thinned(points)) for kind, points in lines if points]
    if not there:
        return ""
    low, high = frame([points for _, points in there])
    now = form.format(lines[-1][1][-1][1] if key and lines[-1][1] else there[0][1][-1][1])
    drawn = "".join(f'<path class="{kind}" d="{path(points, steps, low, high)}"/>' for kind, points in there)
    said = f"{plain}: now {now}, between {form.format(low)} and {form.format(high)}"
    return (
        f'<figure class="small"><figcaption><b>{plain}</b> <small>{expert}</small> <span>{now}</span></figcaption>{key}'
        f'<div class="tiny" role="img" aria-label="{said}"><svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="g" d="M0,4H100"/><path class="g" d="M0,96H100"/>{drawn}</svg>'
        f"<i>{form.format(high)}</i><i>{form.format(low)}</i></div></figure>"
    )
