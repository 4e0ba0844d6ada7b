"""Which conversations are nearest to one of them, and all of them as a map: by meaning where that is known, else by their words."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from studio.domain import likeness
from studio.domain.errors import NotFound
from studio.services.library import Library
from studio.services.semantics import ANALYST, Meanings, Standing

GONE = "This conversation is not here any more, so nothing can be compared with it. Nothing was changed. Choose another one."
BY_WORDS = "Compared by their words."
BY_MEANING = "Compared by meaning, with EmbeddingGemma."
ROUGHLY = "Compared by meaning, roughly: by which words go together."
SOON = "Their meaning is being read just now."
BETTER = "EmbeddingGemma does it better; Train has it."
REPAIR = "Comparing them by meaning needs a part that is missing; run “python launch.py repair”."
DAMAGED = "EmbeddingGemma can't be used as it lies here; fetch it again, or choose another folder."
HELD = "EmbeddingGemma reads them when the studio has ended its other work."


class Nearest(NamedTuple):
    """The ids of conversations, the nearest first; a sentence that says by what they were compared; whether a better answer is being made."""

    ids: list[str]
    compared: str
    busy: bool = False


class Similar:
    """Compares a character's conversations with one of them; without `meanings` by the rarer words they share."""

    def __init__(self, library: Library, meanings: Meanings | None = None) -> None:
        self._library, self._meanings = library, meanings
        self._lock = threading.Lock()
        self._last: tuple[tuple[str, str, int], list[str]] | None = None  # by words: of whom, to which one, when

    def nearest(self, persona_id: str, identifier: str) -> Nearest:
        """The conversations that have something in common with this one. Raises NotFound."""
        standing = self._standing(persona_id)
        busy = standing.busy or standing.held
        if standing.space and identifier in standing.space.ids:
            return Nearest(_ordered(standing.space.nearness(identifier)), sentence(standing), busy)
        return Nearest(self._by_words(persona_id, identifier), sentence(replace(standing, space=None)), busy)

    def places(self, persona_id: str, ids: Sequence[str]) -> tuple[list[tuple[float, float]] | None, str]:
        """A place from -1 to 1 for each of these conversations, and by what they lie so; None where their meaning is not known."""
        standing = self._standing(persona_id)
        if standing.space is None or set(standing.space.ids) != set(ids) or len(ids) < 3:
            return None, sentence(replace(standing, space=None))
        across, down = map(likeness.spread, standing.space.plane())
        known = dict(zip(standing.space.ids, zip(across, down, strict=True), strict=True))
        return [known[each] for each in ids], sentence(standing)

    def close(self) -> None:
        """Stop what is being made; to be called before the library is closed."""
        if self._meanings:
            self._meanings.close()

    def _standing(self, persona_id: str) -> Standing:
        return self._meanings.standing(persona_id) if self._meanings else Standing(None)

    def _by_words(self, persona_id: str, identifier: str) -> list[str]:
        with self._lock:
            asked = (persona_id, identifier, self._library.stamp())
            if self._last is None or self._last[0] != asked:
                self._last = (asked, self._compare(persona_id, identifier))
            return self._last[1]

    def _compare(self, persona_id: str, identifier: str) -> list[str]:
        texts = dict(self._library.texts(persona_id))
        if identifier not in texts:
            raise NotFound(GONE)
        scores = dict(zip(texts, likeness.nearness(texts[identifier], texts.values()), strict=True))
        del scores[identifier]
        return _ordered(scores)


def _ordered(scores: dict[str, float]) -> list[str]:
    return sorted((each for each, score in scores.items() if score > 0), key=lambda each: (-scores[each], each))


def sentence(standing: Standing) -> str:
    """By what conversations are compared, and how it gets better where it can."""
    if standing.space and standing.space.exact:
        return BY_MEANING
    by = ROUGHLY if standing.space else BY_WORDS
    return f"{by} {_hope(standing)}".strip()


def _hope(standing: Standing) -> str:
    if standing.held:
        return HELD
    if standing.read and standing.busy:
        return f"EmbeddingGemma has read {standing.read[0]:,} of {standing.read[1]:,}."
    if standing.busy:
        return "" if standing.space else SOON
    if standing.here:
        return DAMAGED if standing.broken - {ANALYST} else ""
    if standing.space:
        return BETTER
    return REPAIR if ANALYST in standing.broken else ""
