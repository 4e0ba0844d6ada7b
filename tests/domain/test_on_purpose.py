"""Three lessons on the practice model that went wrong on purpose, read from the journals they left."""

from pathlib import Path

import pytest

from studio.domain import measures, progress, verdict

JOURNALS = Path(__file__).parent / "journals"


def story(name, share=1.0):
    events = progress.read((JOURNALS / f"{name}.jsonl").read_text("utf-8"))
    return progress.lesson(events[: int(len(events) * share)]), events


@pytest.mark.parametrize(
    ("name", "rate", "kind"),
    [("five-examples-sixty-passes", 1e-3, "overfitting"), ("learning-rate-1", 1.0, "unstable"), ("learning-rate-1e-9", 1e-9, "flat")],
)
@pytest.mark.parametrize("share", [0.7, 1.0])
def test_the_sentence_beside_the_curve_says_what_went_wrong(name, rate, kind, share):
    told, _ = story(name, share)
    assert verdict.read(told, rate).kind == kind
    assert verdict.read(told, rate, done=True).kind == kind


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
