"""Writes down what a job is to do: the frozen conversations and the spec of a lesson, the spec of an export."""

import hashlib
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.domain import architecture, catalogue, checks, dataset, gemma, persona, presets, sizes
from studio.domain.conversation import Conversation
from studio.domain.errors import NotReady, StudioError
from studio.domain.machine import SMALL
from studio.domain.training import Preset, Recipe
from studio.services import hardware
from studio.services.library import Library
from studio.services.models import Models

AUDITIONS = 10  # questions an exported file has to answer like the studio


def teachable(library: Library, persona_id: str) -> list[Conversation]:
    """The conversations of a character that can be learned from."""
    return dataset.teachable(library.conversations(persona_id))


def material(library: Library, models: Models, persona_id: str, model_id: str) -> presets.Material:
    """What there is to learn, counted with the model's own tokenizer."""
    conversations = teachable(library, persona_id)
    if len(conversations) < checks.FEWEST:
        name = library.character(persona_id).persona.name
        raise NotReady(
            f"{name} needs at least {checks.FEWEST} conversations. There {'is' if len(conversations) == 1 else 'are'} {len(conversations)}."
        )
    counts = lengths(library, models, persona_id, model_id)
    return presets.Material(
        len(conversations), max(counts), models.choice(model_id).parameters, hardware.accelerated(), presets.typical(counts, 4)
    )


def lengths(library: Library, models: Models, persona_id: str, model_id: str) -> list[int]:
    """Tokens of every conversation that can be learned from, in order; counted once as long as nothing is written."""
    stamp, key = library.stamp(), (persona_id, model_id)
    known = models.lengths.get(key)
    if known is None or known[0] != stamp:
        system, dialect = library.character(persona_id).persona.system, models.dialect(model_id)
        texts = ["".join(s.text for s in gemma.segments(c.turns, system, dialect)) for c in teachable(library, persona_id)]
        known = models.lengths[key] = (stamp, models.counts(model_id, texts))
    return known[1]


def recipe_for(library: Library, models: Models, persona_id: str, model_id: str, preset: Preset) -> Recipe:
    """The recipe a preset means for this character and model."""
    return plan(library, models, model_id, preset, material(library, models, persona_id, model_id))


def plan(library: Library, models: Models, model_id: str, preset: Preset, found: presets.Material) -> Recipe:
    """The recipe a preset means for what was found, as this machine can carry it out."""
    meant, shape = presets.recipe(preset, found), models.shape(model_id)
    if shape is None or found.parameters < SMALL:
        return meant  # a model so small fits everywhere
    return presets.fitted(meant, shape, hardware.here(library)[0], found.longest)


def order_lesson(library: Library, models: Models, persona_id: str, model_id: str, preset: Preset | None, recipe: Recipe) -> Path:
    """A new lesson's folder, ready for `jobs.start("train", ...)`."""
    recipe = (
        replace(recipe, max_length=min(recipe.max_length, models.context(model_id)))
        .checked()
        .for_machine(hardware.found(library.home).kind)
    )
    model_path, character = models.path(model_id), library.character(persona_id)
    material(library, models, persona_id, model_id)
    parts = dataset.split(teachable(library, persona_id), recipe.validation, recipe.seed)
    text = dataset.snapshot(parts)
    spec = {
        "kind": "train", "persona_id": persona_id, "persona": character.persona.to_dict(), "name": character.persona.name, "model": model_id, "model_path": str(model_path),
        "preset": preset, "recipe": recipe.to_dict(), "samples": list(character.persona.audition) or questions(parts, 3), "created": time.time(),
        "dataset": {"sha256": hashlib.sha256(text.encode()).hexdigest(), "conversations": len(parts.train) + len(parts.validation), "train": len(parts.train), "validation": len(parts.validation)},
    }  # fmt: skip
    library.flush()  # before the machine gets busy, the plain copy holds every word too
    folder = library.new_folder("adapters", persona_id)
    library.write_text(folder / "dataset.jsonl", text)
    library.write_json(folder / "spec.json", spec)
    return folder


def questions(parts: dataset.Split, count: int) -> list[str]:
    """First lines of conversations kept back (else of any), spread over the set: what the character has never heard."""
    openings = list(dict.fromkeys(c.turns[0].text for c in parts.validation)) + list(dict.fromkeys(c.turns[0].text for c in parts.train))
    return openings[:count]


def order_export(library: Library, adapter: Path, kind: sizes.FileKind, name: str) -> Path:
    """A new export's folder, ready for `jobs.start("export", ...)`; raises StudioError where the adapter or the disk is not ready."""
    if not (adapter / "adapter_model.safetensors").is_file():
        raise NotReady("This lesson has kept nothing yet. Let it reach its first safe copy, or teach again.")
    lesson: dict[str, Any] = json.loads((adapter / "spec.json").read_text("utf-8"))
    parts = dataset.from_snapshot((adapter / "dataset.jsonl").read_text("utf-8"))
    model_path = Path(lesson["model_path"])
    if not (model_path / "config.json").is_file():
        raise NotReady("The model this character learned on is gone from the disk. Fetch it again in Train, or put its folder back.")
    check_room(model_path, library.home, kind)
    spec = {
        "kind": "export", "persona_id": lesson["persona_id"], "persona": lesson["persona"], "adapter": str(adapter), "model": lesson["model"], "model_path": str(model_path), "file": kind,
        "name": persona.slug(name), "prompts": questions(parts, AUDITIONS), "created": time.time(),
    }  # fmt: skip
    folder = library.new_folder("exports", lesson["persona_id"])
    library.write_json(folder / "spec.json", spec)
    return folder


def check_room(model_path: Path, home: Path, kind: sizes.FileKind) -> None:
    """Raise unless the disk has room for the file and the unquantised master it is made from."""
    shape = architecture.read(json.loads((model_path / "config.json").read_text("utf-8")))
    need, free = sizes.room(shape, shape.vocabulary, kind, engine=True), shutil.disk_usage(home).free
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
