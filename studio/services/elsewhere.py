"""Makes the zip with which a lesson is taught on another machine. It needs nothing of this one:

    README.md             what to do, in a notebook, by SkyPilot, as a Hugging Face Job, or in a plain shell
    train.ipynb           leads through the lesson, in Colab or any other notebook
    sky.yaml              the same as a task for SkyPilot
    requirements.txt      the libraries that learn, in the studio's exact versions; constraints.txt has the versions of what they need in turn
    lesson/               spec.json and dataset.jsonl, as a lesson's folder has them
    studio/               the part of the studio that teaches, and nothing else of it
    model/                the practice model, where that is the one to learn; any other is fetched there

The entries are stored as they are and dated 1 January 1980: the same words, model and recipe give the same bytes. What was learned comes back by `homecoming`.
"""

import ast
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from studio.domain import catalogue, footprint, persona, presets
from studio.domain.errors import NotReady
from studio.domain.machine import SMALL, Machine
from studio.domain.training import Preset, Recipe
from studio.services import orders
from studio.services.library import Library
from studio.services.models import COMPARES, OWN, Choice, Models
from studio.services.parcel import public
from studio.settings import Settings

TEACHER = "studio.engine.trainer"
LESSON, MODEL = "lesson", "model"  # folders in the zip
ALSO = {"huggingface-hub"}  # used without being imported by name: the way to fetch a model
SMALL_NUMBERS = "bitsandbytes"  # lessons in 4 bit
_DATE = (1980, 1, 1, 0, 0, 0)
NOT_TAUGHT = "This model can't be taught. Nothing was made. Choose another one."


class Card(NamedTuple):
    """A graphics card for rent: what SkyPilot calls it, what Hugging Face calls the machine around it, and its memory in bytes."""

    name: str
    flavour: str
    memory: int


CARDS = (Card("L4", "l4x1", 24_000_000_000), Card("A100-80GB", "a100-large", 80_000_000_000))


def file_name(library: Library, persona_id: str) -> str:
    """What the zip of a character is called."""
    return f"{persona.slug(library.character(persona_id).persona.name)}-lesson.zip"


def made(
    library: Library,
    models: Models,
    settings: Settings,
    persona_id: str,
    model_id: str,
    preset: Preset | None,
    recipe: Recipe | None = None,
) -> bytes:
    """The zip for a character and a model; without a recipe, by that of the preset. Raises StudioError where there is nothing to teach."""
    choice = _teachable(models, model_id)
    asked, card = _planned(models, choice, preset or "balanced", recipe, _material(library, models, persona_id, choice))
    spec, text = orders.written(library, persona_id, public(model_id), MODEL, preset, asked)
    code = sources(settings.project)
    words = {
        "name": spec["name"], "slug": persona.slug(spec["name"]), "model": choice.title, "conversations": spec["dataset"]["conversations"],
        **_fetching(choice), **_renting(card),
    }  # fmt: skip
    constraints = (settings.assets / "constraints.txt").read_text("utf-8")
    entries = {
        "README.md": _filled(settings, "README.md", words),
        "train.ipynb": _template(settings, "train.ipynb").encode(),
        "sky.yaml": _filled(settings, "sky.yaml", words),
        "requirements.txt": requirements(constraints, libraries(code) | ALSO | ({SMALL_NUMBERS} if card else set())).encode(),
        "constraints.txt": constraints.encode(),
        f"{LESSON}/spec.json": (json.dumps({**spec, "repo": choice.repo}, ensure_ascii=False, indent=2) + "\n").encode(),
        f"{LESSON}/dataset.jsonl": text.encode(),
        **{path: content.encode() for path, content in sorted(code.items())},
        **(_packed(models.practice) if model_id == catalogue.PRACTICE else {}),
    }
    return _zipped(entries)


# ---------------------------------------------------------------- the lesson
def _teachable(models: Models, model_id: str) -> Choice:
    """The model, which need not be on this computer."""
    choice = models.choice(model_id)
    if model_id == catalogue.EMBEDDER or choice.why_not == COMPARES:
        raise NotReady(NOT_TAUGHT)
    if model_id == catalogue.PRACTICE or model_id.startswith(OWN):
        models.path(model_id)  # these are nowhere to be fetched from
    return choice


def _material(library: Library, models: Models, persona_id: str, choice: Choice) -> presets.Material:
    """What there is to learn. For a model that is not here the practice model counts: it has fewer words, so it never counts too few tokens."""
    found = orders.material(library, models, persona_id, choice.id if _is_here(choice) else catalogue.PRACTICE)
    return replace(found, parameters=choice.parameters, accelerated=choice.parameters >= SMALL)


def _is_here(choice: Choice) -> bool:
    return choice.path is not None and not choice.why_not


def _planned(models: Models, choice: Choice, preset: Preset, recipe: Recipe | None, found: presets.Material) -> tuple[Recipe, Card | None]:
    """The recipe, and the smallest card it fits on; none for a model so small that it learns anywhere."""
    meant, shape = recipe or presets.recipe(preset, found), models.shape(choice.id)
    if _is_here(choice):
        meant = replace(meant, max_length=min(meant.max_length, models.context(choice.id)))
    meant.checked()
    if shape is None or found.parameters < SMALL:
        return meant, None
    for card in CARDS:
        there = Machine("cuda", card.name, card.memory, card.memory, 8, True, 0)
        plan = meant if recipe else presets.fitted(meant, shape, there, found.longest)
        if footprint.verdict(footprint.predict(shape, plan, there, found.longest).peak, there) == "fits":
            break
    return plan.for_machine("cuda"), card


# ---------------------------------------------------------------- the files
def sources(project: Path) -> dict[str, str]:
    """The files of the studio that a lesson needs, found by what they import: path -> text."""
    found: dict[str, str] = {}
    waiting = [TEACHER]
    while waiting:
        name = waiting.pop()
        for module in _with_parents(name):
            path = _file(project, module)
            if path and path not in found:
                found[path] = (project / path).read_text("utf-8")
                waiting += [imported for imported in _imports(found[path]) if imported.split(".")[0] == "studio"]
    return found


def libraries(code: Mapping[str, str]) -> set[str]:
    """The packages of others that these files import."""
    names = {imported.split(".")[0] for text in code.values() for imported in _imports(text)}
    return {name.replace("_", "-") for name in names - sys.stdlib_module_names - {"studio"}}


def requirements(constraints: str, names: Iterable[str]) -> str:
    """A requirements.txt of these packages in their exact versions."""
    wanted = set(names)
    pins = [line for line in constraints.splitlines() if re.split("[=;]", line)[0] in wanted]
    return "\n".join(["-c constraints.txt", *pins]) + "\n"


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def _file(project: Path, module: str) -> str | None:
    path = module.replace(".", "/")
    return next((file for file in (f"{path}.py", f"{path}/__init__.py") if (project / file).is_file()), None)


def _imports(text: str) -> set[str]:
    """Full names of everything a file imports; a name from a module may be a module too."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _fetching(choice: Choice) -> dict[str, str]:
    """How the model gets into the folder `model`, as a line of a shell and as a sentence."""
    if choice.id == catalogue.PRACTICE:
        return {"fetch": "true  # the model lies here already", "whence": "The practice model lies in the folder `model` already."}
    if choice.repo:
        return {
            "fetch": f"hf download {choice.repo} --local-dir {MODEL}",
            "whence": f"The model is fetched from huggingface.co/{choice.repo} into the folder `model`. If that page asks you to log in, make a token there and put it into the variable HF_TOKEN first.",
        }  # fmt: skip
    absent = f'test -f {MODEL}/config.json || {{ echo "Put the folder of the model here, under the name {MODEL}."; exit 1; }}'
    return {
        "fetch": absent,
        "whence": "The model is a folder of your own. It is not in the zip: copy it beside this file under the name `model`.",
    }


def _renting(card: Card | None) -> dict[str, str]:
    """The machine to rent, as SkyPilot and as Hugging Face say it."""
    if card is None:
        return {"resources": "cpus: 4+", "flavour": "cpu-upgrade", "card": "It needs no graphics card."}
    more = ", ".join(f"{larger.name}: 1" for larger in CARDS[CARDS.index(card) :])
    return {
        "resources": f"accelerators: {{{more}}}",
        "flavour": card.flavour,
        "card": f"It is made for a graphics card with {card.memory / 1e9:.0f} GB, such as an {card.name}. On a smaller one it takes smaller steps by itself.",
    }


def _template(settings: Settings, name: str) -> str:
    return (settings.assets / "elsewhere" / name).read_text("utf-8")


def _filled(settings: Settings, name: str, words: Mapping[str, Any]) -> bytes:
    return Template(_template(settings, name)).substitute(words).encode()


def _packed(practice: Path) -> dict[str, bytes]:
    return {f"{MODEL}/{file.name}": file.read_bytes() for file in sorted(practice.iterdir()) if file.is_file()}


def _zipped(entries: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = 3  # else it would tell the system it was made on
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_STORED)
    return file.getvalue()
