"""A search looks around the recipe one has, and calls better only what is better by more than chance."""

import json

import pytest

from studio.domain import presets, search
from studio.domain.presets import Material
from studio.domain.search import Space, Trial, Try
from studio.domain.training import Recipe

BASE = Recipe(epochs=4, learning_rate=2e-4, rank=16, alpha=8, warmup_steps=10)
LARGE, SMALL = Material(100, 200, 1_000_000_000), Material(100, 200, 5_000_000)


def trial(loss, rate=2e-4, state="finished", rank=16):
    return Trial(rate, rank, 4, state, loss, ((0, 3.0), (5, loss)) if loss else ())


def test_the_first_lesson_is_the_very_recipe_one_has():
    around = search.space(BASE, LARGE)
    first, *others = search.beginning(BASE, around)
    assert search.recipe(BASE, around, first) == BASE
    assert [search.recipe(BASE, around, point).learning_rate for point in others] == [4e-4, 1e-4]
    assert (around.ranks, around.passes) == ((8, 16, 32), (2, 8))


def test_strength_and_warm_up_go_along():
    around = search.space(BASE, LARGE)
    deep = search.recipe(BASE, around, Try(2.0, 32, 8)).checked()
    assert (deep.rank, deep.alpha, deep.epochs, deep.warmup_steps, deep.learning_rate) == (32, 16, 8, 20, 4e-4)


@pytest.mark.parametrize("preset", ["quick", "balanced", "patient"])
def test_a_small_model_is_never_led_beyond_what_keeps_its_sentences_whole(preset):
    base = presets.recipe(preset, SMALL)
    around = search.space(base, SMALL)
    for passes in around.passes:
        bold = search.recipe(base, around, Try(around.push[1], base.rank, passes))
        assert bold.learning_rate * presets.total_steps(SMALL, bold) <= presets.DRIFT["patient"] * 1.01


def test_a_recipe_with_a_number_of_steps_keeps_it():
    base = Recipe(steps=60, warmup_steps=6)
    around = search.space(base, LARGE)
    assert around.passes == (base.epochs, base.epochs)
    assert search.recipe(base, around, Try(1.0, base.rank, base.epochs)) == base


def test_only_what_is_better_by_more_than_chance_wins():
    better, same, worse = trial(2.0, 4e-4), trial(2.495, 4e-4), trial(2.6, 4e-4)
    own = trial(2.5)
    assert search.winner([own, better], BASE) == better
    assert "2.00 instead of 2.50" in search.sentence([own, better], BASE, 9)
    for other in (same, worse):
        assert search.winner([own, other], BASE) is None
        assert search.sentence([own, other], BASE, 9).startswith("Nothing better was found.")


def test_what_did_not_end_can_not_win():
    cut = trial(1.0, 4e-4, "cut")
    assert search.winner([trial(2.5), cut], BASE) is None
    assert search.sentence([cut], BASE, 9).startswith("No lesson came to its end")
    assert "did not come to its end" in search.sentence([trial(None, state="memory"), trial(2.0, 1e-4)], BASE, 9)


def test_few_kept_back_conversations_are_said_to_tell_little():
    found = [trial(2.5), trial(2.0, 4e-4)]
    assert "Only 1 conversation was kept back" in search.sentence(found, BASE, 1)
    assert "Only" not in search.sentence(found, BASE, 5)


@pytest.mark.parametrize(
    ("seconds", "words"), [(60, "About 10 lessons"), (400, "Too short to compare two lessons"), (1, "About 40 lessons"), (None, "")]
)
def test_a_time_is_told_in_lessons(seconds, words):
    assert search.lessons(10, seconds) == words


def test_trials_and_space_come_back_from_the_disk():
    kept = json.loads(json.dumps(search.to_dict([trial(2.0), trial(None, state="memory")], 12.34)))
    assert search.from_dict(kept) == (trial(2.0), trial(None, state="memory")) and kept["spent"] == 12.3
    around = Space((0.25, 4.0), (8, 16), (2, 8), True)
    assert search.space_from(json.loads(json.dumps(vars(around)))) == around
