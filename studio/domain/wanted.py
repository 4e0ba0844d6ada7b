"""What somebody looks for in the list of conversations: words, and what is known of a conversation beside its words."""

import re
from dataclasses import dataclass
from typing import Literal

from studio.domain.conversation import MOST_TURNS, findable

State = Literal["", "unchecked", "needs work", "finished"]
Length = Literal["", "short", "medium", "long"]
LENGTHS: dict[str, tuple[int, int]] = {"short": (0, 2), "medium": (3, 10), "long": (11, MOST_TURNS)}  # lines, both ends included

# A quotation mark before a word opens a phrase; one that is still open, because somebody is typing, reaches to the end.
_TERM = re.compile(r'(?<!\S)["“”„]([^"“”„]*)(?:["“”](?!\S)|$)|(\S+)')
_HALF = re.compile("[\ud800-\udfff]")  # half a character: no text holds one


@dataclass(frozen=True)
class Filters:
    """What the conversations of a list have in common. A field left empty asks for nothing."""

    tag: str = ""
    flag: State = ""
    length: Length = ""
    drafted: bool = False  # only those with a line that a model wrote and nobody has touched


ALL = Filters()


def terms(query: str) -> tuple[str, ...]:
    """What must all occur in a text, in any order, as `findable` writes it: the words of a query, and its "quoted words" as they stand."""
    found = _TERM.findall(_HALF.sub("\N{REPLACEMENT CHARACTER}", findable(query)))
    return tuple(dict.fromkeys(term for term in (phrase.strip() or word for phrase, word in found) if term))
