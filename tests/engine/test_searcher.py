"""A search teaches real lessons, keeps their figures, ends what falls behind, and survives being killed."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import pytest
import torch

from studio.domain import search
from studio.engine import searcher
from studio.engine.reporter import Again, Reporter, Stopped
from tests.engine import classroom, tiny
from tests.engine.classroom import RECIPE, at_each_forward, journal, run_out_of_memory

BASE = replace(RECIPE, epochs=3)
SPACE = search.Space((1e-6, 4.0), (4, 8, 16), (1, 4))
ITSELF = search.Try(1.0, 8, 3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.folder(tmp_path_factory.mktemp("model"), "gemma3", torch.float32)


def lay_out(folder, model, *begin_with, lessons=None, minutes=10):
    """A search's folder, as the studio orders one; `begin_with`: what is tried first."""
    classroom.lay_out(folder, model, train=8, recipe=BASE)
    spec = json.loads((folder / "spec.json").read_text("utf-8"))
    more = {"kind": "search", "minutes": minutes, "lessons": lessons or len(begin_with), "space": vars(SPACE), "begin_with": [vars(point) for point in begin_with]}  # fmt: skip
    (folder / "spec.json").write_text(json.dumps(spec | more), "utf-8")
    return folder


def trials(folder):
    """The lessons so far, as the window reads them."""
    file = folder / "trials.json"
    return search.from_dict(json.loads(file.read_text("utf-8"))) if file.is_file() else ()


def seek(folder, **more):
    searcher.seek(folder, Reporter(folder), **more)
    return trials(folder)


def test_lessons_are_those_of_the_trainer_and_what_falls_behind_is_ended_early(tmp_path, model):
    folder = lay_out(tmp_path / "search", model, ITSELF, replace(ITSELF, push=2.0), replace(ITSELF, push=1e-6))
    first, second, faint = seek(folder)
    alone = classroom.teach(classroom.lay_out(tmp_path / "lesson", model, train=8, recipe=BASE))
    assert first.curve == classroom.story(alone).unseen
    assert first.loss == json.loads((alone / "result.json").read_text("utf-8"))["validation_nll_adapter"]
    assert [trial.state for trial in (first, second, faint)] == ["finished", "finished", "behind"]
    assert second.rate == 2e-3 and second.loss != first.loss
    assert len(faint.curve) < len(first.curve)
    assert sorted(path.name for path in folder.iterdir()) == ["dataset.jsonl", "events.jsonl", "spec.json", "study.log", "trials.json"]
    assert journal(folder, "done") and len(journal(folder, "phase")) == 4


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_killed_search_keeps_what_ended_and_tries_the_broken_lesson_again(tmp_path, model):
    folder = lay_out(tmp_path / "search", model, ITSELF, replace(ITSELF, push=2.0, passes=4))
    quiet = {**os.environ, "HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with open(folder / "log.txt", "ab") as log:
        child = subprocess.Popen([sys.executable, "-m", "studio.engine.searcher", str(folder)], cwd=classroom.PROJECT, env=quiet, stdout=log, stderr=log)  # fmt: skip
    while not (len(found := trials(folder)) == 2 and found[1].curve):
        with suppress(subprocess.TimeoutExpired):  # the parent must not take from the child what it learns with
            child.wait(0.05)
            pytest.fail((folder / "log.txt").read_text("utf-8")[-2000:])
    os.kill(child.pid, signal.SIGKILL)
    child.wait(20)
    with open(folder / "study.log", "ab") as torn:
        torn.write(b'{"op_code":')
    before = found[0]
    after = seek(folder)
    assert after[0] == before and [trial.state for trial in after] == ["finished", "finished"]
    assert (after[1].rate, after[1].passes) == (2e-3, 4)
    states = [trial.state.name for trial in searcher.study(folder).trials]
    assert states == ["COMPLETE", "FAIL", "COMPLETE"]


def test_when_the_time_is_over_the_search_ends_with_what_it_has(tmp_path, model):
    folder = lay_out(tmp_path / "search", model, ITSELF, replace(ITSELF, push=2.0), minutes=1)

    def clock():
        found = trials(folder)
        return 61.0 if len(found) == 2 and found[1].curve else 1.0 if found and found[0].state == "finished" else 0.0

    first, second = seek(folder, clock=clock)
    assert (first.state, second.state) == ("finished", "cut")
    assert search.best((first, second)) == first
    assert journal(folder, "done")[-1]["why"] == "time"


def test_a_stop_is_heard_in_the_middle_and_the_search_can_go_on(tmp_path, model):
    folder = lay_out(tmp_path / "search", model, ITSELF)
    with at_each_forward((folder / "stop").touch), pytest.raises(Stopped):
        seek(folder)
    assert [trial.state for trial in trials(folder)] == ["running"] and not journal(folder, "done")
    (folder / "stop").unlink()
    assert [trial.state for trial in seek(folder)] == ["finished"]


def seek_to_the_end(folder):
    """As the child process does: begun again whenever it wants to be."""
    while True:
        with suppress(Again):
            return seek(folder)


def test_too_little_memory_makes_all_lessons_read_fewer_at_once_with_the_same_result(tmp_path, model):
    folder = lay_out(tmp_path / "search", model, ITSELF, replace(ITSELF, push=2.0))

    def short():
        if json.loads((folder / "lesson" / "spec.json").read_text("utf-8"))["recipe"]["batch_size"] > 2:
            run_out_of_memory()

    with at_each_forward(short):
        found = seek_to_the_end(folder)
    assert [trial.state for trial in found] == ["finished", "finished"]
    [note] = journal(folder, "note")
    assert note["text"].endswith("It now reads 2 conversations at a time; what is learned stays the same.")
    alone = classroom.teach(classroom.lay_out(tmp_path / "lesson", model, train=8, recipe=BASE))
    assert [loss for _, loss in search.own(found, BASE).curve] == pytest.approx(
        [loss for _, loss in classroom.story(alone).unseen], abs=2e-5
    )


def test_what_never_fits_ends_one_lesson_and_not_the_search(tmp_path, model):
    folder = lay_out(tmp_path / "search", model, ITSELF, replace(ITSELF, rank=16))

    def short():
        if json.loads((folder / "lesson" / "spec.json").read_text("utf-8"))["recipe"]["rank"] == 16:
            run_out_of_memory()

    with at_each_forward(short):
        assert [trial.state for trial in seek_to_the_end(folder)] == ["finished", "memory"]
    assert len(journal(folder, "note")) == 3, "four at once, two, one, and worked out twice"


def test_too_little_memory_for_the_first_lesson_is_told(tmp_path, model):
    with at_each_forward(run_out_of_memory), pytest.raises(MemoryError):
        seek_to_the_end(lay_out(tmp_path / "search", model, ITSELF))


def test_what_is_tried_next_does_not_hang_on_when_the_search_was_started(tmp_path, model):
    def chosen(folder, restarts):
        found = searcher.Search(lay_out(folder, model), Reporter(folder), lambda: 0.0)
        for n in range(6):
            found = searcher.Search(folder, Reporter(folder), lambda: 0.0) if restarts else found
            found.study.tell(found.choose(), n / 10)
        return [trial.params for trial in found.study.trials]

    unbroken = chosen(tmp_path / "once", False)
    assert unbroken == chosen(tmp_path / "often", True)
    assert len({repr(point) for point in unbroken}) == 6
