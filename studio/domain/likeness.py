"""How near conversations are to one of them, and all of them as a map."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

from studio.domain.words import words

ROUNDS = 24  # of the power iteration; a picture needs no more

_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")  # Thai to Chinese

Vector = dict[int, float]


def terms(text: str) -> list[str]:
    """The words of a text, in order; where a script writes no spaces, the pairs of its letters stand for them."""
    found = words(text)
    if not _UNSPACED.search(text):
        return found
    return list(chain.from_iterable(_pairs(word) if len(word) > 1 and _UNSPACED.search(word) else [word] for word in found))


def _pairs(word: str) -> list[str]:
    return [word[n : n + 2] for n in range(len(word) - 1)]


def pieces(text: str) -> set[str]:
    """The different terms of a text."""
    return set(terms(text))


def nearness(text: str, others: Iterable[str]) -> list[float]:
    """How near each of the others is to this text; 0 where they have nothing in common that not nearly all of them have.

    The cosine of vectors in which each word they share weighs by its rarity (K. Sparck Jones, A Statistical Interpretation of Term
    Specificity and Its Application in Retrieval, 1972), with the number of its words for the length of the other's vector, so that
    nothing but the shared words has to be kept of any text.
    """
    own = pieces(text)
    found = [(own & all_of, len(all_of)) for all_of in map(pieces, others)]
    homes = Counter(word for shared, _ in found for word in shared)
    rarity = {word: math.log(len(found) / at) ** 2 for word, at in homes.items() if at <= 0.5 * len(found) + 1}
    return [sum(rarity.get(word, 0.0) for word in shared) / math.sqrt(size or 1) for shared, size in found]


def layout(texts: Sequence[Sequence[str]]) -> list[tuple[float, float]]:
    """A place for each text (as words) on a map from -1 to 1: what shares its rarer words lies together.

    The first two principal components of the TF-IDF vectors (G. Salton and C. Buckley, Term-Weighting Approaches in Automatic Text
    Retrieval, 1988), by power iteration from a fixed start, so that the same texts always give the same map.
    """
    vectors = _vectors(texts)
    if len(vectors) < 3:
        return [(0.0, 0.0)] * len(vectors)
    mean = _mean(vectors)
    across = _component(vectors, mean, [])
    down = _component(vectors, mean, [across])
    return list(zip(spread(_scores(vectors, mean, across)), spread(_scores(vectors, mean, down)), strict=True))


def _vectors(texts: Sequence[Sequence[str]]) -> list[Vector]:
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


def spread(scores: Sequence[float]) -> list[float]:
    """Scores as places from -1 to 1 on a map."""
    # By rank for half of it: a few far-off conversations must not press all others into one spot.
    furthest = max(map(abs, scores)) or 1.0
    ranks = {n: place for place, n in enumerate(sorted(range(len(scores)), key=scores.__getitem__))}
    return [score / furthest / 2 + (2 * ranks[n] / (len(scores) - 1) - 1) / 2 for n, score in enumerate(scores)]
