"""Catch-phrases: stretches of four to six words that many texts share, found without looking at every stretch there is."""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain

SIZES = (6, 5, 4)  # words, longest first
SAME = 0.8  # two phrases that share this part of their texts are one habit
SAMPLE = 3_000  # texts looked through for phrases to count in all of them
SLACK = 0.6  # a phrase is counted where the sample holds this part of what was to be expected: five standard errors, at 5 % of 3,000
RARE = -1  # stands for every word that too few texts have
_LINKED = re.compile(rf"x{{{SIZES[-1] - 1},}}")

Gram = tuple[int, ...]  # words as numbers
Phrase = tuple[Gram, list[int]]  # and which texts hold them


def shared(texts: Sequence[Sequence[int]], least: int) -> list[Phrase]:
    """The phrases that at least `least` texts hold, longest first. One inside another counts only where it stands alone."""
    told: list[tuple[set[Gram], set[int]]] = []
    found: list[Phrase] = []
    links = {pair for gram in _likely(texts, least) for pair in _pairs(gram)}
    for gram, homes in _often(texts, links, least) if links else ():
        where = set(homes)
        pairs: set[Gram] = set(_pairs(gram))
        alone = where.difference(*(others for known, others in told if known & pairs))
        twin = any(len(where & others) >= SAME * len(where) for _, others in told)
        if len(alone) >= least and not twin:
            told.append((pairs, where))
            found.append((gram, sorted(alone)))
    return found


def _likely(texts: Sequence[Sequence[int]], least: int) -> list[Gram]:
    if len(texts) > SAMPLE:
        least = int(SLACK * least * SAMPLE / len(texts))
        texts = random.Random(0).sample(texts, SAMPLE)
    # A phrase can be frequent only where each of its words is, and each two neighbours (R. Agrawal and R. Srikant, Fast Algorithms for
    # Mining Association Rules, 1994). After these two sieves little of an ordinary text is left.
    common = {word for word, count in Counter(chain.from_iterable(texts)).items() if count >= least}
    sieved = [[word if word in common else RARE for word in text] for text in texts]
    counts = Counter(chain.from_iterable(map(_pairs, sieved)))
    links = {pair for pair, count in counts.items() if count >= least and RARE not in pair}
    return [gram for gram, _ in _often(sieved, links, least)]


def _often(texts: Sequence[Sequence[int]], links: set[Gram], least: int) -> Iterator[Phrase]:
    """Every phrase of linked neighbours that enough texts hold: longest first, then most frequent."""
    stretches = [(n, part) for n, text in enumerate(texts) for part in _linked(text, links)]
    for size in SIZES:
        homes: defaultdict[Gram, list[int]] = defaultdict(list)
        for n, part in stretches:
            for start in range(len(part) - size + 1):
                at = homes[tuple(part[start : start + size])]
                if not at or at[-1] != n:
                    at.append(n)
        yield from sorted(((gram, at) for gram, at in homes.items() if len(at) >= least), key=lambda phrase: -len(phrase[1]))


def _linked(text: Sequence[int], links: set[Gram]) -> Iterator[Sequence[int]]:
    signs = "".join(["x" if pair in links else " " for pair in _pairs(text)])
    for match in _LINKED.finditer(signs):
        yield text[match.start() : match.end() + 1]


def _pairs(text: Sequence[int]) -> Iterator[Gram]:
    return zip(text, text[1:], strict=False)
