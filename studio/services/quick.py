"""Quick copies of models, which llama.cpp answers from on a computer without a card: where they lie, whether they are wanted, and which of them stay.

Each model's copies have a folder of their own under `quick/`, with the name of the model's folder in `made_of.json`. A file's name ends with a stamp of what
it was made of; when that changes, the file is not found any more and another one is made. Of a model there stay its newest copy, the adapter files of the
newest LESSONS lessons, and the newest MERGED merged ones, because each of those is as large as the model: as many as can stand side by side. The copies of
a model that is gone go at the next making.
"""

import hashlib
import shutil
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from studio.domain import sizes
from studio.domain.errors import StudioError
from studio.services import exports, hardware, storage
from studio.services.library import Library
from studio.services.models import Models
from studio.services.voice import Voice

LESSONS = 4  # whose adapter files are kept; they have a few hundredths of the model's size
MERGED = 2
_MARGIN = 200_000_000  # bytes of disk left for everybody else
_MODEL = ("*.safetensors", "config.json", "tokenizer.json", "chat_template.jinja")
_LESSON = ("adapter_model.safetensors", "adapter_config.json", "chat_template.jinja")
_MADE_OF = "made_of.json"


@dataclass(frozen=True)
class Copy:
    """What a voice needs to be quick: the file that is opened, and the adapter file put onto it, if any.

    `lesson` is what the character learned, None for the plain model. A lesson that can't be an adapter file (DoRA) is merged into `file`.
    """

    model: Path
    lesson: Path | None
    file: Path
    beside: Path | None
    size: int

    @property
    def there(self) -> bool:
        """Whether it has been made."""
        return self.file.is_file() and (self.beside is None or self.beside.is_file())

    @property
    def merged(self) -> bool:
        """Whether the lesson is inside the file, so that each lesson needs one."""
        return self.lesson is not None and self.beside is None


def possible() -> bool:
    """Whether this computer gains by them: llama.cpp is here, and nothing quicker than the processor."""
    return not hardware.accelerated() and not exports.without_engine()


def wanted(library: Library) -> bool:
    """Whether somebody asked for quick answers."""
    return bool(library.read_json(library.quick_dir / "wanted.json", False))


def want(library: Library, on: bool) -> None:
    """Remember what was asked for."""
    library.write_json(library.quick_dir / "wanted.json", on)


def copy_of(library: Library, models: Models, model_id: str, lesson: Path | None) -> Copy | None:
    """The quick copy of a model or of what was learned on it, made or not; None where no file can be made of the model."""
    try:
        folder, size = models.path(model_id), exports.estimates(models, model_id)["Q8_0"]
    except StudioError:
        return None
    place = library.quick_dir / f"{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    base = _stamp(folder, _MODEL)
    if lesson is None:
        return Copy(folder, None, place / f"model-{base}.gguf", None, size)
    learned = _stamp(lesson, _LESSON)
    if library.read_json(lesson / "adapter_config.json", {}).get("use_dora"):
        return Copy(folder, lesson, place / f"{lesson.name}-{base}-{learned}.merged.gguf", None, size)
    return Copy(folder, lesson, place / f"model-{base}.gguf", place / f"{lesson.name}-{base}-{learned}.lora.gguf", size)


def made(library: Library, voice: Voice, copy: Copy) -> Generator[float, None, None]:
    """Make what is missing of a copy and yield the share that is done; after a Stop nothing unfinished is left."""
    if copy.there:
        return
    place = storage.private_folder(copy.file.parent)
    library.write_json(place / _MADE_OF, str(copy.model))
    _tidy(library, copy)
    free = shutil.disk_usage(place).free + sum(part.stat().st_size for part in place.glob("*.part"))
    if not copy.file.is_file() and free < copy.size + _MARGIN:
        raise StudioError(
            f"Not enough room for the quick copy: it needs {sizes.in_words(copy.size + _MARGIN)}, {sizes.in_words(free)} is free. "
            "Your words are kept. Make room, or untick “Answer faster”."
        )
    yield from voice.quicken(copy.model, copy.lesson, copy.file, copy.beside)
    _tidy(library, copy)


def _tidy(library: Library, copy: Copy) -> None:
    """Remove the copies of models that are gone, and all but the newest of this model's; what Windows keeps because a voice has it open goes another time."""
    for note in library.quick_dir.glob(f"*/{_MADE_OF}"):
        if not (Path(library.read_json(note, "")) / "config.json").is_file():
            with suppress(PermissionError):
                shutil.rmtree(note.parent)
    for names, most in (("model-*.gguf", 1), ("*.lora.gguf", LESSONS), ("*.merged.gguf", MERGED)):
        files = sorted(copy.file.parent.glob(names), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in files[most:]:
            with suppress(PermissionError):
                old.unlink()


def _stamp(folder: Path, names: tuple[str, ...]) -> str:
    """Changes whenever one of these files does."""
    found = sorted(file for name in names for file in folder.glob(name))
    seen = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in found]
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:12]
