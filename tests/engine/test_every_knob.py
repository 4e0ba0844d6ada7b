"""Every choice for experts in a small real lesson, seen in what the lesson leaves behind: nothing in that drawer is there that never ran."""

import csv
import json
import math
import re
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.modules.module import register_module_forward_pre_hook

from studio.domain.errors import NotReady, StudioError
from studio.domain.training import Recipe
from studio.engine import loader
from tests.engine import classroom, tiny
from tests.engine.classroom import journal, lay_out, losses, teach

LARGE = 800_000  # words, with which a tiny model has as many weights as one that is worth short numbers
FOUND = loader.device(60_000_000)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.folder(tmp_path_factory.mktemp("model"), "gemma3", torch.float32)


def ordered(folder, model, train=8, **changes):
    """A lesson of eight conversations in which nobody is asked anything."""
    lay_out(folder, model, train=train, **{"epochs": 1, "max_length": 512, **changes})
    spec = json.loads((folder / "spec.json").read_text("utf-8"))
    (folder / "spec.json").write_text(json.dumps({**spec, "samples": []}), "utf-8")
    return folder


@pytest.fixture
def taught(tmp_path, model):
    """Teaches a lesson with some choices made; returns its folder."""
    return lambda name, **changes: teach(ordered(tmp_path / name, model, **changes))


@pytest.fixture(scope="module")
def usual(tmp_path_factory, model):
    """The lesson the others are held against: two passes of two steps."""
    return teach(ordered(tmp_path_factory.mktemp("usual") / "lesson", model, epochs=2))


@contextmanager
def at_each_embedding(look):
    """Call `look(module, ids)` whenever tokens become vectors."""
    hook = register_module_forward_pre_hook(lambda module, given: look(module, *given) if isinstance(module, torch.nn.Embedding) else None)
    try:
        yield
    finally:
        hook.remove()


def column(folder, name):
    """One column of metrics.csv, where something stands in it."""
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def result(folder):
    return json.loads((folder / "result.json").read_text("utf-8"))


def settings(folder):
    """What stands beside the adapter."""
    return json.loads((folder / "adapter_config.json").read_text("utf-8"))


def learned_parts(folder):
    """(layer, projection) of every matrix in the adapter."""
    names = load_file(folder / "adapter_model.safetensors")
    found = [re.search(r"layers\.(\d+)\.\w+\.(\w+)\.lora_A", name) for name in names]
    return {(int(match[1]), match[2]) for match in found if match}


# ---------------------------------------------------------------- how long, how far, how often
FORMS = {
    "cosine": lambda share: 0.5 * (1 + math.cos(math.pi * share)),
    "linear": lambda share: 1 - share,
    "constant": lambda share: 1.0,
}


@pytest.mark.parametrize("schedule", FORMS)
def test_the_step_size_rises_while_warming_up_and_then_goes_as_chosen_for_as_many_steps_as_chosen(taught, schedule):
    steps, warm, rate = 12, 4, 2e-3
    folder = taught("lesson", schedule=schedule, steps=steps, warmup_steps=warm, learning_rate=rate)
    wanted = [n / warm if n < warm else FORMS[schedule]((n - warm) / (steps - warm)) for n in range(steps)]
    assert column(folder, "learning_rate") == pytest.approx([rate * share for share in wanted], rel=1e-6)


def test_without_a_number_of_steps_the_passes_count(usual):
    assert column(usual, "step") == [0, 1, 2, 3, 4] and column(usual, "epoch")[-1] == 2


def test_tests_are_made_as_often_as_chosen(taught):
    folder = taught("lesson", train=16, evaluations_per_epoch=2)
    assert [event["step"] for event in journal(folder, "evaluation")] == [0, 2, 4]


def test_patience_ends_a_lesson_in_which_nothing_gets_better_and_none_never_does(taught):
    still = {"learning_rate": 1e-10, "warmup_steps": 10_000, "epochs": 5}  # too small a step to change any number
    [ended] = journal(taught("patient", **still, patience=2), "stopped")
    assert (ended["step"], ended["why"]) == (4, "stale"), "two tests after the first brought nothing"
    [ended] = journal(taught("endless", **still, patience=0), "stopped")
    assert ended["step"] == 10 and "why" not in ended


def test_the_dice_deal_the_conversations_out_anew(taught, usual):
    assert losses(taught("other", epochs=1, seed=8))[0] != losses(usual)[0]


# ---------------------------------------------------------------- what is read, and how
def test_gathered_looks_are_the_step_of_a_larger_one(taught, usual):
    assert losses(taught("gathered", epochs=2, batch_size=2, accumulation=2)) == pytest.approx(losses(usual), abs=2e-5)


def test_with_gaps_or_without_the_same_is_learned(tmp_path, model, usual):
    folder, seen = ordered(tmp_path / "gaps", model, epochs=2, packing=False), []
    with at_each_embedding(lambda module, ids: seen.append(len(ids))):
        teach(folder)
    assert seen.count(4) == 1 + 4, "four conversations under each other: once to try the longest, then at every step"
    assert losses(folder) == pytest.approx(losses(usual), abs=2e-5)


def test_replies_only_or_everything_but_the_first_mark(taught, usual, model):
    everything = taught("everything", epochs=2, learn="everything")
    assert result(everything)["tokens"] == result(usual)["tokens"], "the same is read"
    assert result(everything)["trained_tokens"] == result(everything)["tokens"] / 2 - 8
    words = loader.tokenizer(model)
    replies = [f"{talk.turns[1].text}<end_of_turn>" for talk in classroom.counting(8)]
    assert result(usual)["trained_tokens"] == sum(len(words(reply, add_special_tokens=False)["input_ids"]) for reply in replies)


def test_nothing_is_read_beyond_the_longest_and_what_is_cut_is_listed(taught, usual):
    folder = taught("lesson", max_length=150)
    [note] = [note for note in journal(folder, "note") if note["why"] == "length"]
    lengths = {entry["title"]: entry["tokens"] for entry in note["cut"]}
    assert list(lengths) == ["Day 2", "Day 3", "Day 4", "Day 7"] and min(lengths.values()) > 150
    assert result(folder)["tokens"] == result(usual)["tokens"] / 2 - sum(lengths.values()) + 4 * 150
    assert note["text"].startswith("4 conversations are longer than 150 tokens")


# ---------------------------------------------------------------- what may change
def test_attention_only_with_the_depth_strength_and_forgetting_that_were_chosen(taught, usual):
    folder = taught("lesson", epochs=2, targets="attention", rank=4, alpha=12, dropout=0.2, rslora=False)
    assert learned_parts(folder) == {(layer, f"{part}_proj") for layer in range(5) for part in "qkvo"}
    kept = settings(folder)
    assert (kept["r"], kept["lora_alpha"], kept["lora_dropout"], kept["use_rslora"], kept["use_dora"]) == (4, 12, 0.2, False, False)
    assert len(learned_parts(usual)) == 5 * 7 and settings(usual)["use_rslora"] is True


@pytest.mark.parametrize("change", [{"dropout": 0.3}, {"rslora": False}, {"dora": True}, {"alpha": 32}])
def test_each_of_the_adapters_choices_changes_what_is_learned(taught, usual, change):
    folder = taught("lesson", epochs=2, **change)
    # An adapter changes nothing before its first step, so only chance can show in the first loss.
    assert (losses(folder)[0] == pytest.approx(losses(usual)[0], abs=1e-5)) and losses(folder)[2:] != losses(usual)[2:]
    sizes = [name for name in load_file(folder / "adapter_model.safetensors") if "magnitude" in name]
    assert len(sizes) == (35 if "dora" in change else 0)


def test_a_pattern_of_whole_paths_is_taught_and_one_that_names_nothing_is_refused(tmp_path, model, taught):
    folder = taught("lesson", targets=r".*layers\.[02]\.self_attn\.(q|v)_proj")
    assert learned_parts(folder) == {(layer, part) for layer in (0, 2) for part in ("q_proj", "v_proj")}
    refused = ordered(tmp_path / "refused", model, targets=r".*layers\.9\.self_attn\.q_proj")
    with pytest.raises(NotReady, match="names nothing in this model"):
        teach(refused)
    assert not journal(refused, "start")


# ---------------------------------------------------------------- numbers and bookkeeping
@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return tiny.folder(tmp_path_factory.mktemp("large"), "gemma3", shards="2GB", extra_rows=LARGE)


@pytest.mark.parametrize(("dtype", "numbers"), [("auto", FOUND.dtype), ("float32", torch.float32)])
def test_the_model_is_held_in_the_numbers_that_were_chosen(tmp_path, large, dtype, numbers):
    folder, seen = ordered(tmp_path / "lesson", large, train=2, unseen=0, steps=1, dtype=dtype), set()
    with at_each_embedding(lambda module, ids: seen.add(module.weight.dtype)):
        teach(folder)
    assert seen == {numbers} and all(math.isfinite(loss) for loss in losses(folder))


@pytest.mark.parametrize(
    "choice", [{"optimiser": "adamw"}, {"optimiser": "adamw_8bit"}, {"optimiser": "paged_adamw_8bit"}, {"four_bit": True}]
)
def test_what_needs_a_card_is_refused_in_a_sentence_where_there_is_none_and_learns_where_there_is(tmp_path, model, choice):
    folder = ordered(tmp_path / "lesson", model, **choice)
    before = (folder / "dataset.jsonl").read_bytes()
    if FOUND.name == "cuda" or choice == {"optimiser": "adamw"}:
        teach(folder)
        assert losses(folder)[-1] < losses(folder)[0]
        return
    with pytest.raises(StudioError, match=r"need an NVIDIA card|needs an NVIDIA card"):
        teach(folder)
    assert (folder / "dataset.jsonl").read_bytes() == before and not journal(folder, "start")


def test_no_choice_is_left_out_here():
    text = Path(__file__).read_text("utf-8")
    unseen = [field.name for field in fields(Recipe) if not re.search(rf"\b{field.name}=|\"{field.name}\":", text)]
    assert unseen == ["validation"], "whose share is put aside when a lesson is ordered"
