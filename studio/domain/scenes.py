"""The next scene to write: a card that proposes one for a statement which few conversations show."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from studio.domain import retelling
from studio.domain.checks import number
from studio.domain.conversation import Conversation
from studio.domain.coverage import Shown
from studio.domain.facts import NUMBER
from studio.domain.persona import Persona
from studio.domain.retelling import Retold

IDEAS = 6  # statements the cards go round, the emptiest first
LONGEST_TITLE = 60
FEW = 4
_AFRAID = re.compile(r"\b(?:is|was) (?P<how>(?:very |so |a little |most )?(?:afraid|scared|frightened)) of (?P<what>.+)")
_SCARES = re.compile(r"(?P<what>.+) (?:scares|frightens) (?P<whom>.+)")
_AGE = re.compile(rf"is (?P<years>{NUMBER})(?: years old)?")
_CAN = re.compile(r"can (?P<what>[a-z]+(?: .+)?)")
_FEARED = re.compile(r" and | or ")
_FIRST_THING = re.compile(r",| and | or | but | which | that | when ")
_NAMED = re.compile(r"(?:(?:Mr|Mrs|Ms|Dr)\. |Miss )?[A-Z][\w-]+(?: [A-Z][\w-]+)*")
_OWNED = r"[a-z][\w-]+(?: [a-z][\w-]+){0,3}"
_THING = re.compile(
    rf"(?<!\bis )(?<!\bbe )(?<!\bwas )(?<!\bas )(?<!\bbecame )(?<!\S)(?P<whose>[A-Z][\w.]*(?: [A-Z][\w.]*)*'s|the|a|an|his|her|its) (?P<thing>{_OWNED})"
)
_LOOSE = re.compile(r"(?: (?:a|an|the|of|in|on|at|to|for|from|with|by|and|or|but|that|which|who|has|is|his|her))+$|[,;:]$")
_NO_THING = re.compile(r"(?:day|week|month|year|time|end|side|top|half|bit|lot|way|one|other|first|last|same|very|kind|number)s?\b")
_STOP = re.compile(
    r" (?:of|in|on|at|to|for|from|with|by|above|beside|behind|under|over|into|until|about|after|before|and|or|but|that|which|who|when|where|it|as|than|so|not|ago|out|off|up|down|away|back|every|each|all"
    rf"|{NUMBER})\b.*"
)
# Where a scene about something feared may begin.
_ARRIVES = {
    "thunder": "{V} hears a storm coming.", "thunderstorms": "{V} hears a storm coming.", "storms": "{V} hears a storm coming.",
    "the dark": "{V} turns off the light.", "the vacuum": "{V} gets the vacuum out.", "the vacuum cleaner": "{V} gets the vacuum cleaner out.",
    "water": "{V} wants to go for a swim.", "dogs": "A big dog comes round the corner.", "spiders": "{V} finds a spider in the corner.",
}  # fmt: skip


@dataclass(frozen=True)
class Card:
    """A scene that could be written next: for which statement, how it could be called, how it begins, and a first line where one is plain."""

    statement: str
    title: str
    text: str
    line: str = ""  # what the visitor says first; empty where that is better left to the writer


@dataclass(frozen=True)
class _Scene:
    """What happens, without what has been seen so far."""

    title: str
    opening: str  # what no scene shows yet: “that …”, “this: …”, or somebody doing something
    event: str
    question: str
    line: str = ""


def card(persona: Persona, shown: Sequence[Shown], conversations: Sequence[Conversation], turn: int = 0) -> Card | None:
    """The idea number `turn`, for one of the emptiest statements; the same for the same sheet. None where there are no statements."""
    if not shown:
        return None
    emptiest = sorted(shown, key=lambda one: (one.count, _chance(one.statement)))[:IDEAS]
    chosen = emptiest[turn % len(emptiest)]
    chance = _chance(f"{chosen.statement}\n{turn}")
    retold = retelling.retold(chosen.statement, persona, _small(chosen.statement, persona, conversations))
    scene = _scene(retold[chance % len(retold)], persona, chance) if retold else _quoted(chosen.statement, persona, chance)
    text = f"{_seen(chosen.count, scene.opening, chance)} {scene.event} {scene.question}"
    return Card(chosen.statement, _title(scene.title), text, scene.line)


def _chance(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _small(statement: str, persona: Persona, conversations: Sequence[Conversation]) -> tuple[str, ...]:
    """The first word of the statement, where it is written small elsewhere."""
    word = retelling.first_word(statement)
    sheet = " ".join((*persona.facts, *persona.voice, persona.system, persona.description))
    texts = (sheet, *(turn.text for c in conversations for turn in c.turns))
    written = re.compile(rf"(?<=\w ){re.escape(word)}\b")
    return (word,) if word and any(f" {word}" in text and written.search(text) for text in texts) else ()


def _seen(count: int, opening: str, chance: int) -> str:
    if count:
        few = "Only " if count < FEW else ""
        said = f"{few}{number(count)} {'scene shows' if count == 1 else 'scenes show'} {opening}."
        return said[0].upper() + said[1:]
    if opening.startswith("this: "):
        return f"No scene shows this yet: {opening.removeprefix('this: ')}."
    if not opening.startswith("that "):
        return f"Nobody has seen {opening} yet."
    return (f"No scene shows yet {opening}.", f"It is still unwritten {opening}.", f"Nothing written so far shows {opening}.")[chance % 3]


# ---------------------------------------------------------------- kinds of scenes
def _scene(retold: Retold, persona: Persona, chance: int) -> _Scene:
    clause, name = retold.clause, persona.name
    told = clause.removeprefix(f"{name} ") if retold.of_character else ""
    if found := _AFRAID.fullmatch(told):
        feared = [thing.removeprefix("of ") for thing in _FEARED.split(found["what"].partition(",")[0]) if thing]
        thing = feared[chance // 3 % len(feared)]
        return _fear(thing, f"{name} {found['how']} of {thing}", persona, chance)
    if (found := _SCARES.fullmatch(clause)) and found["whom"] == name:
        return _fear(found["what"], f"that {clause}", persona, chance)
    if _AGE.fullmatch(told):
        return _of(persona, f"How old {name} is", f"that {clause}", "{V} asks how old {name} is.", chance, line="How old are you?")
    if (found := _CAN.fullmatch(told)) and not re.search(r"\b(?:his|her|their|its)\b", found["what"]):
        plain = _FIRST_THING.split(found["what"])[0]
        event, line = f"{{V}} asks whether {{name}} can {plain}.", f"Can you {plain}?"
        return _of(persona, told, f"that {clause}", event, chance, ask="What does {name} do?", line=line)
    return _other(retold, persona, chance)


def _fear(thing: str, opening: str, persona: Persona, chance: int) -> _Scene:
    events = (f"{{V}} says that nobody has to be afraid of {thing}.", f"{{V}} asks what is so bad about {thing}.")
    event = _ARRIVES.get(thing) or events[chance // 5 % len(events)]
    ask = "What does {name} say?" if event in events else "What does {name} do?"
    return _of(persona, f"Afraid of {thing}", opening, event, chance, ask=ask)


def _other(retold: Retold, persona: Persona, chance: int) -> _Scene:
    clause, subject = retold.clause, topic(retold, persona)
    mentions = any(re.search(rf"\b{re.escape(one)}\b", clause) for one in persona.visitor.split())
    if mentions:
        events = ("It comes up by chance, on an ordinary day.", "Somebody else asks about it.", "{V} is there when it comes up.")
    elif subject:
        events = (
            f"{{V}} asks about {subject}.",
            f"{{V}} wants to hear more about {subject}.",
            f"{{V}} has been wondering about {subject}.",
        )
    else:
        events = ("{V} has never heard of it and asks.", "{V} does not believe it at first.", "It comes up by chance, on an ordinary day.")
    told = clause.removeprefix(f"{persona.name} ").removeprefix("is ") if retold.of_character else clause
    return _of(persona, subject or told, f"that {clause}", events[chance // 3 % 3], chance)


def _quoted(statement: str, persona: Persona, chance: int) -> _Scene:
    """Where the statement can't be turned, it stands as it was written."""
    said = statement.strip().rstrip(".")
    events = ("{V} asks about it.", "It comes up by chance, on an ordinary day.", "{V} does not know it yet.")
    return _of(persona, said, f"this: “{said}”", events[chance // 3 % 3], chance)


def _of(persona: Persona, title: str, opening: str, event: str, chance: int, *, ask: str = "", line: str = "") -> _Scene:
    visitor = "The visitor" if persona.visitor == "Visitor" else persona.visitor
    names = {"V": visitor, "name": persona.name}
    questions = ("What does {name} say?", "What does {name} answer?", "How does {name} tell it?")
    question = ask or (questions[chance // 9 % 3] if "asks" in event else questions[0])
    return _Scene(title, opening, _put(event, names), _put(question, names), line)


def _put(template: str, names: Mapping[str, str]) -> str:
    return re.sub(r"\{(V|name)\}", lambda match: names[match[1]], template)


def topic(retold: Retold, persona: Persona) -> str:
    """Somebody or something a clause is about besides character and visitor, so that one can ask about it; empty where none is plain."""
    clause, own = retold.clause, {*persona.name.split(), *persona.visitor.split()}
    for match in _NAMED.finditer(clause):
        before, after = f" {clause[: match.start()]}", clause[match.end() :]
        if not own & set(match[0].split()) and not after.startswith("'s") and not before.endswith(" on "):
            return f"the {match[0]}" if before.lower().endswith("the ") else match[0]
    for match in _THING.finditer(clause):
        thing = " ".join(takewhile(lambda word: not retelling.is_verb(word), _STOP.sub("", f"{match['thing']} ").split()))
        whose = _owner(match["whose"], retold.of_character, persona)
        if whose and thing and not _NO_THING.match(thing):
            return f"{whose} {thing}"
    return ""


def _owner(whose: str, of_character: bool, persona: Persona) -> str:
    if whose in ("a", "an"):
        return "the"  # once it was named, it is known
    if whose in ("his", "her", "its"):
        return f"{persona.name}'s" if of_character else ""
    return whose


def _title(text: str) -> str:
    if len(text) > LONGEST_TITLE:
        text = text[:LONGEST_TITLE].rpartition(" ")[0]
        text = text.rpartition(",")[0] if "," in text else text
        text = _LOOSE.sub("", text)
    return text[:1].upper() + text[1:]
