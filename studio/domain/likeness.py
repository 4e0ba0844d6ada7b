"""Which conversations could be nearly the same, found without comparing each with each; and how alike all of them are, as a map."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from studio.domain.words import words

SHINGLE = 3  # words
SAME = 0.85  # of the words two conversations have together
# So few words may differ that two conversations which are nearly the same share more than half of their shingles: each word put in or
# left out touches three of them at most. Of any half and one more, then, they have at least one in common: the prefix filter of
# S. Chaudhuri, V. Ganti and R. Kaushik, A Primitive Operator for Similarity Joins in Data Cleaning, 2006.
SHARED = 1 - SHINGLE * (1 - SAME)
MOST = 30  # conversations one other is compared with: a bound for conversations that are all alike
FEWEST = 8  # words below which likeness says nothing
ROUNDS = 24  # of the power iteration; a picture needs no more

_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")  # Thai to Chinese

Vector = dict[int, float]


def candidates(texts: Sequence[Sequence[str]]) -> Iterator[tuple[int, list[int]]]:
    """For each text (as words) the earlier ones that could be nearly the same; texts too short to tell are left out."""
    shingles = [_shingles(text) for text in texts]
    uses = Counter(shingle for some in shingles for shingle in some)
    anchors: defaultdict[int, list[int]] = defaultdict(list)
    for n, some in enumerate(shingles):
        if len(texts[n]) < FEWEST:
            continue
        rarest = sorted((shingle for shingle in some if uses[shingle] > 1), key=lambda shingle: (uses[shingle], shingle))
        alone = len(some) - len(rarest)  # shingles nobody else has come first in the order, and lead nowhere
        prefix = rarest[: max(0, int((1 - SHARED) * len(some)) + 1 - alone)]
        found: dict[int, None] = {}
        for shingle in prefix:
            at = anchors[shingle]
            if len(found) < MOST:
                found.update(dict.fromkeys(at))
            if len(at) < MOST:
                at.append(n)
        if found:
            yield n, list(found)[:MOST]


def _shingles(text: Sequence[str]) -> list[int]:
    return list(dict.fromkeys(map(hash, zip(*(text[n:] for n in range(SHINGLE)), strict=False))))


def layout(texts: Sequence[Sequence[str]]) -> list[tuple[float, float]]:
    """A place for each text (as words) on a map from -1 to 1: what shares its rarer words lies together.

    The first two principal components of the TF-IDF vectors (G. Salton and C. Buckley, Term-Weighting Approaches in Automatic Text
    Retrieval, 1988), by power iteration from a fixed start, so that the same texts always give the same map.
    """
    weighed = vectors(texts)
    if len(weighed) < 3:
        return [(0.0, 0.0)] * len(weighed)
    mean = _mean(weighed)
    across = _component(weighed, mean, [])
    down = _component(weighed, mean, [across])
    return list(zip(_scaled(_scores(weighed, mean, across)), _scaled(_scores(weighed, mean, down)), strict=True))


def nearness(weighed: Sequence[Vector], n: int) -> list[float]:
    """How alike each of these texts is to the n-th: the cosine of their vectors, from 0 (no rare word together) to 1."""
    return [_dot(weighed[n], vector) for vector in weighed]


def pieces(text: str) -> list[str]:
    """The words of a text; where a script writes no spaces, the pairs of its letters stand for them."""
    return [piece for word in words(text) for piece in (_pairs(word) if _UNSPACED.search(word) else (word,))]


def _pairs(word: str) -> list[str]:
    return [word[n : n + 2] for n in range(max(1, len(word) - 1))]


def vectors(texts: Sequence[Sequence[str]]) -> list[Vector]:
    """The TF-IDF vector of each text (as words), of length 1; a text that shares no word with another has an empty one."""
    counts = [Counter(text) for text in texts]
    homes = Counter(word for count in counts for word in count)
    # A word of one text alone says nothing about likeness; one of nearly all texts neither.
    kept = {word: n for n, word in enumerate(sorted(word for word, at in homes.items() if 1 < at <= 0.5 * len(texts) + 1))}
    weights = {word: math.log(len(texts) / homes[word]) + 0.1 for word in kept}
    found = []
    for count in counts:
        vector = {kept[word]: (1 + math.log(n)) * weights[word] for word, n in count.items() if word in kept}
        size = math.sqrt(sum(value * value for value in vector.values())) or 1.0
        found.append({word: value / size for word, value in vector.items()})
    return found


def _mean(vectors: Sequence[Vector]) -> Vector:
    total: defaultdict[int, float] = defaultdict(float)
    for vector in vectors:
        for word, value in vector.items():
            total[word] += value / len(vectors)
    return dict(total)


def _dot(vector: Vector, other: Vector) -> float:
    return sum(value * other[word] for word, value in vector.items() if word in other)


def _scores(vectors: Sequence[Vector], mean: Vector, axis: Vector) -> list[float]:
    middle = _dot(mean, axis)
    return [_dot(vector, axis) - middle for vector in vectors]


def _component(vectors: Sequence[Vector], mean: Vector, known: Sequence[Vector]) -> Vector:
    axis = _length_one({word: math.sin(1.0 + word) for word in mean}, known)
    for _ in range(ROUNDS):
        scores = _scores(vectors, mean, axis)
        total: defaultdict[int, float] = defaultdict(float)
        for score, vector in zip(scores, vectors, strict=True):
            for word, value in vector.items():
                total[word] += score * value
        axis = _length_one(total, known)
    return axis


def _length_one(axis: Vector, known: Sequence[Vector]) -> Vector:
    for other in known:
        along = _dot(axis, other)
        axis = {word: value - along * other.get(word, 0.0) for word, value in axis.items()}
    size = math.sqrt(sum(value * value for value in axis.values())) or 1.0
    return {word: value / size for word, value in axis.items()}


def _scaled(scores: Sequence[float]) -> list[float]:
    # By rank for half of it: a few far-off conversations must not press all others into one spot.
    furthest = max(map(abs, scores)) or 1.0
    ranks = {n: place for place, n in enumerate(sorted(range(len(scores)), key=scores.__getitem__))}
    return [score / furthest / 2 + (2 * ranks[n] / (len(scores) - 1) - 1) / 2 for n, score in enumerate(scores)]
