"""The grammar the practice model's own training text is written in: `(a|b)` picks one, `[word]` takes one from a list."""

import math
import random
import re
from dataclasses import dataclass

from studio.domain.errors import BadFile

_LIST = re.compile(r"^([a-z]+) = (.+)$")
_SLOT = re.compile(r"\[([a-z]+)(\d*)\]")
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")


def letters(text: str) -> str:
    """The letters of a text, small, and nothing else."""
    return "".join(c for c in text.lower() if c.isalpha())


@dataclass(frozen=True)
class Sketch:
    """One written exchange with its open places; `lines` alternate visitor, answer."""

    lines: tuple[str, ...]
    lists: dict[str, tuple[str, ...]]
    system: str

    @property
    def variety(self) -> float:
        """How much the exchange can vary, in bits: the base-2 logarithm of the number of its expansions."""
        return self._bits(self.lines)

    @property
    def voices(self) -> float:
        """How much its system text can vary, in bits; 0 for a voice that is always the same."""
        return self._bits((self.system,))

    def _bits(self, lines: tuple[str, ...]) -> float:
        choices = [match[1].count("|") + 1 for line in lines for match in _CHOICE.finditer(line)]
        slots = {match[0]: len(self.lists[match[1]]) for line in lines for match in _SLOT.finditer(line)}
        return sum(math.log2(n) for n in [*choices, *slots.values()])

    def asks(self, question: str) -> bool:
        """Whether some expansion has `question` as a visitor's line; only the letters count."""
        wanted = letters(question)
        for line in self.lines[::2]:
            opened = _SLOT.sub(lambda match: f"({'|'.join(self.lists[match[1]])})", line)
            pattern = "".join({"(": "(?:", "|": "|", ")": ")"}.get(c) or letters(c) for c in opened)
            if re.fullmatch(pattern, wanted):
                return True
        return False

    def cast(self, rng: random.Random, given: "Words | None" = None) -> "Cast":
        """Who speaks: the finished system text, and the words it took for its slots; those in `given` are taken from there."""
        words: Words = dict(given or {})
        return Cast(self._finished(self.system, rng, words), words)

    def expand(self, rng: random.Random, cast: "Cast | None" = None) -> list[str]:
        """One finished exchange: the same slot name gets the same word throughout, also in the system text; `[word2]` gets a different one."""
        words: Words = dict(cast.words) if cast else {}
        return [self._finished(line, rng, words) for line in self.lines]

    def _finished(self, line: str, rng: random.Random, words: "Words") -> str:
        def word(match: re.Match[str]) -> str:
            key = match[0]
            if key not in words:
                free = [w for w in self.lists[match[1]] if w not in words.values()] or list(self.lists[match[1]])
                words[key] = rng.choice(free)
            return words[key]

        picked = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), line)
        return " ".join(_SLOT.sub(word, picked).split())


Words = dict[str, str]  # slot as written, “[fruit2]” -> its word


@dataclass(frozen=True)
class Cast:
    """A voice with its open places filled."""

    system: str
    words: Words


def read(text: str, source: str) -> list[Sketch]:
    """All exchanges of one practice text file; raises BadFile naming the line."""
    lists: dict[str, tuple[str, ...]] = {}
    sketches: list[Sketch] = []
    lines: list[str] = []
    system = ""
    for n, raw in enumerate([*text.split("\n"), ""], 1):
        line = raw.strip()
        if not line:
            if len(lines) % 2:
                raise BadFile(f"{source}, line {n}: an exchange has to end with an answer (a line that begins with <).")
            if lines:
                sketches.append(Sketch(tuple(lines), lists, system))
                lines = []
        elif line.startswith("#"):
            continue
        elif line.startswith("system:"):
            system = line.removeprefix("system:").strip()
            _know(system, lists, source, n)
        elif line[:2] == ("> " if len(lines) % 2 == 0 else "< "):
            _know(line, lists, source, n)
            lines.append(line[2:])
        elif match := _LIST.match(line):
            lists[match[1]] = tuple(word.strip() for word in match[2].split(","))
        else:
            raise BadFile(f"{source}, line {n}: expected a line beginning with {'>' if len(lines) % 2 == 0 else '<'}.")
    return sketches


def _know(line: str, lists: dict[str, tuple[str, ...]], source: str, n: int) -> None:
    unknown = [name for name, _ in _SLOT.findall(line) if name not in lists]
    if unknown:
        raise BadFile(f"{source}, line {n}: there is no list called {unknown[0]}.")
