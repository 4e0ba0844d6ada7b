"""The sentence beside the curve, on curves of every kind."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.domain import verdict
from studio.domain.progress import Lesson


def unseen(*losses, learned=()):
    return Lesson(unseen=tuple((10 * n, loss) for n, loss in enumerate(losses)), learned=tuple(learned))


def falling(start, end, steps):
    return [(n, end + (start - end) * math.exp(-4 * n / steps)) for n in range(1, steps + 1)]


def test_two_measurements_are_too_few_to_read():
    assert verdict.read(unseen(3.0, 2.0)).kind == "early"


@pytest.mark.parametrize(
    ("losses", "kind", "title"),
    [
        ((3.0, 2.5, 2.0), "learning", "Going well."),
        ((3.0, 2.0, 2.03), "learning", "Going well."),
        ((3.0, 2.0, 2.3), "overfitting", "Starting to memorise."),
        ((3.24, 2.37, 0.95, 1.3, 1.49, 1.6, 1.55, 1.41, 1.18, 1.1, 1.03, 1.07, 1.16, 1.28, 1.43), "overfitting", "Starting to memorise."),
        ((3.0, 2.99, 2.98), "flat", "Not learning yet."),
        ((3.0, float("nan"), 2.0), "unstable", "Unsteady."),
        ((3.0, 2.0, float("inf")), "unstable", "Unsteady."),
        ((3.0, 2.0, 3.5, 2.1, 3.6), "unstable", "Unsteady."),
    ],
)
def test_how_to_read_the_curve(losses, kind, title):
    read = verdict.read(unseen(*losses))
    assert (read.kind, read.title) == (kind, title)


def test_memorising_names_the_step_it_began_at_and_the_version_that_is_kept():
    read = verdict.read(unseen(3.0, 2.4, 2.1, 2.3, 2.6))
    assert read.since == 30
    assert "at step 30" in read.sentence and "from step 20, is kept" in read.sentence


def test_where_nothing_was_better_than_before_nothing_is_said_to_be_kept():
    read = verdict.read(unseen(2.0, 2.2, 2.5))
    assert read.kind == "overfitting" and "Nothing was better" in read.sentence


def test_what_to_lower_or_raise_is_said_with_its_number():
    assert "0.1" in verdict.read(unseen(3.0, 9.0, float("nan")), rate=1.0).sentence
    assert "1e-08" in verdict.read(unseen(3.0, 3.0, 3.0), rate=1e-9).sentence


def test_the_end_is_told_as_the_past():
    assert verdict.read(unseen(3.0, 2.5, 2.0), done=True).kind == "done"
    assert verdict.read(unseen(3.0, 2.99, 2.98), done=True).title == "Hardly anything learned."


def test_a_loss_that_runs_away_is_unsteady_before_anything_else_can_be_read():
    rising = [(n, 3.0 + n / 5) for n in range(1, 30)]
    assert verdict.read(unseen(3.0, learned=rising)).kind == "unstable"


def test_without_kept_back_conversations_the_training_line_is_read():
    assert verdict.read(Lesson(learned=tuple(falling(3.0, 0.02, 300)))).title == "Learned by heart."
    assert verdict.read(Lesson(learned=tuple(falling(3.0, 1.5, 60)))).kind == "learning"
    assert verdict.read(Lesson(learned=tuple((n, 3.0) for n in range(60)))).kind == "flat"
    assert verdict.read(Lesson(learned=tuple(falling(3.0, 1.5, 10)))).kind == "early"


start = st.floats(1.5, 12.0)
noise = st.floats(-0.004, 0.004)


@given(start, st.floats(0.3, 0.9), st.lists(noise, min_size=4, max_size=40))
def test_every_curve_that_falls_and_levels_out_is_learning(first, share, wobble):
    count = len(wobble)
    losses = [first * (share + (1 - share) * math.exp(-5 * n / count)) * (1 + each) for n, each in enumerate(wobble)]
    assert verdict.read(unseen(*losses, learned=falling(first, first * share, 50))).kind == "learning"


@given(start, st.floats(0.4, 0.9), st.integers(1, 10), st.integers(2, 10), st.floats(0.03, 0.09))
def test_every_curve_that_falls_and_then_turns_up_is_memorising_since_its_turn(first, share, down, up, slope):
    low = first * share
    losses = [first + (low - first) * n / down for n in range(down + 1)] + [low * (1 + slope * n) for n in range(1, up + 1)]
    read = verdict.read(unseen(*losses, learned=falling(first, 0.1, 50)))
    assert (read.kind, read.since) == ("overfitting", 10 * (down + 1))


@given(start, st.lists(noise, min_size=3, max_size=40))
def test_every_curve_that_stays_where_it_was_is_flat(first, wobble):
    losses = [first * (1 + each) for each in wobble]
    assert verdict.read(unseen(*losses, learned=[(n, first) for n in range(1, 40)])).kind == "flat"


@given(start, st.floats(1.5, 20), st.integers(3, 40))
def test_every_training_loss_that_grows_is_unstable(first, times, steps):
    learned = [(n, first * (1 + (times - 1) * n / steps)) for n in range(1, 4 * steps)]
    assert verdict.read(unseen(first, first * times, first * times, learned=learned)).kind == "unstable"


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30), st.lists(st.floats(allow_nan=True), max_size=30))
def test_whatever_was_measured_there_is_a_verdict(losses, learned):
    read = verdict.read(unseen(*losses, learned=list(enumerate(learned))), rate=1e-4)
    assert (read.kind == "early") == (read.title == "")
