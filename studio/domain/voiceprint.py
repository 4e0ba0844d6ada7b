"""The fingerprint of a voice: how a character talks, in numbers."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from studio.domain.everyday import ELSE, RATES
from studio.domain.words import sentences, syllables

SHORTEST = 100  # words from which a reading age is told
FAVOURITES = 12
FEWEST_USES = 4  # below, a word is an accident
PRIOR = 1000.0  # words of everyday English put before the character's own
SURE = 1.96  # standard errors from which a word counts as a favourite
MILLION = 1e6


@dataclass(frozen=True)
class Favourite:
    """A word the character uses more than everyday English does."""

    word: str
    uses: int
    z: float  # standard errors above everyday English


@dataclass(frozen=True)
class Voiceprint:
    """A character's replies as numbers. Shares lie between 0 and 1; all are 0 where there is nothing to measure."""

    replies: int
    words: int
    sentences_per_reply: float
    sentence_median: float  # words
    sentence_long: float  # words: nine in ten sentences are no longer (90th percentile)
    exclamations: float  # share of the sentences that end with an exclamation mark
    questions: float
    capitals: float  # share of the words that are written in capitals; one letter alone is none
    reading_age: float | None  # years; None below SHORTEST words
    favourites: tuple[Favourite, ...]


class Tally:
    """Replies counted one after the other."""

    def __init__(self) -> None:
        self.replies = 0
        self.forms: Counter[str] = Counter()  # with their capitals
        self.lengths: Counter[int] = Counter()  # words a sentence
        self.marks: Counter[str] = Counter()

    def add(self, text: str) -> None:
        """Count one more reply."""
        self.replies += 1
        parts = sentences(text)
        self.forms.update(chain.from_iterable(said for said, _ in parts))
        for said, mark in parts:
            self.lengths[len(said)] += 1
            self.marks[mark] += 1

    def ending_with(self, sign: str) -> int:
        """How many sentences end with a mark that has this sign."""
        return sum(count for mark, count in self.marks.items() if sign in mark)


def measure(replies: Iterable[str]) -> Voiceprint:
    """The fingerprint of these replies: what an author wrote, or what a model answered."""
    tally = Tally()
    for text in replies:
        tally.add(text)
    words, ends = sum(tally.forms.values()), sum(tally.lengths.values())
    sounds = sum(syllables(form.casefold()) * n for form, n in tally.forms.items())
    return Voiceprint(
        replies=tally.replies,
        words=words,
        sentences_per_reply=ends / max(1, tally.replies),
        sentence_median=percentile(tally.lengths, 0.5),
        sentence_long=percentile(tally.lengths, 0.9),
        exclamations=tally.ending_with("!") / max(1, ends),
        questions=tally.ending_with("?") / max(1, ends),
        capitals=sum(n for form, n in tally.forms.items() if len(form) > 1 and form.isupper()) / max(1, words),
        reading_age=reading_age(words, sounds, ends) if words >= SHORTEST else None,
        favourites=favourites(tally.forms),
    )


def percentile(counts: Counter[int], share: float) -> float:
    """The smallest value that at least this share of all counted values doesn't exceed; 0 of nothing."""
    wanted, seen = share * sum(counts.values()), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return float(value)
    return 0.0


def reading_age(words: int, sounds: int, ends: int) -> float:
    """The age at which a text of so many words, syllables and sentences is read with ease, in years; never below five.

    Flesch-Kincaid grade level plus five: J. P. Kincaid, R. P. Fishburne, R. L. Rogers and B. S. Chissom, Derivation of New Readability
    Formulas, Research Branch Report 8-75, Naval Technical Training Command 1975. It has no list of known words and needs no sample of
    thirty sentences, so it can be told for a few short replies taken together; about 100 words make it steady to a year.
    """
    if not words or not ends:
        return 5.0
    return max(5.0, 0.39 * words / ends + 11.8 * sounds / words - 15.59 + 5)


def favourites(forms: Counter[str]) -> tuple[Favourite, ...]:
    """The words that stand out most against everyday English, surest first. Names, which are never written small, are left out.

    Log-odds with an informative Dirichlet prior, ranked by z-score: B. L. Monroe, M. P. Colaresi and K. M. Quinn, Fightin' Words,
    Political Analysis 16 (2008), pages 372-403. The prior is everyday English at PRIOR words, and the side compared with is
    everyday English itself, whose own variance is next to nothing.
    """
    uses: Counter[str] = Counter()
    for form, n in forms.items():
        uses[form.casefold()] += n
    total = sum(uses.values())
    shouted = {form.casefold() for form in forms if len(form) > 1 and form.isupper() and forms[form] > forms[form.capitalize()]}
    common = {form for form in forms if form.islower()} | shouted
    found = [
        Favourite(word, n, z)
        for word, n in uses.items()
        if n >= FEWEST_USES and (word in RATES or word in common) and (z := _z(n, total, RATES.get(word, ELSE) / MILLION)) > SURE
    ]
    return tuple(sorted(found, key=lambda f: (-f.z, f.word))[:FAVOURITES])


def _z(uses: int, total: int, rate: float) -> float:
    believed = uses + PRIOR * rate
    own = math.log(believed / (total + PRIOR - believed))
    return (own - math.log(rate / (1 - rate))) * math.sqrt(believed)
