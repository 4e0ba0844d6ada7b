"""The files made of a character so far, as their folders tell it."""

import importlib.util
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain import modelfile, persona, sizes
from studio.domain.modelfile import Modelfile
from studio.services.library import Library
from studio.services.models import Models

CERTIFICATE = "certificate.json"  # its fields are told in studio/domain/examination.py
DELIVERED = "ollama.json"
WANTED = "wanted.json"  # beside a file that is to go to Ollama as soon as it is there


@dataclass(frozen=True)
class Made:
    """A finished export: what was ordered, what came of it with its certificate, and the name it has in Ollama once it was sent there."""

    folder: Path
    spec: dict[str, Any]
    result: dict[str, Any]
    at: float
    delivered: str
    wanted: bool

    @property
    def file(self) -> Path:
        """The GGUF file."""
        return self.folder / Path(self.result["path"]).name

    def answers_to(self, adapter: Path, kind: str, name: str) -> bool:
        """Whether this is the file somebody asks for, so that it need not be made again."""
        return (Path(self.spec["adapter"]), self.spec["file"], self.spec["name"]) == (adapter, kind, name)


def newest(library: Library, persona_id: str) -> Made | None:
    """The character's latest finished file that is still there."""
    for folder in library.exports(persona_id):
        if (folder / "result.json").is_file():
            made = _read(folder)
            if made.file.is_file():
                return made
    return None


def _read(folder: Path) -> Made:
    result, sent = folder / "result.json", folder / DELIVERED
    delivered = json.loads(sent.read_text("utf-8"))["name"] if sent.is_file() else ""
    proof = folder / CERTIFICATE  # files made by an earlier studio have what was checked in their result
    return Made(
        folder,
        json.loads((folder / "spec.json").read_text("utf-8")),
        (json.loads(proof.read_text("utf-8")) if proof.is_file() else {}) | json.loads(result.read_text("utf-8")),
        result.stat().st_mtime,
        delivered,
        (folder / WANTED).exists(),
    )


def card(made: Made, models: Models) -> Modelfile:
    """What Ollama is told about this file."""
    sheet, model = persona.from_dict(made.spec["persona"], "spec.json"), made.spec["model"]
    return modelfile.of(sheet, models.dialect(model), model, models.context(model))


def without_engine(prefix: Path = Path(sys.prefix)) -> str:
    """Why small files can't be made here and what to do about it; empty where they can. The set-up leaves its sentence in the environment's folder."""
    if importlib.util.find_spec("llama_cpp"):
        return ""
    try:
        return str(json.loads((prefix / "missing.json").read_text("utf-8"))["llama_cpp"])
    except (OSError, ValueError, KeyError):
        return "Small files need llama.cpp, which is not on this computer. To get it, enter: python launch.py repair"


def estimates(models: Models, model_id: str) -> dict[sizes.FileKind, int]:
    """Bytes the file will have, for each kind."""
    return sizes.of_config(json.loads((models.path(model_id) / "config.json").read_text("utf-8")))


def want(library: Library, folder: Path) -> None:
    """Note that this export is to be sent to Ollama, so that a closed page or studio does not forget it."""
    library.write_json(folder / WANTED, {"at": time.time()})


def unwant(folder: Path) -> None:
    """The wish is fulfilled, or it cannot be."""
    (folder / WANTED).unlink(missing_ok=True)


def remember(library: Library, made: Made) -> None:
    """Remember that this file was sent to Ollama."""
    library.write_json(made.folder / DELIVERED, {"name": made.spec["name"], "at": time.time()})
