"""What somebody said to somebody, in any order, as a conversation that alternates."""

import hashlib
from collections.abc import Iterable, Sequence

from studio.domain.conversation import LONGEST_TEXT, LONGEST_TITLE, MOST_TURNS, Conversation, Role, Turn, turn_id
from studio.domain.errors import BadFile
from studio.domain.formats.source import storable

Said = tuple[Role, str]


def digest(data: bytes) -> str:
    """What all names of a file's conversations and lines are made from."""
    return hashlib.sha256(data).hexdigest()


def joined(said: Iterable[Said]) -> list[Said]:
    """Neighbours of one role as one line, with a blank line between."""
    groups: list[tuple[Role, list[str]]] = []
    for role, text in said:
        if groups and groups[-1][0] == role:
            groups[-1][1].append(text)
        else:
            groups.append((role, [text]))
    return [(role, "\n\n".join(texts)) for role, texts in groups]


def titled(text: str) -> str:
    """A title made of the beginning of a text."""
    return " ".join(text[:1_000].split())[:60] or "Untitled"


def conversation(seed: str, n: int, title: str, said: Sequence[Said], tags: tuple[str, ...] = ()) -> Conversation:
    """The n-th conversation of a file; raises BadFile with what is wrong as a sentence, without the place."""
    if len(said) > MOST_TURNS:
        raise BadFile(f"this conversation has {len(said):,} lines; at most {MOST_TURNS} fit.")
    if any(len(text) > LONGEST_TEXT for _, text in said):
        raise BadFile(f"one line is longer than {LONGEST_TEXT:,} characters.")
    if not all(storable(text) for _, text in said):
        raise BadFile("there is half a character that can't be stored.")
    turns = tuple(Turn(turn_id(f"{seed}:{n}", i), role, text) for i, (role, text) in enumerate(said))
    return Conversation(turn_id(seed, n), title[:LONGEST_TITLE], turns, tags)
