"""Real lessons in real child processes, on the practice model."""

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from studio.domain import catalogue, progress
from studio.domain.conversation import Turn
from studio.domain.errors import Busy, NotReady
from studio.domain.persona import Persona
from studio.engine.generator import Speaker
from studio.services import orders
from studio.services.jobs import Jobs
from studio.services.models import Models


@pytest.fixture
def project():
    return Path(__file__).resolve().parents[2]


@pytest.fixture
def models(library, project):
    return Models(project / "assets" / "practice-model", library, offline=True)


@pytest.fixture
def jobs(library, project):
    jobs = Jobs(library, project)
    yield jobs
    folder = jobs.running()
    if folder:
        jobs.kill(folder)
        jobs.wait(folder, 20)


@pytest.fixture
def pip(library):
    """A small character with enough to learn from."""
    identifier = library.create(Persona("Pip", system="You are Pip, a snail who counts everything."))
    for n in range(24):
        library.add(
            identifier,
            f"Counting {n}",
            [
                Turn("a", "user", f"What did you see on day {n}?"),
                Turn("b", "model", f"I saw {n} leaves and one wet stone. I counted them twice."),
            ],
        )
    return identifier


def order(library, models, pip, **changes):
    recipe = orders.recipe_for(library, models, pip, catalogue.PRACTICE, "quick")
    return orders.order_lesson(library, models, pip, catalogue.PRACTICE, "quick", replace(recipe, **changes))


def until(jobs, folder, wanted, seconds=120):
    """Wait until the journal holds an event of a kind (a step number for kind `step`)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for event in jobs.events(folder):
            if event["kind"] == wanted[0] and event.get("step", 0) >= wanted[1]:
                return
        if jobs.state(folder) not in ("running",):
            break
        time.sleep(0.05)
    raise AssertionError(f"no {wanted} in {seconds} s: {jobs.events(folder)[-3:]} {(folder / 'log.txt').read_text()[-2000:]}")


@pytest.mark.slow
def test_a_lesson_leaves_an_adapter_that_knows_the_unseen_conversations_better(library, models, jobs, pip):
    folder = order(library, models, pip, epochs=3)
    jobs.start("train", folder)
    assert jobs.wait(folder, 240)
    assert jobs.state(folder) == "done", (folder / "log.txt").read_text()[-3000:]
    result = json.loads((folder / "result.json").read_text())
    assert result["validation_nll_adapter"] < 0.7 * result["validation_nll_base"]
    assert result["train_examples"] == 22 and result["validation_examples"] == 2
    assert {p.name for p in folder.iterdir()} >= {
        "adapter_model.safetensors",
        "adapter_config.json",
        "spec.json",
        "dataset.jsonl",
        "events.jsonl",
        "log.txt",
    }
    seen = progress.lesson(jobs.events(folder))
    assert seen.unseen[0][0] == 0 and seen.best_step == result["best_step"]
    assert {epoch for epoch, _, _ in seen.takes} >= {0.0} and len(seen.takes) % 3 == 0
    assert str(library.home) not in (folder / "adapter_config.json").read_text()
    plain = Speaker(models.path(catalogue.PRACTICE))
    for question, first in [(question, said) for epoch, question, said in seen.takes if epoch == 0]:
        without_scene = list(plain.speak(None, [Turn("", "user", question)], "", 0.0, lambda: False))[-1]
        assert without_scene.startswith(first), "what is heard before learning is what Chat calls before training"


@pytest.mark.slow
def test_a_killed_lesson_says_so_and_goes_on_from_its_safe_copy(library, models, jobs, pip, project):
    folder = order(library, models, pip, epochs=6, patience=50)
    jobs.start("train", folder)
    until(jobs, folder, ("saved", 1))
    known = json.loads((folder / "child.json").read_text())
    # A studio started anew knows the running lesson by its folder alone.
    again = Jobs(library, project)
    assert again.running() == folder and again.state(folder) == "running"
    with pytest.raises(Busy, match="A lesson is running"):
        again.start("train", folder)
    os.kill(known["pid"], signal.SIGKILL)
    assert jobs.wait(folder, 20)
    assert jobs.state(folder) == again.state(folder) == "interrupted"
    assert "safe copy" in again.failure(folder)
    again.start("train", folder)
    until(again, folder, ("start", 0))
    assert again.wait(folder, 300) and again.state(folder) == "done", (folder / "log.txt").read_text()[-3000:]
    starts = [e for e in again.events(folder) if e["kind"] == "start"]
    assert starts[0]["from_step"] == 0 and starts[1]["from_step"] > 0
    assert not psutil.pid_exists(known["pid"]) or psutil.Process(known["pid"]).create_time() != known["born"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
@pytest.mark.parametrize(("number", "words"), [(signal.SIGKILL, "short of memory"), (signal.SIGSEGV, "A part of the studio broke")])
def test_a_job_that_could_not_tell_its_end_is_told_by_its_exit_code(library, models, jobs, pip, project, number, words):
    folder = order(library, models, pip)
    jobs.start("train", folder)
    os.kill(json.loads((folder / "child.json").read_text())["pid"], number)
    assert jobs.wait(folder, 20)
    assert words in jobs.failure(folder)
    for thread in threading.enumerate():
        if thread.name == f"watch {folder.name}":
            thread.join(10)
    assert words in Jobs(library, project).failure(folder)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_lesson_ended_by_the_system_for_want_of_memory_goes_on_one_step_lower(library, models, jobs, pip, project):
    folder = order(library, models, pip, epochs=2)
    jobs.start("train", folder)
    until(jobs, folder, ("phase", 0))
    child = json.loads((folder / "child.json").read_text())
    os.kill(child["pid"], signal.SIGKILL)
    assert jobs.wait(folder, 20)
    assert "most likely" in jobs.failure(folder), "a kill alone does not prove it"
    # The system's count of such ends has risen since the start, or, where it keeps none, next to nothing was free.
    child["shortages"] = None if child["shortages"] is None else child["shortages"] - 1
    (folder / "child.json").write_text(json.dumps(child))
    with (folder / "events.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"kind": "step", "at": 1.0, "step": 1, "loss": 3.0, "free_mb": 1}) + "\n")
    assert "because it ran short of memory" in jobs.failure(folder)
    again = Jobs(library, project)
    again.start("train", folder)
    assert again.wait(folder, 200) and again.state(folder) == "done", (folder / "log.txt").read_text()[-3000:]
    kept = json.loads((folder / "recipe.json").read_text())
    assert kept["used"]["batch_size"] == kept["asked"]["batch_size"] // 2
    assert progress.lesson(again.events(folder)).notes == tuple(kept["given_up"])


@pytest.mark.slow
def test_a_lesson_rests_and_goes_on(library, models, jobs, pip):
    folder = order(library, models, pip, epochs=3, patience=50)
    jobs.start("train", folder)
    until(jobs, folder, ("step", 2))
    jobs.pause(folder)
    assert jobs.wait(folder, 60) and jobs.state(folder) == "paused"
    rested = jobs.events(folder)[-1]["step"]
    jobs.start("train", folder)
    assert jobs.wait(folder, 200) and jobs.state(folder) == "done"
    assert [e["from_step"] for e in jobs.events(folder) if e["kind"] == "start"] == [0, rested]


@pytest.mark.slow
def test_a_lesson_ended_from_the_window_is_no_shortage(library, models, jobs, pip):
    folder = order(library, models, pip)
    jobs.start("train", folder)
    until(jobs, folder, ("phase", 0))
    jobs.kill(folder)
    assert jobs.wait(folder, 20) and not jobs.short_of_memory(folder)


@pytest.mark.slow
def test_stop_keeps_what_was_learned(library, models, jobs, pip):
    folder = order(library, models, pip, epochs=100, patience=100)
    jobs.start("train", folder)
    until(jobs, folder, ("saved", 1))
    jobs.stop(folder)
    assert jobs.wait(folder, 60)
    assert jobs.state(folder) == "stopped"
    assert (folder / "adapter_model.safetensors").is_file()
    assert json.loads((folder / "result.json").read_text())["stopped"] is True


@pytest.mark.slow
def test_conversations_changed_on_the_disk_are_not_learned(library, models, jobs, pip):
    folder = order(library, models, pip)
    with (folder / "dataset.jsonl").open("a", encoding="utf-8") as stream:
        stream.write("\n")
    jobs.start("train", folder)
    assert jobs.wait(folder, 60)
    assert jobs.state(folder) == "failed"
    assert "changed on the disk" in jobs.failure(folder)


def test_nothing_to_learn_is_a_sentence(library, models):
    nobody = library.create(Persona("Nobody"))
    with pytest.raises(NotReady, match="Nobody needs at least 10 conversations. There are 0."):
        orders.recipe_for(library, models, nobody, catalogue.PRACTICE, "balanced")


def test_a_model_folder_that_is_none_is_refused_by_name(library, models, tmp_path):
    (tmp_path / "not-a-model").mkdir()
    with pytest.raises(Exception, match="config.json, tokenizer.json, .*safetensors is missing"):
        models.add_folder(str(tmp_path / "not-a-model"))
    with pytest.raises(Exception, match="There is no folder"):
        models.add_folder("/nowhere/at/all")


def test_the_practice_model_stands_first_and_the_others_say_why_not(models):
    first, *others = models.choices()
    assert first.id == catalogue.PRACTICE and first.path
    assert all(choice.why_not and choice.path is None for choice in others)


def test_spans_cover_the_text_they_count(models):
    text = "<bos><start_of_turn>user\nHello there, Pip!<end_of_turn>\n"
    spans = models.spans(catalogue.PRACTICE, text)
    assert spans[0] == (0, 5) and spans[-1][1] == len(text)
    assert models.count(catalogue.PRACTICE, text) == len(spans)
