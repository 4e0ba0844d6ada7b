"""Three lessons on the practice model that went wrong on purpose, read from the journals they left."""

from pathlib import Path

import pytest

from studio.domain import measures, progress, verdict

JOURNALS = Path(__file__).parent / "journals"


def story(name, share=1.0):
    events = progress.read((JOURNALS / f"{name}.jsonl").read_text("utf-8"))
    return progress.lesson(events[: int(len(events) * share)]), events


CASES = [("five-examples-sixty-passes", 1e-3, "overfitting"), ("learning-rate-1", 1.0, "unstable"), ("learning-rate-1e-9", 1e-9, "flat")]


@pytest.mark.parametrize(("name", "rate", "kind"), CASES)
def test_the_sentence_beside_the_curve_says_what_went_wrong(name, rate, kind):
    running, _ = story(name, 0.88)
    assert not running.ended and verdict.read(running, rate).kind == kind, "while it runs"
    ended, _ = story(name)
    assert ended.ended and verdict.read(ended, rate, done=True).kind == kind, "and at its end"


def test_what_to_lower_is_said_with_its_number():
    for share in (0.88, 1.0):
        assert "0.1" in verdict.read(story("learning-rate-1", share)[0], 1.0).sentence


def test_memorising_is_said_to_begin_after_the_best_version():
    told, _ = story("five-examples-sixty-passes")
    read = verdict.read(told, 1e-3)
    assert told.best_step < read.since <= told.best_step + 10
    assert f"from step {told.best_step}, is kept" in read.sentence


@pytest.mark.parametrize("name", ["five-examples-sixty-passes", "learning-rate-1", "learning-rate-1e-9"])
def test_their_tables_are_whole(name):
    rows = measures.table(story(name)[1])
    assert [row.step for row in rows] == list(range(rows[-1].step + 1))
    assert all(row.learning_rate is not None for row in rows[1:])
