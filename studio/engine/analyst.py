"""Vectors by meaning, roughly: which words go together in these very conversations. `python -m studio.engine.analyst TEXTS MADE LEXICON`.

Latent semantic analysis (S. Deerwester et al., Indexing by Latent Semantic Analysis, 1990). Without a lexicon it is learned from the texts
and written; with one, other texts are placed among those it was learned from.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from studio.domain.likeness import terms
from studio.engine.deliverer import deliver, texts

WIDTH = 128
TEXTS_A_SIDE = 3  # to one side of the space: with as many sides as texts, only shared words would count
MOST_WORDS = 50_000  # the commonest ones
AT_ONCE = 1000
NOTHING_SHARED = 3  # exit code


class Lexicon:
    """A vocabulary whose words have places by what they stand beside."""

    def __init__(self, vectorizer: TfidfVectorizer, components: np.ndarray) -> None:
        self._vectorizer, self._components = vectorizer, components

    def vectors(self, some: Sequence[str]) -> np.ndarray:
        """A vector of length one for each text, float32 (texts, width); all zero where no word is known."""
        return normalize(np.asarray(self._vectorizer.transform(some) @ self._components.T, dtype=np.float32))

    def save(self, path: Path) -> None:
        """One file of arrays, without code in it."""
        known = "\n".join(self._vectorizer.get_feature_names_out()).encode()
        np.savez(path, words=np.frombuffer(known, np.uint8), rarity=self._vectorizer.idf_, components=self._components)


def learned(some: Sequence[str]) -> Lexicon:
    """The lexicon of these texts; raises ValueError where no two share a word that is not everywhere."""
    vectorizer = _vectorizer(min_df=2, max_df=0.5, max_features=MOST_WORDS)
    found = vectorizer.fit_transform(some)
    width = max(1, min(WIDTH, found.shape[0] // TEXTS_A_SIDE, found.shape[1] - 1))
    return Lexicon(vectorizer, TruncatedSVD(width, random_state=0).fit(found).components_.astype(np.float32))


def opened(path: Path) -> Lexicon:
    """A lexicon as it was saved."""
    with np.load(path) as kept:
        vectorizer = _vectorizer(vocabulary=kept["words"].tobytes().decode().split("\n"))
        vectorizer.idf_ = kept["rarity"]
        return Lexicon(vectorizer, kept["components"])


def _vectorizer(**settings: object) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer=terms, sublinear_tf=True, dtype=np.float32, **settings)


def main(source: str, made: str, lexicon: str) -> int:
    """The child process; returns the exit code."""
    some, path = texts(Path(source)), Path(lexicon)
    if path.is_file():
        found = opened(path)
    else:
        try:
            found = learned(some)
        except ValueError:
            return NOTHING_SHARED
        found.save(path)
    deliver((found.vectors(some[at : at + AT_ONCE]) for at in range(0, len(some), AT_ONCE)), Path(made))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
