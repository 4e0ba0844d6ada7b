"""All lessons of a character: their table, names and notes, and the bin."""

import json
import os
import time

import pandas
import psutil
import pytest

from studio.domain.errors import Busy, NotFound, StudioError
from studio.services import runs
from studio.services.library import IN_BIN, Library
from tests.tabs import stage


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


def journal(*losses, best="Woof."):
    at = time.time() - 100
    events = [
        {"kind": "evaluation", "at": at, "step": 0, "epoch": 0.0, "loss": 3.0},
        {"kind": "start", "at": at, "steps": 10 * len(losses), "epochs": len(losses), "from_step": 0},
    ]
    for n, loss in enumerate(losses, 1):
        events.append({"kind": "step", "at": at + n, "step": 10 * n, "epoch": float(n), "loss": loss})
        events.append({"kind": "evaluation", "at": at + n, "step": 10 * n, "epoch": float(n), "loss": loss})
        said = best if loss == min(losses) else "Grr."
        events += [
            {"kind": "sample", "at": at + n, "step": 10 * n, "epoch": float(n), "prompt": f"Question {m}?", "text": said} for m in range(12)
        ]
    return events


DONE = {"kind": "done", "at": time.time()}
RESULT = {"seconds": 60.0, "steps": 20}


def test_every_lesson_is_told_with_its_best_loss_and_what_that_version_said(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *journal(2.5, 2.1, 2.4, best="Rain!"), DONE, **RESULT)
    stage.lesson(studio, who, *journal(2.8), DONE, **RESULT)
    newest, oldest = runs.runs(studio.library, studio.jobs, who)
    assert (oldest.best_loss, oldest.best_step, oldest.steps, oldest.state) == (2.1, 20, 30, "done")
    assert {text for _, text in oldest.takes} == {"Rain!"}
    assert oldest.unseen == newest.unseen != "", "both were tested on the same conversations"
    assert runs.best([newest, oldest]) == oldest.id


def test_a_name_and_a_note_are_kept(studio):
    who = stage.character(studio.library)
    folder = stage.lesson(studio, who, *journal(2.5), DONE, **RESULT)
    runs.describe(studio.library, who, folder.name, "  The  calm one ", "Barks less.\n")
    (run,) = runs.runs(studio.library, studio.jobs, who)
    assert (run.name, run.note) == ("The calm one", "Barks less.")
    with pytest.raises(StudioError, match="Shorten"):
        runs.describe(studio.library, who, folder.name, "x" * 61, "")
    with pytest.raises(NotFound):
        runs.describe(studio.library, who, "biscuit-99", "a", "b")


def test_a_deleted_lesson_comes_back_as_it_was(studio):
    who = stage.character(studio.library)
    folder = stage.lesson(studio, who, *journal(2.5), DONE, **RESULT)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    runs.delete(studio.library, studio.jobs, who, folder.name)
    assert runs.runs(studio.library, studio.jobs, who) == [] and studio.library.character(who).adapters == 0
    assert [id_ for id_, *_ in runs.binned(studio.library, who)] == [folder.name]
    another = stage.lesson(studio, who, *journal(2.5), DONE, **RESULT)
    assert another.name != folder.name, "its place stays free"
    runs.restore(studio.library, who, folder.name)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert runs.binned(studio.library, who) == []
    with pytest.raises(NotFound):
        runs.restore(studio.library, who, folder.name)


def test_a_lesson_at_work_is_not_deleted(studio):
    who = stage.character(studio.library)
    running = stage.lesson(studio, who, *journal(2.5), alive=True)
    with pytest.raises(Busy):
        runs.delete(studio.library, studio.jobs, who, running.name)
    assert running.is_dir()


def test_a_lesson_that_is_made_into_a_file_is_not_deleted(studio):
    who = stage.character(studio.library)
    folder = stage.lesson(studio, who, *journal(2.5), DONE, **RESULT)
    export = studio.library.new_folder("exports", who)
    studio.library.write_json(export / "spec.json", {"kind": "export", "persona_id": who, "adapter": str(folder)})
    studio.library.write_json(export / "child.json", {"pid": os.getpid(), "born": psutil.Process().create_time()})
    with pytest.raises(Busy):
        runs.delete(studio.library, studio.jobs, who, folder.name)
    assert folder.is_dir()


def test_what_has_lain_in_the_bin_for_a_month_is_gone_after_the_next_start(studio, tmp_path):
    who = stage.character(studio.library)
    old, new = (stage.lesson(studio, who, *journal(2.5), DONE, **RESULT) for _ in range(2))
    studio.library.bin_lesson(old, time.time() - IN_BIN - 60)
    studio.library.bin_lesson(new, time.time() - IN_BIN + 60)
    studio.library.close()
    again = Library(studio.library.home, tmp_path / "no-examples")
    assert [id_ for id_, *_ in runs.binned(again, who)] == [new.name]
    again.close()


def test_the_figures_and_the_log_can_be_taken_away(studio):
    who = stage.character(studio.library)
    folder = stage.lesson(studio, who, *journal(2.5, 2.1), DONE, **RESULT)
    (folder / "log.txt").write_text("A warning of a library\n")
    frame = pandas.read_csv(runs.metrics(studio.library, folder))
    assert list(frame["validation_loss"].dropna()) == [3.0, 2.5, 2.1]
    log = runs.log(folder)
    assert "A warning of a library" in log and '"learning_rate"' in log and json.dumps(DONE) in log
