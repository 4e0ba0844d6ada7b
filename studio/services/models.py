"""The base models on this machine: the practice model, fetched ones and the user's own folders. Reads tokenizers and configs only, never weights."""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from studio.domain import catalogue, footprint, gemma
from studio.domain.errors import NotFound, NotReady, StudioError
from studio.services.counting import Counting
from studio.services.library import Library

COMPARES = "It is on this computer, and conversations are compared with it."
OWN = "folder:"  # ids of the user's own folders begin with this


@dataclass(frozen=True)
class Choice:
    """One line of the list of models. `path` is where it lies; where it does not, `why_not` says it in a sentence."""

    id: str
    title: str
    sentence: str
    path: Path | None
    why_not: str
    parameters: int
    repo: str = ""


class Token(NamedTuple):
    """A token of a text: its number in the model's vocabulary, and where it begins and ends, in characters."""

    number: int
    start: int
    stop: int


class Models:
    """What can be chosen as a base, and what can be known of it without loading it."""

    def __init__(self, practice: Path, library: Library, offline: bool) -> None:
        self.practice, self.library, self.offline = practice, library, offline
        self._lock = threading.Lock()
        self._tokenizers: dict[Path, Counting] = {}
        self.lengths: dict[
            tuple[str, str], tuple[int, list[int]]
        ] = {}  # character and model -> the library's stamp, tokens of each conversation

    def choices(self) -> list[Choice]:
        """Every model there is to choose, the practice model first; the one that only compares is never ready to be taught."""
        embedding = self._choice(catalogue.EMBEDDING)
        if embedding.path:
            embedding = replace(embedding, why_not=COMPARES)
        own = [
            Choice(f"{OWN}{path}", path.name, "Your own folder.", path, _trouble(path), 0 if is_embedder(path) else _parameters(path))
            for path in self._own()
        ]
        return [*(self._choice(model) for model in catalogue.MODELS), embedding, *own]

    def embedder(self) -> Path | None:
        """Where the model lies that compares conversations by meaning: the fetched one, else the first such folder of the user's own."""
        fetched = self._choice(catalogue.EMBEDDING).path
        return next((path for path in (fetched, *self._own()) if path and is_embedder(path)), None)

    def _choice(self, model: catalogue.BaseModel) -> Choice:
        folder = self.practice if model.id == catalogue.PRACTICE else self.library.model_folder(model.id)
        here = (folder / "config.json").is_file() and (folder / "tokenizer.json").is_file() and not (folder / "fetching").exists()
        why = ""
        if not here and model.id == catalogue.PRACTICE:
            why = "The practice model is missing from the studio's own files. Get the studio again; nothing you wrote is touched."
        elif not here and self.offline:
            why = f"Not on this computer. The studio was started offline; start it online to fetch {model.gigabytes:.1f} GB, or choose a folder you have."
        elif not here:
            gate = " Its page asks you to accept the licence first." if model.gated and not model.mirror else ""
            why = f"Not on this computer yet ({model.gigabytes:.1f} GB, {model.licence}).{gate}"
        return Choice(model.id, model.title, model.sentence, folder if here else None, why, model.parameters, model.mirror or model.repo)

    def ready(self) -> list[Choice]:
        """The models that are on this machine."""
        return [choice for choice in self.choices() if choice.path and not choice.why_not]

    def chosen(self, model_id: str | None) -> Choice | None:
        """The model asked for, or the first that is here; None where there is none."""
        ready = self.ready()
        return next((choice for choice in ready if choice.id == model_id), ready[0] if ready else None)

    def plain(self) -> str:
        """The model that speaks for a character without a lesson: the first real one on this machine, else the practice model."""
        return next((choice.id for choice in self.ready() if choice.id != catalogue.PRACTICE), catalogue.PRACTICE)

    def choice(self, model_id: str) -> Choice:
        """The entry of that id; raises NotFound."""
        for choice in self.choices():
            if choice.id == model_id:
                return choice
        raise NotFound("This model is no longer in the list. Choose another one in Train.")

    def path(self, model_id: str) -> Path:
        """Where a model lies; raises NotReady with the reason where it does not."""
        choice = self.choice(model_id)
        if choice.path is None or choice.why_not:
            raise NotReady(f"{choice.title} can't be used yet. {choice.why_not}")
        return choice.path

    def _own(self) -> list[Path]:
        return [Path(p) for p in self.library.read_json(self.library.models_dir / "folders.json", [])]

    def add_folder(self, given: str) -> str:
        """Put a folder on this machine on the list; returns its id. Raises StudioError naming what is missing in it."""
        folder = Path(given.strip().strip('"')).expanduser()
        if not given.strip() or not folder.is_dir():
            raise StudioError(f"There is no folder “{given.strip()}”. Paste the whole path of a folder that holds a Gemma model.")
        folder = folder.resolve()
        missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
        if not any(folder.glob("*.safetensors")):
            missing.append("*.safetensors")
        if missing:
            raise StudioError(
                f"“{folder.name}” is not a whole model: {', '.join(missing)} is missing. Choose the folder that holds these files."
            )
        self._dialect(folder)
        with self._lock:
            known = self._own()
            if folder not in known:
                self.library.write_json(self.library.models_dir / "folders.json", [str(p) for p in [*known, folder]])
        return f"{OWN}{folder}"

    def _config(self, folder: Path) -> dict[str, Any]:
        try:
            config = json.loads((folder / "config.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise StudioError(f"The config.json of “{folder.name}” can't be read. Choose another copy of the model.") from error
        if not isinstance(config, dict) or "model_type" not in config:
            raise StudioError(f"The config.json of “{folder.name}” does not say which model it is. Choose another copy of the model.")
        return config

    def _dialect(self, folder: Path) -> gemma.Dialect:
        template = folder / "chat_template.jinja"
        text = template.read_text("utf-8") if template.is_file() else ""
        return gemma.dialect_in(self._config(folder)["model_type"], text)

    def dialect(self, model_id: str) -> gemma.Dialect:
        """The conversation markup a model was made with."""
        return self._dialect(self.path(model_id))

    def shape(self, model_id: str) -> footprint.Shape | None:
        """The numbers that decide memory and time: of the model's own config where it is here, else of the list; None where nothing is known."""
        choice = self.choice(model_id)
        known = catalogue.shape(model_id)
        if choice.path and not choice.why_not:
            return footprint.read(self._config(choice.path), choice.parameters if model_id.startswith(OWN) else 0) or known
        return known

    def context(self, model_id: str) -> int:
        """The longest text a model can read, in tokens."""
        config = self._config(self.path(model_id))
        return int(config.get("text_config", config).get("max_position_embeddings", 8192))

    def _counting(self, model_id: str) -> Counting:
        folder = self.path(model_id)
        with self._lock:
            if folder not in self._tokenizers:
                dialect = self._dialect(folder)
                self._tokenizers[folder] = Counting(
                    Tokenizer.from_file(str(folder / "tokenizer.json")), (gemma.BOS, dialect.start, dialect.end)
                )
            return self._tokenizers[folder]

    def tokens(self, model_id: str, text: str) -> list[Token]:
        """The tokens of a text, in order."""
        encoded = self._counting(model_id).tokenizer.encode(text, add_special_tokens=False)
        return [Token(number, start, stop) for number, (start, stop) in zip(encoded.ids, encoded.offsets, strict=True)]

    def spans(self, model_id: str, text: str) -> list[tuple[int, int]]:
        """Where each token of a text begins and ends, in characters."""
        return [(token.start, token.stop) for token in self.tokens(model_id, text)]

    def counts(self, model_id: str, texts: Iterable[str]) -> list[int]:
        """Number of tokens in each of many texts, which are taken a few at a time."""
        return list(self._counting(model_id).counts(texts))

    def count(self, model_id: str, text: str) -> int:
        """Number of tokens in a text."""
        return len(self.spans(model_id, text))


def is_embedder(folder: Path) -> bool:
    """Whether a folder holds an EmbeddingGemma: a model with dense layers behind it."""
    return (folder / "2_Dense" / "model.safetensors").is_file()


def _trouble(folder: Path) -> str:
    return "The folder is gone." if not folder.is_dir() else COMPARES if is_embedder(folder) else ""


def _parameters(folder: Path) -> int:
    # Two bytes a parameter, as Gemma is published; only used to say how large a model roughly is.
    return sum(file.stat().st_size for file in folder.glob("*.safetensors")) // 2 if folder.is_dir() else 0
