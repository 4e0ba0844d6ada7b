"""The folders of models, lessons and exports under the data folder, and the files in them."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from studio.domain import together
from studio.services import storage

Shelf = Literal["adapters", "exports", "searches"]
BINNED = "binned.json"  # in a lesson that lies in the bin: since when
LEFT = "left.json"  # in a lesson that several characters share: which of them have it in the bin, since when; 0: for good


class Folders:
    """The part of a library that knows places, not words."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    def models_dir(self) -> Path:
        """Where downloaded models lie."""
        return self._folder("models")

    @property
    def quick_dir(self) -> Path:
        """Where quick copies of models lie."""
        return self._folder("quick")

    @property
    def scratch(self) -> Path:
        """A place for files that may be gone tomorrow."""
        return self._folder("scratch")

    def model_folder(self, model_id: str) -> Path:
        """Where one model belongs, whether it is there or not."""
        return self.models_dir / model_id

    def adapters(self, persona_id: str) -> list[Path]:
        """The lessons of a character, newest first, finished or not."""
        return self._of("adapters", persona_id)

    def exports(self, persona_id: str) -> list[Path]:
        """The exports of a character, newest first, finished or not."""
        return self._of("exports", persona_id)

    def searches(self, persona_id: str) -> list[Path]:
        """The searches for a better recipe for a character, newest first, finished or not."""
        return self._of("searches", persona_id)

    def bin_lesson(self, folder: Path, now: float, persona_id: str = "") -> None:
        """Move a lesson out of sight; everything in it stays as it is.

        With `persona_id` out of that character's sight only: a lesson that several share moves when the last of them lets it go.
        """
        self._folder("removed")
        with self._refusals():
            owners = together.owners(self.read_json(folder / "spec.json", {}))
            if persona_id and len(owners) > 1:
                left = {**self.read_json(folder / LEFT, {}), persona_id: now}
                self.write_json(folder / LEFT, left)
                if set(owners) - set(left):
                    return
            self.write_json(folder / BINNED, {"at": now})
            os.replace(folder, self._folder("removed/adapters") / folder.name)

    def restore_lesson(self, folder: Path, persona_id: str = "") -> None:
        """Bring a lesson back to where it was; with `persona_id` for that character only."""
        with self._refusals():
            place = self._folder("adapters") / folder.name
            if folder != place:
                os.replace(folder, place)
            left = self.read_json(place / LEFT, {})
            if left.pop(persona_id, None) is not None:
                self.write_json(place / LEFT, left)
        (place / BINNED).unlink(missing_ok=True)

    def binned_lessons(self, persona_id: str) -> list[Path]:
        """The lessons of a character that lie in the bin, newest first."""
        return self._of("removed/adapters", persona_id, binned=True) + self._of("adapters", persona_id, binned=True)

    def forget_lessons(self, before: float) -> None:
        """Delete for good what has lain in the bin since before this moment."""
        for mark in (self.home / "removed" / "adapters").glob(f"*/{BINNED}"):
            if self.read_json(mark, {}).get("at", before) < before:
                shutil.rmtree(mark.parent, ignore_errors=True)
        for mark in (self.home / "adapters").glob(f"*/{LEFT}"):
            left = self.read_json(mark, {})
            if any(0 < at < before for at in left.values()):
                self.write_json(mark, {who: 0 if at < before else at for who, at in left.items()})

    def forget_searches(self, persona_id: str, keep: int = 0) -> None:
        """Delete for good a character's searches for a better recipe, but the newest so many."""
        for folder in self.searches(persona_id)[keep:]:
            shutil.rmtree(folder, ignore_errors=True)

    def job_folders(self) -> list[Path]:
        """Every folder a job may be working in."""
        return sorted(
            spec.parent for kind in ("adapters", "exports", "models", "searches") for spec in (self.home / kind).glob("*/spec.json")
        )

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write a file of the data folder, whole or not at all."""
        storage.write(path, content)

    def write_text(self, path: Path, text: str) -> None:
        """Write a file of the data folder, whole or not at all."""
        self.write_bytes(path, text.encode())

    def write_json(self, path: Path, value: Any) -> None:
        """Write a file of the data folder as JSON, whole or not at all."""
        self.write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def read_json(self, path: Path, default: Any) -> Any:
        """What such a file holds; `default` where there is none that can be read."""
        try:
            return json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return default

    def _new_folder(self, kind: Shelf, name: str) -> Path:
        shelf = self._folder(kind)
        # A lesson in the bin keeps its number, so that it finds its place when it comes back.
        taken = [*shelf.glob(f"{name}-*"), *(self.home / "removed" / kind).glob(f"{name}-*")]
        numbers = [path.name.removeprefix(f"{name}-") for path in taken]
        folder = shelf / f"{name}-{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1}"
        with self._refusals():
            folder.mkdir(mode=0o700)
            storage.sync_folder(shelf)
        return folder

    def _of(self, kind: str, persona_id: str, binned: bool = False) -> list[Path]:
        specs = {folder: self.read_json(folder / "spec.json", {}) for folder in (self.home / kind).glob("*")}
        own = [folder for folder, spec in specs.items() if isinstance(spec, dict) and self._sees(folder, spec, persona_id, binned)]
        return sorted(own, key=lambda folder: (specs[folder].get("created", 0), folder.name), reverse=True)

    def _sees(self, folder: Path, spec: dict[str, Any], persona_id: str, binned: bool) -> bool:
        if persona_id not in together.owners(spec):
            return False
        left = self.read_json(folder / LEFT, {}).get(persona_id) if "company" in spec else None
        whole = folder.parent.parent.name == "removed"
        return left != 0 and (whole or left is not None) if binned else left is None

    def _folder(self, name: str) -> Path:
        with self._refusals():
            return storage.private_folder(self.home / name)

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise storage.in_words(error, self.home) from error
