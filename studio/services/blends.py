"""Blends of voices: which there are to choose, one to listen to at a time, and the one that is kept as a lesson of the character."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain import blend, dataset
from studio.domain.blend import Blend
from studio.domain.conversation import Conversation
from studio.domain.errors import NotFound, NotReady, StudioError
from studio.services import adapters, storage
from studio.services.adapters import Adapter
from studio.services.library import Library
from studio.services.models import Models
from studio.services.voice import Voice

FILES = ("adapter_model.safetensors", "adapter_config.json")
ORDER = "order.json"  # in the blend that can be listened to: what it is made of
GONE = "One of these voices is not here any more. Nothing was changed. Choose again."
MODELS = "These voices were learned on different models, so they can't be blended. Nothing was changed. Choose voices of one model."
LISTEN = "This is not the blend that was listened to last. Nothing was changed. Press Listen, then Keep."


@dataclass(frozen=True)
class Ingredient:
    """A voice that can go into a blend: whose it is, and what was learned."""

    name: str
    adapter: Adapter

    @property
    def title(self) -> str:
        """What a blend calls it."""
        return f"{self.name}, {time.strftime('%Y-%m-%d %H:%M', time.localtime(self.adapter.at))}"


def ingredients(library: Library, persona_id: str) -> list[Ingredient]:
    """Every finished lesson and blend, each once: this character's own first, newest first."""
    cast = sorted(library.characters(), key=lambda who: who.id != persona_id)
    found: dict[Path, Ingredient] = {}
    for who in cast:
        for adapter in adapters.learned(library, who.id):
            if adapter.finished:
                found.setdefault(adapter.folder, Ingredient(who.persona.name, adapter))
    return list(found.values())


def parents(library: Library, persona_id: str, wanted: Blend) -> list[Ingredient]:
    """What a blend is made of, in its order; raises StudioError where something is gone or the models differ."""
    there = {each.adapter.folder.name: each for each in ingredients(library, persona_id)}
    if not set(wanted.checked().parents) <= set(there):
        raise NotFound(GONE)
    chosen = [there[name] for name in wanted.parents]
    if len({each.adapter.model for each in chosen}) > 1:
        raise StudioError(MODELS)
    return chosen


def place(library: Library) -> Path:
    """Where the blend lies that can be listened to."""
    return library.scratch / "blend"


def mix(library: Library, voice: Voice, persona_id: str, wanted: Blend) -> Iterator[float]:
    """Make a blend to listen to and yield the share that is done; one that is there already is not made again."""
    chosen, order = parents(library, persona_id, wanted), _order(library, wanted)
    if library.read_json(place(library) / ORDER, None) == order:
        return
    shutil.rmtree(place(library), ignore_errors=True)
    yield from voice.blend([each.adapter.folder for each in chosen], wanted, chosen[0].adapter.model, place(library))
    if (place(library) / FILES[0]).is_file():
        library.write_json(place(library) / ORDER, order)


def made(library: Library, wanted: Blend) -> bool:
    """Whether the blend that lies there is this one, whole."""
    return bool(library.read_json(place(library) / ORDER, None) == _order(library, wanted))


def kept_share(library: Library) -> float:
    """How much of the blended change the depth of the blend that lies there holds, from 0 to 1."""
    return float(library.read_json(place(library) / "blend.json", {}).get("kept", 1.0))


def _order(library: Library, wanted: Blend) -> dict[str, Any]:
    # A lesson that went on has the same name and another adapter.
    weights = [library.home / "adapters" / name / FILES[0] for name in wanted.parents]
    return wanted.to_dict() | {"stamps": [file.stat().st_mtime_ns if file.is_file() else 0 for file in weights]}


def lines(library: Library, persona_id: str, chosen: Sequence[Ingredient], most: int) -> list[str]:
    """What a blend is asked: the character's own lines to try, else what it was never asked."""
    own = list(library.character(persona_id).persona.audition)
    return own or list(dict.fromkeys(line for each in chosen for line in adapters.unheard(each.adapter, most)))[:most] or ["Hello!"]


def keep(library: Library, models: Models, persona_id: str, wanted: Blend, said: Mapping[str, str]) -> Path:
    """Make the blend that was listened to a lesson of this character, with what it answered to its lines; returns its folder."""
    chosen = parents(library, persona_id, wanted)
    if not made(library, wanted):
        raise NotReady(LISTEN)
    persona, model, now = library.character(persona_id).persona, chosen[0].adapter.model, time.time()
    parts = _read_by(chosen)
    text = dataset.snapshot(parts)
    spec = {
        "kind": blend.KIND, "persona_id": persona_id, "persona": persona.to_dict(), "name": persona.name, "model": model, "model_path": str(models.path(model)), "preset": None,
        "recipe": wanted.to_dict() | {"names": [each.title for each in chosen]}, "samples": list(said), "created": now,
        "dataset": {
            "sha256": hashlib.sha256(text.encode()).hexdigest(), "conversations": len(parts.train) + len(parts.validation),
            "train": len(parts.train), "validation": len(parts.validation),
        },
    }  # fmt: skip
    folder = library.new_folder("adapters", persona_id)
    for name in FILES:
        shutil.copyfile(place(library) / name, folder / name)
        storage.sync_file(folder / name)
    held = library.read_json(place(library) / "blend.json", {})
    library.write_text(folder / "dataset.jsonl", text)
    library.write_text(folder / "events.jsonl", _journal(said, now))
    library.write_json(folder / "result.json", {"base_model": model, "seconds": 0.0, "steps": 0, "best_step": 0, "finished": now, **held})
    library.write_json(folder / "spec.json", spec)  # last: now it is there
    return folder


def _journal(said: Mapping[str, str], now: float) -> str:
    events: list[dict[str, Any]] = [
        {"kind": "sample", "at": now, "step": 1, "epoch": 1.0, "prompt": line, "text": text} for line, text in said.items()
    ]
    return "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in [*events, {"kind": "done", "at": now, "step": 0}])


def _read_by(chosen: Sequence[Ingredient]) -> dataset.Split:
    """All that the parents have read; kept back is only what none of them has learned."""
    splits = [dataset.from_snapshot((each.adapter.folder / "dataset.jsonl").read_text("utf-8")) for each in chosen]
    learned = {dataset.name(c): c for part in splits for c in part.train}
    unseen: dict[str, Conversation] = {dataset.name(c): c for part in splits for c in part.validation if dataset.name(c) not in learned}
    return dataset.Split(tuple(learned.values()), tuple(unseen.values()))
