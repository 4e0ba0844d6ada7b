"""Finds out whether a file speaks like the character that was trained: measured with llama.cpp against the model as the app runs it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product, takewhile
from pathlib import Path

import numpy as np

from studio.domain import gemma
from studio.domain.certificate import Answer
from studio.domain.conversation import Turn
from studio.domain.examination import Distance, Examination, Surprise
from studio.domain.gemma import Dialect
from studio.domain.sizes import Kind
from studio.engine.answerer import Answerer
from studio.engine.encoder import IGNORED, Row, encode
from studio.engine.player import Player

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
class Certifier:
    """The questions and the app's side of the comparison. `limit` is the most tokens in an answer, `tokens` the most that are read of `kept`."""

    app: Answerer
    dialect: Dialect
    system: str
    prompts: tuple[str, ...]
    context: int
    limit: int
    tick: Callable[[], None]  # called between steps; may raise to stop
    kept: tuple[tuple[Turn, ...], ...] = ()  # conversations kept back from the lesson
    tokens: int = 8192
    compared: bool = True  # False: the app's model does not fit into memory, so only what needs no model is checked
    said: dict[str, tuple[list[int], bool]] = field(default_factory=dict)  # what the app answered so far
    weighed: list[np.ndarray] = field(default_factory=list)  # its logits, once they are computed
    surprised: dict[int, float] = field(default_factory=dict)  # how surprised the app was by each kept conversation

    def examine(self, path: Path, kind: Kind, adapter: Path | None = None) -> Examination:
        """Everything there is to know about a file of that kind, `adapter` put onto it where one is given. The app is asked everything only once."""
        length = min(512, self.context)
        with Player(path, length, adapter) as file:
            self.tick()
            words, rendered = self._words(file), self._speakers(file)
            distance = self._distance(file) if self.compared else None
            answers = tuple(self._answer(file, prompt) for prompt in self.prompts) if self.compared else ()
            surprise = self._surprise(file) if self.compared else None
            return Examination(kind, words, *rendered, distance, answers, file.ends(self.app.ids(self.dialect.end)[0]), surprise)

    def _words(self, file: Player) -> tuple[int, int]:
        texts = corpus(self.app, [self.system, *self.prompts])
        self.tick()
        return sum(file.ids(text) == self.app.ids(text) for text in texts), len(texts)

    def _speakers(self, file: Player) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int, int]]:
        """(prompts rendered alike, those with a system text alone, how many prompts begin with none, one, and more beginnings)."""
        talks = [[Turn("", "user", prompt)] for prompt in self.prompts or ("Hello",)]
        talks += [[*talk, Turn("", "model", "Well then."), Turn("", "user", "And then?")] for talk in talks]
        pairs = [(talk, system) for talk in talks for system in dict.fromkeys((self.system, ""))]
        same = [self._marked_up(file, talk, system) for talk, system in pairs]
        folded = [good for good, (_, system) in zip(same, pairs, strict=True) if system]
        begun = [0, 0, 0]
        for talk, system in pairs:
            for ids in self._readings(file, talk, system):
                begun[min(2, ids[:4].count(self.app.ids(gemma.BOS)[0]))] += 1
        return (sum(same), len(same)), (sum(folded), len(folded)), (begun[0], begun[1], begun[2])

    def _marked_up(self, file: Player, talk: Sequence[Turn], system: str) -> bool:
        """Whether the file's own template and dictionary give the very tokens the app would."""
        try:
            rendered = file.prompt(_messages(talk, system))
        except ValueError:  # the template refuses the talk
            return False
        return file.ids(rendered) == self.app.ids(gemma.prompt(talk, system, self.dialect))

    def _readings(self, file: Player, talk: Sequence[Turn], system: str) -> list[list[int]]:
        """The prompt as programs come to it: by the file's own template, and written out without a beginning, which the file then asks for."""
        written = gemma.prompt(talk, system, self.dialect).removeprefix(gemma.BOS)
        try:
            return [file.ids(file.prompt(_messages(talk, system))), file.raw(written)]
        except ValueError:
            return [file.raw(written)]

    def _prompt(self, text: str) -> list[int]:
        return self.app.ids(gemma.prompt([Turn("", "user", text)], self.system, self.dialect))

    def _distance(self, file: Player) -> Distance:
        """Over up to 512 positions of short talks, where every position counts."""
        text = "".join(
            gemma.prompt([Turn("", "user", prompt)], self.system, self.dialect).removeprefix(gemma.BOS)
            for prompt in (*self.prompts, *_SCRIPTS)
        )
        ids = self.app.ids(gemma.BOS + text)
        positions = min(file.length, _MEMORY // (4 * len(self.app.tokenizer)))
        ids = ids[:positions]
        found = file.logits(ids)
        if not self.weighed:
            self.weighed.append(self.app.logits(ids))
        self.tick()
        return distance(
            self.weighed[0][:, : found.shape[1]], found
        )  # rows beyond the dictionary stand for no token and are not in the file

    def _answer(self, file: Player, prompt: str) -> Answer:
        ids = self._prompt(prompt)[-(file.length - 16) :]
        limit = min(self.limit, file.length - len(ids))
        heard, stopped = file.answer(ids, limit)
        said, ended = self._said(prompt, ids, limit, heard)
        self.tick()
        same = said == heard and ended == stopped
        tie = not same and self._tie(file, [*ids, *takewhile(lambda token: token is not None, map(_agreed, said, heard))])
        return Answer(prompt, self.app.text(said), self.app.text(heard), ended, stopped, tie)

    def _said(self, prompt: str, ids: list[int], limit: int, guess: list[int]) -> tuple[list[int], bool]:
        """The app's answer, generated once however many files are examined."""
        if prompt not in self.said:
            self.said[prompt] = self.app.answer(ids, limit, guess)
            self.tick()
        return self.said[prompt]

    def _tie(self, file: Player, ids: list[int]) -> bool:
        """Whether the two next words were so alike to the app that rounding alone decides between them."""
        app, other = self.app.logits(ids)[-1], file.logits(ids)[-1]
        app = app[: len(other)]
        return bool(app.max() - app[other.argmax()] <= 2 * np.abs(app - other).max())

    def _surprise(self, file: Player) -> Surprise | None:
        """Over as many of the kept conversations as there are tokens to spend."""
        rows = self._rows(file.length)
        if not rows:
            return None
        app = heard = 0.0
        for n, row in enumerate(rows):
            found = file.logits(row.ids)
            if n not in self.surprised:
                self.surprised[n] = _surprise(self.app.logits(row.ids)[:, : found.shape[1]], row)
            app += self.surprised[n]
            heard += _surprise(found, row)
            self.tick()
        learned = sum(row.learned for row in rows)
        return Surprise(len(rows), learned, app / learned, heard / learned)

    def _rows(self, longest: int) -> list[Row]:
        rows, spent = [], 0
        for talk in self.kept:
            longest = min(longest, _MEMORY // (4 * len(self.app.tokenizer)))
            row = encode(gemma.rows(talk, self.system, self.dialect)[-1], self.dialect, self.app.tokenizer, longest)
            if row.learned and (not rows or spent + len(row.ids) <= self.tokens):
                rows.append(row)
                spent += len(row.ids)
        return rows


def distance(wanted: np.ndarray, found: np.ndarray) -> Distance:
    """How far logits (positions, tokens) are from the wanted ones."""
    error = np.sum((wanted - found) ** 2, dtype=np.float64) / np.sum(wanted**2, dtype=np.float64)
    one, other = _log_softmax(wanted), _log_softmax(found)
    kl = np.sum(np.exp(one) * (one - other), axis=1, dtype=np.float64).mean()
    return Distance(len(wanted), float(error), float((wanted.argmax(1) == found.argmax(1)).mean()), max(0.0, float(kl)))


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _surprise(logits: np.ndarray, row: Row) -> float:
    """Nats of all learned tokens of a row together."""
    places = [n for n in range(1, len(row.ids)) if row.labels[n] != IGNORED]
    before = _log_softmax(logits[[n - 1 for n in places]])
    return -float(before[range(len(places)), [row.labels[n] for n in places]].sum(dtype=np.float64))


def _messages(talk: Sequence[Turn], system: str) -> list[dict[str, str]]:
    lead = [{"role": "system", "content": gemma.plain(system)}] if system else []
    return [*lead, *({"role": "assistant" if t.role == "model" else "user", "content": gemma.plain(t.text)} for t in talk)]


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
