"""What was understood in a file, in sentences a person reads before anything is stored. Plain text only, never markup."""

from collections.abc import Sequence

from studio.domain.conversation import Conversation
from studio.domain.formats.found import Found
from studio.domain.formats.source import shown

FIRST = 5  # conversations that are shown
_LINES, _WIDTH = 4, 160  # of each


def counted(number: int, one: str = "conversation", many: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def headline(file: str, found: Found) -> str:
    """What a file is, and how much is in it."""
    talk = counted(len(found.conversations)) if found.conversations else "no conversations"
    if found.whole and found.persona:
        return f"{shown(file)} is {_article(found.kind)} with {shown(found.persona.name)} and {talk}."
    return f"{shown(file)} holds {talk}, written as {found.kind}."


def taken_for(found: Found) -> list[str]:
    """Each field or column of the file, and what it is taken for."""
    return [f"{field} → {meaning}" for field, meaning in found.mapping]


def left(found: Found, into_existing: bool) -> list[str]:
    """What is understood and still stays out, each as a sentence."""
    told = []
    if into_existing and found.whole:
        told.append("Only the conversations come in; the character sheet that stands here stays as it is.")
    spare = len(found.greetings) - (0 if into_existing or (found.persona and found.persona.greeting) else 1)
    if spare > 0:
        told.append(f"{counted(spare, 'further greeting')} stay{'s' if spare == 1 else ''} out: a character has one.")
    begun = sum(bool(c.turns) and c.turns[0].role == "model" for c in found.conversations)
    if begun:
        told.append(
            f"{counted(begun)} {'begins' if begun == 1 else 'begin'} with the character. The visitor has to speak first before it can be learned."
        )
    unanswered = sum(not any(turn.role == "model" for turn in c.turns) for c in found.conversations)
    if unanswered:
        told.append(f"{counted(unanswered)} {'has' if unanswered == 1 else 'have'} no answer from the character yet.")
    return told


def first(conversations: Sequence[Conversation], visitor: str, character: str) -> list[str]:
    """The first five, each with its title and its first lines."""
    return [_glimpse(n, c, {"user": visitor, "model": character}) for n, c in enumerate(conversations[:FIRST], 1)]


def first_label(count: int) -> str:
    """What stands above them, of so many in all."""
    return "All of it" if count <= FIRST else f"The first {FIRST} of {count:,}"


def _glimpse(n: int, conversation: Conversation, names: dict[str, str]) -> str:
    lines = [f"{names[turn.role]}: {_short(turn.text)}" for turn in conversation.turns[:_LINES]]
    more = len(conversation.turns) - len(lines)
    return "\n".join(
        [f"{n}. {_short(conversation.title) or 'No title yet'}", *lines, *([f"… and {counted(more, 'more line')}"] if more > 0 else [])]
    )


def _short(text: str) -> str:
    line = " ".join(text[: 4 * _WIDTH].split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"


def _article(kind: str) -> str:
    return f"a {kind[0].lower()}{kind[1:]}"
