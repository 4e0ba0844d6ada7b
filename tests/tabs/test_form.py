"""The choices before a lesson say what fits, how long it takes, and where a recipe can come from."""

import pytest

from studio.domain.catalogue import EMBEDDING
from studio.domain.conversation import Turn
from studio.domain.errors import StudioError
from studio.domain.machine import Machine, Speed
from studio.domain.recipes import NAMED, SOURCES
from studio.domain.training import Recipe
from studio.services import cookbook, hardware
from studio.tabs import expert, fits, form
from tests.tabs import stage

SPEED = Speed(1.3e12, 3.3e11, 3.5e10, True, 1.0)


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


def measured(studio):
    studio.library.write_json(studio.library.home / "machine.json", {"machine": hardware._name(), **SPEED.to_dict()})


def test_every_model_of_the_list_says_whether_it_fits_before_it_is_fetched(studio):
    who = stage.character(studio.library)
    labels = {identifier: label for label, identifier in fits.cards(studio, who)}
    judged = {identifier for identifier, label in labels.items() if any(word in label for word in ("Fits", "Tight", "Does not fit"))}
    assert judged == set(labels) - {EMBEDDING.id}  # which is not taught, but compares
    assert "Not on this computer yet" in labels["gemma-3-1b"]


def test_the_panel_has_a_badge_for_each_way_and_times_once_measured(studio):
    who = stage.character(studio.library)
    drawn = fits.panel(studio, who, "gemma-3-270m", "balanced")
    assert drawn.count("<em ") == 3 and "a pass" not in drawn
    assert "with short numbers (bf16)" in drawn
    measured(studio)
    assert "a pass" in fits.panel(studio, who, "gemma-3-270m", "balanced")


def test_a_card_is_named_with_its_capability():
    card = Machine("cuda", "A card", 16 * 10**9, 15 * 10**9, 8, False, 10**12, "7.5")
    assert fits.where(card) == "graphics card, compute capability 7.5, not quick with short numbers (bf16)"


def test_a_time_is_called_an_estimate_until_a_lesson_measured_it(studio):
    who = stage.character(studio.library)
    measured(studio)
    _, cards, promise = form.form(studio, who, None, "balanced", "")[:3]
    assert all("(estimate)" in label and " step" in label for label, _ in cards["choices"])
    assert "estimates" in promise
    assert "With only 12 conversations" in promise


def test_the_recipe_of_the_sources_fills_the_fields_and_is_refused_without_a_card(studio):
    who = stage.character(studio.library)
    edited, *values = form.take(studio, who, next(iter(NAMED)))
    assert edited == who
    assert expert.recipe(tuple(values)) == SOURCES
    with pytest.raises(StudioError, match="NVIDIA"):
        SOURCES.for_machine("cpu")


def test_a_recipe_is_saved_handed_on_opened_and_started_from_a_past_lesson(studio):
    who = stage.character(studio.library)
    values = expert.values(Recipe(rank=24))
    chosen, name = form.save(studio, who, "Mine", *values)
    assert (chosen["value"], name) == ("Mine", "")
    file = form.hand_on(studio, "Theirs", *values)["value"]
    opened, edited, *filled = form.open_file(studio, who, file)
    assert (opened["value"], edited, expert.recipe(tuple(filled))) == ("Theirs", who, Recipe(rank=24))
    stage.lesson(studio, who)
    past = next(iter(cookbook.past(studio.library, who).values()))
    assert expert.recipe(tuple(form.take(studio, who, past)[1:])).rank == 32


def test_every_field_says_its_usual_value_in_its_sentence():
    assert all(any(word in sentence for word in ("Usually", "usual", "medium", "Any")) for _, _, sentence in expert.WORDS.values())


def test_what_the_longest_length_would_cut_is_listed_by_title_before_the_start(studio):
    who = stage.character(studio.library)
    long = "so many words that no one counts them " * 12
    studio.library.add(who, "The ${1+1} endless day", [Turn("a", "user", "And then?"), Turn("b", "model", long)])
    told = form.cuts(studio, who, "practice", 64)
    assert told["visible"] and told["value"].startswith(
        "1 conversation is longer than 64 tokens, so the end is not learned: “The ${1+1} endless day” ("
    )
    assert form.cuts(studio, who, "practice", 128)["visible"] is False
    assert form.cuts(studio, who, "gemma-3-1b", 64)["visible"] is False, "nobody counts with a model that is not here"
    assert form.cut_words([(f"Talk {n}", 99) for n in range(14)], 64).count("“") == 12
