"""The time left, told at every moment of lessons whose real end is known."""

import random
from pathlib import Path

import pytest

from studio.domain import pace, progress


def event(kind, at, **facts):
    return {"kind": kind, "at": at, **facts}


def journal(steps, every, a_step, a_look, seed=1, warm=6.0, first=0, at=0.0, known=True):
    """A whole lesson: every step takes `a_step` seconds more or less, every look `a_look`, the first step `warm` more."""
    dice, out = random.Random(seed), []
    if not first:
        out += [event("phase", at, text="Listening to the plain model")]
        at += a_look * 1.1
        out += [event("evaluation", at, step=0, epoch=0, loss=3.0), event("sample", at, step=0, epoch=0, prompt="a", text="b")]
    out.append(event("start", at, steps=steps, epochs=4, from_step=first, **({"every": every} if known else {})))
    at += warm
    for n in range(first + 1, steps + 1):
        at += a_step * dice.uniform(0.6, 1.4)
        looks = n % every == 0 or n == steps
        if looks:
            at += a_look * dice.uniform(0.9, 1.1)
            out.append(event("evaluation", at, step=n, epoch=n, loss=2.0))
        out.append(event("step", at, step=n, epoch=n, loss=2.0))
        if looks:
            at += 0.4
            out.append(event("saved", at, step=n))
    return out, at


def worst(events, end, after):
    """The largest mistake of the time left, as a share of what was really left, from `after` on until half a minute before the end."""
    wrong = []
    for n, each in enumerate(events):
        if each["kind"] == "step" and after <= each["at"] < end - 30:
            told = pace.left(events[: n + 1])
            wrong.append(abs(told.seconds - (end - each["at"])) / (end - each["at"]))
    return max(wrong)


@pytest.mark.parametrize(
    ("steps", "every", "a_step", "a_look"),
    [(400, 25, 1.0, 20.0), (400, 25, 1.0, 2.0), (2000, 500, 0.5, 60.0), (60, 5, 8.0, 40.0), (300, 1, 0.8, 3.0)],
)
@pytest.mark.parametrize("known", [True, False])
def test_after_the_first_minute_it_is_right_within_a_fifth(steps, every, a_step, a_look, known):
    events, end = journal(steps, every, a_step, a_look, known=known)
    began = next(each["at"] for each in events if each["kind"] == "start")
    first_look = next(each["at"] for each in events if each["kind"] == "evaluation" and each["step"])
    # An old journal does not say how often it will look; that is known after the first look.
    assert worst(events, end, began + 60 if known else max(began + 60, first_look + 5)) < 0.2


def test_a_real_lesson_that_looked_at_every_second_step_was_told_right():
    journal = Path(__file__).parent / "journals" / "five-examples-sixty-passes.jsonl"
    events = progress.read(journal.read_text("utf-8"))
    began, end = next(each["at"] for each in events if each["kind"] == "start"), events[-1]["at"]
    for share in (0.1, 0.2, 0.3, 0.5, 0.7, 0.85):
        seen = [each for each in events if each["at"] <= began + share * (end - began)]
        last = next(each["at"] for each in reversed(seen) if each["kind"] in ("step", "saved"))
        assert abs(pace.left(seen).seconds - (end - last)) / (end - last) < 0.2


def test_a_resumed_lesson_knows_from_before_how_long_a_look_takes():
    before, at = journal(200, 25, 1.0, 30.0)
    cut = [each for each in before if each["at"] <= next(e["at"] for e in before if e["kind"] == "saved" and e["step"] == 100) + 7]
    again, end = journal(200, 25, 1.0, 30.0, seed=2, first=100, at=at + 5000)
    began = again[0]["at"]
    told = [
        pace.left([*cut, *again[: n + 1]]) for n, each in enumerate(again) if each["kind"] == "step" and began + 15 < each["at"] < end - 30
    ]
    real = [end - each["at"] for each in again if each["kind"] == "step" and began + 15 < each["at"] < end - 30]
    assert max(abs(left.seconds - truth) / truth for left, truth in zip(told, real, strict=True)) < 0.2


def test_before_the_first_step_and_after_the_end_nothing_is_left_to_tell():
    events, end = journal(20, 5, 1.0, 2.0)
    start = next(n for n, each in enumerate(events) if each["kind"] == "start")
    assert pace.left(events[: start + 1]) is None
    for kind in pace.ENDS:
        assert pace.left([*events, event(kind, end)]) is None
    assert pace.left([]) is None


def test_a_machine_that_becomes_slower_is_noticed():
    fast, at = journal(100, 1000, 1.0, 0.0)
    slow = [event("step", at + 4 * n, step=99 + n, epoch=1, loss=2) for n in range(1, 100)]
    start = next(each for each in fast if each["kind"] == "start")
    events = [*({**each, "steps": 1000} if each is start else each for each in fast if each["kind"] != "evaluation"), *slow]
    assert pace.left(events).seconds / (1000 - 198) > 3
