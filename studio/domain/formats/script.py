"""Conversations written like a play: a name, a colon, and what is said; also with Markdown's bold names and dashes.

No program owns this form; it is what people type. What is read:

    # The puddle                 a title, and a new conversation; so does a line of ---, *** or ###
    Mia: Come on.                a name that speaks often enough is a speaker
    **Biscuit:** Not yet.        the same in Markdown; “- Biscuit: Not yet.” too
        There is a puddle.       a line that is indented, or has no name, goes on with what was said before

Blank lines separate conversations where most of what stands between them is one; else they are paragraphs.
"""

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from studio.domain.formats import decoding, meanings
from studio.domain.formats.assembly import Entry, Line, gather
from studio.domain.formats.found import Found, Skipped
from studio.domain.formats.scriptlines import MOST_SPEAKERS, Piece, label, pieces, speakers
from studio.domain.formats.source import WHOLE, Refused, shown
from studio.domain.formats.speakers import folded, speaker

_HEADING = re.compile(r"[^.!?…”\"]{1,80}$")
_NEVER = 1_000_000  # so many blank lines separate conversations
_VISITORS = {"you", "me", "q", "child"}  # who is hardly the character, where nothing else tells


@dataclass
class _Part:
    """One conversation while it is read."""

    title: str = ""
    said: list[tuple[int, str, list[str]]] = field(default_factory=list)  # line, folded name, what is said, line by line
    stray: list[int] = field(default_factory=list)  # lines before anybody speaks


def is_script(content: str, character: str = "") -> bool:
    """Whether people speak in this text: two of them or a few, in a good part of its lines."""
    found = list(pieces(content))
    names = speakers(found, character)
    count = Counter(folded(piece.name) for piece in found if folded(piece.name) in names)
    if sum(count.values()) * 5 < sum(not piece.indented and piece.title is None for piece in found):
        return False
    if len(names) == 1:
        only = next(iter(names))
        return speaker(only) is not None or bool(character and only == folded(label(character, "")))
    return len(names) == 2 or (2 < len(names) <= MOST_SPEAKERS and max(count.values()) > 1)


def read(name: str, data: bytes, character: str = "") -> Found:
    """The conversations of a script. The character is who is named so, or else the one who answers."""
    found = list(pieces(decoding.text(name, data)))
    names = speakers(found, character)
    if not names:
        what = "no line in it begins with a name and a colon."
        raise Refused(f"{name}, {WHOLE}", what, "Write who speaks before what is said, like “Mia: Come on.”")
    parts = list(_parts(found, names))
    chosen = _answering(parts, names, character)
    taken = tuple((shown(word), meanings.CHARACTER if plain == chosen else meanings.VISITOR) for plain, word in names.items())
    order = sorted(names, key=lambda plain: plain != chosen)
    gathered = gather(name, data, (result for part in parts for result in _results(name, part, chosen, taken)))
    return replace(gathered, speakers=tuple(names[plain] for plain in order) if len(order) > 1 else ())


def _results(name: str, part: _Part, chosen: str, taken: tuple[tuple[str, str], ...]) -> Iterator[Entry | Skipped]:
    if part.stray:
        cure = "Put a name and a colon before them, or remove them."
        yield Skipped(f"{name}, line {part.stray[0]}", "nobody says these words.", cure)
    if part.said:
        lines = [
            Line(f"{name}, line {number}", "model" if who == chosen else "user", "\n".join(said).strip("\n"))
            for number, who, said in part.said
        ]
        yield Entry(lines[0].where, "script", lines, taken, part.title)


def _parts(found: Sequence[Piece], names: Container[str]) -> Iterator[_Part]:
    """The conversations, one after another."""
    gap = _gap(found, names)
    part = _Part()
    for piece, following in zip(found, [*found[1:], None], strict=True):
        named = folded(piece.name) in names
        heads = not named and _heads(piece, following, part, gap, names)
        if heads or piece.title is not None or (named and piece.blanks >= gap):
            if part.said or part.stray:
                yield part
                part = _Part()
            part.title = piece.line if heads else piece.title or part.title
        if named:
            part.said.append((piece.number, folded(piece.name), [piece.said]))
        elif not heads and piece.title is None and part.said:
            part.said[-1][2].extend([*[""] * piece.blanks, piece.line])
        elif not heads and piece.title is None:
            part.stray.append(piece.number)
    if part.said or part.stray:
        yield part


def _heads(piece: Piece, following: Piece | None, part: _Part, gap: int, names: Container[str]) -> bool:
    """Whether a line without a name is the title of what follows: short, no sentence, at a beginning, and then somebody speaks."""
    beginning = piece.blanks >= gap or not (part.title or part.said or part.stray)
    speaks = following is not None and folded(following.name) in names
    return beginning and speaks and not piece.indented and piece.title is None and _HEADING.match(piece.line) is not None


def _gap(found: Sequence[Piece], names: Container[str]) -> int:
    """How many blank lines separate conversations: as few as leave two speakers in most of them."""
    for gap in (1, 2):
        blocks: list[set[str]] = [set()]
        for piece in found:
            named = folded(piece.name) in names
            if (named and piece.blanks >= gap) or piece.title is not None:
                blocks.append(set())
            if named:
                blocks[-1].add(folded(piece.name))
        spoken = [block for block in blocks if block]
        if sum(len(block) > 1 for block in spoken) * 2 > len(spoken):
            return gap
    return _NEVER


def _answering(parts: Sequence[_Part], names: Mapping[str, str], character: str) -> str:
    """The character's folded name: the one given, one that means it everywhere, or whoever ends conversations that others begin."""
    named = folded(label(character, "")) if character else ""
    known = [name for name in names if speaker(name) == "model"]
    if named in names or known:
        return named if named in names else known[0]
    score: Counter[str] = Counter()
    for part in parts:
        spoken = [who for _, who, _ in part.said]
        if len(set(spoken)) > 1:
            score[spoken[-1]] += 1
            score[spoken[0]] -= 1
    order = list(names)
    able = [name for name in order if speaker(name) is None and name not in _VISITORS]
    # Where all are equal it is the second to speak.
    return max(able, key=lambda name: (score[name], -abs(order.index(name) - 1)), default="")
