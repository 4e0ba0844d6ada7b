"""The same exchange in both parts: then the test of what was learned asks for answers that were learned by heart."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from studio.domain.checks import Finding, Kind, Place, number
from studio.domain.conversation import Conversation
from studio.domain.dataset import Split
from studio.domain.notes import Notes

SHINGLE = 5  # words
SHARE = 0.8  # of the shingles of the longer text: above, two texts are nearly the same
MOST = 20  # exchanges one other is compared with: a bound for answers that are all alike


@dataclass(frozen=True)
class Exchange:
    """A visitor's line and the character's answer. Only their words are compared, not case, punctuation and spaces."""

    place: Place  # of the answer
    line: "array[int]"  # words, each as its number
    answer: "array[int]"

    def like(self, other: "Exchange") -> bool:
        """Whether both answers and both lines share most of their shingles."""
        return _alike(self.answer, other.answer) and _alike(self.line, other.line)


@dataclass(frozen=True)
class Index:
    """The exchanges kept back, and where to find those that could be like another."""

    kept: list[Exchange]
    exact: dict[bytes, dict[bytes, list[int]]]  # answer, line: which of the kept have both
    anchors: dict[int, list[int]]  # shingle of an answer: which of the kept have it; whatever is like them has one of their anchors


def read(parts: Split, notes: Notes | None = None) -> list[Finding]:
    """What stands in both parts word for word, and what nearly does: each exchange kept back, followed by its twin in training."""
    notes = notes or Notes()
    index = _index(list(_exchanges(parts.validation, notes)))
    same: dict[int, Place] = {}
    near: dict[int, Place] = {}
    for learned in _exchanges(parts.train, notes):
        candidates = _candidates(index, learned)
        if candidates and (by_line := index.exact.get(learned.answer.tobytes())):
            same.update((n, learned.place) for n in by_line.pop(learned.line.tobytes(), ()))
        for n in candidates:
            if n not in near and n not in same and index.kept[n].like(learned):
                near[n] = learned.place
    found = [
        _finding("leak", same, index.kept, ("One answer stands", "{N} answers stand"), "exact match"),
        _finding(
            "near leak",
            {n: at for n, at in near.items() if n not in same},
            index.kept,
            ("One answer nearly stands", "{N} answers nearly stand"),
            f"{SHINGLE}-word shingles, over 80 %",
        ),
    ]
    return [f for f in found if f]


def _finding(kind: Kind, twins: dict[int, Place], kept: Sequence[Exchange], titles: tuple[str, str], expert: str) -> Finding | None:
    if not twins:
        return None
    title = titles[len(twins) > 1].format(N=number(len(twins)).capitalize()) + " in both parts, to the same line"
    places = tuple(dict.fromkeys(place for n in sorted(twins) for place in (kept[n].place, twins[n])))
    sentence = "What is kept back to test is then known by heart, and the test looks better than it is."
    return Finding(kind, "look", title, sentence, expert, places)


def _exchanges(conversations: Iterable[Conversation], notes: Notes) -> Iterator[Exchange]:
    for c in conversations:
        said = notes.said(c)
        for n in range(1, len(c.turns)):
            asked, answered = c.turns[n - 1 : n + 1]
            if asked.role == "user" and answered.role == "model" and (answer := said.line(n)):
                yield Exchange((c.id, c.title, n), said.line(n - 1), answer)


def _shingles(said: Sequence[int]) -> Iterable[int]:
    """The hash of every five words in a row; of all words where there are fewer."""
    return map(hash, zip(*(said[n:] for n in range(SHINGLE)), strict=False) if len(said) >= SHINGLE else [tuple(said)])


def _alike(said: Sequence[int], other: Sequence[int]) -> bool:
    short, long = sorted(max(1, len(one) - SHINGLE + 1) for one in (said, other))
    if short <= SHARE * long:
        return False
    a, b = set(_shingles(said)), set(_shingles(other))
    return len(a & b) > SHARE * max(len(a), len(b))


def _index(kept: list[Exchange]) -> Index:
    exact: defaultdict[bytes, dict[bytes, list[int]]] = defaultdict(dict)
    shingles = [list(dict.fromkeys(_shingles(one.answer))) for one in kept]
    uses = Counter(shingle for some in shingles for shingle in some)
    anchors: defaultdict[int, list[int]] = defaultdict(list)
    for n, one in enumerate(kept):
        exact[one.answer.tobytes()].setdefault(one.line.tobytes(), []).append(n)
        # An answer like this one lacks less than a fifth of its shingles, so it has one of any fifth and one more of them: the prefix
        # filter of S. Chaudhuri, V. Ganti and R. Kaushik, A Primitive Operator for Similarity Joins in Data Cleaning, 2006. The rarest
        # shingles tell most.
        rarest = sorted(shingles[n], key=uses.__getitem__)
        for shingle in rarest[: int((1 - SHARE) * len(rarest)) + 1]:
            if len(anchors[shingle]) < MOST:
                anchors[shingle].append(n)
    return Index(kept, exact, anchors)


def _candidates(index: Index, learned: Exchange) -> list[int]:
    found: dict[int, None] = {}
    for shingle in filter(index.anchors.__contains__, _shingles(learned.answer)):
        found.update(dict.fromkeys(index.anchors[shingle]))
        if len(found) >= MOST:
            break
    return list(found)[:MOST]
