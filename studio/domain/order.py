"""What somebody ordered when they pressed Export."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain import persona
from studio.domain.conversation import Turn
from studio.domain.errors import BadFile, StudioError
from studio.domain.persona import Persona
from studio.domain.sizes import ADAPTER, KINDS, Kind

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?")


@dataclass(frozen=True)
class Order:
    """An export's `spec.json`, checked. `adapter` None exports the plain model. `kept`: conversations kept back from the lesson, to judge the file by.

    `four_bit`: what was learned is merged into the weights in 4 bit that the lesson saw, and not into the original ones.
    """

    persona: Persona
    adapter: Path | None
    model_path: Path
    model: str
    file: Kind
    name: str
    prompts: tuple[str, ...]
    kept: tuple[tuple[Turn, ...], ...] = ()
    four_bit: bool = False

    @property
    def merged_into(self) -> str | None:
        """Which weights the file was made of, for its certificate; None where nothing was merged."""
        if self.adapter is None or self.file == ADAPTER:
            return None
        return "nf4" if self.four_bit else "original"


def checked_name(name: str) -> str:
    """A name a file, a folder and Ollama accept; raises StudioError with the sentence."""
    if not _NAME.fullmatch(name):
        raise StudioError("Use small letters, numbers and dashes.")
    return name


def from_dict(value: Any, folder: Path) -> Order:
    """The order in a `spec.json`; relative paths count from `folder`. Raises StudioError naming what is missing."""
    if not isinstance(value, Mapping) or value.get("kind") != "export":
        raise BadFile("This folder does not hold an order for an export. Start the export again.")
    for name in ("model_path", "model", "file", "name"):
        if not isinstance(value.get(name), str) or not value[name]:
            raise BadFile(
                f"The order for this export does not say “{name.replace('_', ' ')}”. What was learned is safe. Start the export again."
            )
    if value["file"] not in (*KINDS, ADAPTER):
        raise StudioError(
            f"There is no kind of file called {value['file']}. What was learned is safe. Choose one of {', '.join((*KINDS, ADAPTER))}."
        )
    if value["file"] == ADAPTER and not value.get("adapter"):
        raise StudioError("The plain model has learned nothing that could be a file of its own. Choose another kind of file.")
    prompts = value.get("prompts") or []
    if not isinstance(prompts, list) or not all(isinstance(line, str) for line in prompts):
        raise BadFile("The test questions of this export are not a list of lines. What was learned is safe. Start the export again.")
    adapter = value.get("adapter")
    who = persona.from_dict(value.get("persona"), "spec.json")
    return Order(
        who,
        folder / adapter if adapter else None,
        folder / value["model_path"],
        value["model"],
        value["file"],
        checked_name(value["name"]),
        tuple(prompts),
        _talks(value.get("kept") or []),
        value.get("four_bit") is True and value["file"] != ADAPTER,
    )


def _talks(given: Any) -> tuple[tuple[Turn, ...], ...]:
    """Conversations as messages of role and content."""
    try:
        return tuple(
            tuple(Turn(str(n), "user" if m["role"] == "user" else "model", str(m["content"])) for n, m in enumerate(talk)) for talk in given
        )
    except (KeyError, TypeError) as error:
        raise BadFile(
            "The conversations to judge this export by can't be read. What was learned is safe. Start the export again."
        ) from error
