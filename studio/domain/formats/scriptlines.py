"""The lines of a script, each as far as it can be told alone, and which names before a colon are speakers."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from studio.domain.formats.speakers import folded, speaker
from studio.domain.persona import LONGEST_NAME

INDENT = "    "
MOST_SPEAKERS = 12
_MOST_WORDS = 5  # of a name
_ODD = r"\s:：*_#<>|()\[\]{}\"“”?!;,=/\\"  # stands in no name
_LABEL = re.compile(
    r"[ ]{0,3}(?:[-*•>][ \t]+)?(?P<mark>\*\*|__|\*)?"
    rf"(?P<name>[^{_ODD}\-–—•](?:[^{_ODD}]|[ ](?=\S)){{0,{LONGEST_NAME - 1}}}?)"
    r"(?:[ \t]*\((?P<how>[^()\n]{1,80})\))?"
    r"(?(mark)(?:[:：][ \t]*(?P=mark)|(?P=mark)[ \t]*[:：])|[ \t]?(?::(?=[ \t]|$)|：))[ \t]*(?P<text>.*)"
)
_BREAK = re.compile(r"[ ]{0,3}(?:(?:[-*_=~][ ]?){3,}|#{1,6}(?:[ \t]+(?P<title>.*))?)$")


class Piece(NamedTuple):
    """A line that is not blank."""

    number: int
    blanks: int  # blank lines before it
    line: str  # as it stands, without its indent
    indented: bool = False
    title: str | None = None  # of the conversation that begins here; empty where it has none
    name: str = ""  # who speaks, if the line looks like that
    said: str = ""


def label(name: str, otherwise: str) -> str:
    """A name as it can stand before a colon and be found again."""
    words = re.sub(f"[{_ODD}]", " ", name).strip("-–—• ").split()
    plain = " ".join(words[:_MOST_WORDS])[:LONGEST_NAME].strip()
    return plain if any(letter.isalpha() for letter in plain) else otherwise


def pieces(content: str) -> Iterator[Piece]:
    """The lines of a text. Only "\\n" ends one."""
    lines = [line.rstrip(" \t\r") for line in content.split("\n")]
    if not any(_LABEL.match(line) for line in lines):
        lines = [line.lstrip(" \t") for line in lines]  # indented as a whole
    blanks = 0
    for number, line in enumerate(lines, 1):
        if line:
            yield _piece(number, blanks, line)
            blanks = 0
        else:
            blanks += 1


def _piece(number: int, blanks: int, line: str) -> Piece:
    for indent in (INDENT, "\t"):
        if line.startswith(indent):
            return Piece(number, blanks, line[len(indent) :], indented=True)
    ends = _BREAK.match(line)
    if ends:
        return Piece(number, blanks, line, title=(ends["title"] or "").strip())
    begun = _LABEL.match(line)
    if begun is None or len(begun["name"].split()) > _MOST_WORDS or not any(letter.isalpha() for letter in begun["name"]):
        return Piece(number, blanks, line)
    said = f"({begun['how']}) {begun['text']}".strip() if begun["how"] else begun["text"]
    return Piece(number, blanks, line, name=begun["name"], said=said)


def speakers(found: Sequence[Piece], character: str) -> dict[str, str]:
    """The names that speak, and are not just words before a colon: folded, and as they are written first.

    These are the two most frequent, those that come up often enough, and those that everybody uses for the two.
    """
    written: dict[str, str] = {}
    for piece in found:
        if piece.name:
            written.setdefault(folded(piece.name), piece.name)
    count = Counter(folded(piece.name) for piece in found if piece.name)
    most = count.most_common()
    top, first = (most[0][1] if most else 0), {name for name, _ in most[:2]}
    known = folded(label(character, "")) if character else ""

    def speaks(name: str) -> bool:
        often = count[name] * 20 >= top and (count[name] > 1 or top <= 3)
        return often or name in first or name == known or speaker(name) is not None

    return {name: word for name, word in written.items() if speaks(name)}
