"""Finds out whether a file speaks like the character that was trained: measured with llama.cpp against the model as the app runs it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product, takewhile
from pathlib import Path

import numpy as np

from studio.domain import certificate, gemma
from studio.domain.certificate import Answer, Check
from studio.domain.conversation import Turn
from studio.domain.gemma import Dialect
from studio.domain.sizes import FileKind
from studio.engine.answerer import Answerer
from studio.engine.player import Player

# How far the logits of a file may be from the app's: squared error over squared size (llama.cpp's own scale calls 1e-2 good). An exact file has to be a
# thousand times better than good: a forgotten rope factor still reaches 7e-3. Measured on the smallest models, where rounding hurts most.
LIMITS: dict[FileKind, float] = {"F32": 1e-5, "F16": 1e-3, "BF16": 1e-2, "Q8_0": 2e-2, "Q4_K_M": 0.3}
_ROUNDED = 1e-2  # when the app itself can only be run in half precision
_MEMORY = 128 * 1024 * 1024  # bytes of logits held at once
_SCRIPTS = (
    "Hello, I'm Biscuit! Late is when the puddle comes.", "¿Qué tal, señora? ¡Año nuevo!", "Fuß, größer, Äpfel – „Zitat“", "L’été à Noël, c’est déjà ça…",
    "Привет, как дела?", "Γειά σου Κόσμε", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดีชาวโลก", "你好，世界。", "こんにちは、世界！カタカナ", "안녕하세요 세계",
    "👋🏽 👨‍👩‍👧‍👦 🏳️‍🌈 ❤️ 🐶🐶", "e\u0301 \u200d\u200b\ufeff \u00a0 \u2028 \ufffd", "\U00010348 \U0001d54f \U000e0041", "12345 6.02e23 1,000,000 ½ ² Ⅳ",
    "<b>bold</b> <br/> &amp; </p>", "def f(x):\n\treturn {'a': [1, 2]}  # why\n", "http://example.org/a?b=c&d=%20", "snake_case CamelCase kebab-case ALLCAPS",
    "\"'`´‘’“”«»", "\x00\x01\x7f", "a\r\nb\rc", "",
)  # fmt: skip
_RUNS = tuple(
    f"a{mark * n}b" for mark, n in product((" ", "\n", "\t", ".", "-", "=", "!", "ha", "\n ", " \n"), (1, 2, 3, 5, 8, 16, 17, 31, 33))
)


@dataclass(frozen=True)
class Examination:
    """What was measured on one file. Pairs are (matched, total)."""

    words: tuple[int, int]
    speakers: tuple[int, int]
    nmse: float
    answers: tuple[Answer, ...]
    marked: bool

    @property
    def matches(self) -> int:
        """How many prompts were answered word for word as in the app."""
        return sum(answer.same for answer in self.answers)


@dataclass(frozen=True)
class Certifier:
    """The questions and the app's side of the comparison. `limit` is the most tokens in an answer."""

    app: Answerer
    dialect: Dialect
    system: str
    prompts: tuple[str, ...]
    context: int
    limit: int
    tick: Callable[[], None]  # called between steps; may raise to stop
    said: dict[str, tuple[list[int], bool]] = field(default_factory=dict)  # what the app answered so far

    def examine(self, path: Path) -> Examination:
        """Everything there is to know about a file."""
        length = min(512, self.context)
        with Player(path, length) as file:
            self.tick()
            words = self._words(file)
            speakers = self._speakers(file)
            nmse = self._distance(file)
            answers = tuple(self._answer(file, prompt) for prompt in self.prompts)
            return Examination(words, speakers, nmse, answers, file.ends(self.app.ids(self.dialect.end)[0]))

    def _words(self, file: Player) -> tuple[int, int]:
        texts = corpus(self.app, [self.system, *self.prompts])
        self.tick()
        return sum(file.ids(text) == self.app.ids(text) for text in texts), len(texts)

    def _speakers(self, file: Player) -> tuple[int, int]:
        talks = [[Turn("", "user", prompt)] for prompt in self.prompts or ("Hello",)]
        talks += [[*talk, Turn("", "model", "Well then."), Turn("", "user", "And then?")] for talk in talks]
        pairs = [(talk, system) for talk in talks for system in dict.fromkeys((self.system, ""))]
        return sum(self._marked_up(file, talk, system) for talk, system in pairs), len(pairs)

    def _marked_up(self, file: Player, talk: Sequence[Turn], system: str) -> bool:
        """Whether the file's own template and dictionary give the very tokens the app would, with one beginning."""
        lead = [{"role": "system", "content": gemma.plain(system)}] if system else []
        said = [{"role": "assistant" if t.role == "model" else "user", "content": gemma.plain(t.text)} for t in talk]
        try:
            ids = file.ids(file.prompt([*lead, *said]))
        except ValueError:  # the template refuses the talk
            return False
        first = self.app.ids(gemma.BOS)
        return (
            ids == self.app.ids(gemma.prompt(talk, system, self.dialect))
            and file.adds_bos()
            and ids[:1] == first
            and ids.count(first[0]) == 1
        )

    def _prompt(self, text: str) -> list[int]:
        return self.app.ids(gemma.prompt([Turn("", "user", text)], self.system, self.dialect))

    def _distance(self, file: Player) -> float:
        """Normalised squared error of the file's logits over up to 512 positions, and over a short talk, where every position counts."""
        text = "".join(
            gemma.prompt([Turn("", "user", prompt)], self.system, self.dialect).removeprefix(gemma.BOS)
            for prompt in (*self.prompts, *_SCRIPTS)
        )
        ids = self.app.ids(gemma.BOS + text)
        positions = min(file.length, _MEMORY // (4 * len(self.app.tokenizer)))
        ids = ids[:positions]
        wanted, found = self.app.logits(ids), file.logits(ids)
        self.tick()
        wanted = wanted[:, : found.shape[1]]  # rows beyond the dictionary stand for no token and are not in the file
        return float(np.sum((wanted - found) ** 2, dtype=np.float64) / np.sum(wanted**2, dtype=np.float64))

    def _answer(self, file: Player, prompt: str) -> Answer:
        ids = self._prompt(prompt)[-(file.length - 16) :]
        limit = min(self.limit, file.length - len(ids))
        said, ended = self._said(prompt, ids, limit)
        heard, stopped = file.answer(ids, limit)
        self.tick()
        same = said == heard and ended == stopped
        tie = not same and self._tie(file, [*ids, *takewhile(lambda token: token is not None, map(_agreed, said, heard))])
        return Answer(prompt, self.app.text(said), self.app.text(heard), ended, stopped, tie)

    def _said(self, prompt: str, ids: list[int], limit: int) -> tuple[list[int], bool]:
        """The app's answer, generated once however many files are examined."""
        if prompt not in self.said:
            self.said[prompt] = self.app.answer(ids, limit)
            self.tick()
        return self.said[prompt]

    def _tie(self, file: Player, ids: list[int]) -> bool:
        """Whether the two next words were so alike to the app that rounding alone decides between them."""
        app, other = self.app.logits(ids)[-1], file.logits(ids)[-1]
        app = app[: len(other)]
        return bool(app.max() - app[other.argmax()] <= 2 * np.abs(app - other).max())


def _agreed(one: int, other: int) -> int | None:
    return one if one == other else None


def corpus(app: Answerer, own: Sequence[str]) -> list[str]:
    """Texts that find a wrong dictionary: scripts, symbols, runs of space, control tokens, the character's own words, and pieces glued at random."""
    # Written out as ▁, a run of spaces is one token in the app and several in the file. Nobody writes that letter.
    marks = [str(token) for token in app.tokenizer.get_added_vocab() if "▁" not in str(token)]
    marks = [*marks[:8], *(m for m in marks if "turn" in m), *marks[-4:]]
    chance = random.Random(7)
    pieces = [app.tokenizer.convert_ids_to_tokens(chance.randrange(len(app.tokenizer))) for _ in range(1200)]
    glued = ["".join(chance.sample(pieces, 4)).replace("▁", " ") for _ in range(400)]
    return [*_SCRIPTS, *_RUNS, *own, *marks, *(f"a{m}b {m}\n{m}{m}" for m in marks), *glued]


def unchecked() -> list[Check]:
    """The certificate where llama.cpp is missing."""
    return [certificate.check(n, certificate.NO_ENGINE, None) for n in range(certificate.OLLAMA)]


def checks(kind: FileKind, file: Examination, exact: Examination | None, rounded: bool) -> list[Check]:
    """The certificate. `exact` is what was measured on the F32 file this one was made from; `rounded`: the app could only be run in half precision."""
    limit = max(LIMITS[kind], _ROUNDED) if rounded else LIMITS[kind]
    faithful = file.nmse <= limit and (exact is None or exact.nmse <= LIMITS["F32"])
    return [
        certificate.words(*file.words),
        certificate.speakers(*file.speakers),
        certificate.answers(file.answers, kind == "F32" and not rounded, faithful, exact is not None),
        certificate.stops(file.answers, file.marked),
    ]
