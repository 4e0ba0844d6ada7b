"""Recipes are kept under names, handed on as files, and taken from past lessons."""

import json

import pytest

from studio.domain import recipes, training
from studio.domain.errors import BadFile, NotFound, StudioError
from studio.domain.training import Recipe
from studio.services import cookbook

MINE = Recipe(rank=24, dora=True, schedule="linear", targets="attention")


def test_a_saved_recipe_comes_back_beside_the_studios_own(library):
    assert cookbook.save(library, "  My  own ", MINE) == "My own"
    assert cookbook.recipe(library, "", "My own") == MINE
    assert list(cookbook.saved(library)) == [*recipes.NAMED, "My own"]


def test_the_studios_own_recipes_are_not_written_over(library):
    with pytest.raises(StudioError, match="studio's own"):
        cookbook.save(library, next(iter(recipes.NAMED)), MINE)
    with pytest.raises(StudioError, match="no name"):
        cookbook.save(library, "  ", MINE)


def test_a_recipe_goes_through_a_file_to_another_studio(library, tmp_path):
    file = cookbook.hand_on(library, "Für Mia / 2", MINE)
    assert file.name == "für-mia---2.recipe.json"
    assert cookbook.take_in(library, file) == "Für Mia / 2"
    assert cookbook.recipe(library, "", "Für Mia / 2") == MINE


def torn(**change):
    return json.dumps({**json.loads(recipes.to_text("A", MINE)), **change})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "not JSON"),
        ("[]", "not a recipe of a Persona Studio"),
        (torn(version=2), "newer Persona Studio"),
        (torn(recipe=None), "torn"),
        (torn(recipe={**MINE.to_dict(), "rank": "deep"}), "“rank” is not a whole number"),
        (torn(recipe={**MINE.to_dict(), "rslora": 1}), "“rslora” is not a yes or no"),
        (torn(recipe={**MINE.to_dict(), "rank": 9999}), "“rank” is 9999"),
        (torn(recipe={**MINE.to_dict(), "schedule": "zigzag"}), "“schedule” is “zigzag”"),
        (torn(recipe={**MINE.to_dict(), "targets": "("}), "can't be read"),
        (torn(recipe={**MINE.to_dict(), "colour": "blue"}), "colour"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(library, tmp_path, text, words):
    file = tmp_path / "given.json"
    file.write_text(text, "utf-8")
    with pytest.raises(StudioError, match=words.replace("(", r"\(")):
        cookbook.take_in(library, file)
    assert list(cookbook.saved(library)) == list(recipes.NAMED)


def test_a_file_that_is_no_text_is_refused(library, tmp_path):
    (tmp_path / "picture.json").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(StudioError, match="as text"):
        cookbook.take_in(library, tmp_path / "picture.json")


def test_a_recipe_that_is_gone_is_said_to_be(library):
    with pytest.raises(NotFound):
        cookbook.recipe(library, "", "lesson:nobody-1")


def test_lessons_of_earlier_versions_are_read_with_the_usual_values():
    old = {name: value for name, value in Recipe(rank=8).to_dict().items() if name not in training.LATER}
    assert training.from_dict(old) == Recipe(rank=8)
    with pytest.raises(BadFile, match="rank"):
        training.from_dict({name: value for name, value in old.items() if name != "rank"})


def test_what_a_machine_cannot_do_is_refused_in_a_sentence():
    with pytest.raises(StudioError, match="NVIDIA"):
        Recipe(four_bit=True).for_machine("cpu")
    with pytest.raises(StudioError, match="8-bit"):
        Recipe(optimiser="paged_adamw_8bit").for_machine("mps")
    assert recipes.SOURCES.checked().for_machine("cuda") == recipes.SOURCES
