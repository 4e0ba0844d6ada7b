"""A lesson survives what machines do: too little memory, an end at any moment, damaged copies, several processes."""

import json
import os
import re
import signal
import socket
import subprocess
from contextlib import suppress

import pytest
import torch
from safetensors.torch import load_file

from studio.domain import ladder, verdict
from studio.domain.errors import StudioError
from studio.engine import loader
from studio.engine.reporter import Paused, in_words
from studio.engine.shortage import short_of_memory
from studio.engine.trainer import share
from tests.engine import classroom, tiny
from tests.engine.classroom import adapter, at_each_forward, journal, lay_out, losses, run_out_of_memory, teach


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.folder(tmp_path_factory.mktemp("model"), "gemma3", torch.float32)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, model):
    """The lesson the others are held against."""
    return teach(lay_out(tmp_path_factory.mktemp("unbroken") / "lesson", model))


# ---------------------------------------------------------------- memory
@pytest.mark.parametrize("error", [
    MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), OSError(12, "Cannot allocate memory"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.87 GB, other allocations: 1.02 MB, max allowed: 9.07 GB)."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:128] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."), RuntimeError("std::bad_alloc"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), RuntimeError("could not create a memory object"),
])  # fmt: skip
def test_every_way_to_say_that_memory_ran_out_is_understood(error):
    assert short_of_memory(error)
    assert in_words(error)[0].startswith("This computer ran short of memory.") and not in_words(error)[1]


def test_a_refusal_of_the_allocator_is_understood_and_other_errors_are_not():
    with pytest.raises(RuntimeError) as refused:
        run_out_of_memory()
    assert short_of_memory(refused.value)
    assert not short_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not short_of_memory(ValueError("out of memory"))


@pytest.mark.parametrize(("batch", "accumulation"), [(2, 2), (1, 4)])
def test_smaller_batches_learn_the_same(tmp_path, model, unbroken, batch, accumulation):
    smaller = teach(lay_out(tmp_path / "smaller", model, batch_size=batch, accumulation=accumulation))
    assert losses(smaller) == pytest.approx(losses(unbroken), abs=2e-5)
    ours, theirs = (load_file(folder / "adapter_model.safetensors") for folder in (smaller, unbroken))
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in ours) < 2e-4


def test_memory_that_never_suffices_leads_down_every_step_and_then_says_so(tmp_path, model):
    folder = lay_out(tmp_path / "lesson", model, rank=64, alpha=64, dora=True)
    with at_each_forward(run_out_of_memory), pytest.raises(MemoryError):
        teach(folder)
    kept = json.loads((folder / "recipe.json").read_text("utf-8"))
    assert kept["asked"]["rank"] == 64 and kept["asked"]["batch_size"] == 4
    used = kept["used"]
    assert (used["batch_size"], used["accumulation"], used["checkpointing"], used["rank"], used["dora"], used["targets"]) == (
        1,
        4,
        True,
        8,
        False,
        "attention",
    )
    assert [note["text"] for note in journal(folder, "note") if note["why"] == "memory"] == kept["given_up"]
    assert not journal(folder, "start"), "the longest conversation was tried before the first step"


def test_the_whole_way_down_ends_with_an_adapter(tmp_path, model):
    folder = lay_out(tmp_path / "lesson", model, rank=64, alpha=64, dora=True, epochs=1)

    def short():
        if classroom.used(folder)["targets"] == "all":
            run_out_of_memory()

    with at_each_forward(short):
        teach(folder)
    assert (folder / "adapter_model.safetensors").is_file() and journal(folder, "done")
    used = classroom.used(folder)
    settings = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert settings["r"] == used["rank"] <= 32 and settings["use_dora"] is used["dora"] is False
    assert set(settings["target_modules"]) == {"q_proj", "k_proj", "v_proj", "o_proj"}


def test_short_of_memory_in_the_middle_goes_on_from_the_safe_copy_with_the_same_result(tmp_path, model, unbroken):
    folder = lay_out(tmp_path / "lesson", model)

    def short():
        if len(journal(folder, "step")) == 9 and classroom.used(folder)["batch_size"] == 4:
            run_out_of_memory()

    with at_each_forward(short):
        teach(folder)
    assert [start["from_step"] for start in journal(folder, "start")] == [0, 6]
    assert classroom.used(folder)["batch_size"] == 2
    assert losses(folder) == pytest.approx(losses(unbroken), abs=2e-5)


def test_what_the_limit_cuts_is_listed(tmp_path, model):
    folder = teach(lay_out(tmp_path / "lesson", model, epochs=1, max_length=120))
    [note] = [note for note in journal(folder, "note") if note["why"] == "length"]
    assert all(entry["tokens"] > 120 and entry["title"].startswith("Day ") for entry in note["cut"])
    assert str(len(note["cut"])) in note["text"] and str(sum(entry["lost"] for entry in note["cut"])) in note["text"]


# ---------------------------------------------------------------- interruptions
def test_a_pause_at_any_step_changes_nothing(tmp_path, model, unbroken):
    folder = lay_out(tmp_path / "lesson", model)
    for moment in (2, 6, 11):  # in the middle of a pass, at its end, and again

        def rest(moment=moment):
            if len(losses(folder)) == moment:
                (folder / "pause").touch()

        with at_each_forward(rest):
            teach(folder)
        assert journal(folder, "paused")[-1]["step"] == moment + 1
        assert classroom.story(folder).ended["kind"] == "paused"
    teach(folder)
    assert [start["from_step"] for start in journal(folder, "start")] == [0, 3, 7, 12]
    assert adapter(folder) == adapter(unbroken)


def test_a_pause_before_the_first_step_is_one(tmp_path, model):
    folder = lay_out(tmp_path / "lesson", model)
    with at_each_forward((folder / "pause").touch), pytest.raises(Paused):
        teach(folder)
    assert not journal(folder, "start")


def test_stop_keeps_what_was_learned_even_before_the_first_measurement(tmp_path, model):
    folder = lay_out(tmp_path / "lesson", model, unseen=0)

    def stop():
        if len(journal(folder, "step")) == 1:
            (folder / "stop").touch()

    with at_each_forward(stop):
        teach(folder)
    assert journal(folder, "stopped")[-1]["step"] == 2 and (folder / "adapter_model.safetensors").is_file()
    assert json.loads((folder / "result.json").read_text("utf-8"))["stopped"] is True


def test_a_damaged_newest_copy_is_passed_over(tmp_path, model, unbroken):
    folder = lay_out(tmp_path / "lesson", model)

    def rest():
        if len(journal(folder, "step")) == 13:
            (folder / "pause").touch()

    with at_each_forward(rest):
        teach(folder)
    kept = sorted(int(path.name.rsplit("-", 1)[1]) for path in (folder / "checkpoints").iterdir())
    assert kept[-2:] == [12, 14] and not (folder / "checkpoints.partial").exists()
    damaged = folder / "checkpoints" / "checkpoint-14" / "optimizer.pt"
    body = bytearray(damaged.read_bytes())
    body[len(body) // 2] ^= 1
    damaged.write_bytes(body)
    teach(folder)
    assert journal(folder, "start")[-1]["from_step"] == 12
    assert adapter(folder) == adapter(unbroken)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_killed_lesson_ends_with_the_very_same_adapter(tmp_path, model, unbroken):
    folder = lay_out(tmp_path / "lesson", model)
    killed = classroom.child(folder)
    while len(journal(folder, "step")) < 8:
        assert killed.poll() is None, (folder / "log.txt").read_text("utf-8")[-2000:]
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(20)
    teach(folder)
    assert journal(folder, "start")[-1]["from_step"] >= 6
    assert adapter(folder) == adapter(unbroken)


# ---------------------------------------------------------------- verdicts
def test_a_step_size_of_one_is_called_unsteady_and_ended_early(tmp_path):
    folder = teach(lay_out(tmp_path / "lesson", epochs=50, learning_rate=1.0))
    assert len(losses(folder)) < 20 < classroom.story(folder).steps
    [note] = [note for note in journal(folder, "note") if note["why"] == "unstable"]
    assert "Lower the step size (learning rate), now 1, to 0.1" in note["text"]
    read = verdict.read(classroom.story(folder))
    assert (read.kind, read.sentence) == ("unstable", note["text"])


def test_a_step_size_of_next_to_nothing_is_called_flat(tmp_path, model):
    folder = teach(lay_out(tmp_path / "lesson", model, learning_rate=1e-9))
    assert verdict.read(classroom.story(folder)).kind == "flat"


@pytest.mark.slow
def test_five_conversations_sixty_times_are_called_memorised_and_the_best_step_is_named(tmp_path):
    folder = teach(lay_out(tmp_path / "lesson", train=5, epochs=60, learning_rate=3e-3))
    story = classroom.story(folder)
    best = min(story.unseen, key=lambda point: point[1])[0]
    read = verdict.read(story)
    later = [step for step, _ in story.unseen if step > best]
    assert (read.kind, read.since) == ("overfitting", later[0]) and f"from step {best}," in read.sentence
    assert json.loads((folder / "result.json").read_text("utf-8"))["best_step"] == best


# ---------------------------------------------------------------- several processes
@pytest.mark.parametrize(
    ("whole", "processes", "own"), [((4, 1), 2, (2, 1)), ((1, 4), 2, (1, 2)), ((3, 2), 2, (1, 3)), ((4, 4), 1, (4, 4)), ((6, 1), 3, (2, 1))]
)
def test_processes_share_a_step_without_rest(whole, processes, own):
    assert share(*whole, processes) == own


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path, model, unbroken):
    folder = lay_out(tmp_path / "lesson", model)
    assert classroom.child(folder, processes=2).wait(200) == 0, (folder / "log.txt").read_text("utf-8")[-3000:]
    assert losses(folder) == pytest.approx(losses(unbroken), abs=1e-4)
    assert [event["step"] for event in journal(folder, "step")] == [event["step"] for event in journal(unbroken, "step")]
    assert len(journal(folder, "done")) == 1


def test_a_model_in_4_bit_is_not_laid_over_several_cards(model):
    with pytest.raises(StudioError, match="Switch 4 bit off"):
        loader.model(model, four_bit=True, in_parts=True)


# ---------------------------------------------------------------- several machines
def start(first, second, *launch):
    """Two machines that share a lesson, each with a folder of its own, as `accelerate launch` starts them."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        meeting = ("--num_machines", "2", "--main_process_ip", "127.0.0.1", "--main_process_port", str(door.getsockname()[1]))
    return [classroom.child(folder, 2, *meeting, "--machine_rank", str(n), *launch) for n, folder in enumerate((first, second))]


@pytest.mark.slow
def test_two_machines_that_keep_half_of_the_model_each_learn_what_one_learns(tmp_path, model, unbroken):
    """Begun alone, gone on with by two machines, and ended alone: one lesson like any other, though the second machine has no copy of its own."""
    first, second = lay_out(tmp_path / "first", model), lay_out(tmp_path / "second", model)
    with at_each_forward(lambda: (first / "pause").touch() if len(losses(first)) == 2 else None):
        teach(first)
    less = ladder.lower(ladder.plan(classroom.RECIPE), ladder.Lengths(100, 100))
    (second / "recipe.json").write_text(json.dumps(ladder.to_dict(classroom.RECIPE, less.plan, [less.sentence])), "utf-8")
    machines = start(first, second, "--use_fsdp", "--fsdp_version", "2")
    while len(journal(first, "step")) < 8:
        with suppress(subprocess.TimeoutExpired):  # still at work
            assert machines[0].wait(0.2) is None, (first / "log.txt").read_text("utf-8")[-3000:]
    (first / "pause").touch()
    assert [machine.wait(200) for machine in machines] == [0, 0], (first / "log.txt").read_text("utf-8")[-3000:]
    assert sorted(path.name for path in second.iterdir()) == ["dataset.jsonl", "log.txt", "recipe.json", "spec.json"]
    assert classroom.used(first)["batch_size"] == 2, "the second machine had been short of memory"
    logs = [(folder / "log.txt").read_text("utf-8") for folder in (first, second)]
    (own, whole), (other, _) = ([int(n) for n in re.findall(r"Keeps (\d+) of the (\d+) bytes", log)[0]] for log in logs)
    assert max(own, other) < 0.51 * whole and own + other >= whole
    teach(first)
    assert [event["from_step"] for event in journal(first, "start")] == [0, 3, journal(first, "paused")[-1]["step"]]
    assert losses(first) == pytest.approx(losses(unbroken), abs=1e-4)
    assert [event["loss"] for event in journal(first, "evaluation")] == pytest.approx(
        [event["loss"] for event in journal(unbroken, "evaluation")], abs=1e-4
    )
    assert [event["text"] for event in journal(first, "sample")] == [event["text"] for event in journal(unbroken, "sample")]


@pytest.mark.slow
def test_machines_whose_folders_differ_are_refused(tmp_path, model):
    first, second = lay_out(tmp_path / "first", model), lay_out(tmp_path / "second", model, learning_rate=2e-3)
    assert 0 not in [machine.wait(200) for machine in start(first, second)]
    assert "not the same on all machines" in journal(first, "failed")[-1]["message"] and not journal(first, "start")
