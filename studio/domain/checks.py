"""What a copy editor would say about the conversations before they are learned."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from studio.domain import gemma
from studio.domain.conversation import Conversation

Kind = Literal[
    "few", "empty", "opening", "twice", "ending", "long", "copy", "near", "marks", "trim", "thin",
    "fact",
    "start", "phrase", "finish", "assistant", "layout", "stage", "emoji",  # habits
    "sentence", "reply", "age", "forbidden", "unused", "contraction", "exclamation", "capital",  # rules of a voice
    "email", "phone", "street", "account", "card", "address", "link",  # private
    "leak", "near leak",  # leakage
]  # fmt: skip
Severity = Literal["fix", "look"]
Place = tuple[str, str, int | None]  # conversation id, title, index of the line
Tick = tuple[Literal["fix", "look", "ok"], str, str, str]  # mark, title, sentence, expert word: counts and fixed words only
FEWEST = 10  # conversations a lesson needs
BARE, COMFORTABLE = 50, 500  # conversations from which a voice begins to hold, and from which it does
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Sizes:
    """How long conversations are for a model, by their ids. `cuts`: the line in which one is cut off that is too long."""

    tokens: Mapping[str, int]
    cuts: Mapping[str, int]
    longest: int  # tokens the model reads at once


@dataclass(frozen=True)
class Finding:
    """One kind of thing to mend ("fix": it can't be learned as it is) or worth a look, with every place it was seen."""

    kind: Kind
    severity: Severity
    title: str
    sentence: str
    expert: str
    places: tuple[Place, ...] = ()
    words: str = ""  # the person's own words this is about: for a text field only, never for a page


def number(count: int) -> str:
    """A number inside a sentence: under ten in words, from ten on in digits."""
    return NUMBERS[count] if 0 <= count < 10 else f"{count:,}"


def read(conversations: Sequence[Conversation], sizes: Sizes, twins: Mapping[str, str]) -> list[Finding]:
    """What can be said without knowing the voice, things to fix first. `twins`: who is nearly the same as which earlier one, by id."""
    found = [
        _few(conversations),
        _lines(conversations),
        *_order(conversations),
        _thin(conversations),
        _long(conversations, sizes),
        _copies(conversations),
        _near(conversations, twins),
        _marks(conversations),
        _trim(conversations),
    ]
    return in_order(f for f in found if f)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """What has to be fixed stands first."""
    return sorted(findings, key=lambda f: f.severity != "fix")


def headline(findings: Sequence[Finding]) -> str:
    """The state of the conversations in one sentence."""
    fix = sum(f.severity == "fix" for f in findings)
    if fix:
        return f"Not ready yet: {number(fix)} {'thing' if fix == 1 else 'things'} to fix."
    if findings:
        return f"Ready, with {number(len(findings))} {'thing' if len(findings) == 1 else 'things'} worth a look."
    return "Ready."


def ticks(
    findings: Sequence[Finding], count: int, longest: int, rules: int = 0, facts: int = 0, silent: Collection[Kind] = ()
) -> list[Tick]:
    """The findings as rows, then a good tick for every check that found nothing.

    `rules`, `facts`: how many of the sheet's can be held to lines. `silent`: what was found and is silenced, so that no good tick denies it.
    """
    kinds = {f.kind for f in findings} | set(silent)
    good: list[tuple[set[Kind], Tick]] = [
        *GOOD,
        ({"copy", "near"}, ("ok", "No conversation appears twice", f"{count:,} read, no copies.", "duplicate check")),
        ({"long"}, ("ok", "Nothing is too long", "The model can read each conversation whole.", f"up to {longest:,} tokens")),
    ]
    if rules:
        kept = (
            f"{number(rules).capitalize()} of the sheet's rules can be read by a machine."
            if rules > 1
            else "One of the sheet's rules can be read by a machine."
        )
        good.append((VOICE, ("ok", "The voice keeps its rules", kept, "")))
    if facts:
        held = f"{number(facts).capitalize()} ages, numbers and colours of the sheet were held to every line."
        good.append(
            ({"fact"}, ("ok", "No line contradicts a fact", held if facts > 1 else "One of the sheet's facts was held to every line.", ""))
        )
    if count >= FEWEST:
        good.append(
            (
                {"few", "thin"},
                ("ok", "There is enough to learn from", f"{BARE} conversations are the bare minimum, {COMFORTABLE} comfortable.", ""),
            )
        )
    return [(f.severity, f.title, f.sentence, f.expert) for f in findings] + [tick for covered, tick in good if not covered & kinds]


VOICE: set[Kind] = {"sentence", "reply", "age", "forbidden", "unused", "contraction", "exclamation", "capital"}
GOOD: tuple[tuple[set[Kind], Tick], ...] = (
    ({"opening", "twice", "ending"}, ("ok", "Every conversation ends with your character", "So there is always an answer to learn.", "")),
    ({"empty"}, ("ok", "Every line has words", "Nothing empty would be learned.", "")),
    ({"marks"}, ("ok", "No control marks in the text", "Every word is read as a word.", "control tokens")),
    ({"start", "phrase", "finish"}, ("ok", "No words come too often", "Openings and phrases differ.", "")),
    (
        {"assistant", "layout", "stage", "emoji"},
        ("ok", "Nobody sounds like an assistant", "No set phrases, no layout, no stray signs.", ""),
    ),
    (
        {"email", "phone", "street", "account", "card", "address", "link"},
        ("ok", "Nothing private was found", "No addresses, no numbers that lead to a person.", ""),
    ),
    ({"leak", "near leak"}, ("ok", "The test is honest", "What is kept back does not stand in what is learned.", "no leakage")),
)

# What to do at one place; {said} is the person's own words, or what stands in for them.
ADVICE: dict[Kind, str] = {
    "few": "{name} needs at least {fewest} conversations.",
    "empty": "{line} is empty. Fill it, or remove it.",
    "opening": "It starts with {name}. Let the visitor speak first.",
    "twice": "{line} has the same speaker as the line before. Join the two, or put a line between them.",
    "ending": "It has no answer from {name} at the end. Add one, or leave it out.",
    "long": "{line} does not fit any more: the model can't read so much at once. Make two of it.",
    "copy": "It appears more than once. Change one, or remove it.",
    "near": "It is nearly the same as another. Change one, or remove it.",
    "marks": "{line} holds a control mark. Write it in plain words.",
    "trim": "{line} begins or ends with blanks. They will not be learned.",
    "thin": "{name} needs more conversations.",
    "fact": "{line} says otherwise than {said}. Change one of the two.",
    "start": "{line} opens with {said}, as many others do. Begin it in another way.",
    "phrase": "{line} holds {said}, as many others do. Say it in another way.",
    "finish": "{line} ends as nearly all others do. End it in another way.",
    "assistant": "{line} sounds like an assistant. Say it as {name} would.",
    "layout": "{line} holds marks for headings, lists or bold. Write it as plain speech.",
    "stage": "{line} holds a stage direction. Take it out, unless {name} shall write them.",
    "emoji": "{line} holds an emoji. Take it out, unless {name} shall write them.",
    "sentence": "{line} has a sentence that is too long. Make two of it.",
    "reply": "{line} is too long for {name}. Shorten it, or let the visitor speak between.",
    "age": "{line} reads older than {name} should. Use shorter words and sentences.",
    "forbidden": "{line} has a word that {name} never says. Choose another.",
    "unused": "{name} never says {said}. Write a line with it, or take it off the list.",
    "contraction": "{line} has a shortened word. Write both words out.",
    "exclamation": "{line} has more exclamation marks than {name} uses. Take some out.",
    "capital": "{line} has more words in capitals than {name} uses. Write some small.",
    "email": "{line} holds an e-mail address. Take it out, or make one up.",
    "phone": "{line} holds what looks like a telephone number. Take it out, or make one up.",
    "street": "{line} holds what looks like a street address. Take it out, or make one up.",
    "account": "{line} holds what looks like a bank account number. Take it out.",
    "card": "{line} holds what looks like a card number. Take it out.",
    "address": "{line} holds a computer's address. Take it out, unless it belongs there.",
    "link": "{line} holds a web address. Take it out, unless it belongs there.",
    "leak": "{line} and the line before stand in both parts. Change one of the two, or remove it.",
    "near leak": "{line} and the line before are nearly the same in both parts. Change one of the two, or remove it.",
}


def advice(kind: Kind, turn: int | None, name: str, words: str = "") -> str:
    """What to do at one place. `name` is the character's; `words` are the finding's."""
    line = f"Line {turn + 1}" if turn is not None else "It"
    said = f"“{words}”" if words else "the same words"
    return ADVICE[kind].format(line=line, name=name, said=said, fewest=FEWEST)


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
    return finding(
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
        finding(
            "opening",
            "fix",
            opening,
            ("One conversation starts with your character", "{N} conversations start with your character"),
            "The visitor has to speak first. " + left_out,
            "",
        ),
        finding(
            "twice",
            "fix",
            twice,
            ("The same speaker comes twice in a row", "The same speaker comes twice in a row, at {n} places"),
            "The two have to take turns. " + left_out,
            "alternating roles",
        ),
        finding(
            "ending",
            "fix",
            ending,
            ("One conversation has no answer at the end", "{N} conversations have no answer at the end"),
            "There is nothing to learn after the last line. " + left_out,
            "",
        ),
    ]


def _long(conversations: Iterable[Conversation], sizes: Sizes) -> Finding | None:
    places = tuple((c.id, c.title, sizes.cuts.get(c.id)) for c in conversations if sizes.tokens.get(c.id, 0) > sizes.longest)
    return finding(
        "long",
        "look",
        places,
        ("One conversation is long", "{N} conversations are long"),
        "The last lines would be cut off.",
        f"over {sizes.longest:,} tokens",
    )


def _copies(conversations: Iterable[Conversation]) -> Finding | None:
    first: dict[tuple[tuple[str, str], ...], str] = {}
    places: list[Place] = []
    for c in conversations:
        said = tuple((turn.role, turn.text.strip()) for turn in c.turns)
        if said and first.setdefault(said, c.id) != c.id:
            places.append((c.id, c.title, None))
    return finding(
        "copy",
        "look",
        tuple(places),
        ("One conversation appears twice", "{N} conversations are copies of others"),
        "A copy counts double in learning.",
        "exact duplicate",
    )


def _thin(conversations: Sequence[Conversation]) -> Finding | None:
    count = len(conversations)
    if not FEWEST <= count < BARE:
        return None
    sentence = f"There are {number(count)}. {BARE} are the bare minimum for a voice, {COMFORTABLE} are comfortable."
    return Finding("thin", "look", "These are few conversations", sentence, "")


def _near(conversations: Iterable[Conversation], twins: Mapping[str, str]) -> Finding | None:
    titles = {c.id: c.title for c in conversations}
    pairs = [(later, earlier) for later, earlier in twins.items() if later in titles and earlier in titles]
    found = finding(
        "near",
        "look",
        tuple((later, titles[later], None) for later, _ in pairs),
        ("One conversation is nearly the same as another", "{N} conversations are nearly the same as others"),
        "The same words count double in learning. The other one stands below each.",
        "near duplicate",
    )
    both = dict.fromkeys((one, titles[one], None) for pair in pairs for one in pair)
    return found and replace(found, places=tuple(both))


def _trim(conversations: Iterable[Conversation]) -> Finding | None:
    places = tuple(
        (c.id, c.title, n) for c in conversations for n, turn in enumerate(c.turns) if (bare := turn.text.strip()) and bare != turn.text
    )
    return finding(
        "trim",
        "look",
        places,
        ("One line begins or ends with blanks", "{N} lines begin or end with blanks"),
        "The model's own form leaves them out, so they will not be learned.",
        "trimmed by the chat template",
    )


def _marks(conversations: Iterable[Conversation]) -> Finding | None:
    places = tuple((c.id, c.title, n) for c in conversations for n, turn in enumerate(c.turns) if gemma.has_marks(turn.text))
    return finding(
        "marks",
        "look",
        places,
        ("One line holds a control mark", "{N} lines hold control marks"),
        "The studio breaks it with a space, so it is read as plain text.",
        "control tokens",
    )


def finding(
    kind: Kind, severity: Severity, places: tuple[Place, ...], titles: tuple[str, str], sentence: str, expert: str, words: str = ""
) -> Finding | None:
    """What was seen at these places; None where there are none. A title may say their number, {N} or {n}; a sentence “it is”, {it}."""
    if not places:
        return None
    count = len(places)
    title = titles[0] if count == 1 else titles[1].format(N=number(count).capitalize(), n=number(count))
    conversations = len({place[0] for place in places})
    return Finding(kind, severity, title, sentence.format(it="it is" if conversations == 1 else "they are"), expert, places, words)
