"""Memory and time of a lesson, told from a config alone."""

from dataclasses import replace

import pytest

from studio.domain import catalogue, footprint, presets
from studio.domain.machine import Machine, Speed, speed
from studio.domain.training import Recipe

CPU = Machine("cpu", "Processor", 24 * 10**9, 22 * 10**9, 2, True, 10**12)
CARD = Machine("cuda", "A card", 16 * 10**9, 15 * 10**9, 8, True, 10**12, "8.6")
FAST = Speed(1.3e12, 3.3e11, 3.5e10, True, 1.0)

# What the real child process held at most on two cores without a card (tests/benchmarks/training_fits.py): model, batch, length, DoRA, GB.
MEASURED = [
    ("practice", 4, 256, False, 0.81),
    ("practice", 8, 1024, False, 2.19),
    ("gemma-3-270m", 2, 128, False, 1.44),
    ("gemma-3-270m", 4, 256, False, 2.01),
    ("gemma-3-270m", 2, 256, True, 1.66),
    ("gemma-3-1b", 1, 128, False, 3.15),
    ("gemma-3-1b", 4, 192, False, 4.67),
]


def peak(model, machine=CPU, longest=512, **recipe):
    return footprint.predict(catalogue.shape(model), Recipe(**recipe), machine, longest).peak


@pytest.mark.parametrize(("model", "batch", "length", "dora", "gigabytes"), MEASURED)
def test_the_prediction_is_within_fifteen_percent_of_what_was_measured(model, batch, length, dora, gigabytes):
    assert peak(model, longest=length, batch_size=batch, max_length=length, dora=dora) / 1e9 == pytest.approx(gigabytes, rel=0.15)


@pytest.mark.parametrize("model", [model.id for model in catalogue.MODELS])
def test_every_model_of_the_list_has_its_shape_and_no_more_weights_than_its_files(model):
    shape, entry = catalogue.shape(model), next(m for m in catalogue.MODELS if m.id == model)
    assert shape.parameters * 2 / 1e9 == pytest.approx(entry.gigabytes, rel=0.02)


def test_more_at_once_longer_and_deeper_needs_more():
    plain = peak("gemma-3-1b", batch_size=2)
    assert plain < peak("gemma-3-1b", batch_size=4)
    assert plain < peak("gemma-3-1b", batch_size=2, dora=True)
    assert plain < peak("gemma-3-1b", batch_size=2, rank=128)
    assert peak("gemma-3-1b", longest=100) < plain
    assert peak("gemma-3-1b", batch_size=2, max_length=256) == peak("gemma-3-1b", longest=256, batch_size=2)
    assert peak("gemma-3-1b", batch_size=2, targets="attention") < plain < peak("gemma-3-1b", batch_size=2, dtype="float32")


def test_four_bit_lets_a_large_model_onto_a_card_that_it_would_not_fit():
    whole, small = (peak("gemma-3-12b", CARD, 1024, batch_size=1, four_bit=four) for four in (False, True))
    assert footprint.verdict(whole, CARD) == "does not fit"
    assert footprint.verdict(small, CARD) != "does not fit"


def test_a_tight_recipe_reads_fewer_at_once_with_the_same_step():
    shape, small = catalogue.shape("gemma-3-1b"), replace(CPU, free=8 * 10**9)
    plan = presets.fitted(Recipe(batch_size=8), shape, small, 512)
    assert plan.batch_size < 8 and plan.batch_size * plan.accumulation == 8
    assert presets.fitted(Recipe(), shape, CARD, 128).four_bit is False
    assert presets.fitted(Recipe(), catalogue.shape("gemma-3-12b"), CARD, 512).four_bit is True


@pytest.mark.parametrize(("need", "words"), [(1e9, "fits"), (18e9, "tight"), (23e9, "does not fit")])
def test_the_verdict_goes_by_the_memory_that_is_free(need, words):
    assert footprint.verdict(need, CPU) == words


def test_a_config_in_either_spelling_is_read_and_a_short_one_is_not():
    text = {"hidden_size": 640, "num_hidden_layers": 18, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
            "intermediate_size": 2048, "vocab_size": 262_144}  # fmt: skip
    assert footprint.read(text) == footprint.read({"model_type": "gemma3", "text_config": text}) == catalogue.SHAPES["gemma-3-270m"]
    assert footprint.read({"hidden_size": 640}) is None


def test_slower_machines_and_larger_models_take_longer():
    shape, larger = catalogue.shape("gemma-3-270m"), catalogue.shape("gemma-3-1b")
    quick = footprint.seconds(shape, Recipe(), FAST, True, 1000)
    assert quick < footprint.seconds(larger, Recipe(), FAST, True, 1000)
    assert quick < footprint.seconds(shape, Recipe(), replace(FAST, matmul=3e11), True, 1000)


def test_a_measurement_is_read_back_and_a_torn_one_is_none():
    assert speed(FAST.to_dict()) == FAST
    assert speed({**FAST.to_dict(), "stream": 0}) is None
    assert speed({"matmul": 1}) is None
