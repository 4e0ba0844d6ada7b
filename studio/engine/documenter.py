"""Lays beside a finished file what has to go along with it: the card (README.md), the notice, and the licence of the model it was made from."""

import json
import os
from pathlib import Path
from typing import Any

from studio.domain import licences, modelcard, together

_ASSETS = Path(__file__).resolve().parents[2] / "assets"
CARD, NOTICE, LICENCE = "README.md", "NOTICE", "LICENSE"


def lay(folder: Path, folds_system: bool) -> None:
    """Write them into an export's folder, which holds its `spec.json`, `certificate.json` and `result.json`. `folds_system`: as the model's dialect says."""
    export, result = _read(folder / "spec.json"), _read(folder / "certificate.json") | _read(folder / "result.json")
    lesson, learned = _lesson(folder, export)
    put(folder / CARD, modelcard.written(export, result, lesson, learned, folds_system).encode())
    licence = licences.of(export["model"], folds_system)
    put(folder / NOTICE, licence.notice(export["persona"]["name"], licences.base_name(export["model"])[0]).encode())
    for name, place in licence.beside:
        put(folder / name, (_ASSETS / place).read_bytes())
    own = folder / export["model_path"] / LICENCE
    if own.is_file():  # what came with the model itself counts before what the studio has
        put(folder / LICENCE, own.read_bytes())


def _lesson(folder: Path, export: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The order and the figures of the lesson, as this character sees it; empty for the plain model."""
    place = folder.parent / export["adapter"] if export.get("adapter") else None
    if place is None or not (place / "spec.json").is_file():
        return {}, {}
    who, found = export.get("persona_id", ""), place / "result.json"
    return together.seen_by(_read(place / "spec.json"), who), together.result_of(_read(found), who) if found.is_file() else {}


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))


def put(path: Path, content: bytes) -> None:
    """A file complete or absent; what is unfinished ends in `.part`, as all of an export does."""
    part = path.with_name(f"{path.name}.part")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
