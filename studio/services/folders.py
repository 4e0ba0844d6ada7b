"""The folders of models, lessons and exports under the data folder, and the files in them."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from studio.services import storage

Shelf = Literal["adapters", "exports"]


class Folders:
    """The part of a library that knows places, not words."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    def models_dir(self) -> Path:
        """Where downloaded models lie."""
        return self._folder("models")

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

    def job_folders(self) -> list[Path]:
        """Every folder a job may be working in."""
        return sorted(spec.parent for kind in ("adapters", "exports", "models") for spec in (self.home / kind).glob("*/spec.json"))

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
        numbers = [path.name.removeprefix(f"{name}-") for path in shelf.glob(f"{name}-*")]
        folder = shelf / f"{name}-{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1}"
        with self._refusals():
            folder.mkdir(mode=0o700)
            storage.sync_folder(shelf)
        return folder

    def _of(self, kind: Shelf, persona_id: str) -> list[Path]:
        specs = {folder: self.read_json(folder / "spec.json", {}) for folder in (self.home / kind).glob("*")}
        own = [folder for folder, spec in specs.items() if isinstance(spec, dict) and spec.get("persona_id") == persona_id]
        return sorted(own, key=lambda folder: (specs[folder].get("created", 0), folder.name), reverse=True)

    def _folder(self, name: str) -> Path:
        with self._refusals():
            return storage.private_folder(self.home / name)

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise storage.in_words(error, self.home) from error
