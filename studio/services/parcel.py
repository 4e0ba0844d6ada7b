"""A character in one zip with what it learned: a package that gives all of it back, or a CHARX with the weights where the format has room for them.

What goes along of a lesson names no folder of this computer and holds nobody's conversations but this character's. What comes in is trusted in nothing:
its words are read as any package's, and its weights by `homecoming`, which takes numbers only, of the right model in the right shapes.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from studio.domain import dataset, progress, together
from studio.domain.errors import BadFile, NotReady
from studio.domain.formats import cards, charx, package
from studio.domain.formats.delivery import Whole
from studio.domain.formats.found import LARGEST
from studio.domain.formats.source import WHOLE, mended
from studio.services import storage
from studio.services.adapters import Adapter
from studio.services.exports import CERTIFICATE, Made
from studio.services.library import Library
from studio.services.models import OWN

ADAPTER, SETTINGS = "adapter_model.safetensors", "adapter_config.json"
PAPERS = ("README.md", "NOTICE", "LICENSE", "PRACTICE-MODEL.md")
_SPEC = ("kind", "persona_id", "persona", "name", "model", "preset", "recipe", "samples", "created")
_BLENDED = "{name} speaks with a blend of voices, which has no lesson of its own to take along. Take the file, or choose a lesson."
_UNFINISHED = "This lesson has not come to its end. Nothing was written. Let it finish first."
_BLOCK = 1 << 22
_BROKEN = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError)


def public(model_id: str) -> str:
    """The name of a model; a folder of this computer is called by its own name, without the way to it."""
    return f"{OWN}{Path(model_id.removeprefix(OWN)).name}" if model_id.startswith(OWN) else model_id


# ---------------------------------------------------------------- out
def wrap(library: Library, whole: Whole, adapter: Adapter, made: Made, target: Path) -> None:
    """Write the package of a character with what it learned and the papers of its file; raises NotReady where a lesson can't go along."""
    inside = dict(package.entries(whole.persona, whole.conversations, whole.picture, whole.ending))
    inside |= {f"{package.LEARNED}{name}": content for name, content in _lesson(library, adapter).items()}
    inside |= {f"{package.PAPERS}{name}": [content] for name, content in papers(made).items()}
    _write(target, inside)


def wrap_charx(library: Library, whole: Whole, adapter: Adapter, made: Made, target: Path) -> None:
    """Write a character card V3 as CHARX: portrait, weights and papers under the paths the specification has for them."""
    lesson, beside = _lesson(library, adapter), papers(made)
    places = {
        "assets/other/ai/": {ADAPTER: lesson[ADAPTER]},
        "assets/other/other/": {SETTINGS: lesson[SETTINGS], **{n: [c] for n, c in beside.items()}},
    }
    assets = [_asset("icon", f"assets/icon/images/main{whole.ending}", "main")] if whole.picture else []
    assets += [_asset("other", f"{place}{name}", Path(name).stem) for place, files in places.items() for name in files]
    inside: dict[str, Iterable[bytes]] = {charx.CARD: [cards.card_charx(whole.persona, whole.conversations, assets)]}
    inside |= {f"assets/icon/images/main{whole.ending}": [whole.picture]} if whole.picture else {}
    inside |= {f"{place}{name}": content for place, files in places.items() for name, content in files.items()}
    _write(target, inside)


def _asset(kind: str, path: str, name: str) -> dict[str, str]:
    return {
        "type": kind,
        "uri": f"embeded://{path}",
        "name": name,
        "ext": Path(path).suffix.removeprefix("."),
    }  # the specification spells it so


def _lesson(library: Library, adapter: Adapter) -> dict[str, Iterable[bytes]]:
    """The six files of a lesson, as this one character has it, for another studio."""
    folder, who = adapter.folder, adapter.persona_id
    spec = together.seen_by(library.read_json(folder / "spec.json", {}), who)
    if spec.get("kind") != "train":
        raise NotReady(_BLENDED.format(name=spec.get("name", "This character")))
    if not adapter.finished:
        raise NotReady(_UNFINISHED)
    text = dataset.snapshot(dataset.from_snapshot((folder / "dataset.jsonl").read_text("utf-8"), who))
    told = {**spec["dataset"], "sha256": hashlib.sha256(text.encode()).hexdigest()}
    events = together.heard_by(progress.read((folder / "events.jsonl").read_text("utf-8")), who)
    settings = {**library.read_json(folder / SETTINGS, {}), "base_model_name_or_path": public(spec["model"])}
    result = {**together.result_of(library.read_json(folder / "result.json", {}), who), "base_model": public(spec["model"])}
    return {
        ADAPTER: _pieces(folder / ADAPTER),
        SETTINGS: [_json(settings)],
        "spec.json": [_json({**{name: spec[name] for name in _SPEC if name in spec}, "model": public(spec["model"]), "dataset": told})],
        "dataset.jsonl": [text.encode()],
        "events.jsonl": ((json.dumps(event, ensure_ascii=False) + "\n").encode() for event in events),
        "result.json": [_json({name: value for name, value in result.items() if name not in ("each", "path")})],
    }


def papers(made: Made) -> dict[str, bytes]:
    """What lies beside the file, and its certificate, without the names of folders."""
    found = {name: (made.folder / name).read_bytes() for name in PAPERS if (made.folder / name).is_file()}
    proof = {**made.result, "checks": made.checks, "answers": made.answers}
    proof |= {"model": public(made.spec["model"]), "adapter": Path(made.spec["adapter"]).name, "path": made.file.name}
    return {**found, CERTIFICATE: _json(proof)}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_BLOCK):
            yield piece


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _write(target: Path, inside: Mapping[str, Iterable[bytes]]) -> None:
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as file:
            package.pack(file, inside)
        storage.sync_file(part)
        os.replace(part, target)
    except OSError as error:
        raise storage.in_words(error, target.parent) from error
    finally:
        part.unlink(missing_ok=True)


# ---------------------------------------------------------------- in
def recognises(path: Path) -> bool:
    """Whether a file is a package, or a card, that has weights in it."""
    return any(name.endswith((f"{package.LEARNED}{ADAPTER}", f"/ai/{ADAPTER}")) for name in _names(path))


def has_lesson(path: Path) -> bool:
    """Whether a lesson can be brought home out of it: a CHARX has the weights alone."""
    return f"{package.LEARNED}{ADAPTER}" in _names(path)


def _names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (*_BROKEN, FileNotFoundError):
        return []
    return names if {package.MARK, charx.CARD} & set(names) else []


def words(path: Path) -> bytes:
    """The same zip without weights and papers, however large those are: what a character's sheet and conversations are read from."""
    slim = BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(slim, "w") as out:
        kept = [
            entry
            for entry in archive.infolist()
            if not entry.filename.startswith((package.LEARNED, package.PAPERS)) and "/ai/" not in entry.filename
        ]
        if len(kept) > charx.MOST_ENTRIES or sum(entry.file_size for entry in kept) > LARGEST:
            raise BadFile(f"{mended(path.name)}, {WHOLE}: more is in it than the studio unpacks. Make it again with less in it.")
        for entry in kept:
            out.writestr(entry.filename, charx.taken(archive, entry.filename))
    return slim.getvalue()
