"""Conversations that are nearly the same as an earlier one, found among many thousands without comparing each with each."""

from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Indel

from studio.domain.conversation import Conversation
from studio.domain.notes import Notes

SHINGLE = 3  # words
SAME = 0.85  # of the words two conversations have together
# So few words may differ that two conversations which are nearly the same share more than half of their shingles: each word put in or
# left out touches three of them at most. Of any half and k more, then, they have at least k in common: the prefix filter of
# S. Chaudhuri, V. Ganti and R. Kaushik, A Primitive Operator for Similarity Joins in Data Cleaning, 2006, with k as in J. Wang, G. Li and
# J. Feng, Can We Beat the Prefix Filtering?, 2012: the more there have to be, the fewer meet by chance.
SHARED = 1 - SHINGLE * (1 - SAME)
SEVERAL = 0.15  # k, of the shingles that two such conversations share
# A shingle's number. Two shingles have the same one now and then: that makes a candidate too many, and those are compared word by word.
BITS = 32
REST = 8  # bits of it that don't say in which byte its uses are counted
MOST = 30  # conversations one other is compared with: a bound for conversations that are all alike
FEWEST = 8  # words below which likeness says nothing
# Odd numbers of 64 bits without a pattern (the golden ratio, and those of S. Vigna's SplitMix64): three words make one number by them.
_MIX = tuple(np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_HALF = np.uint64(32)

Shingles: TypeAlias = npt.NDArray[np.uint32]
Uses: TypeAlias = npt.NDArray[np.uint8]
Places: TypeAlias = npt.NDArray[np.int32]
Counts: TypeAlias = npt.NDArray[np.intp]


def twins(conversations: Sequence[Conversation], notes: Notes | None = None) -> dict[str, str]:
    """Conversations that are nearly the same as an earlier one, though no copy: the id of each, with the earlier one's."""
    book = notes or Notes()
    texts = [book.said(c).words for c in conversations]
    found = {}
    for n, others in candidates(texts):
        for other in others:
            alike = Indel.normalized_similarity(list(texts[n]), list(texts[other]), score_cutoff=SAME)
            if alike and not _copies(conversations[n], conversations[other]):
                found[conversations[n].id] = conversations[other].id
                break
    return found


def _copies(one: Conversation, other: Conversation) -> bool:
    return [(t.role, t.text.strip()) for t in one.turns] == [(t.role, t.text.strip()) for t in other.turns]


def candidates(texts: Sequence["array[int]"]) -> Iterator[tuple[int, list[int]]]:
    """For each text (its words as numbers) the earlier ones that could be nearly the same, likest first; short ones are left out."""
    chosen = [_shingles(text) for text in texts]
    sizes = list(map(len, chosen))
    uses = _uses(chosen)
    for n, some in enumerate(chosen):
        chosen[n] = _rarest(some, uses)  # in its place: all of them together are as large as all that was written
    del uses
    shared = _shared(chosen)
    for n, size in enumerate(sizes):
        fewest = _several(SHARED * size)  # the other may be that much shorter
        met = shared.met(n, fewest)
        if len(met):
            # Of those that are as like, the earlier first: nothing may go by which number a word has.
            others = np.flatnonzero(met >= fewest)
            likest: list[int] = others[np.argsort(-met[others], kind="stable")[:MOST]].tolist()
            if likest:
                yield n, likest


class Shared(NamedTuple):
    """Which texts have a shingle in common: those of one shingle stand together in `homes`, in their order."""

    ends: Places  # where each text's own entries end in the two that follow
    begins: Places  # for each shingle of a text: where its texts begin in `homes`
    earlier: Places  # and how many of these come before the text, at most MOST
    homes: Places

    def met(self, n: int, fewest: int) -> Counts:
        """How many shingles a text shares with each of the earlier ones; nothing where these are too few to matter."""
        own = slice(int(self.ends[n - 1]) if n else 0, int(self.ends[n]))
        begins, earlier = self.begins[own], self.earlier[own]
        some = earlier > 0
        begins, earlier = begins[some], earlier[some]
        if len(earlier) < fewest:
            return np.empty(0, np.intp)
        at = np.repeat(begins - (np.cumsum(earlier) - earlier), earlier) + np.arange(int(earlier.sum()))
        return np.bincount(self.homes[at])


def _shared(chosen: Sequence[Shingles]) -> Shared:
    ends = np.cumsum([len(some) for some in chosen], dtype=np.int32)
    every = np.concatenate(chosen) if chosen else np.empty(0, np.uint32)
    order = np.argsort(every, kind="stable").astype(np.int32)
    every = every[order]
    starts = np.arange(len(every), dtype=np.int32)
    starts[1:][every[1:] == every[:-1]] = 0
    np.maximum.accumulate(starts, out=starts)
    begins, earlier = np.empty_like(starts), np.empty_like(starts)
    begins[order], earlier[order] = starts, np.minimum(np.arange(len(every), dtype=np.int32) - starts, MOST)
    return Shared(ends, begins, earlier, np.searchsorted(ends, order, side="right").astype(np.int32))


def _shingles(text: "array[int]") -> Shingles:
    """The different stretches of three words, each as a number; none of a text too short to tell."""
    if len(text) < FEWEST:
        return np.empty(0, np.uint32)
    said: npt.NDArray[Any] = np.frombuffer(text, np.uint32).astype(np.uint64)
    mixed = said[:-2] * _MIX[0] + (said[1:-1] + np.uint64(1)) * _MIX[1]
    mixed ^= mixed >> _HALF
    mixed = (mixed + said[2:]) * _MIX[2]
    found = (mixed >> _HALF).astype(np.uint32)
    found.sort()
    new = np.ones(len(found), bool)
    np.not_equal(found[1:], found[:-1], out=new[1:])
    different: Shingles = found[new]
    return different


def _uses(shingles: Sequence[Shingles]) -> Uses:
    """In how many texts a shingle stands, at most 255, by the first bits of its number: now and then too many, never too few."""
    uses = np.zeros(1 << BITS - REST, np.uint8)
    for some in shingles:
        buckets = some >> REST
        before = uses[buckets]
        uses[buckets] = before + (before < 255)
    return uses


def _rarest(some: Shingles, uses: Uses) -> Shingles:
    """As many of the rarest as the prefix filter asks for, and all that are as rare; without those nobody else has: they lead nowhere."""
    times = uses[some >> REST]
    wanted = int((1 - SHARED) * len(some)) + _several(len(some))
    level = min(255, int(np.searchsorted(np.bincount(times, minlength=256).cumsum(), wanted)))
    rarest: Shingles = some[(times > 1) & (times <= level)]
    return rarest


def _several(size: float) -> int:
    return max(1, int(SEVERAL * SHARED * size))
