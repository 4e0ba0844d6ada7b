"""Brings home what was learned on another machine: a zip that is trusted in nothing becomes a lesson of its character like any other.

Of the zip only six files are read, by name; nothing is unpacked to where it says, and weights are numbers only (safetensors), never a pickle. Everything
is held against everything else, and against the model where that is here, before the lesson gets its folder.
"""

import hashlib
import json
import secrets
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from studio.domain import dataset, persona, tensors, testimony, training
from studio.domain.errors import BadFile, NotFound, StudioError
from studio.domain.formats.charx import MOST_ENTRIES, MOST_TIMES, unsafe
from studio.domain.formats.source import mended, shown
from studio.services import exchange, parcel, runs, storage
from studio.services.exchange import Arrived, Reading
from studio.services.library import Library
from studio.services.models import OWN, Models
from studio.services.parcel import ADAPTER, SETTINGS

SPEC, DATASET, JOURNAL, RESULT = "spec.json", "dataset.jsonl", "events.jsonl", "result.json"
WANTED = (ADAPTER, SETTINGS, SPEC, DATASET, JOURNAL, RESULT)
LARGEST, LARGEST_ADAPTER = 64_000_000, 4_000_000_000  # bytes of a text, and of the weights
PROGRAMS = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")  # weights in forms that can carry programs
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError)
_BLOCK = 1 << 24
AGAIN = "Make the zip again on the other machine, and copy it whole."
T = TypeVar("T")


class Unwelcome(BadFile):
    """The zip is whole, and yet it can't be had here: making it again would not help."""


class Base(NamedTuple):
    """The model a lesson was learned on: its id here, what the zip calls it, where it lies or will lie, and whether it is there."""

    id: str
    called: str
    path: Path
    is_here: bool


@dataclass(frozen=True)
class Returned:
    """A lesson that came home. `changed`: conversations of it that are not here any more as it read them; `new`: those it has not read."""

    folder: Path
    persona_id: str
    name: str
    conversations: int
    sha256: str
    changed: int
    new: int

    def sentence(self) -> str:
        """What a person is told."""
        since = [f"{self.changed} of them {'was' if self.changed == 1 else 'were'} changed or removed here since"] if self.changed else []
        since += [f"{self.new} {'is' if self.new == 1 else 'are'} new"] if self.new else []
        as_now = f"{', and '.join(since)}." if since else "They are the ones that stand here now, to the letter."
        return f"{self.name} has learned from {self.conversations} conversations on another machine (data set {self.sha256[:8]}). {as_now}"


def recognises(path: Path) -> bool:
    """Whether a file is a zip that wants to be something learned, and not a whole character with what it learned."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [_base(name) for name in archive.namelist()]
    except (*_BROKEN, FileNotFoundError):
        return False
    return (any(name.startswith("adapter_model.") for name in names) or SETTINGS in names) and not parcel.recognises(path)


def follow(library: Library, models: Models, readings: Sequence[Reading], arrived: Sequence[Arrived]) -> list[str]:
    """Bring home the lessons of characters that just came in; returns what a person is told of each. A lesson that can't come costs only itself."""
    told, whole = [], [one for one in readings if one.found and one.found.whole]
    for n, one in enumerate(whole):
        who = arrived[min(n, len(arrived) - 1)].persona  # one after the other, or all into one that was here
        if one.lesson:
            try:
                told.append(bring_home(library, models, one.lesson, who).sentence())
            except StudioError as error:
                told.append(f"{library.character(who).persona.name} came in, but what it had learned did not. {error}")
    return told


def bring_home(library: Library, models: Models, path: Path, who: str = "") -> Returned:
    """The lesson in a zip, now one of its character's (or of `who`). Raises StudioError with the reason where it can't be; then nothing is kept of it."""
    name = mended(path.name)
    stage = library.scratch / f"arriving-{secrets.token_hex(6)}"
    stage.mkdir(mode=0o700)
    try:
        with _told(name):
            _unpack(path, stage)
            return _home(library, models, stage, who)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """A refusal names the file, and the cure."""
    try:
        yield
    except BadFile as error:
        cure = "" if isinstance(error, Unwelcome) else f" {AGAIN}"
        raise BadFile(f"{name} was not brought in. {error}{cure}") from error


def _home(library: Library, models: Models, stage: Path, wanted: str) -> Returned:
    spec, parts = _lesson(stage)
    who, base = wanted or _owner(library, spec), _model(models, spec["model"])
    settings = _adapter(stage, base)
    spec |= {"persona_id": who, "model": base.id, "model_path": str(base.path)}
    journal = testimony.journal((stage / JOURNAL).read_text("utf-8", "replace"))
    result = testimony.figures(_json(stage / RESULT))
    digest = _digest(stage / ADAPTER)
    _check_new(library, who, digest)
    storage.sync_file(stage / ADAPTER)
    folder = library.new_folder("adapters", who)
    try:
        (stage / ADAPTER).replace(folder / ADAPTER)
        library.write_json(folder / SETTINGS, {**settings, "base_model_name_or_path": base.id})
        library.write_bytes(folder / DATASET, (stage / DATASET).read_bytes())
        library.write_text(folder / JOURNAL, "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in journal))
        library.write_json(folder / RESULT, {**result, "base_model": base.id})
        runs.metrics(library, folder)
        library.write_json(folder / SPEC, {**spec, "created": time.time(), "elsewhere": digest})  # last: with it the folder is a lesson
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return _returned(library, folder, spec, parts)


def _returned(library: Library, folder: Path, spec: dict[str, Any], parts: dataset.Split) -> Returned:
    read = {dataset.name(c) for c in (*parts.train, *parts.validation)}
    here = {dataset.name(c) for c in dataset.teachable(library.conversations(spec["persona_id"]))}
    name, about = library.character(spec["persona_id"]).persona.name, spec["dataset"]
    return Returned(folder, spec["persona_id"], name, about["conversations"], about["sha256"], len(read - here), len(here - read))


# ---------------------------------------------------------------- the zip
def _unpack(path: Path, stage: Path) -> None:
    """The six files, under their own names, no larger than they may be."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name, entry in _entries(archive).items():
                _copy(archive, entry, stage / name, LARGEST_ADAPTER if name == ADAPTER else LARGEST)
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno in storage.FULL:
            raise storage.in_words(error, stage) from error
        raise BadFile("It is not a zip, or a damaged one.") from error


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise BadFile(f"It holds more than {MOST_ENTRIES:,} files.")
    outside = next((entry.filename for entry in entries if unsafe(entry.filename)), None)
    if outside is not None:
        raise BadFile(f"The path “{shown(outside)}” in it leads out of the zip.")
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = _base(entry.filename)
        if name in WANTED and "checkpoint" not in entry.filename:
            if name in found:
                raise BadFile(f"It holds two files called {name}.")
            found[name] = entry
    _check_whole(found, [_base(entry.filename) for entry in entries])
    return found


def _base(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _check_whole(found: dict[str, zipfile.ZipInfo], names: list[str]) -> None:
    program = next((name for name in names if name.endswith(PROGRAMS) and name.startswith(("adapter", "pytorch"))), None)
    if ADAPTER not in found and program:
        raise BadFile(f"Its weights are in {shown(program)}, a form that can carry programs. The studio reads only {ADAPTER}.")
    missing = [name for name in WANTED if name not in found]
    if missing == [RESULT]:
        raise BadFile(testimony.NOT_ENDED)
    if missing:
        raise BadFile(f"{missing[0]} is missing in it.")


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, most: int) -> None:
    name = _base(entry.filename)
    if entry.flag_bits & 1 or entry.compress_type not in _READABLE:
        raise BadFile(f"{name} in it is locked, or packed in a way the studio can't unpack.")
    if entry.file_size > min(most, MOST_TIMES * entry.compress_size + 1_000):
        raise BadFile(f"{name} in it is too large: up to {most / 1e6:,.0f} MB can be read.")
    with archive.open(entry) as source, target.open("xb") as out:
        shutil.copyfileobj(source, out, _BLOCK)  # never more than the zip says: zipfile itself holds it to that, and to its checksum


# ---------------------------------------------------------------- the lesson
def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path.name} in it can't be read.") from error
    if not isinstance(found, dict):
        raise BadFile(f"{path.name} in it can't be read.")
    return found


def _lesson(stage: Path) -> tuple[dict[str, Any], dataset.Split]:
    """The spec made anew from what could be verified in it, and the conversations it froze."""
    given, content = _json(stage / SPEC), (stage / DATASET).read_bytes()
    named = given.get("dataset")
    digest = hashlib.sha256(content).hexdigest()
    if not isinstance(named, dict) or named.get("sha256") != digest:
        raise BadFile("Its conversations are not those the lesson was ordered with.")
    parts = _or_refused(lambda: _conversations(content.decode("utf-8")), DATASET)
    samples = given.get("samples")
    texts = [given.get("model"), given.get("persona_id"), *(samples if isinstance(samples, list) else [None])]
    if given.get("kind") != "train" or given.get("continues") or not all(isinstance(text, str) for text in texts):
        raise BadFile(f"{SPEC} in it does not tell of a lesson the studio sent away.")
    sheet = _or_refused(lambda: persona.from_dict(given["persona"], SPEC), SPEC)
    recipe = _or_refused(lambda: training.from_dict(given["recipe"]), SPEC)
    count = len(parts.train) + len(parts.validation)
    spec = {
        "kind": "train", "persona_id": given["persona_id"], "persona": sheet.to_dict(), "name": sheet.name, "model": given["model"],
        "preset": given.get("preset") if given.get("preset") in ("quick", "balanced", "patient") else None, "recipe": recipe.to_dict(), "samples": samples,
        "dataset": {"sha256": digest, "conversations": count, "train": len(parts.train), "validation": len(parts.validation)},
    }  # fmt: skip
    return spec, parts


def _conversations(text: str) -> dataset.Split:
    parts = dataset.from_snapshot(text)
    found = [*parts.train, *parts.validation]
    said = [words for one in found for words in (one.id, one.title, *(turn.text for turn in one.turns))]
    if not parts.train or not all(one.turns for one in found) or not all(isinstance(words, str) for words in said):
        raise ValueError("no conversations")
    return parts


def _or_refused(read: Callable[[], T], name: str) -> T:
    try:
        return read()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, StudioError) as error:
        raise BadFile(f"{name} in it can't be read.") from error


def _owner(library: Library, spec: dict[str, Any]) -> str:
    """The character it was made for: the very one, else the one of that name."""
    if any(spec["persona_id"] == character.id for character in library.characters()):
        return str(spec["persona_id"])
    try:
        return exchange.named(library, spec["name"])
    except NotFound as error:
        raise Unwelcome(f"It was learned by {spec['name']}, who is not here. Bring that character in first.") from error


def _model(models: Models, called: str) -> Base:
    if called.startswith(OWN):
        folder = called.removeprefix(OWN)
        own = next((one for one in models.choices() if one.id.startswith(OWN) and Path(one.id.removeprefix(OWN)).name == folder), None)
        if own is None or own.path is None:
            raise Unwelcome(f"It was learned on a model in a folder called “{shown(folder)}”. Add that folder in Train first.")
        return Base(own.id, called, own.path, not own.why_not)
    try:
        choice = models.choice(called)
    except NotFound as error:
        raise Unwelcome(
            f"It was learned on a model this studio does not know (“{shown(called)}”). Use the studio it was ordered in."
        ) from error
    return Base(called, called, choice.path or models.library.model_folder(called), choice.path is not None)


def _check_new(library: Library, who: str, digest: str) -> None:
    for folder in (*library.adapters(who), *library.binned_lessons(who)):
        if library.read_json(folder / SPEC, {}).get("elsewhere") == digest:
            raise StudioError("This lesson is here already. Nothing was changed. Look at Earlier lessons, or in their bin.")


# ---------------------------------------------------------------- the adapter
def _adapter(stage: Path, base: Base) -> dict[str, Any]:
    """The settings, with nothing in them that is not known; raises BadFile unless the weights are what both they and the model say."""
    settings = testimony.settings(_json(stage / SETTINGS))
    said = shown(str(settings.get("base_model_name_or_path")))
    if said != shown(base.called):
        raise BadFile(f"It was learned on another model ({said}) than was ordered ({shown(base.called)}).")
    found, begin = _weights(stage / ADAPTER)
    adapter = tensors.learned(found, settings["r"], settings.get("use_dora", False))
    _check_numbers(stage / ADAPTER, found, begin)
    if base.is_here:
        shards = sorted(base.path.glob("*.safetensors"))
        tensors.check_belongs(adapter, ((name, tensor.shape) for shard in shards for name, tensor in _weights(shard)[0].items()))
    return settings


def _weights(path: Path) -> tuple[dict[str, tensors.Tensor], int]:
    """The tensors of a file, and where their numbers begin."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = tensors.header_length(file.read(tensors.LENGTH), size)
        begin = tensors.LENGTH + length
        return tensors.read(file.read(length), size - begin), begin


def _check_numbers(path: Path, found: dict[str, tensors.Tensor], begin: int) -> None:
    """Raises BadFile where a weight is no number; of the short kind without a name in numpy only the exponent is looked at."""
    kinds: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
    for name, tensor in found.items():
        count = (tensor.stop - tensor.start) // kinds[tensor.dtype].itemsize
        numbers = np.fromfile(path, kinds[tensor.dtype], count, offset=begin + tensor.start)
        good = np.isfinite(numbers) if tensor.dtype != "BF16" else (numbers & 0x7F80) != 0x7F80
        if not good.all():
            raise BadFile(f"Its weights hold something that is no number ({name[:80]}): the lesson had gone wrong there.")


def _digest(path: Path) -> str:
    made = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            made.update(block)
    return made.hexdigest()
