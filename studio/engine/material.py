"""What a lesson works with: its spec, the frozen conversations as training rows, and the model."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from studio.domain import dataset, gemma, ladder, persona, training
from studio.domain.conversation import Conversation
from studio.domain.errors import NotReady
from studio.engine import loader
from studio.engine.encoder import IGNORED, Row, assert_own_markup, encode, everything
from studio.engine.reporter import Reporter

ENDLESS = 1 << 40  # tokens; no row is longer


@dataclass(frozen=True)
class Source:
    """One whole training row, and the conversation it comes from; `persona` is whose it is, empty in a lesson of one."""

    row: Row
    identifier: str
    title: str
    persona: str = ""


@dataclass(frozen=True)
class Speaker:
    """One character of a lesson: its id (empty in a lesson of one), its system text, and the lines it is asked."""

    persona: str
    system: str
    samples: tuple[str, ...]


@dataclass
class Lesson:
    """Everything one lesson works with, whatever plan it is run by."""

    folder: Path
    reporter: Reporter
    spec: dict[str, Any]
    asked: training.Recipe
    system: str
    tokenizer: Any
    dialect: gemma.Dialect
    train: list[Source]
    validation: list[Source]
    # Told the losses on unseen conversations by step after each measurement: whether going on is hopeless.
    hopeless: Callable[[Mapping[int, float]], bool] = lambda scores: False
    whose: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # in a lesson for several: conversation -> its character and system text
    in_parts: bool = False  # whether the model is laid over the processes that share the lesson

    @property
    def speakers(self) -> list[Speaker]:
        """The characters that learn, in the order of the spec."""
        members = [(m["persona_id"], m["persona"].get("system", ""), m["samples"]) for m in self.spec.get("company", ())]
        return [Speaker(id_, system, tuple(lines)) for id_, system, lines in members or [("", self.system, self.spec["samples"])]]

    @property
    def model_path(self) -> Path:
        """The folder of the model."""
        return Path(self.spec["model_path"])

    @property
    def word(self) -> str:
        """All that has to be the same on every machine: the spec, but for where the model lies there."""
        return json.dumps({**self.spec, "model_path": ""}, sort_keys=True)

    @property
    def lengths(self) -> ladder.Lengths:
        """How long the training rows are."""
        rows = (source.row for source in self.train)
        return ladder.lengths((len(row.ids), [n for n, label in enumerate(row.labels) if label != IGNORED]) for row in rows)


def prepare(folder: Path, reporter: Reporter) -> Lesson:
    """Read the spec and the frozen conversations, and hold their markup against the model's own template."""
    spec = json.loads((folder / "spec.json").read_text("utf-8"))
    text = (folder / "dataset.jsonl").read_text("utf-8")
    if hashlib.sha256(text.encode()).hexdigest() != spec["dataset"]["sha256"]:
        raise NotReady(
            "The conversations set aside for this lesson were changed on the disk. What you wrote in the studio is safe. Start the lesson over."
        )
    asked = training.from_dict(spec["recipe"])
    parts = dataset.from_snapshot(text)
    if not parts.train:
        raise NotReady("There is nothing to learn from yet. Write at least one conversation that ends with the character.")
    reporter.phase("Reading the model")
    tokenizer = loader.tokenizer(Path(spec["model_path"]))
    lesson = Lesson(
        folder, reporter, spec, asked, persona.from_dict(spec["persona"], "spec.json").system, tokenizer,
        loader.dialect(Path(spec["model_path"]), tokenizer), [], [], whose=dataset.whose(text),
    )  # fmt: skip
    lesson.train = _sources(parts.train, lesson)
    if asked.learn == "everything":  # unseen conversations are scored by replies alone all the same, so that lessons can be compared
        lesson.train = [replace(source, row=everything(source.row)) for source in lesson.train]
    lesson.validation = _sources(parts.validation, lesson)
    return lesson


def _sources(conversations: tuple[Conversation, ...], lesson: Lesson) -> list[Source]:
    out = []
    for conversation in conversations:
        persona_id, system = lesson.whose.get(conversation.id, ("", lesson.system))
        assert_own_markup(conversation.turns, system, lesson.dialect, lesson.tokenizer)
        for segments in gemma.rows(conversation.turns, system, lesson.dialect):
            row = encode(segments, lesson.dialect, lesson.tokenizer, ENDLESS)
            if row.learned:
                out.append(Source(row, conversation.id, conversation.title, persona_id))
    return out


def cut(sources: list[Source], longest: int) -> list[Row]:
    """The rows, none longer than `longest` tokens. One that loses all that is learned stays, so that every plan counts the same steps."""
    return [Row(source.row.ids[:longest], source.row.labels[:longest]) for source in sources]


def losses(sources: list[Source], longest: int) -> list[dict[str, Any]]:
    """The conversations that a limit cuts: id, title, length in tokens, and how many learned tokens are left out."""
    out = []
    for source in sources:
        lost = sum(label != IGNORED for label in source.row.labels[longest:])
        if len(source.row.ids) > longest:
            out.append({"id": source.identifier, "title": source.title, "tokens": len(source.row.ids), "lost": lost})
    return out


def filled(rows: list[Row], group: int, filler: int) -> list[Row]:
    """The rows and so many empty ones that whole groups result.

    Each step then holds the same places however many processes share them and however small a batch is, so all of them learn the same.
    """
    empty = Row([filler, filler], [IGNORED, IGNORED])
    return rows + [empty] * (-len(rows) % group)
