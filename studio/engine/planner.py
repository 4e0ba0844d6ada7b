"""What a file will be made of besides its weights, read from the folders of model and adapter.

Without transformers and peft, whose loading takes longer than the reading.
"""

import json
from pathlib import Path
from typing import Any

from studio.domain import architecture, gemma
from studio.domain.errors import BadFile
from studio.engine import vocabulary
from studio.engine.writer import Plan


def plan_of(name: str, model: Path, adapter: Path | None) -> tuple[Plan, gemma.Dialect]:
    """Everything about the file but its weights; raises StudioError where a file can't be made of this model."""
    shape = architecture.read(_config(model))
    words = vocabulary.read(model, gemma.dialect_of(shape.family))
    found, own = markup(model)
    return Plan(name, shape, words, template(own, adapter)), found


def markup(model: Path) -> tuple[gemma.Dialect, str | None]:
    """The markup the studio trains this model with; raises StudioError where its folder does not say."""
    try:
        return _read(model)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFile(f"How the model marks up a talk can't be read ({error}). What was learned is safe. Fetch the model again.") from error


def template(given: str | None, adapter: Path | None) -> str:
    """The markup the character was trained with: what lies beside what it learned, else that of the model."""
    if adapter is not None and (adapter / "chat_template.jinja").exists():
        return (adapter / "chat_template.jinja").read_text("utf-8")
    if not isinstance(given, str):
        raise BadFile(
            "The model's folder does not say how a talk is marked up (chat_template.jinja). What was learned is safe. Fetch the model again."
        )
    return given


def _read(folder: Path) -> tuple[gemma.Dialect, str | None]:
    """What `loader.dialect` and `loader.tokenizer` say, without the quarter of a million tokens."""
    beside = folder / "chat_template.jinja"
    if beside.is_file():
        given = beside.read_text("utf-8")
    else:
        given = json.loads((folder / "tokenizer_config.json").read_text("utf-8")).get("chat_template")
    if isinstance(given, list):  # several with names, as transformers once wrote them
        given = next((row["template"] for row in given if row["name"] == "default"), None)
    found = gemma.dialect_in(json.loads((folder / "config.json").read_text("utf-8"))["model_type"], given)
    return found, gemma.chat_template(found) or given


def _config(folder: Path) -> dict[str, Any]:
    try:
        value = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(f"The model's config.json can't be read ({error}). What was learned is safe. Fetch the model again.") from error
    if not isinstance(value, dict):
        raise BadFile("The model's config.json does not hold a model. What was learned is safe. Fetch the model again.")
    return value
