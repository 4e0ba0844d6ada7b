"""Lays beside a finished file what has to go along with it: the card (README.md), the notice, and the licence of the model it was made from.

What came with the model itself counts before what the studio has: its terms become `LICENSE`, its notices stand under the studio's own.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

from studio.domain import licences, modelcard, together

_ASSETS = Path(__file__).resolve().parents[2] / "assets"
CARD, NOTICE, LICENCE = "README.md", "NOTICE", "LICENSE"
_TERMS = re.compile(r"(licen[cs]e|copying|.*terms.*|.*use[ _-]?policy.*)(\.txt|\.md)?", re.IGNORECASE)
_NOTICES = re.compile(r"notice(\.txt|\.md)?", re.IGNORECASE)


def lay(folder: Path, folds_system: bool) -> None:
    """Write them into an export's folder, which holds its `spec.json`, `certificate.json` and `result.json`. `folds_system`: as the model's dialect says."""
    export, result = _read(folder / "spec.json"), _read(folder / "certificate.json") | _read(folder / "result.json")
    lesson, learned = _lesson(folder, export)
    model = folder / export["model_path"]
    terms, licence = _texts(model, _TERMS), licences.of(export["model"], folds_system)
    notice = licence.notice(export["persona"]["name"], licences.base_name(export["model"])[0]).encode()
    put(folder / NOTICE, b"\n\n".join([notice, *_texts(model, _NOTICES)]))
    for name, place in licence.beside:
        put(folder / name, (_ASSETS / place).read_bytes())
    if terms:
        put(folder / LICENCE, b"\n\n".join(terms))
    has_terms = (folder / LICENCE).is_file()
    put(folder / CARD, modelcard.written(export, result, lesson, learned, folds_system, has_terms).encode())


def _texts(model: Path, called: re.Pattern[str]) -> list[bytes]:
    """The files of a model's folder with such a name."""
    return [path.read_bytes() for path in sorted(model.iterdir()) if path.is_file() and called.fullmatch(path.name)]


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
