"""What a character has learned so far, as its lesson folders tell it."""

import json
from dataclasses import dataclass
from pathlib import Path

from studio.domain import blend, dataset, together
from studio.services.library import Library


@dataclass(frozen=True)
class Adapter:
    """A lesson that left something to talk with. `system` is the text it was taught under; `at` its end or start, seconds since 1970.

    `beside`: the characters that learned in it too. `blended`: what it was blended of, where nothing was learned anew.
    """

    folder: Path
    model: str
    system: str
    conversations: int
    at: float
    finished: bool
    persona_id: str = ""
    beside: tuple[str, ...] = ()
    blended: str = ""
    four_bit: bool = False  # the lesson saw the model in 4 bit


def learned(library: Library, persona_id: str) -> list[Adapter]:
    """The character's adapters: the finished ones newest first, then those whose lesson is still running or was broken off."""
    usable = [_read(folder, persona_id) for folder in library.adapters(persona_id) if (folder / "adapter_model.safetensors").is_file()]
    return sorted(usable, key=lambda adapter: not adapter.finished)


def _read(folder: Path, persona_id: str) -> Adapter:
    whole = json.loads((folder / "spec.json").read_text("utf-8"))
    spec = together.seen_by(whole, persona_id)
    try:
        result = json.loads((folder / "result.json").read_text("utf-8"))
    except FileNotFoundError:
        result = {}  # the lesson has not ended; its best version so far is whole all the same
    at = result.get("finished", spec["created"])
    return Adapter(
        folder, spec["model"], spec["persona"]["system"], spec["dataset"]["conversations"], at, bool(result), persona_id,
        together.beside(whole, persona_id), blend.told(spec) if spec.get("kind") == blend.KIND else "", bool(spec.get("recipe", {}).get("four_bit")),
    )  # fmt: skip


def unheard(adapter: Adapter, most: int) -> list[str]:
    """First lines of the conversations that were kept back from this lesson: what the character has never been asked."""
    parts = dataset.from_snapshot((adapter.folder / "dataset.jsonl").read_text("utf-8"), adapter.persona_id)
    return list(dict.fromkeys(c.turns[0].text for c in parts.validation))[:most]
