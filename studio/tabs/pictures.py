"""Pictures made of numbers only: they take their colours from the style sheet, so both modes and every ink come by themselves."""

import math
from collections.abc import Callable, Iterable, Sequence

Points = Sequence[tuple[int, float]]
MOST_SEGMENTS = 16  # passes that still get a bar of their own
MOST_LABELS = 6
MOST_POINTS = 40  # of the dotted line: single steps are noise
BARS = 11
LEAST_SPAN = 0.2  # nats: a flat curve must look flat, not like an alpine range


def passes(epoch: float, epochs: int) -> str:
    """The passes bar: `epoch` of `epochs` done."""
    epochs = max(1, epochs)
    done = min(epoch, epochs)
    bars = epochs if epochs <= MOST_SEGMENTS else 1
    fills = "".join(f'<i style="--p:{_percent(done * bars / epochs - n)}%"></i>' for n in range(bars))
    now = min(epochs, int(done) + 1)
    grid = f'style="grid-template-columns:repeat({bars},1fr)"'
    if bars > MOST_LABELS or bars < epochs:
        words = f'<p class="passlab one"><span class="on">Pass {now} of {epochs}</span></p>'
    else:
        words = f'<p class="passlab" {grid}>' + "".join(_label(n, now, epochs, done) for n in range(1, epochs + 1)) + "</p>"
    return _bar(round(done / epochs * 100), "Learning", grid, fills) + words


def _label(n: int, now: int, epochs: int, done: float) -> str:
    current = n == now and done < epochs
    return f'<span class="{"on" if current else ""}">Pass {n}{f" of {epochs}" if current else ""}</span>'


def _percent(share: float) -> int:
    return round(max(0.0, min(1.0, share)) * 100)


def share(done: float | None) -> str:
    """A bar for work whose share is known, from 0 to 1; an empty one where it is not."""
    percent = _percent(done or 0.0)
    return _bar(percent, "Share done", 'style="grid-template-columns:1fr"', f'<i style="--p:{percent}%"></i>')


def _bar(percent: int, label: str, grid: str, fills: str) -> str:
    spoken = f'role="progressbar" aria-valuenow="{percent}" aria-valuemin="0" aria-valuemax="100" aria-label="{label}"'
    return f'<div class="passes" {grid} {spoken}>{fills}</div>'


def curve(learned: Points, unseen: Points, steps: int, epochs: int, best: int | None) -> str:
    """Two lines over the whole lesson: solid for conversations never seen, dotted for those being learned; the best version is marked."""
    dotted, solid = thin(finite(learned)), finite(unseen)
    values = [loss for _, loss in (*dotted, *solid)]
    if not values or steps <= 0:
        return '<div class="curve"></div>'
    high, low = max(values), min(values)
    middle, span = (high + low) / 2, max(high - low, LEAST_SPAN) * 1.16
    top = middle + span / 2

    def place(point: tuple[int, float]) -> tuple[float, float]:
        return min(100.0, point[0] / steps * 100), (top - point[1]) / span * 100

    line = [place(p) for p in solid]
    area = f'<path class="area" d="{_path(line)}V100H{line[0][0]:.2f}Z"/>' if len(line) > 1 else ""
    drawn = f'{_grid(epochs)}{area}<path class="seen" d="{_path([place(p) for p in dotted])}"/><path class="kept" d="{_path(line)}"/>'
    return (
        f'<div class="curve" role="img" aria-label="{_spoken(dotted, solid, best)}">'
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
        f'{_dots(solid, best, place)}<span class="hi">more surprised</span><span class="lo">less</span></div>{_axis(epochs)}'
    )


def finite(points: Points) -> list[tuple[int, float]]:
    """The points that can be drawn."""
    return [(step, loss) for step, loss in points if math.isfinite(loss)]


def thin(points: Points, most: int = MOST_POINTS) -> list[tuple[int, float]]:
    """Means of neighbouring points, so that at most `most` remain; a mean stands at the last step it covers."""
    size = max(1, math.ceil(len(points) / most))
    groups = [points[n : n + size] for n in range(0, len(points), size)]
    return [(group[-1][0], sum(loss for _, loss in group) / len(group)) for group in groups]


def _path(points: Iterable[tuple[float, float]]) -> str:
    drawn = "L".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return f"M{drawn}" if drawn else ""


def _grid(epochs: int) -> str:
    lines = "".join(f'<path class="g" d="M0,{y}H100"/>' for y in (0.3, 33, 66, 99.7))
    if 1 < epochs <= MOST_SEGMENTS:
        lines += "".join(f'<path class="p" d="M{n / epochs * 100:.2f},0V100"/>' for n in range(1, epochs))
    return lines


def _axis(epochs: int) -> str:
    every = math.ceil(max(1, epochs) / MOST_LABELS)
    marks = range(every, epochs + 1, every)
    rest = epochs - len(marks) * every
    columns = " ".join([f"{every}fr"] * len(marks) + ([f"{rest}fr"] if rest else []))
    return f'<p class="ticksx" style="grid-template-columns:{columns}">' + "".join(f"<span>pass {n}</span>" for n in marks) + "</p>"


def _dots(solid: Points, best: int | None, place: Callable[[tuple[int, float]], tuple[float, float]]) -> str:
    if not solid:
        return ""
    x, y = place(solid[-1])
    out = f'<i class="dot" style="left:{x:.2f}%;top:{y:.2f}%"></i>'
    marked = next((p for p in solid if p[0] == best), None)
    if marked and marked != solid[-1]:
        x, y = place(marked)
        side = "" if x < 80 else " left"
        out += f'<i class="best{side}" style="left:{x:.2f}%;top:{y:.2f}%"><b>best so far</b></i>'
    return out


def _spoken(dotted: Points, solid: Points, best: int | None) -> str:
    parts = []
    for name, points in (("Unseen conversations", solid), ("yours", dotted)):
        if points:
            parts.append(f"{name} from {points[0][1]:.2f} to {points[-1][1]:.2f}")
    score = next((loss for step, loss in solid if step == best), None)
    return ", ".join(parts) + (f"; best {score:.2f}" if score is not None else "")


def split(train: int, validation: int) -> str:
    """How the conversations are shared out between learning and testing."""
    percent = round(validation / max(1, train + validation) * 100)
    return (
        '<div class="panel"><h3>How the conversations are shared out</h3>'
        f'<div class="split" role="img" aria-label="{train} to learn from, {validation} kept back">'
        f'<i style="flex:{train}"></i><b style="flex:{validation}"></b></div>'
        f'<dl class="nums"><div><dt>{train:,}</dt><dd>to learn from</dd></div>'
        f"<div><dt>{validation:,}</dt><dd>kept back, to test honestly <small>validation set, {percent} %</small></dd></div></dl></div>"
    )


def lengths(words: Sequence[int]) -> str:
    """How long the conversations are, in words."""
    ordered = sorted(words)
    low, high = (ordered[0], ordered[-1]) if ordered else (0, 0)
    width = max(1, math.ceil((high - low + 1) / BARS))
    counts = [
        sum(low + n * width <= w < low + (n + 1) * width for w in ordered) for n in range(max(1, math.ceil((high - low + 1) / width)))
    ]
    return _panel("How long they are", counts, (_words(low), _words(high)), _middle(ordered))


def lines(turns: Sequence[int]) -> str:
    """How many lines the conversations have."""
    high = max(turns, default=0)
    width = max(1, math.ceil(high / BARS))
    counts = [sum(n * width < count <= (n + 1) * width for count in turns) for n in range(max(1, math.ceil(high / width)))]
    commonest = max(sorted(set(turns)), key=turns.count, default=0)
    said = f"Most often {_lines(commonest)}." if turns else "Nothing to count yet."
    return _panel("How many lines they have", counts, (_lines(1), _lines(max(1, high))), said)


def shown(scenes: Sequence[int]) -> str:
    """How many statements of the sheet have a scene; nothing where there are no statements. `scenes`: how many each has."""
    if not scenes:
        return ""
    some = sum(count > 0 for count in scenes)
    said = f"{some:,} of {len(scenes):,} statements have a scene."
    return (
        '<div class="panel"><h3>What they show of the character sheet</h3>'
        f'<div class="split" role="img" aria-label="{said}"><i style="flex:{some}"></i><b style="flex:{len(scenes) - some}"></b></div>'
        f'<p class="fine">{said} Write says which have none.</p></div>'
    )


def _lines(count: int) -> str:
    return f"{count:,} line" + ("" if count == 1 else "s")


def _panel(title: str, counts: Sequence[int], ends: tuple[str, str], said: str) -> str:
    return (
        f'<div class="panel"><h3>{title}</h3><svg class="bars" viewBox="0 0 310 74" role="img" aria-label="{said}">{_bars(counts)}</svg>'
        f'<p class="axis"><span>{ends[0]}</span><span>{ends[1]}</span></p><p class="fine">{said}</p></div>'
    )


def constellation(points: Iterable[tuple[float, float, bool]]) -> str:
    """A map of dots, from -1 to 1 across and down; a dot of another shape where the third is true. A click on a dot tells its number."""
    dots = "".join(
        f'<rect class="held" data-n="{n}" x="{150 + 138 * x - 4:.1f}" y="{110 + 98 * y - 4:.1f}" width="8" height="8"/>'
        if held
        else f'<circle data-n="{n}" cx="{150 + 138 * x:.1f}" cy="{110 + 98 * y:.1f}" r="4.5"/>'
        for n, (x, y, held) in enumerate(points)
    )
    return f'<svg class="stars" viewBox="0 0 300 220" role="img" aria-label="A map of the conversations: those that are alike lie together">{dots}</svg>'


def _bars(counts: Sequence[int]) -> str:
    slot, tallest = 310 / len(counts), max(max(counts), 1)
    heights = [round(count / tallest * 64) + 3 * (count > 0) for count in counts]
    return "".join(
        f'<rect x="{n * slot + 3:.1f}" y="{70 - h}" width="{min(40.0, slot - 6):.1f}" height="{h}" rx="4"/>'
        for n, h in enumerate(heights)
        if h
    )


def _words(count: int) -> str:
    return f"{count:,} word" + ("" if count == 1 else "s")


def _middle(ordered: Sequence[int]) -> str:
    if not ordered:
        return "Nothing to measure yet."
    first, last = ordered[len(ordered) // 10], ordered[-1 - len(ordered) // 10]
    return f"Most are between {first:,} and {last:,} words." if first < last else f"Most have {_words(first)}."


def strip(entries: Iterable[tuple[str, str, str]]) -> str:
    """A row of figures: (what, how much, expert word). All of it numbers and the studio's own words."""
    cells = (f"<div><dt>{what}</dt><dd>{much}{f' <small>{expert}</small>' if expert else ''}</dd></div>" for what, much, expert in entries)
    return '<dl class="strip">' + "".join(cells) + "</dl>"
