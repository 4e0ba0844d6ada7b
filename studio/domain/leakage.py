"""The same exchange in both parts: then the test of what was learned asks for answers that were learned by heart."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from studio.domain.checks import Finding, Kind, Place, number
from studio.domain.conversation import Conversation
from studio.domain.dataset import Split
from studio.domain.notes import Notes, Said

SHINGLE = 5  # words
SHARE = 0.8  # of the shingles of the longer text: above, two texts are nearly the same
MOST = 20  # exchanges one other is compared with: a bound for answers that are all alike
_WORD = array("I").itemsize  # bytes
_LONG = SHINGLE * _WORD


@dataclass(frozen=True)
class Exchange:
    """A visitor's line and the character's answer. Only their words are compared, not case, punctuation and spaces."""

    place: Place  # of the answer
    line: bytes  # words, each as its number
    answer: bytes

    def like(self, other: "Exchange") -> bool:
        """Whether both answers and both lines share most of their shingles."""
        return _alike(self.answer, other.answer) and _alike(self.line, other.line)


@dataclass(frozen=True)
class Index:
    """The exchanges kept back, and where to find those that could be like another."""

    name: object  # no other index has it: what is noted of a conversation goes by it, and keeps nothing else of an older one
    kept: list[Exchange]
    exact: dict[bytes, dict[bytes, list[int]]]  # answer, line: which of the kept have both
    anchors: dict[bytes, list[int]]  # shingle of an answer: which of the kept have it; whatever is like them has one of their anchors


def read(parts: Split, notes: Notes | None = None) -> list[Finding]:
    """What stands in both parts word for word, and what nearly does: each exchange kept back, followed by its twin in training."""
    notes = notes or Notes()
    index = notes.once("leakage", parts.validation, lambda: _index([one for c in parts.validation for one in _exchanges(c, notes.said(c))]))
    look = partial(_near, index=index, notes=notes)
    same: dict[int, Place] = {}
    near: dict[int, Place] = {}
    for c in parts.train:
        for at, candidates in notes.of(c, "leakage", index.name, look):
            learned = _exchange(c, notes.said(c), at)
            for n in index.exact.get(learned.answer, {}).get(learned.line, ()):
                same.setdefault(n, learned.place)
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


def _exchanges(spoken: Conversation, said: Said) -> Iterator[Exchange]:
    for n, _ in _answers(spoken, said):
        yield _exchange(spoken, said, n)


def _exchange(spoken: Conversation, said: Said, n: int) -> Exchange:
    return Exchange((spoken.id, spoken.title, n), said.line(n - 1).tobytes(), said.line(n).tobytes())


def _answers(spoken: Conversation, said: Said) -> Iterator[tuple[int, bytes]]:
    """The character's answers that have words, and which lines they are."""
    whole, before = said.words.tobytes(), ""
    for n, turn in enumerate(spoken.turns):
        if before == "user" and turn.role == "model" and (answer := whole[_WORD * said.ends[n - 1] : _WORD * said.ends[n]]):
            yield n, answer
        before = turn.role


def _near(spoken: Conversation, index: Index, notes: Notes) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """The answers that could be like some of the kept, and like which."""
    found = ((n, _candidates(index, answer)) for n, answer in _answers(spoken, notes.said(spoken)))
    return tuple((n, candidates) for n, candidates in found if candidates)


def _shingles(said: bytes) -> list[bytes]:
    """Every five words in a row; all words where there are fewer."""
    return [said[at : at + _LONG] for at in range(0, len(said) - _LONG + 1, _WORD)] or [said]


def _alike(said: bytes, other: bytes) -> bool:
    short, long = sorted(max(1, len(one) // _WORD - SHINGLE + 1) for one in (said, other))
    if short <= SHARE * long:
        return False
    a, b = set(_shingles(said)), set(_shingles(other))
    return len(a & b) > SHARE * max(len(a), len(b))


def _index(kept: list[Exchange]) -> Index:
    exact: defaultdict[bytes, dict[bytes, list[int]]] = defaultdict(dict)
    shingles = [list(dict.fromkeys(_shingles(one.answer))) for one in kept]
    uses = Counter(shingle for some in shingles for shingle in some)
    anchors: defaultdict[bytes, list[int]] = defaultdict(list)
    for n, one in enumerate(kept):
        exact[one.answer].setdefault(one.line, []).append(n)
        # An answer like this one lacks less than a fifth of its shingles, so it has one of any fifth and one more of them: the prefix
        # filter of S. Chaudhuri, V. Ganti and R. Kaushik, A Primitive Operator for Similarity Joins in Data Cleaning, 2006. The rarest
        # shingles tell most.
        rarest = sorted(shingles[n], key=uses.__getitem__)
        for shingle in rarest[: int((1 - SHARE) * len(rarest)) + 1]:
            if len(anchors[shingle]) < MOST:
                anchors[shingle].append(n)
    return Index(object(), kept, exact, dict(anchors))


def _candidates(index: Index, answer: bytes) -> tuple[int, ...]:
    found: dict[int, None] = {}
    for shingle in filter(index.anchors.__contains__, _shingles(answer)):
        found.update(dict.fromkeys(index.anchors[shingle]))
        if len(found) >= MOST:
            break
    return tuple(found)[:MOST]
