"""Where a text stands in a conversation, found without regard to how its letters are stored, and put in other words there."""

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from studio.domain.conversation import Conversation
from studio.domain.errors import StudioError

AROUND = 40  # characters shown on each side of a place
NOTHING = "There is nothing to look for yet. Nothing was changed. Type a word first."


@dataclass(frozen=True)
class Wanted:
    """A text that is looked for; whether capitals count, and whether only whole words do."""

    text: str
    case: bool = False
    whole: bool = False


class Place(NamedTuple):
    """Where it stands: line 0 is the title and has no turn; `start` and `end` count characters of that text."""

    line: int
    turn: str
    start: int
    end: int


def places(spoken: Conversation, wanted: Wanted) -> list[Place]:
    """Every place in the title and the lines, in order; those of one text never overlap. Other versions of a line are not looked at.

    Raises StudioError where nothing is looked for.
    """
    texts = [("", spoken.title), *((turn.id, turn.text) for turn in spoken.turns)]
    return [Place(line, turn, *span) for line, (turn, text) in enumerate(texts) for span in spans(text, wanted)]


def replaced(spoken: Conversation, wanted: Wanted, replacement: str, numbers: Collection[int]) -> Conversation:
    """The conversation with some of its `places` in other words, named by their numbers there.

    A drafted line stays drafted: nobody has read it for this. Raises StudioError where nothing is looked for.
    """
    chosen: dict[int, list[Place]] = {}
    for number, place in enumerate(places(spoken, wanted)):
        if number in numbers:
            chosen.setdefault(place.line, []).append(place)
    turns = [replace(t, text=_put(t.text, chosen[n], replacement)) if n in chosen else t for n, t in enumerate(spoken.turns, 1)]
    return replace(spoken, title=_put(spoken.title, chosen.get(0, []), replacement), turns=tuple(turns))


def _put(text: str, at: list[Place], replacement: str) -> str:
    kept = [text[start:end] for start, end in zip([0, *(p.end for p in at)], [*(p.start for p in at), len(text)], strict=True)]
    return replacement.join(kept)


def excerpt(text: str, start: int, end: int) -> tuple[str, str, str]:
    """What is to be read before a place, what stands there, and what comes after it; line breaks become spaces."""
    lead, tail = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    cut, more = "…" * (start > AROUND), "…" * (end + AROUND < len(text))
    lead, found, tail = (piece.replace("\n", " ") for piece in (lead, text[start:end], tail))
    return cut + lead, found, tail + more


def spans(text: str, wanted: Wanted) -> list[tuple[int, int]]:
    """Start and end of every place in one text, left to right. Raises StudioError where nothing is looked for."""
    if not wanted.text:
        raise StudioError(NOTHING)
    needle, folded = _folded(wanted.text, wanted.case), _folded(text, wanted.case)
    if needle not in folded:  # mostly so, and quick to see
        return []
    edges = None if _is_plain(text, folded) else _edges(text, wanted.case)
    return list(_hits(text, folded, edges, needle, wanted.whole))


def _hits(text: str, folded: str, edges: list[int] | None, needle: str, whole: bool) -> Iterator[tuple[int, int]]:
    at = folded.find(needle)
    while at >= 0:
        after = at + len(needle)
        start, end = (at, after) if edges is None else (edges[at], edges[after])
        fits = start >= 0 and end >= 0 and not (whole and (_inside_word(text, start) or _inside_word(text, end)))
        if fits:
            yield start, end
        at = folded.find(needle, after if fits else at + 1)


@lru_cache(maxsize=4096)
def _letter(piece: str, case: bool) -> str:
    return _folded(piece, case)


def _folded(text: str, case: bool) -> str:
    """A text as it is compared (Unicode 3.13, canonical caseless matching): é is e with an accent, ß is ss, İ is i with a dot."""
    if text.isascii():
        return text if case else text.lower()
    apart = unicodedata.normalize("NFD", text)
    return apart if case else unicodedata.normalize("NFD", apart.casefold())


def _is_plain(text: str, folded: str) -> bool:
    """Whether every character is one of the folded ones too, and none of them belongs to the one before."""
    return text.isascii() or (
        len(text) == len(folded) and unicodedata.is_normalized("NFD", text) and not any(map(unicodedata.combining, text))
    )


def _edges(text: str, case: bool) -> list[int]:
    """For every place in the folded text the place in the text itself, -1 where it falls inside a letter: no half of ß is found."""
    starts = [n for n, char in enumerate(text) if not n or not unicodedata.combining(char)]
    edges: list[int] = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        edges += [start] + [-1] * (len(_letter(text[start:end], case)) - 1)
    return [*edges, len(text)]


def _inside_word(text: str, at: int) -> bool:
    """Whether a word goes on over this place. An apostrophe and a low line end one, so that Mia is found in Mia's and _Mia_."""
    return 0 < at < len(text) and _is_letter(text[at - 1]) and _is_letter(text[at])


def _is_letter(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char)[0] == "M"
