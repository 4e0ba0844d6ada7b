"""Safe copies of a lesson: adapter, optimiser, random state and scores of one step, whole on the disk or not there at all.

A copy is written in `checkpoints.partial`, its files are forced to the disk, a manifest with their hashes is written last, and only then the folder is
moved to `checkpoints`. Whoever reads one verifies it first.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from studio.engine import team

KEPT = 2  # newest copies that stay, beside the best one: if the newest is damaged, the one before it serves
MANIFEST, SCORES = "MANIFEST.json", "scores.json"
ADAPTER, SETTINGS = "adapter_model.safetensors", "adapter_config.json"


@dataclass(frozen=True)
class Copy:
    """A whole safe copy: its folder, its step, and the validation losses measured up to it (step 0 is the plain model)."""

    path: Path
    step: int
    scores: dict[int, float]


def write(path: Path, content: bytes) -> None:
    """A file complete or absent: temporary name, fsync, rename."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with open(partial, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)


def being_written(folder: Path) -> Path:
    """Where the copies of a lesson are written before they are whole."""
    return folder / "checkpoints.partial"


def complete(folder: Path, step: int, scores: Mapping[int, float]) -> Path:
    """Seal the copy of a step that was written in `being_written` and move it among the whole ones; returns where it is."""
    made, home = being_written(folder) / f"checkpoint-{step}", folder / "checkpoints"
    home.mkdir(exist_ok=True)
    write(made / SCORES, json.dumps({str(at): loss for at, loss in scores.items()}).encode())
    _seal(made)
    target = home / made.name
    shutil.rmtree(target, ignore_errors=True)  # a damaged one of the same step
    os.replace(made, target)
    _settle(home)
    sweep(folder)  # and what a killed predecessor left there
    return target


def newest(folder: Path) -> Copy | None:
    """The newest copy that is whole."""
    return next((copy for copy in map(_read, _all(folder)) if copy), None)


def of_first(folder: Path) -> Copy | None:
    """The newest whole copy of the first process. A machine with a folder of its own that lacks it is sent it, file by file."""
    own = newest(folder)
    step, *others = team.gathered(own.step if own else 0)
    if not step or set(others) <= {step}:
        return own if step else None
    there = own.path if own and own.step == step else None
    sent = being_written(folder) / f"checkpoint-{step}"
    for name in team.agreed(sorted(path.name for path in there.iterdir()) if there else []):
        content = team.agreed((there / name).read_bytes() if there else b"")
        if not there:
            sent.mkdir(parents=True, exist_ok=True)
            write(sent / name, content)
    return own if there else _read(sent)


def sweep(folder: Path) -> None:
    """Remove what is left of writing copies."""
    shutil.rmtree(being_written(folder), ignore_errors=True)


def of_step(folder: Path, step: int) -> Copy | None:
    """The copy of a step, if it is there and whole."""
    return _read(folder / "checkpoints" / f"checkpoint-{step}")


def rotate(folder: Path, best: int | None) -> None:
    """Remove old copies; the newest `KEPT` finished ones and the best one stay."""
    whole = [path for path in _all(folder) if (path / MANIFEST).is_file()]
    for path in _all(folder):
        if path not in whole[:KEPT] and _step(path) != best:
            shutil.rmtree(path)


def forget(folder: Path) -> None:
    """Remove all copies and the adapter kept from them: what comes now has another shape."""
    for path in (folder / "checkpoints", being_written(folder)):
        shutil.rmtree(path, ignore_errors=True)
    for name in (ADAPTER, SETTINGS):
        (folder / name).unlink(missing_ok=True)


def keep(folder: Path, copy: Path, model: str) -> None:
    """Make the adapter of a copy the lesson's own, complete or not at all.

    `model` names the model it belongs to: a path of this machine has no place in what is shared. Weights become float32.
    """
    weights = {name: tensor.float().contiguous() for name, tensor in load_file(copy / ADAPTER).items()}
    settings = json.loads((copy / SETTINGS).read_text("utf-8")) | {"base_model_name_or_path": model, "inference_mode": True}
    partial = folder / f"{ADAPTER}.partial"
    save_file(weights, partial, metadata={"format": "pt"})
    with open(partial, "rb+") as stream:
        os.fsync(stream.fileno())
    write(folder / SETTINGS, json.dumps(_sorted(settings), indent=1).encode())
    os.replace(partial, folder / ADAPTER)


def _sorted(settings: dict[str, Any]) -> dict[str, Any]:
    return {k: sorted(v) if k == "target_modules" and isinstance(v, list) else v for k, v in settings.items()}


def _all(folder: Path) -> list[Path]:
    """Folders of copies, newest first, whole or not."""
    return sorted((folder / "checkpoints").glob("checkpoint-*"), key=_step, reverse=True)


def _step(path: Path) -> int:
    return int(path.name.rsplit("-", 1)[1])


def _seal(copy: Path) -> None:
    names = sorted(p.name for p in copy.iterdir() if p.is_file() and p.name != MANIFEST)
    for name in names:
        with open(copy / name, "rb+") as stream:
            os.fsync(stream.fileno())
    write(copy / MANIFEST, json.dumps({name: _digest(copy / name) for name in names}, indent=1).encode())
    _settle(copy)


def _settle(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system knows how."""
    if os.name == "posix":
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def _read(path: Path) -> Copy | None:
    """The copy in a folder; None unless every file the manifest names is there, to the byte."""
    try:
        names = json.loads((path / MANIFEST).read_text("utf-8"))
        if any(_digest(path / name) != sha for name, sha in names.items()):
            return None
        scores = json.loads((path / SCORES).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return Copy(path, _step(path), {int(at): loss for at, loss in scores.items()})


def _digest(path: Path) -> str:
    with open(path, "rb") as stream:
        return (
            hashlib.file_digest(stream, "sha256").hexdigest()
            if hasattr(hashlib, "file_digest")
            else hashlib.sha256(stream.read()).hexdigest()
        )
