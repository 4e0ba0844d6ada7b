"""A statement of a character sheet said again in the third person, as a clause after “that”: “I am six.” becomes “Biscuit is six”.

By rule and without a dictionary, so it says less rather than something wrong: what is not understood gives nothing, and is quoted instead.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from studio.domain.everyday import RATES
from studio.domain.facts import NUMBER
from studio.domain.persona import Persona
from studio.domain.words import straight


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


LONGEST = 18  # words of a clause; what hangs behind a comma is let go from there on
_SENTENCE = re.compile(r"(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<=[.!?])\s+(?=[A-Z])")
_TAIL = re.compile(
    r", (?:which|who|where|when|until|because|at)\b|, (?:and|but|so|or) (?:he|she|it|they|his|her|its|their)\b| (?:because|until|when)\b|[:;]| \("
)
_ARTICLES = _listed("""
    the a an there this that these those every each all no nobody nothing some many most when if at in on to for by it
""")
_ADVERBS = _listed("""
    never always often still only also really just once sometimes usually secretly nearly almost hardly quite even
""")
_MODALS = _listed("""
    can cannot can't could couldn't will won't would wouldn't shall should must may might was wasn't had hadn't did didn't
""")
_PRESENT = {"am": "is", "have": "has", "do": "does", "don't": "doesn't", "haven't": "hasn't"}
_JOINED = {"I'm": "I am", "I've": "I have", "I'll": "I will"}
_PAST = _listed("""
    ate became began bought broke brought built came caught chose dreamt drew drank drove fell felt flew forgot found fought gave got grew
    heard held hid kept knew learnt left lent lost made meant met paid ran rode said sang sat saw sent slept
    sold spent spoke stole stood swam taught thought threw told took understood went woke won wore wrote
""")
_EITHER = _listed("cut hit hurt let put read set shut")  # “I put”: now or then, nobody can tell
_BE = _listed("""
    is are was were has have had does do did can could will would must may might cannot
""")
# Words that are verbs far more often than anything else, in their plain form.
_VERBS = _listed("""
    bake bark believe belong bring burn buy call carry catch chase climb collect come cook count cry dig draw dream drink drive drop eat fear feed feel
    find forget foretell get give go grow guard hate hear help hide hold hum keep know laugh learn lie like listen live look lose love make marry mend miss
    need own paint play pretend purr read remember ride run say scare see sell send sew sing sit sleep smell sniff snore speak squeak stand steal swim
    take talk teach tell think try understand use visit wait walk want wash watch wear whisper whistle win wish wonder work worry write
""")
_OTHERS = re.compile(r"\b(?:we|us|our|ours|you|your|yours|mine|myself)\b|[?“”\"]", re.IGNORECASE)
_MINE = re.compile(r"\b(?:I|me|my)\b|\bMy\b")
_POSSESSIVE, _OBJECT = {"she": "her", "he": "his"}, {"she": "her", "he": "him"}


@dataclass(frozen=True)
class Retold:
    """A clause without capital and stop, and whether the character is its subject."""

    clause: str
    of_character: bool


def pronoun(persona: Persona) -> str:
    """What the sheet calls the character: “she” or “he”; empty where it doesn't say."""
    told = " ".join((persona.description, persona.system, *persona.voice, *persona.facts)).lower()
    she, he = (len(re.findall(rf"\b{one}\b", told)) for one in ("she", "he"))
    return "she" if she > 2 * he else "he" if he > 2 * she else ""


def retold(statement: str, persona: Persona, small: Sequence[str] = ()) -> tuple[Retold, ...]:
    """Every sentence of a statement that can be said again. `small` are words known to be written with a small letter."""
    found: list[Retold] = []
    about = True  # whether a pronoun at the beginning means the character
    for sentence in _SENTENCE.split(straight(statement).strip()):
        plain = " ".join(sentence.split()).rstrip(".!…, ")
        clause = _first_person(plain, persona, small) if _is_first_person(plain) else _third_person(plain, persona, about, small)
        if clause:
            found.append(Retold(_named(_short(clause.clause), clause.of_character, persona), clause.of_character))
        about = clause is not None and clause.of_character
    return tuple(found)


def first_word(statement: str) -> str:
    """The word a statement begins with, in small letters."""
    return re.split(r"[^\w'-]", straight(statement).strip(), maxsplit=1)[0].casefold()


def _is_first_person(plain: str) -> bool:
    return _MINE.search(plain) is not None or any(word in _JOINED for word in plain.split())


def _short(clause: str) -> str:
    """The clause without what hangs behind it, where it is long or goes on after a colon."""
    while len(clause.split()) > LONGEST or re.search(r"[:;(]", clause):
        ends = [m.start() for m in _TAIL.finditer(clause) if len(clause[: m.start()].split()) >= 4]
        if not ends:
            break
        clause = clause[: ends[-1]]
    return clause


def _named(clause: str, of_character: bool, persona: Persona) -> str:
    """The clause with the name for a last “her” or “him” that can only mean the character."""
    last = _OBJECT.get(pronoun(persona), "")
    return f"{clause.removesuffix(last)}{persona.name}" if last and not of_character and clause.endswith(f" {last}") else clause


def _third_person(plain: str, persona: Persona, about: bool, small: Sequence[str]) -> Retold | None:
    first, _, rest = plain.partition(" ")
    if first in ("He", "She"):
        return Retold(f"{persona.name} {rest}", True) if about and rest else None
    if first in ("His", "Her"):
        return Retold(f"{persona.name}'s {rest}", False) if about and has_verb(rest) else None
    if first in ("They", "Their") or not rest or _OTHERS.search(plain):
        return None
    begun = _begun(plain, persona, small)
    return Retold(begun, first in persona.name.split()) if begun else None


def _begun(plain: str, persona: Persona, small: Sequence[str]) -> str:
    """A sentence about something else than the character, as it goes on after “that”; empty where it may be no sentence."""
    first, _, rest = plain.partition(" ")
    word = first.casefold().rstrip(",")
    if word in _ARTICLES:
        return f"{first[0].lower()}{plain[1:]}" if has_verb(rest) else ""
    if re.fullmatch(NUMBER, word):
        return ""
    if _is_name(first, plain, persona):
        return plain if has_verb(rest) else ""
    if word in RATES or word in _ADVERBS or word.endswith(("s", "ed", "ing")) or not is_verb(rest.split()[0]):
        return ""
    return f"{first[0].lower()}{plain[1:]}" if word in small else plain


def _is_name(first: str, plain: str, persona: Persona) -> bool:
    """Whether the first word would have its capital anywhere: the sheet writes it so in the middle of a sentence, or it has a second one."""
    second = plain.split()[1]
    if first.endswith(",") or first in ("Mr.", "Mrs.", "Ms.", "Dr.", "Miss") or second[:1].isupper():
        return True
    told = "\n".join((persona.name, f"x {persona.visitor}", persona.system, *persona.facts, *persona.voice))
    return first in persona.name.split() or re.search(rf"[\w,] {re.escape(first)}\b", told) is not None


def has_verb(text: str) -> bool:
    """Whether one of the first words is known to be a verb."""
    return any(map(is_verb, text.split()[:12]))


def is_verb(word: str) -> bool:
    """Whether this is known to be a verb in one of its forms."""
    plain = word.strip(",;:").lower()
    return any(form in _BE | _PAST | _EITHER | _VERBS for form in (plain, plain.removesuffix("s"), plain.removesuffix("es"))) or _is_past(
        plain
    )


def _is_past(verb: str) -> bool:
    return verb in _PAST or (verb.endswith("ed") and not verb.endswith("eed") and len(verb) > 3)


# ---------------------------------------------------------------- from the first person
def _first_person(plain: str, persona: Persona, small: Sequence[str]) -> Retold | None:
    if _OTHERS.search(plain):
        return None
    tokens = " ".join(_JOINED.get(word, word) for word in plain.split()).split()
    if tokens[0] == "I":
        return _of_me(tokens, persona)
    if tokens[0] == "My":
        said = _with_pronouns(tokens[1:], persona)
        return Retold(f"{persona.name}'s {said}", False) if said and has_verb(said) else None
    return _to_me(tokens, persona, small)


def _of_me(tokens: Sequence[str], persona: Persona) -> Retold | None:
    """“I am six” and the like."""
    at = next((n for n, word in enumerate(tokens) if n and word.lower() not in _ADVERBS), 0)
    verb = tokens[at].lower() if at else ""
    rest = _with_pronouns(tokens[at + 1 :], persona)
    if not verb or rest is None or verb in _EITHER or not re.fullmatch(r"[a-z']+", verb):
        return None
    if verb in _MODALS or _is_past(verb):
        said = verb
    elif re.search(rf"\b(?:and|or|but) (?:(?:{'|'.join(_ADVERBS)}) )?(?:{'|'.join(_VERBS)})\b", rest):
        return None  # “I run and hide”: the second verb would need an ending too
    else:
        said = _PRESENT.get(verb) or third(verb)
    return Retold(" ".join(filter(None, (persona.name, *tokens[1:at], said, rest))), True)


def third(verb: str) -> str:
    """A verb as it goes with “she”: go, goes; cry, cries; sleep, sleeps."""
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if verb.endswith("y") and verb[-2:-1] not in tuple("aeiou") else f"{verb}s"


def _with_pronouns(tokens: Sequence[str], persona: Persona) -> str | None:
    """These words with “my” and “me” turned, or None where that can't be done surely."""
    who = pronoun(persona)
    if "I" in tokens or (not who and any(word.strip(",") in ("my", "me") for word in tokens)):
        return None
    text = " ".join(tokens)
    return re.sub(r"\bme\b", _OBJECT.get(who, ""), re.sub(r"\bmy\b", _POSSESSIVE.get(who, ""), text))


def _to_me(tokens: Sequence[str], persona: Persona, small: Sequence[str]) -> Retold | None:
    """“Thunder scares me” and the like: one word of the character, no more."""
    said = " ".join(tokens).replace("I am", persona.name + " is")
    if len(_MINE.findall(said)) + (said != " ".join(tokens)) != 1:
        return None
    said = re.sub(r"\bmy\b", f"{persona.name}'s", re.sub(r"\bme\b", persona.name, said))
    if re.search(r"\bI\b", said):
        return None
    first = tokens[0]
    begun = _begun(said, persona, small if _is_name(first, said, persona) else (*small, first.casefold()))
    return Retold(begun, False) if begun else None
