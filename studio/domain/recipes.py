"""Recipes with a name, and the file in which one is handed on."""

import json
from collections.abc import Mapping
from typing import Any

from studio.domain import training
from studio.domain.errors import BadFile, StudioError
from studio.domain.training import Recipe

FORMAT, VERSION = "persona-studio-recipe", 1
LONGEST_NAME = 60

# The recipe by which a 12B Gemma learned within 16 GB in the documents this studio goes back to.
SOURCES = Recipe(
    epochs=3, steps=60, batch_size=1, accumulation=4, learning_rate=2e-4, warmup_steps=6, rank=64, alpha=32, rslora=True, dora=True, four_bit=True,
    max_length=4096, evaluations_per_epoch=1, patience=3, optimiser="adamw_8bit",
)  # fmt: skip
NAMED: dict[str, Recipe] = {"Large model on a 16 GB card": SOURCES}


def name_of(given: str) -> str:
    """A name as it is kept; raises StudioError where there is none."""
    name = " ".join(given.split())
    if not name:
        raise StudioError("The recipe has no name. Nothing was saved. Type one first.")
    return name[:LONGEST_NAME]


def to_text(name: str, recipe: Recipe) -> str:
    """The file of one recipe."""
    return json.dumps({"format": FORMAT, "version": VERSION, "name": name, "recipe": recipe.to_dict()}, ensure_ascii=False, indent=2) + "\n"


def from_text(text: str) -> tuple[str, Recipe]:
    """Name and recipe in such a file; raises BadFile with one sentence where it is none, or one of a later studio."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadFile("This file is not a recipe: it is not JSON. Nothing was changed. Choose a file that a studio saved.") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise BadFile("This file is not a recipe of a Persona Studio. Nothing was changed. Choose a file that a studio saved.")
    if value.get("version") != VERSION:
        raise BadFile("This recipe comes from a newer Persona Studio. Nothing was changed. Get the newest studio to open it.")
    recipe, name = value.get("recipe"), value.get("name")
    if not isinstance(recipe, dict) or not isinstance(name, str):
        raise BadFile("This recipe is torn: its name or its choices are missing. Nothing was changed. Ask for it again.")
    return name_of(name or "A recipe"), read(recipe)


def read(value: Mapping[str, Any]) -> Recipe:
    """The recipe in a JSON object from anywhere; raises BadFile naming the first choice of the wrong kind."""
    kinds: dict[str, type] = {name: type(usual) for name, usual in Recipe().to_dict().items()}
    for name, found in value.items():
        if name in kinds and not _fits(found, kinds[name]):
            raise BadFile(f"In this recipe “{name}” is not a {WORDS[kinds[name]]}. Nothing was changed. Ask for it again.")
    return training.from_dict({name: kinds[name](found) if name in kinds else found for name, found in value.items()})


WORDS: dict[type, str] = {bool: "yes or no", int: "whole number", float: "number", str: "word"}


def _fits(found: object, kind: type) -> bool:
    if kind is float:
        return isinstance(found, int | float) and not isinstance(found, bool)
    return isinstance(found, kind) and (kind is bool or not isinstance(found, bool))
