"""Facts of a character sheet that a rule can hold a line to: ages, counted things, and the colours of what somebody owns."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from studio.domain.checks import Finding, Place, finding
from studio.domain.conversation import Conversation, Role
from studio.domain.notes import Notes
from studio.domain.persona import Persona
from studio.domain.words import straight

ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey", "gray", "silver", "gold"]
_SMALL = "|".join([*(f"{ten}(?:[- ](?:{'|'.join(ONES[1:10])}))?" for ten in TENS), *sorted(ONES, key=len, reverse=True)])
NUMBER = rf"(?:\d{{1,3}}(?:,\d{{3}})+|\d{{1,7}}|(?:(?:a|one) hundred(?: and)? )?(?:{_SMALL})|(?:a|one) hundred)"
_COLOUR = "|".join(COLOURS)
_NAME = r"(?!He\b|She\b|It\b|They\b|There\b|That\b|This\b|What\b|Who\b|How\b|One\b|Everyone\b)[A-Z][a-zà-ÿ]+"
_YEARS = r"(?= ?(?:[,.;:!?]|$|years old|and (?:has|smells|lives|likes|loves)\b))"  # after an age, and not “six feet tall”
# What a sheet says: Mia is nine. · Mia, who is nine · a brother Ned who is five · She is six. · sixty-one years old
_AGED = re.compile(rf"\b({_NAME})(?:,? who)? is (?:now |only |just )?({NUMBER}){_YEARS}")
_IS_NUMBER = re.compile(rf" is (?:now |only |just )?{NUMBER}")  # has to be in a text with somebody's age, and is seen sooner
_OWN_AGE = re.compile(rf"(?:\b(?:[Hh]e|[Ss]he|[Ii]t|They) (?:is|are) |\band )({NUMBER})(?= years old| ?\.| ?$)")
_COUNTED = re.compile(rf"\b(?:[Tt]he|[Ii]ts|[Hh]is|[Hh]er|[Mm]y|[Yy]our) ([a-z]+) (?:has|holds|gives) ({NUMBER}) ([a-z]+s)\b")
_COLOURED = re.compile(rf"\b(?:wears|has|owns|carries|keeps|drinks from) (?:a|an|one|his|her|its|their) ({_COLOUR}) ([a-z]+)\b")
_IS_COLOURED = re.compile(rf"\b(?:His|Her|Its|Their) (?:[a-z]+ )?([a-z]+) is ({_COLOUR})\b")
# What a line, in small letters, says of the one who speaks (I) or is spoken to (you). Each begins with a letter and looks behind it only then.
_SAID_AGE = {who: re.compile(rf"{be} (?:now |only |just )?(?!one\b(?! year))({NUMBER})(?= ?[.!?]| ?$| years? old)")
             for who, be in {"own": r"i(?<!\wi)(?: am|'m)", "their": r"you(?<!\wyou)(?: are|'re)"}.items()}  # fmt: skip
_SAID_COLOUR = {who: re.compile(rf"{whose} (?:({_COLOUR}) ([a-z]+)|([a-z]+) is ({_COLOUR}))\b")
                for who, whose in {"own": r"my(?<!\wmy)", "their": r"your(?<!\wyour)"}.items()}  # fmt: skip
_ARE = {"own": ("i am", "i'm"), "their": ("you are", "you're")}
_HAS = ("has", "holds", "gives")
What = TypeVar("What")
Value = TypeVar("Value", int, str)
SENTENCE = "A fact of the character sheet says something else."


@dataclass(frozen=True)
class Known:
    """What the sheet says, as far as a rule can tell: each value with the fact it stands in."""

    own_age: tuple[int, str] | None
    ages: dict[str, tuple[int, str]]  # by first name
    counts: dict[tuple[str, str], tuple[int, str]]  # by the thing that has, and what it has: ladder, rungs
    colours: dict[str, tuple[str, str]]  # by what the character owns


def read(conversations: Iterable[Conversation], persona: Persona, notes: Notes | None = None) -> list[Finding]:
    """Where a line says otherwise: one finding for each fact, with the fact as its words."""
    notes = notes or Notes()
    known = understood(persona)
    if known == Known(None, {}, {}, {}):
        return []

    hints = _hints(known, persona)

    def seen(spoken: Conversation) -> tuple[tuple[str, int], ...]:
        # A word without which a pattern can't be there is seen much faster than that it isn't; and in all lines at once.
        whole = straight("\n".join(turn.text for turn in spoken.turns)).lower()
        near, found = [hint for hint in hints if hint in whole], []
        for n, turn in enumerate(spoken.turns) if near else ():
            text = straight(turn.text)
            small = text.lower()
            if any(map(small.__contains__, near)):
                found += [(fact, n) for fact in dict.fromkeys(_contradicted(text, small, turn.role, known, persona))]
        return tuple(found)

    places: defaultdict[str, list[Place]] = defaultdict(list)
    given = (known, persona.name, persona.visitor)
    for c in conversations:
        for fact, n in notes.of(c, "facts", given, seen):
            places[fact].append((c.id, c.title, n))
    titles = ("One line contradicts a fact", "{N} lines contradict a fact")
    return [f for fact, at in places.items() if (f := finding("fact", "look", tuple(at), titles, SENTENCE, "", fact))]


def understood(persona: Persona) -> Known:
    """The facts of a sheet that can be held to lines. What is said twice and differently is left out."""
    own: list[tuple[int, str]] = []
    ages: dict[str, list[tuple[int, str]]] = defaultdict(list)
    counts: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    colours: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for fact in persona.facts:
        text = straight(fact)
        for who, age in _AGED.findall(text):
            (own if who in persona.name.split() else ages[who]).append((value(age), fact))
        if text.startswith(("He ", "She ", "They ", persona.name.split()[0])) and not own:
            own += [(value(age), fact) for age in _OWN_AGE.findall(text)[:1]]
        for thing, number, parts in _COUNTED.findall(text):
            counts[thing, parts].append((value(number), fact))
        for colour, thing in _COLOURED.findall(text):
            colours[thing].append((colour, fact))
        for thing, colour in _IS_COLOURED.findall(text):
            colours[thing].append((colour, fact))
    return Known(own[0] if own else None, _certain(ages), _certain(counts), _certain(colours))


def _certain(said: Mapping[What, Sequence[tuple[Value, str]]]) -> dict[What, tuple[Value, str]]:
    return {what: values[0] for what, values in said.items() if len({value for value, _ in values}) == 1}


def value(number: str) -> int:
    """The number that a figure or a number in words stands for, up to a hundred and ninety-nine in words."""
    plain = number.casefold().replace(",", "")
    if plain.isdigit():
        return int(plain)
    hundred = 100 if "hundred" in plain else 0
    rest = plain.split("hundred")[-1].replace("and", " ").replace("-", " ").split()
    return hundred + sum(ONES.index(word) if word in ONES else 10 * TENS.index(word) + 20 for word in rest)


def _hints(known: Known, persona: Persona) -> tuple[str, ...]:
    """What a line has to hold one of, in small letters, before it can say anything about a fact."""
    ages = [said for phrases in _ARE.values() for said in phrases] if known.own_age or known.ages else []
    named = [*known.ages, *(persona.name.split() if known.own_age else ())]
    aged = [f"{name.lower()}{who} is" for name in named for who in ("", " who", ", who")]
    return tuple(dict.fromkeys([*ages, *aged, *known.colours, *(thing for thing, _ in known.counts)]))


def _contradicted(text: str, small: str, role: Role, known: Known, persona: Persona) -> Iterator[str]:
    about_character = "own" if role == "model" else "their"
    yield from _wrong_ages(text, small, role, known, persona)
    if known.colours and ("my" if role == "model" else "your") in small:
        for first, thing, other, second in _SAID_COLOUR[about_character].findall(small):
            colour, fact = known.colours.get(thing or other, ("", ""))
            if fact and _grey(first or second) != _grey(colour):
                yield fact
    for thing, number, parts in _COUNTED.findall(text) if known.counts and any(verb in text for verb in _HAS) else ():
        count, fact = known.counts.get((thing, parts), (0, ""))
        if fact and value(number) != count:
            yield fact


def _wrong_ages(text: str, small: str, role: Role, known: Known, persona: Persona) -> Iterator[str]:
    visitor = known.ages.get(persona.visitor.split()[0]) if persona.visitor else None
    own, their = (known.own_age, visitor) if role == "model" else (visitor, known.own_age)
    for who, held in (("own", own), ("their", their)):
        whole, short = _ARE[who]
        if held and (whole in small or short in small) and any(value(said) != held[0] for said in _SAID_AGE[who].findall(small)):
            yield held[1]
    for who, said in _AGED.findall(text) if _IS_NUMBER.search(text) else ():
        age, fact = (known.own_age or (0, "")) if who in persona.name.split() else known.ages.get(who, (0, ""))
        if fact and value(said) != age:
            yield fact


def _grey(colour: str) -> str:
    return "grey" if colour == "gray" else colour


def count(persona: Persona) -> int:
    """How many values of a sheet the studio holds lines to."""
    known = understood(persona)
    return (known.own_age is not None) + len(known.ages) + len(known.counts) + len(known.colours)
