"""The coverage picture: which statements of a character sheet the conversations show, and which are still unwritten."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from studio.domain.conversation import Conversation
from studio.domain.everyday import RATES
from studio.domain.facts import COLOURS, ONES, TENS
from studio.domain.persona import Persona
from studio.domain.words import straight, words

# A word weighs by how rare it is in this character's conversations (K. Spärck Jones, A Statistical Interpretation of Term Specificity, 1972).
# What a statement and a conversation merely share stands scattered; what a conversation shows is said in one breath. The limits were set by
# reading what they let through with three characters.
IN_A_LINE, IN_AN_EXCHANGE = 4.7, 7.0  # weight of two or more telling words in one line, or in a line and the one before
PART = 0.7  # of a statement with few telling words, this part of what they weigh together is enough
MOST = 4.0  # what one word weighs at most
STRONG, AGAIN = 3.0, 3  # a word of this weight is enough by itself in so many lines: they are about it
PLAIN = frozenset((*ONES, *TENS, *COLOURS))  # rare, and yet no subject of a conversation
HALF, QUARTER = 300.0, 600.0  # times in a million of everyday English from which a word weighs half of the half, and from which nothing
BELIEVED, UNSEEN = 20, 0.04  # conversations put before the character's own, and in how many of them a word is taken to come
ROOT = 6  # letters from which a word may begin a longer one: thunder, thunderstorm
TITLES = frozenset(("mr", "mrs", "ms", "miss", "dr", "professor", "aunt", "uncle", "sir", "lady"))
_NAME = re.compile(r"(?<=\w )(?:[A-Z][\w'-]+ )+[A-Z][\w'-]*")  # Cold Hen: one name of several words, not at the beginning

Roots = Collection[str]
Use = tuple[str, int]  # a statement, and the part of it a word stands for: the words of a name are one part


@dataclass(frozen=True)
class Shown:
    """A statement with the conversations that show it, by their ids: those the writer linked, and those that only seem to."""

    statement: str
    linked: tuple[str, ...] = ()
    seeming: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Conversations that show it, or seem to."""
        return len(self.linked) + len(self.seeming)


def read(persona: Persona, conversations: Sequence[Conversation]) -> tuple[Shown, ...]:
    """Each statement once, in the order of the sheet, with what shows it."""
    statements = tuple(dict.fromkeys(persona.facts))
    linked: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for c in conversations:
        for statement in c.shows:
            linked[statement][c.id] = None
    seen = seeming(statements, names(persona), conversations)
    return tuple(Shown(one, tuple(linked[one]), tuple(c for c in seen[one] if c not in linked[one])) for one in statements)


def names(persona: Persona) -> frozenset[str]:
    """The names of character and visitor, which any conversation may have."""
    return frozenset(words(persona.name)) | frozenset(words(persona.visitor))


def seeming(statements: Sequence[str], own: Collection[str], conversations: Sequence[Conversation]) -> dict[str, list[str]]:
    """For each statement the ids of the conversations in which enough of its telling words occur; the names in `own` tell nothing."""
    told = {statement: telling(statement, own) for statement in statements}
    wanted = frozenset(root for parts in told.values() for root in parts)
    said = _said(wanted, conversations)
    homes = Counter(root for lines in said for root in frozenset().union(*lines))
    scale = _Scale(told, {root: _weight(root, homes[root], len(conversations)) for root in wanted})
    found: dict[str, list[str]] = {statement: [] for statement in statements}
    for c, lines in zip(conversations, said, strict=True):
        for statement in scale.shown(lines):
            found[statement].append(c.id)
    return found


def telling(statement: str, own: Collection[str] = ()) -> dict[str, int]:
    """The roots of the words that can tell a statement from others, with the number of the part they stand for."""
    parts = {word: -n for n, name in enumerate(_NAME.findall(straight(statement)), 1) for word in words(name)}
    found: dict[str, int] = {}
    for n, word in enumerate(words(statement)):
        plain = word.removesuffix("'s")
        if plain not in own and plain not in TITLES and len(plain) > 1 and _rate(plain) < QUARTER:
            found.setdefault(stem(plain), parts.get(word, n))
    return found


class _Scale:
    """Weighs what is said against what each statement tells."""

    def __init__(self, told: Mapping[str, Mapping[str, int]], weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._uses: defaultdict[str, list[Use]] = defaultdict(list)
        for statement, parts in told.items():
            for root, part in parts.items():
                self._uses[root].append((statement, part))
        self._all = {statement: sum(best.values()) * PART for statement, best in self._weighed(weights)}
        self._single = {statement for statement, parts in told.items() if len(set(parts.values())) == 1}

    def _weighed(self, roots: Roots) -> Iterable[tuple[str, dict[int, float]]]:
        """The statements these words belong to, each with the weights of its parts that are said."""
        found: dict[str, dict[int, float]] = {}
        for root in roots:
            weight = self._weights[root]
            for statement, part in self._uses[root]:
                best = found.setdefault(statement, {})
                best[part] = max(weight, best.get(part, 0.0))
        return found.items()

    def shown(self, lines: Sequence[frozenset[str]]) -> dict[str, None]:
        """The statements a conversation seems to show."""
        shown: dict[str, None] = {}
        for n, line in enumerate(lines):
            if len(line) > 1:
                shown.update(dict.fromkeys(self._told(line, IN_A_LINE)))
            if n and line and lines[n - 1] and len(both := line | lines[n - 1]) > 1:
                shown.update(dict.fromkeys(self._told(both, IN_AN_EXCHANGE)))
        return shown | dict.fromkeys(self._about(lines))

    def _told(self, roots: Roots, enough: float) -> Iterator[str]:
        for statement, best in self._weighed(roots):
            if len(best) > 1 and sum(best.values()) >= min(enough, self._all[statement]):
                yield statement

    def _about(self, lines: Sequence[frozenset[str]]) -> Iterator[str]:
        times = Counter(root for line in lines for root in line)
        for root, count in times.items():
            for statement, _ in self._uses[root] if count > 1 else ():
                if statement in self._single or (count >= AGAIN and self._weights[root] >= STRONG):
                    yield statement


def _said(wanted: frozenset[str], conversations: Iterable[Conversation]) -> list[list[frozenset[str]]]:
    """For each conversation the wanted roots in its title and in each line."""
    rooted, none = _Rooted(wanted), frozenset(("",))
    return [
        [frozenset(map(rooted.__getitem__, words(text))) - none for text in (c.title, *(t.text for t in c.turns))] for c in conversations
    ]


class _Rooted(dict[str, str]):
    """Word to wanted root, or to "" where none is wanted; each word is looked at once."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._long = sorted((root for root in wanted if len(root) >= ROOT), key=len, reverse=True)

    def __missing__(self, word: str) -> str:
        root = stem(word.removesuffix("'s"))
        if root not in self._wanted:
            root = next((begin for begin in self._long if word.startswith(begin)), "")
        self[word] = root
        return root


def _weight(root: str, homes: int, conversations: int) -> float:
    rate = _ROOT_RATES.get(root, 0.0)
    less = 0.25 if rate >= HALF else 0.5 if rate or root in _PLAIN_ROOTS else 1.0
    return less * min(MOST, -math.log((homes + UNSEEN) / (conversations + BELIEVED)))


def _rate(word: str) -> float:
    """Times in a million of everyday English, of this form or of another one of the same word."""
    return max(RATES.get(word, 0.0), _ROOT_RATES.get(stem(word), 0.0))


_ENDINGS = (("ies", "y"), ("ing", ""), ("ied", "y"), ("ed", ""), ("sses", "ss"), ("ss", "ss"), ("us", "us"), ("es", "e"), ("s", ""))


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The root of an English word, roughly: without the endings of number, time and person. “mends”, “mended” and “mending” are one."""
    root = next((word[: -len(end)] + more for end, more in _ENDINGS if word.endswith(end) and len(word) >= len(end) + 3 - len(more)), word)
    if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz":
        root = root[:-1]
    return root.removesuffix("e") if len(root) > 3 else root


def _by_root(rates: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for word, rate in rates.items():
        found[stem(word)] = max(rate, found.get(stem(word), 0.0))
    return found


_ROOT_RATES = _by_root(RATES)
_PLAIN_ROOTS = frozenset(map(stem, PLAIN))
