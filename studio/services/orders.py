"""Writes down what a job is to do: the frozen conversations and the spec of a lesson, the spec of an export."""

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.domain import architecture, catalogue, checks, dataset, gemma, persona, presets, sizes, together
from studio.domain.conversation import Conversation, to_messages
from studio.domain.errors import NotReady, StudioError
from studio.domain.machine import SMALL
from studio.domain.training import Preset, Recipe
from studio.services import hardware
from studio.services.library import Character, Library
from studio.services.models import Models

AUDITIONS = 10  # questions an exported file has to answer like the studio
KEPT = 24  # conversations it never learned, by which a file is judged


def teachable(library: Library, persona_id: str) -> list[Conversation]:
    """The conversations of a character that can be learned from."""
    return dataset.teachable(library.conversations(persona_id))


def material(library: Library, models: Models, persona_id: str, model_id: str, others: Sequence[str] = ()) -> presets.Material:
    """What there is to learn, counted with the model's own tokenizer; `others` learn in the same lesson. Raises NotReady where one has too little."""
    counts: list[int] = []
    for each in (persona_id, *others):
        ready = len(teachable(library, each))
        if ready < checks.FEWEST:
            name = library.character(each).persona.name
            raise NotReady(f"{name} needs at least {checks.FEWEST} conversations. There {'is' if ready == 1 else 'are'} {ready}.")
        counts += lengths(library, models, each, model_id)
    parameters = models.choice(model_id).parameters
    return presets.Material(len(counts), max(counts), parameters, hardware.accelerated(), presets.typical(counts, 4))


def lengths(library: Library, models: Models, persona_id: str, model_id: str) -> list[int]:
    """Tokens of every conversation that can be learned from, in order; counted once as long as nothing is written."""
    stamp, key = library.stamp(), (persona_id, model_id)
    known = models.lengths.get(key)
    if known is None or known[0] != stamp:
        system, dialect = library.character(persona_id).persona.system, models.dialect(model_id)
        texts = ["".join(s.text for s in gemma.segments(c.turns, system, dialect)) for c in teachable(library, persona_id)]
        known = models.lengths[key] = (stamp, models.counts(model_id, texts))
    return known[1]


def too_long(library: Library, models: Models, persona_id: str, model_id: str, longest: int) -> list[tuple[str, int]]:
    """Title and tokens of every conversation that is longer than so many tokens, the longest first: what a lesson would cut."""
    counted = zip(teachable(library, persona_id), lengths(library, models, persona_id, model_id), strict=True)
    return sorted(((c.title, count) for c, count in counted if count > longest), key=lambda entry: -entry[1])


def recipe_for(library: Library, models: Models, persona_id: str, model_id: str, preset: Preset, others: Sequence[str] = ()) -> Recipe:
    """The recipe a preset means for this character, those that learn with it, and this model."""
    return plan(library, models, model_id, preset, material(library, models, persona_id, model_id, others))


def plan(library: Library, models: Models, model_id: str, preset: Preset, found: presets.Material) -> Recipe:
    """The recipe a preset means for what was found, as this machine can carry it out."""
    meant, shape = presets.recipe(preset, found), models.shape(model_id)
    if shape is None or found.parameters < SMALL:
        return meant  # a model so small fits everywhere
    return presets.fitted(meant, shape, hardware.here(library)[0], found.longest)


def order_lesson(
    library: Library, models: Models, persona_id: str, model_id: str, preset: Preset | None, recipe: Recipe, others: Sequence[str] = ()
) -> Path:
    """A new lesson's folder, ready for `jobs.start("train", ...)`; `others` learn in it too. Raises NotReady where texts don't tell them apart."""
    spec, text = drawn_up(library, models, persona_id, model_id, preset, recipe, others)
    folder = library.new_folder("adapters", persona_id)
    library.write_text(folder / "dataset.jsonl", text)
    library.write_json(folder / "spec.json", spec)
    return folder


def drawn_up(
    library: Library, models: Models, persona_id: str, model_id: str, preset: Preset | None, recipe: Recipe, others: Sequence[str] = ()
) -> tuple[dict[str, Any], str]:
    """The spec of a lesson and its frozen conversations, before there is a folder for them."""
    recipe = (
        replace(recipe, max_length=min(recipe.max_length, models.context(model_id)))
        .checked()
        .for_machine(hardware.found(library.home).kind)
    )
    model_path = models.path(model_id)
    if others:
        together.check([library.character(each).persona for each in (persona_id, *others)])
    material(library, models, persona_id, model_id, others)
    spec, text = written(library, persona_id, model_id, str(model_path), preset, recipe, others)
    library.flush()  # before the machine gets busy, the plain copy holds every word too
    return {**spec, "created": time.time()}, text


def written(
    library: Library, persona_id: str, model_id: str, model_path: str, preset: Preset | None, recipe: Recipe, others: Sequence[str] = ()
) -> tuple[dict[str, Any], str]:
    """The spec of a new lesson and the conversations it freezes, as both stand in its folder; when it was ordered is left open."""
    cast = [library.character(each) for each in (persona_id, *others)]
    own = {who.id: dataset.split(teachable(library, who.id), recipe.validation, recipe.seed) for who in cast}
    parts, members = dataset.joined(own.values()), [_member(who, own[who.id]) for who in cast]
    text = dataset.snapshot(parts, whose=_whose(cast, own) if others else None)
    spec = {
        "kind": "train", **members[0], "model": model_id, "model_path": model_path, "preset": preset, "recipe": recipe.to_dict(),
        "dataset": {"sha256": hashlib.sha256(text.encode()).hexdigest(), **_counts(parts)}, **({"company": members} if others else {}),
    }  # fmt: skip
    return spec, text


def _member(who: Character, parts: dataset.Split) -> dict[str, Any]:
    lines = list(who.persona.audition) or questions(parts, 3)
    return {"persona_id": who.id, "name": who.persona.name, "persona": who.persona.to_dict(), "samples": lines, "dataset": _counts(parts)}


def _counts(parts: dataset.Split) -> dict[str, int]:
    train, validation = len(parts.train), len(parts.validation)
    return {"conversations": train + validation, "train": train, "validation": validation}


def _whose(cast: Sequence[Character], own: dict[str, dataset.Split]) -> dict[str, tuple[str, str]]:
    return {c.id: (who.id, who.persona.system) for who in cast for c in (*own[who.id].train, *own[who.id].validation)}


def questions(parts: dataset.Split, count: int) -> list[str]:
    """First lines of conversations kept back (else of any), spread over the set: what the character has never heard."""
    openings = list(dict.fromkeys(c.turns[0].text for c in parts.validation)) + list(dict.fromkeys(c.turns[0].text for c in parts.train))
    return openings[:count]


def rejoin(library: Library, models: Models, folder: Path) -> dict[str, Any]:
    """A lesson's order, with its model where that lies now: the studio, or its data, may have been moved since. Raises NotReady where it is gone."""
    spec: dict[str, Any] = json.loads((folder / "spec.json").read_text("utf-8"))
    if not (Path(spec["model_path"]) / "config.json").is_file():
        try:
            spec["model_path"] = str(models.path(spec["model"]))
        except StudioError as error:
            raise NotReady(
                "The model this character learned on is gone from the disk. Fetch it again in Train, or put its folder back."
            ) from error
        library.write_json(folder / "spec.json", spec)
    return spec


def order_export(
    library: Library, models: Models, adapter: Path, kind: sizes.Kind, name: str, persona_id: str = "", four_bit: bool = False
) -> Path:
    """An export's folder, new or with the unfinished file of one that was cut off, ready for `jobs.start("export", ...)`; raises StudioError where the adapter or the disk is not ready.

    `persona_id`: which of the characters that learned in one lesson travels; the first unless told. `four_bit`: as `Order` has it.
    """
    if not (adapter / "adapter_model.safetensors").is_file():
        raise NotReady("This lesson has kept nothing yet. Let it reach its first safe copy, or teach again.")
    whole = rejoin(library, models, adapter)
    lesson = together.seen_by(whole, persona_id or whole["persona_id"])
    parts = dataset.from_snapshot((adapter / "dataset.jsonl").read_text("utf-8"), lesson["persona_id"])
    model_path = Path(lesson["model_path"])
    spec = {
        "kind": "export", "persona_id": lesson["persona_id"], "persona": lesson["persona"], "adapter": str(adapter), "model": lesson["model"], "model_path": str(model_path), "file": kind,
        "name": persona.slug(name), "prompts": _auditions(lesson["persona"], parts), "kept": [to_messages(c.turns) for c in _spread(parts.validation, KEPT)],
        "created": time.time(), **({"four_bit": True} if four_bit else {}),
    }  # fmt: skip
    begun = next((old for old in library.exports(lesson["persona_id"]) if _goes_on(old, spec)), None)
    check_room(model_path, library.home, kind, begun)
    folder = begun or library.new_folder("exports", lesson["persona_id"])
    library.write_json(folder / "spec.json", spec)
    return folder


def _goes_on(folder: Path, spec: dict[str, Any]) -> bool:
    """Whether an export of the same was cut off there: its unfinished file is gone on with."""
    if (folder / "result.json").exists() or not any(folder.glob("*.part")):
        return False
    return {**json.loads((folder / "spec.json").read_text("utf-8")), "created": 0} == {**spec, "created": 0}


def _auditions(sheet: dict[str, Any], parts: dataset.Split) -> list[str]:
    """The character's own audition lines, filled up with first lines of conversations."""
    return list(dict.fromkeys((*persona.from_dict(sheet, "spec.json").audition, *questions(parts, AUDITIONS))))[:AUDITIONS]


def _spread(conversations: Sequence[Conversation], most: int) -> list[Conversation]:
    """At most so many of them, from the whole length of the list."""
    step = max(1, -(-len(conversations) // most))
    return list(conversations[::step])


def check_room(model_path: Path, home: Path, kind: sizes.Kind, begun: Path | None = None) -> None:
    """Raise unless the disk has room for the file and the unquantised master it is made from, `begun` being where some of it lies already."""
    shape = architecture.read(json.loads((model_path / "config.json").read_text("utf-8")))
    there = sum(part.stat().st_size for part in begun.glob("*.part")) if begun else 0
    need, free = sizes.room(shape, shape.vocabulary, kind, engine=True), shutil.disk_usage(home).free + there
    if free < need:
        raise StudioError(f"Not enough room: the file needs {sizes.in_words(need)}, {sizes.in_words(free)} is free.")


def check_fetch(library: Library, model_id: str) -> None:
    """Raise unless the disk has room for what is still to be fetched of a model of the list."""
    whole = next((model.gigabytes * 1e9 for model in catalogue.MODELS if model.id == model_id), 0.0)
    here = sum(file.stat().st_size for file in library.model_folder(model_id).rglob("*") if file.is_file())
    need, free = max(0.0, whole - here), shutil.disk_usage(library.home).free
    if free < need:
        raise StudioError(
            f"Not enough room: the model needs {sizes.in_words(round(need))}, {sizes.in_words(free)} is free. Nothing was fetched. Free some space, then press Download."
        )
