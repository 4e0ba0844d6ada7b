"""Three recipes fit what there is to learn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.domain import presets, training
from studio.domain.errors import BadFile, StudioError
from studio.domain.presets import Material
from studio.domain.training import Recipe

PRESETS = ("quick", "balanced", "patient")
materials = st.builds(Material, st.integers(1, 20_000), st.integers(1, 100_000), st.integers(1_000_000, 30_000_000_000), st.booleans())


@given(st.sampled_from(PRESETS), materials)
def test_every_recipe_can_be_used(preset, material):
    plan = presets.recipe(preset, material)
    assert plan.checked() == plan
    assert plan.warmup_steps <= max(1, presets.total_steps(material, plan) // 10)
    assert plan.max_length >= min(material.longest, 4096)


@given(materials)
def test_more_patience_means_more_passes_and_more_depth(material):
    quick, balanced, patient = (presets.recipe(p, material) for p in PRESETS)
    assert quick.epochs <= balanced.epochs <= patient.epochs
    assert quick.rank < balanced.rank < patient.rank


@pytest.mark.parametrize("preset", PRESETS)
def test_a_small_model_is_led_equally_far_by_few_conversations_and_by_many(preset):
    materials = [Material(count, 300, 5_600_000) for count in (40, 111, 200)]
    plans = [presets.recipe(preset, material) for material in materials]
    led = [plan.learning_rate * presets.total_steps(material, plan) for material, plan in zip(materials, plans, strict=True)]
    assert led == pytest.approx([presets.DRIFT[preset]] * 3, rel=0.005)  # the step size has three figures


def test_a_small_model_takes_small_steps_however_little_there_is():
    small, large = (presets.recipe("balanced", Material(1, 300, size)) for size in (5_600_000, 4_000_000_000))
    assert 0 < small.learning_rate <= large.learning_rate


def test_many_conversations_are_read_fewer_times():
    assert presets.recipe("patient", Material(5000, 300, 10**9)).epochs < presets.recipe("patient", Material(100, 300, 10**9)).epochs


def test_a_large_model_on_a_graphics_card_sees_one_at_a_time_with_the_same_step():
    plan, plain = (presets.recipe("balanced", Material(100, 300, 12 * 10**9, accelerated)) for accelerated in (True, False))
    assert plan.batch_size == 1
    assert plan.batch_size * plan.accumulation == plain.batch_size * plain.accumulation


@pytest.mark.parametrize(("conversations", "batch", "accumulation", "steps"), [(1, 4, 1, 1), (8, 4, 1, 2), (9, 4, 1, 3), (100, 1, 4, 25)])
def test_steps_are_counted_up(conversations, batch, accumulation, steps):
    plan = Recipe(batch_size=batch, accumulation=accumulation, epochs=3)
    assert presets.steps_per_epoch(Material(conversations, 100, 1), plan) == steps
    assert presets.total_steps(Material(conversations, 100, 1), plan) == 3 * steps


def test_every_preset_has_its_words():
    assert tuple(presets.TITLES) == tuple(presets.SENTENCES) == PRESETS


def test_a_recipe_is_read_back_from_its_spec():
    plan = presets.recipe("patient", Material(111, 400, 268_000_000))
    assert training.from_dict(plan.to_dict()) == plan


def test_a_recipe_with_missing_or_unknown_fields_is_refused():
    with pytest.raises(BadFile, match="colour"):
        training.from_dict({**Recipe().to_dict(), "colour": "blue"})
    with pytest.raises(BadFile, match="seed"):
        training.from_dict({k: v for k, v in Recipe().to_dict().items() if k != "seed"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("learning_rate", 2.0), ("learning_rate", float("nan")), ("rank", 1000), ("validation", 0.9), ("max_length", 8)],
)
def test_a_number_outside_its_limits_is_named(name, value):
    with pytest.raises(StudioError, match=name.replace("_", " ")):
        Recipe(**{name: value}).checked()


def test_the_steps_that_are_told_are_those_the_lesson_takes():
    material = Material(conversations=111, longest=300, parameters=5_600_000)
    assert "6 times, in 150 steps." in presets.sentence("balanced", presets.recipe("balanced", material), material)


def test_up_to_fifty_conversations_the_danger_of_learning_by_heart_is_said():
    assert presets.caution(50).startswith("With only 50 conversations a model easily learns them by heart")
    assert presets.caution(51) == ""


@pytest.mark.parametrize("preset", ["quick", "balanced", "patient"])
def test_with_111_conversations_the_gentle_first_steps_end_within_a_tenth(preset):
    material = Material(111, 300, 1_000_000_000)
    plan = presets.recipe(preset, material)
    assert 1 <= plan.warmup_steps <= presets.total_steps(presets.learned(material, plan), plan) / 9


@pytest.mark.parametrize("conversations", range(10, 120, 7))
def test_the_step_size_is_one_that_can_be_typed(conversations):
    rate = presets.recipe("balanced", Material(conversations, 300, 5_600_000)).learning_rate
    assert len(f"{rate:e}".partition("e")[0].rstrip("0")) <= len("1.23")
