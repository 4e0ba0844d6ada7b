"""A large, varied set of conversations for measuring, made of the project's own words: always the same one for the same seed.

Its statistics are those of people who chat, where a measurement depends on them: in five million words about four in ten stretches of three
words stand once, and a long tail of words is used in one conversation alone.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from studio.domain import smalltalk
from studio.domain.conversation import Conversation, Turn, turn_id

PROJECT = Path(__file__).resolve().parents[1]
COUNT, SIZE = 10_000, 25_000_000  # conversations, and bytes of what is said in all of them together
LINES = (6, 34)  # of one conversation, visitor and character together
NEW = 0.35  # how often a word follows one neighbour only, not two: how new the sentences are
NAMES, OWN = 3, 0.07  # names that a conversation has of its own, and how often a word is one of them
PRINTED = 0.3  # of all conversations were written in a word processor, with its apostrophes
SYLLABLES = (
    "bar",
    "dol",
    "fen",
    "gri",
    "hul",
    "jas",
    "kem",
    "lor",
    "mip",
    "nuv",
    "ost",
    "pel",
    "quo",
    "rin",
    "sul",
    "tav",
    "wex",
    "yan",
    "zib",
)
TAGS = ("bed", "rain", "school", "games", "food", "animals", "friends", "fear")


@dataclass(frozen=True)
class Chain:
    """Which word followed which two, and which one: says sentences nobody has written, out of words somebody did."""

    starts: list[tuple[str, str]]
    follows: dict[tuple[str, str], list[str]]
    pairs: dict[str, list[str]]

    def say(self, rng: random.Random, letters: float, own: list[str]) -> str:
        """Whole sentences, until there are so many letters."""
        said: list[str] = []
        length = 0
        while length < letters:
            words = self._sentence(rng)
            said += [rng.choice(own) if rng.random() < OWN else word for word in words]
            length += sum(map(len, words)) + len(words)
        return " ".join(said)

    def _sentence(self, rng: random.Random) -> list[str]:
        pair = rng.choice(self.starts)
        words = [*pair]
        while (after := self.pairs.get(pair[1]) if rng.random() < NEW else self.follows.get(pair)) and len(words) < 60:
            pair = (pair[1], rng.choice(after))
            words.append(pair[1])
        return words


def chain(texts: list[str]) -> Chain:
    """The chain of all neighbours in these texts."""
    starts, follows, pairs = [], defaultdict(list), defaultdict(list)
    for words in (text.split() for text in texts):
        if len(words) > 1:
            starts.append((words[0], words[1]))
        for one, two, three in zip(words, words[1:], words[2:], strict=False):
            follows[one, two].append(three)
            pairs[two].append(three)
    return Chain(starts, dict(follows), dict(pairs))


def spoken() -> tuple[Chain, Chain]:
    """What visitors say, and what characters answer, in the practice text of this project."""
    rng, sides = random.Random(1), ([], [])
    for file in sorted((PROJECT / "assets" / "practice-text").glob("*/*.txt")):
        for sketch in smalltalk.read(file.read_text("utf-8"), file.name):
            for _ in range(3):
                for n, line in enumerate(sketch.expand(rng)):
                    sides[n % 2].append(line)
    return chain(sides[0]), chain(sides[1])


def conversations(count: int = COUNT, size: int = SIZE, seed: int = 7) -> Iterator[Conversation]:
    """So many conversations with so many bytes of speech in all, no two alike; the last line of each ends with its first own name."""
    rng, sides, left = random.Random(seed), spoken(), size
    for n in range(count):
        lines = 2 * rng.randint(LINES[0] // 2, LINES[1] // 2)
        letters = max(20, left / max(count - n, 50) / lines)  # sentences end where they end: the next ones make up for it
        own = ["".join(rng.choice(SYLLABLES) for _ in range(4)).capitalize() for _ in range(NAMES)]
        texts = [sides[k % 2].say(rng, rng.uniform(0.2, 1.2) * letters, own) for k in range(lines)]
        texts[-1] += f" Ask {own[0]}."
        if rng.random() < PRINTED:
            texts = [text.replace("'", "’").replace("...", "…") for text in texts]
        left -= sum(len(text.encode()) for text in texts)
        turns = tuple(Turn(turn_id(f"{seed}:{n}", k), "model" if k % 2 else "user", text) for k, text in enumerate(texts))
        yield Conversation(f"{n:05d}", " ".join(texts[0].split()[:6]), turns, tuple(rng.sample(TAGS, rng.randint(0, 2))))
