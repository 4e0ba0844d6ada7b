"""The files made of a character so far, as their folders tell it."""

import importlib.util
import json
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain import architecture, gemma, modelcard, modelfile, persona, rehearsal, sizes, together
from studio.domain.conversation import Turn
from studio.domain.errors import NotReady, StudioError
from studio.domain.modelfile import Modelfile
from studio.domain.rehearsal import Line
from studio.services.library import Library
from studio.services.models import Models
from studio.services.ollama import Ollama, Said

CERTIFICATE = "certificate.json"  # its fields are told in studio/domain/examination.py
DELIVERED = "ollama.json"
WANTED = "wanted.json"  # beside a file that is to go to Ollama as soon as it is there
HALT = "halt"  # beside a file whose way to Ollama is to end


@dataclass(frozen=True)
class Made:
    """A finished export: what was ordered, what came of it with its certificate, and the name it has in Ollama once it was sent there."""

    folder: Path
    spec: dict[str, Any]
    result: dict[str, Any]
    at: float
    sent: dict[str, Any]  # what is known of it in Ollama; empty before it was sent there
    wanted: bool

    @property
    def delivered(self) -> str:
        """The name it has in Ollama; empty before it was sent there."""
        return str(self.sent.get("name", ""))

    @property
    def speaks(self) -> bool:
        """Whether it is a whole model, and not only what was learned."""
        return self.file.suffix == ".gguf" and self.spec["file"] in sizes.KINDS

    @property
    def checks(self) -> list[dict[str, Any]]:
        """The lines of its certificate, with what was heard in Ollama."""
        heard = [self.sent["check"]] if "check" in self.sent else []
        return [check for check in self.result["checks"] if not heard or check["title"] != heard[0]["title"]] + heard

    @property
    def answers(self) -> list[dict[str, Any]]:
        """Its test questions with the answers of the app, of the file and, where it was asked there, in Ollama."""
        heard = {line["prompt"]: line["ollama"] for line in self.sent.get("lines", [])}
        return [{**row, **({"ollama": heard[row["prompt"]]} if row["prompt"] in heard else {})} for row in self.result["answers"]]

    @property
    def file(self) -> Path:
        """The GGUF file."""
        return self.folder / Path(self.result["path"]).name

    def answers_to(self, adapter: Path, kind: str, name: str, four_bit: bool = False) -> bool:
        """Whether this is the file somebody asks for, so that it need not be made again."""
        made = (Path(self.spec["adapter"]), self.spec["file"], self.spec["name"], bool(self.spec.get("four_bit")))
        return made == (adapter, kind, name, four_bit)


def finished(library: Library, persona_id: str) -> Iterator[Made]:
    """The character's finished files that are still there, the latest first."""
    for folder in library.exports(persona_id):
        if (folder / "result.json").is_file():
            made = _read(folder)
            if made.file.is_file():
                yield made


def newest(library: Library, persona_id: str) -> Made | None:
    """The latest of them."""
    return next(finished(library, persona_id), None)


def _read(folder: Path) -> Made:
    result, sent = folder / "result.json", folder / DELIVERED
    delivered = json.loads(sent.read_text("utf-8")) if sent.is_file() else {}
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


def recipe(made: Made) -> tuple[str, str]:
    """The two lines for a terminal: make the character of its Modelfile, and talk with it."""
    return modelfile.recipe(made.delivered or made.spec["name"], thinks(made.folder))


def thinks(folder: Path) -> bool:
    """Whether the model of this export thinks aloud unless told not to."""
    # Only a family that Ollama lays out by itself, Gemma 4, has no template there.
    return "\nTEMPLATE " not in (folder / "Modelfile").read_text("utf-8")


def has_terms(made: Made) -> bool:
    """Whether the terms of the model it was made from lie beside the file."""
    return (made.folder / "LICENSE").is_file()


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


def room(models: Models, model_id: str, kind: sizes.Kind) -> int:
    """Bytes of disk that making such a file takes, with what it is made and checked from; less of it stays."""
    shape = architecture.read(json.loads((models.path(model_id) / "config.json").read_text("utf-8")))
    return sizes.room(shape, shape.vocabulary, kind, not without_engine())


def advice(models: Models, model_id: str, kind: sizes.FileKind) -> str:
    """Why another kind of file is the better choice for this model; empty where it is not."""
    shape = architecture.read(json.loads((models.path(model_id) / "config.json").read_text("utf-8")))
    return sizes.advice(shape, shape.vocabulary, kind)


def sweep(folder: Path) -> None:
    """Remove the unfinished files of exports that were cut off, all but those in `folder`; for when nothing else is being made."""
    for part in folder.parent.glob("*/*.gguf*.part"):
        if part.parent != folder:
            part.unlink(missing_ok=True)


def want(library: Library, folder: Path) -> None:
    """Note that this export is to be sent to Ollama, so that a closed page or studio does not forget it."""
    library.write_json(folder / WANTED, {"at": time.time()})


def unwant(folder: Path) -> None:
    """The wish is fulfilled, or it cannot be."""
    (folder / WANTED).unlink(missing_ok=True)


def halt(library: Library, folder: Path) -> None:
    """Ask what sends this file to Ollama, or asks it there, to end; it answers at its next step."""
    library.write_json(folder / HALT, {"at": time.time()})


def halted(folder: Path) -> bool:
    """Whether somebody asked for that."""
    return (folder / HALT).exists()


def unhalt(folder: Path) -> None:
    """It has ended, or begins anew."""
    (folder / HALT).unlink(missing_ok=True)


def until_halted(folder: Path, steps: Iterator[tuple[str, float | None]]) -> Iterator[tuple[str, float | None]]:
    """The steps of a file on its way to Ollama; raises NotReady where somebody asked for an end before the last."""
    for step in steps:
        yield step
        if halted(folder) and step[1] != 1.0:  # what is whole may have been the last
            raise NotReady("Stopped. The file is safe. To go on, press Send to Ollama.")


def remember(library: Library, made: Made) -> None:
    """Remember that this file was sent to Ollama."""
    library.write_json(made.folder / DELIVERED, {"name": made.spec["name"], "at": time.time()})


def rehearse(library: Library, models: Models, ollama: Ollama, made: Made) -> Iterator[tuple[str, float | None]]:
    """Ask the character's test questions in Ollama, where it was just sent, and add what came back to its certificate. Yields what is done.

    Where somebody asks for an end, the rest of them stay unasked.
    """
    rows, lines, trouble = made.result["answers"], list[Line](), ""
    try:
        for n, row in enumerate(rows):
            yield f"Asking it in Ollama, question {n + 1} of {len(rows)}", n / len(rows)
            said = yield from _heard(ollama, made, row["prompt"], n / len(rows))
            if said.ended is None:
                break
            lines.append(Line(row["prompt"], row["file"], bool(row["stopped"]), said.text, bool(said.ended)))
    except StudioError as error:
        trouble = str(error)
    left = 0 if trouble else len(rows) - len(lines)
    laid_out = None if trouble or left or not rows else _laid_out(models, ollama, made, rows[0]["prompt"])
    check = rehearsal.judged(lines, laid_out, trouble, left)
    sent = {"name": made.spec["name"], "at": time.time(), "version": ollama.status().version, "check": check.to_dict()}
    library.write_json(made.folder / DELIVERED, {**sent, "lines": [line.to_dict() for line in lines]})
    _complete(library, _read(made.folder))


def _complete(library: Library, made: Made) -> None:
    """The certificate, and the card with it, again: now with what was heard in Ollama."""
    proof = library.read_json(made.folder / CERTIFICATE, {})
    heard = {name: made.sent[name] for name in ("name", "version", "at")}
    library.write_json(made.folder / CERTIFICATE, {**proof, "checks": made.checks, "answers": made.answers, "ollama": heard})
    who, lesson = made.spec["persona_id"], Path(made.spec["adapter"])
    told = [library.read_json(lesson / name, {}) for name in ("spec.json", "result.json")]
    spec = together.seen_by(told[0], who) if told[0] else {}
    text = modelcard.written(
        made.spec, {**made.result, "checks": made.checks}, spec, together.result_of(told[1], who), not thinks(made.folder), has_terms(made)
    )
    library.write_text(made.folder / "README.md", text)


def _heard(ollama: Ollama, made: Made, prompt: str, share: float) -> Generator[tuple[str, float | None], None, Said]:
    """What Ollama says to a question; one that has not ended where somebody asked for that."""
    said = Said("", False)
    with closing(ollama.chat(made.spec["name"], [Turn("", "user", prompt)], 0.0, rehearsal.LONGEST)) as answer:
        for so_far in answer:
            if halted(made.folder):
                return Said(so_far.text)
            if so_far == said:
                yield "Ollama wakes it up", share  # whoever listens may leave between two words
            said = so_far
    return said


def _laid_out(models: Models, ollama: Ollama, made: Made, prompt: str) -> bool | None:
    """Whether Ollama marks a question up as the app does; None where it does not tell."""
    talk = [Turn("", "user", prompt)]
    found, system = ollama.rendered(made.spec["name"], talk), persona.from_dict(made.spec["persona"], "spec.json").system
    return None if found is None else found == gemma.prompt(talk, system, models.dialect(made.spec["model"])).removeprefix(gemma.BOS)
