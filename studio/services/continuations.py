"""Orders a lesson that goes on from an earlier one."""

import hashlib
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.domain import dataset, replay, together
from studio.domain.errors import NotReady
from studio.domain.training import from_dict
from studio.services import orders
from studio.services.library import Library
from studio.services.models import Models

NOTHING_NEW = "There is nothing new since the last lesson. What you wrote is safe. Write or change a conversation first, or go on with all."
NOTHING_KEPT = "The last lesson has kept nothing to go on from. What you wrote is safe. Start a new lesson."


def order(library: Library, models: Models, persona_id: str, old: Path, everything: bool) -> Path:
    """A new lesson's folder, ready for `jobs.start("train", ...)`: same model, same recipe, beginning from the adapter in `old`.

    `everything`: all conversations are read, else what is new and as many old ones. Raises NotReady where there is nothing to go on from, or nothing new.
    """
    if not (old / "adapter_model.safetensors").is_file():
        raise NotReady(NOTHING_KEPT)
    before: dict[str, Any] = together.seen_by(json.loads((old / "spec.json").read_text("utf-8")), persona_id)
    before.pop("company", None)  # this character goes on alone
    config = json.loads((old / "adapter_config.json").read_text("utf-8"))
    asked = from_dict(before["recipe"])  # a lesson short of memory may have ended with less depth than was asked for
    recipe = replace(asked, rank=config.get("r", asked.rank), alpha=config.get("lora_alpha", asked.alpha))
    seen = dataset.from_snapshot((old / "dataset.jsonl").read_text("utf-8"), persona_id)
    known = {*before.get("known", ()), *(dataset.name(c) for c in (*seen.train, *seen.validation))}
    tested = {*before.get("tested", ()), *(dataset.name(c) for c in seen.validation)}
    mixed = replay.mix(orders.teachable(library, persona_id), known, tested, recipe.validation, recipe.seed, everything)
    if not mixed.new and not everything:
        raise NotReady(NOTHING_NEW)
    text = dataset.snapshot(mixed.parts, mixed.new)
    persona = library.character(persona_id).persona
    spec = {
        **before, "recipe": recipe.to_dict(), "persona": persona.to_dict(), "name": persona.name, "model_path": str(models.path(before["model"])), "created": time.time(),
        "samples": list(persona.audition) or before["samples"], "continues": old.name, "known": sorted(known), "tested": sorted(tested),
        "dataset": {
            "sha256": hashlib.sha256(text.encode()).hexdigest(), "conversations": len(mixed.parts.train) + len(mixed.parts.validation),
            "train": len(mixed.parts.train), "validation": len(mixed.parts.validation), "new": len(mixed.new), "replayed": mixed.replayed,
        },
    }  # fmt: skip
    library.flush()
    folder = library.new_folder("adapters", persona_id)
    (folder / replay.START).mkdir()
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        shutil.copyfile(old / name, folder / replay.START / name)
    library.write_text(folder / "dataset.jsonl", text)
    library.write_json(folder / "spec.json", spec)
    return folder
