"""The table of a lesson is whole, also after a resume, and other programs read it."""

import io

import pandas
import pytest

from studio.domain import measures
from studio.domain.measures import COLUMNS


def event(kind, at=0.0, **facts):
    return {"kind": kind, "at": at, **facts}


def step(n, at, loss=2.0):
    return event("step", at, step=n, epoch=n / 10, loss=loss, learning_rate=1e-4, grad_norm=0.5, tokens_per_second=400.0, memory_mb=900)


RESUMED = [
    event("evaluation", 1, step=0, epoch=0, loss=3.0),
    event("start", 10, steps=40, epochs=4, from_step=0),
    *(step(n, 10 + 2 * n) for n in range(1, 13)),
    event("evaluation", 30, step=10, epoch=1.0, loss=2.4),
    event("start", 1000, steps=40, epochs=4, from_step=10),
    *(step(n, 1000 + 2 * (n - 10), loss=1.0) for n in range(11, 21)),
    event("evaluation", 1021, step=20, epoch=2.0, loss=2.2),
]


def test_every_step_stands_once_and_in_order_after_a_resume():
    rows = measures.table(RESUMED)
    assert [row.step for row in rows] == list(range(21))
    assert [row.train_loss for row in rows[9:13]] == [2.0, 2.0, 1.0, 1.0], "what came after the safe copy was learned anew"
    assert [row.validation_loss for row in rows if row.validation_loss] == [3.0, 2.4, 2.2]


def test_the_seconds_leave_the_pause_out():
    seconds = [row.seconds for row in measures.table(RESUMED)]
    assert seconds[0] == 0 and seconds[10] == 20 and seconds[20] == 40
    assert seconds == sorted(seconds)


def test_pandas_reads_the_file():
    frame = pandas.read_csv(io.StringIO(measures.to_csv(measures.table(RESUMED))))
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 21
    assert frame["train_loss"].isna().sum() == 1, "only step 0 was not trained"
    assert frame.set_index("step").loc[10, "validation_loss"] == 2.4
    assert frame["memory_mb"].dropna().eq(900).all()


def test_a_loss_that_is_no_number_can_be_written_and_read():
    text = measures.to_csv(measures.table([event("start", 0, steps=2), step(1, 1, float("nan")), step(2, 2, float("inf"))]))
    frame = pandas.read_csv(io.StringIO(text))
    assert pandas.isna(frame["train_loss"][0]) and frame["train_loss"][1] == float("inf")


def test_smoothing_begins_at_the_first_value_and_follows():
    line = measures.smooth([(n, 3.0 if n < 50 else 1.0) for n in range(100)])
    assert line[0][1] == pytest.approx(3.0) and line[49][1] == pytest.approx(3.0)
    assert line[99][1] == pytest.approx(1.0, abs=0.02)
