"""Recipes kept under a name, and those of past lessons."""

import time
from pathlib import Path
from typing import Any

from studio.domain import blend, recipes, training
from studio.domain.errors import NotFound, StudioError
from studio.domain.training import Recipe
from studio.services.library import Library

PAST = "lesson:"  # names of past lessons' recipes begin with this


def saved(library: Library) -> dict[str, Recipe]:
    """Every recipe with a name: the studio's own first, then what was saved here. One that can't be read any more is left out."""
    kept = library.read_json(_place(library), {})
    found = dict(recipes.NAMED)
    for name, value in kept.items() if isinstance(kept, dict) else ():
        try:
            found[name] = recipes.read(value)
        except StudioError:
            continue  # a field of another studio; the entry stays in the file
    return found


def save(library: Library, given: str, recipe: Recipe) -> str:
    """Keep a recipe under a name, in place of an older one of that name; returns the name. Raises StudioError for the studio's own names."""
    name = recipes.name_of(given)
    if name in recipes.NAMED or name.startswith(PAST):
        raise StudioError(f"“{name}” is the studio's own recipe. Nothing was saved. Choose another name.")
    kept = library.read_json(_place(library), {})
    library.write_json(_place(library), {**(kept if isinstance(kept, dict) else {}), name: recipe.checked().to_dict()})
    return name


def hand_on(library: Library, given: str, recipe: Recipe) -> Path:
    """A file that holds this recipe, for another studio."""
    name = recipes.name_of(given or "Recipe")
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name).strip("-").lower() or "recipe"
    file = library.scratch / f"{safe}.recipe.json"
    library.write_text(file, recipes.to_text(name, recipe.checked()))
    return file


def take_in(library: Library, file: Path) -> str:
    """Keep the recipe of such a file; returns its name. Raises BadFile where it holds none."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError("This file can't be read as text. Nothing was changed. Choose a recipe that a studio saved.") from error
    name, recipe = recipes.from_text(text)
    return save(library, f"{name} (copy)" if name in recipes.NAMED else name, recipe)


def past(library: Library, persona_id: str) -> dict[str, str]:
    """The past lessons of a character whose recipe can be used again: what to call each -> its id, newest first."""
    found = {}
    for folder in library.adapters(persona_id):
        spec: dict[str, Any] = library.read_json(folder / "spec.json", {})
        if isinstance(spec.get("recipe"), dict) and spec.get("kind") != blend.KIND:
            day = time.strftime("%Y-%m-%d, %H:%M", time.localtime(spec.get("created", 0)))
            found[f"Lesson of {day}"] = f"{PAST}{folder.name}"
    return found


def recipe(library: Library, persona_id: str, name: str) -> Recipe:
    """The recipe of that name or past lesson; raises NotFound where it is gone."""
    if name.startswith(PAST):
        for folder in library.adapters(persona_id):
            if folder.name == name.removeprefix(PAST):
                return training.from_dict(library.read_json(folder / "spec.json", {}).get("recipe", {}))
    elif name in (known := saved(library)):
        return known[name]
    raise NotFound("This recipe is gone. Nothing was changed. Choose another one.")


def _place(library: Library) -> Path:
    return library.home / "recipes.json"
