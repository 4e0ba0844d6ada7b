"""What a copy editor would say about the conversations before they are learned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from studio.domain import gemma
from studio.domain.conversation import Conversation

Kind = Literal["few", "empty", "opening", "twice", "ending", "long", "copy", "marks"]
Severity = Literal["fix", "look"]
Place = tuple[str, str, int | None]  # conversation id, title, index of the line
Tick = tuple[Literal["fix", "look", "ok"], str, str, str]  # mark, title, sentence, expert word: counts and fixed words only
FEWEST = 10  # conversations a lesson needs
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Finding:
    """One kind of thing to mend ("fix": it can't be learned as it is) or worth a look, with every place it was seen."""

    kind: Kind
    severity: Severity
    title: str
    sentence: str
    expert: str
    places: tuple[Place, ...] = ()


def number(count: int) -> str:
    """A number inside a sentence: under ten in words, from ten on in digits."""
    return NUMBERS[count] if 0 <= count < 10 else f"{count:,}"


def read(conversations: Sequence[Conversation], tokens: Mapping[str, int], longest: int) -> list[Finding]:
    """Everything worth saying, things to fix first. `tokens`: by conversation id; `longest`: how many the model reads at once."""
    found = [
        _few(conversations),
        _lines(conversations),
        *_order(conversations),
        _long(conversations, tokens, longest),
        _copies(conversations),
        _marks(conversations),
    ]
    return sorted((f for f in found if f), key=lambda f: f.severity != "fix")


def headline(findings: Sequence[Finding]) -> str:
    """The state of the conversations in one sentence."""
    fix = sum(f.severity == "fix" for f in findings)
    if fix:
        return f"Not ready yet: {number(fix)} {'thing' if fix == 1 else 'things'} to fix."
    if findings:
        return f"Ready, with {number(len(findings))} {'thing' if len(findings) == 1 else 'things'} worth a look."
    return "Ready."


def ticks(findings: Sequence[Finding], count: int, longest: int) -> list[Tick]:
    """The findings as rows, then a good tick for every check that found nothing."""
    kinds = {f.kind for f in findings}
    good: list[tuple[set[Kind], Tick]] = [
        (
            {"opening", "twice", "ending"},
            ("ok", "Every conversation ends with your character", "So there is always an answer to learn.", ""),
        ),
        ({"empty"}, ("ok", "Every line has words", "Nothing empty would be learned.", "")),
        ({"copy"}, ("ok", "No conversation appears twice", f"{count:,} read, no copies.", "exact-duplicate check")),
        ({"long"}, ("ok", "Nothing is too long", "The model can read each conversation whole.", f"up to {longest:,} tokens")),
        ({"marks"}, ("ok", "No control marks in the text", "Every word is read as a word.", "control tokens")),
    ]
    return [(f.severity, f.title, f.sentence, f.expert) for f in findings] + [tick for covered, tick in good if not covered & kinds]


def advice(kind: Kind, turn: int | None, name: str) -> str:
    """What to do at one place. `name` is the character's."""
    line = f"Line {turn + 1}" if turn is not None else "It"
    return {
        "few": f"{name} needs at least {FEWEST} conversations.",
        "empty": f"{line} is empty. Fill it, or remove it.",
        "opening": f"It starts with {name}. Let the visitor speak first.",
        "twice": f"{line} has the same speaker as the line before. Join the two, or put a line between them.",
        "ending": f"It has no answer from {name} at the end. Add one, or leave it out.",
        "long": "It is too long to be read whole. Make two of it.",
        "copy": "It appears more than once. Change one, or remove it.",
        "marks": f"{line} holds a control mark. Write it in plain words.",
    }[kind]


def _few(conversations: Sequence[Conversation]) -> Finding | None:
    count = len(conversations)
    if count >= FEWEST:
        return None
    are = "is" if count == 1 else "are"
    return Finding(
        "few", "fix", "A few more conversations are needed", f"Learning needs at least {FEWEST}. There {are} {number(count)}.", ""
    )


def _lines(conversations: Iterable[Conversation]) -> Finding | None:
    places = tuple((c.id, c.title, n) for c in conversations for n, turn in enumerate(c.turns) if not turn.text.strip())
    return _found(
        "empty",
        "fix",
        places,
        ("One line is empty", "{N} lines are empty"),
        "A conversation with an empty line is left out of learning.",
        "",
    )


def _order(conversations: Sequence[Conversation]) -> list[Finding | None]:
    opening = tuple((c.id, c.title, 0) for c in conversations if c.turns and c.turns[0].role == "model")
    twice = tuple((c.id, c.title, n) for c in conversations for n in range(1, len(c.turns)) if c.turns[n].role == c.turns[n - 1].role)
    ending = tuple(
        (c.id, c.title, len(c.turns) - 1 if c.turns else None) for c in conversations if not c.turns or c.turns[-1].role == "user"
    )
    left_out = "Until then {it} left out of learning."
    return [
        _found(
            "opening",
            "fix",
            opening,
            ("One conversation starts with your character", "{N} conversations start with your character"),
            "The visitor has to speak first. " + left_out,
            "",
        ),
        _found(
            "twice",
            "fix",
            twice,
            ("The same speaker comes twice in a row", "The same speaker comes twice in a row, at {n} places"),
            "The two have to take turns. " + left_out,
            "alternating roles",
        ),
        _found(
            "ending",
            "fix",
            ending,
            ("One conversation has no answer at the end", "{N} conversations have no answer at the end"),
            "There is nothing to learn after the last line. " + left_out,
            "",
        ),
    ]


def _long(conversations: Iterable[Conversation], tokens: Mapping[str, int], longest: int) -> Finding | None:
    places = tuple((c.id, c.title, None) for c in conversations if tokens.get(c.id, 0) > longest)
    return _found(
        "long",
        "look",
        places,
        ("One conversation is long", "{N} conversations are long"),
        "The last lines would be cut off.",
        f"over {longest:,} tokens",
    )


def _copies(conversations: Iterable[Conversation]) -> Finding | None:
    first: dict[tuple[tuple[str, str], ...], str] = {}
    places: list[Place] = []
    for c in conversations:
        said = tuple((turn.role, turn.text.strip()) for turn in c.turns)
        if said and first.setdefault(said, c.id) != c.id:
            places.append((c.id, c.title, None))
    return _found(
        "copy",
        "look",
        tuple(places),
        ("One conversation appears twice", "{N} conversations are copies of others"),
        "A copy counts double in learning.",
        "exact duplicate",
    )


def _marks(conversations: Iterable[Conversation]) -> Finding | None:
    places = tuple((c.id, c.title, n) for c in conversations for n, turn in enumerate(c.turns) if gemma.has_marks(turn.text))
    return _found(
        "marks",
        "look",
        places,
        ("One line holds a control mark", "{N} lines hold control marks"),
        "The studio breaks it with a space, so it is read as plain text.",
        "control tokens",
    )


def _found(
    kind: Kind, severity: Severity, places: tuple[Place, ...], titles: tuple[str, str], sentence: str, expert: str
) -> Finding | None:
    if not places:
        return None
    count = len(places)
    title = titles[0] if count == 1 else titles[1].format(N=number(count).capitalize(), n=number(count))
    conversations = len({place[0] for place in places})
    return Finding(kind, severity, title, sentence.format(it="it is" if conversations == 1 else "they are"), expert, places)
