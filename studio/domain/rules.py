"""The rules of a voice, as far as a machine can read them, and where the replies break them."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from studio.domain.checks import Finding, Kind, Place, finding, number
from studio.domain.conversation import Conversation
from studio.domain.notes import Notes
from studio.domain.voiceprint import SHORTEST, reading_age
from studio.domain.words import sentences, syllables, words

SHORT = 20  # words below which a single reply is not read for its age
# Years a single reply may read older than the rule. So few words can't be measured to the year: single replies of the three bundled
# characters, whose voices read at six, lie up to seven years above that.
PLAY = 8
_CONTRACTION = re.compile(
    r".+n't|.+'(?:re|ve|ll|m|d|all)"
    # After a noun, 's is the owner as often as “is”; after these it is never the owner.
    r"|(?:it|that|this|there|here|what|who|where|when|how|why|he|she|let|everything|nothing|something)'s"
)
_SPELLED = re.compile(r"[^\W\d_]{2,}")  # a word that can be written in capitals; a letter alone can't
_SHOUTED = re.compile(r"[^\W\d_a-z]{2}")  # has to be in a text with such a word, and is seen sooner
_SHOUTED_ASCII = re.compile(r"[A-Z]{2}")  # the same, sooner still
_NONE: frozenset[str] = frozenset()
_RUN_TOGETHER = frozenset(("gonna", "wanna", "gotta", "dunno", "lemme", "gimme", "kinda"))


@dataclass(frozen=True)
class VoiceRules:
    """What a writer wants held. None, False or empty: no such rule."""

    longest_sentence: int | None = None  # words
    longest_reply: int | None = None  # words
    reading_age: float | None = None  # years, at most
    forbidden: tuple[str, ...] = ()  # words or phrases, whole, in any case
    favourites: tuple[str, ...] = ()  # words or phrases the character should say somewhere
    no_contractions: bool = False
    exclamations: int | None = None  # marks in one reply, at most
    capitals: int | None = None  # words in capitals in one reply, at most


class Line(NamedTuple):
    """One reply, taken apart as far as the rules need it."""

    n: int  # which line it is
    text: str
    said: list[str]  # its words, where a rule asks for them
    ends: list[int]  # the words of each sentence
    sounds: int  # syllables
    is_contracted: bool  # whether one of its words is two run into one

    def holds(self, phrases: Iterable[str]) -> set[str]:
        """Those of these phrases (words in small letters, one space between, one at each end) that stand in it whole."""
        whole = f" {' '.join(self.said)} "
        return {phrase for phrase in phrases if phrase in whole}


@dataclass
class Sum:
    """All replies together, for what can't be judged one by one."""

    words: int = 0
    sounds: int = 0
    ends: int = 0

    def count(self, line: Line) -> None:
        """Count one more."""
        self.words += len(line.said)
        self.sounds += line.sounds
        self.ends += len(line.ends)

    def add(self, other: "Sum") -> None:
        """Count many more."""
        self.words += other.words
        self.sounds += other.sounds
        self.ends += other.ends


class Held(NamedTuple):
    """One conversation, held to the rules."""

    broken: tuple[tuple[Kind, int], ...]  # which, and in which line
    said: frozenset[str]  # the favourites in it
    whole: Sum


def read(conversations: Iterable[Conversation], rules: VoiceRules, notes: Notes | None = None) -> list[Finding]:
    """Where the replies break a rule; nothing for a rule that isn't set."""
    if rules == VoiceRules():
        return []
    book = notes or Notes()
    tests, favourites = _tests(rules), _phrases(rules.favourites)
    places: defaultdict[Kind, list[Place]] = defaultdict(list)
    whole, said = Sum(), set[str]()
    for c in conversations:
        held = book.of(c, "rules", rules, lambda spoken: _held(_lines(spoken, rules, book), tests, favourites))
        whole.add(held.whole)
        said |= held.said
        for kind, n in held.broken:
            places[kind].append((c.id, c.title, n))
    unsaid = {phrase: one for phrase, one in favourites.items() if phrase not in said}
    found = [_broken(kind, tuple(places[kind]), rules) for kind in tests if kind != "age"]
    return [f for f in [*found, _age(tuple(places["age"]), whole, rules.reading_age), _unused(unsaid)] if f]


def _held(lines: Iterable[Line], tests: Mapping[Kind, Callable[[Line], bool]], favourites: Iterable[str]) -> Held:
    """One conversation, held to the rules."""
    whole, said, broken = Sum(), set[str](), []
    for line in lines:
        whole.count(line)
        said |= line.holds(favourites) if favourites else set()
        broken += [(kind, line.n) for kind, breaks in tests.items() if breaks(line)]
    return Held(tuple(broken), frozenset(said) or _NONE, whole)


def _lines(spoken: Conversation, rules: VoiceRules, notes: Notes) -> Iterator[Line]:
    if rules.reading_age is not None or rules.longest_sentence is not None:
        return _by_sentence(spoken, rules)
    return _by_word(spoken, rules, notes)


def _by_sentence(spoken: Conversation, rules: VoiceRules) -> Iterator[Line]:
    aloud = rules.reading_age is not None
    for n, turn in enumerate(spoken.turns):
        if turn.role == "model":
            parts = [forms for forms, _ in sentences(turn.text)]
            said = [form.casefold() for forms in parts for form in forms]
            is_contracted = rules.no_contractions and any(map(is_contraction, said))
            yield Line(n, turn.text, said, list(map(len, parts)), sum(map(syllables, said)) if aloud else 0, is_contracted)


def _by_word(spoken: Conversation, rules: VoiceRules, notes: Notes) -> Iterator[Line]:
    asked = bool(rules.longest_reply is not None or rules.forbidden or rules.favourites)
    heard, names = notes.said(spoken), notes.numbers.names
    contracted = notes.numbers.marked("contracted", is_contraction) if rules.no_contractions else set[int]()
    for n, turn in enumerate(spoken.turns):
        if turn.role == "model":
            line = heard.line(n)
            said = [names[number] for number in line] if asked else []
            yield Line(n, turn.text, said, [len(said)], 0, not contracted.isdisjoint(line))


def _phrases(given: Iterable[str]) -> dict[str, str]:
    return {f" {' '.join(said)} ": one for one in given if (said := words(one))}


def _tests(rules: VoiceRules) -> dict[Kind, Callable[[Line], bool]]:
    longest, length, years = rules.longest_sentence, rules.longest_reply, rules.reading_age
    marks, shouts = rules.exclamations, rules.capitals
    forbidden = _phrases(rules.forbidden)
    tests: dict[Kind, Callable[[Line], bool]] = {}
    if longest is not None:
        tests["sentence"] = lambda line: max(line.ends, default=0) > longest
    if length is not None:
        tests["reply"] = lambda line: len(line.said) > length
    if years is not None:
        tests["age"] = lambda line: len(line.said) >= SHORT and reading_age(len(line.said), line.sounds, len(line.ends)) > years + PLAY
    if forbidden:
        tests["forbidden"] = lambda line: bool(line.holds(forbidden))
    if rules.no_contractions:
        tests["contraction"] = lambda line: line.is_contracted
    if marks is not None:
        tests["exclamation"] = lambda line: line.text.count("!") + line.text.count("！") > marks
    if shouts is not None:
        tests["capital"] = lambda line: _is_shouted(line.text) and sum(map(str.isupper, _SPELLED.findall(line.text))) > shouts
    return tests


def _is_shouted(text: str) -> bool:
    return (_SHOUTED_ASCII if text.isascii() else _SHOUTED).search(text) is not None


def is_contraction(word: str) -> bool:
    """Whether a word in small letters is two run into one: don't, it's, gonna; not Mia's, not o'clock."""
    return word in _RUN_TOGETHER or ("'" in word and _CONTRACTION.fullmatch(word) is not None)


def _broken(kind: Kind, places: tuple[Place, ...], rules: VoiceRules) -> Finding | None:
    """What is said of each rule: titles for one place and for many, and a sentence."""
    marks = rules.exclamations or 0
    said: dict[Kind, tuple[str, str, str]] = {
        "sentence": (
            "One reply has a sentence that is too long", "{N} replies have a sentence that is too long",
            f"Your rule is at most {_words(rules.longest_sentence)}.",
        ),
        "reply": (
            "One reply is too long", "{N} replies are too long", f"Your rule is at most {_words(rules.longest_reply)}.",
        ),
        "forbidden": (
            "One reply has a word you ruled out", "{N} replies have a word you ruled out", "Your character would learn to say it.",
        ),
        "contraction": (
            "One reply has a shortened word", "{N} replies have a shortened word", "Your rule is that every word is said whole.",
        ),
        "exclamation": (
            "One reply has too many exclamation marks", "{N} replies have too many exclamation marks",
            f"Your rule is {f'at most {number(marks)} in a reply' if marks else 'none at all'}.",
        ),
        "capital": (
            "One reply has too many words in capitals", "{N} replies have too many words in capitals",
            f"Your rule is {f'at most {number(rules.capitals)} in a reply' if rules.capitals else 'none at all'}.",
        ),
    }  # fmt: skip
    one, many, sentence = said[kind]
    return finding(kind, "look", places, (one, many), sentence, "voice rule")


def _words(count: int | None) -> str:
    return f"{number(count or 0)} {'word' if count == 1 else 'words'}"


def _age(places: tuple[Place, ...], whole: Sum, years: float | None) -> Finding | None:
    if years is None:
        return None
    age = reading_age(whole.words, whole.sounds, whole.ends)
    sentence = f"Your rule is at most {years:g} years."
    if whole.words >= SHORTEST and age > years:
        title = f"All in all, the replies read at {age:.1f} years"
        return Finding("age", "look", title, sentence, "Flesch-Kincaid grade level + 5", places)
    titles = ("One reply reads much older than your rule", "{N} replies read much older than your rule")
    return finding("age", "look", places, titles, sentence, "Flesch-Kincaid grade level + 5")


def _unused(unsaid: dict[str, str]) -> Finding | None:
    if not unsaid:
        return None
    count = len(unsaid)
    title = "One favourite word is never said" if count == 1 else f"{number(count).capitalize()} favourite words are never said"
    return Finding(
        "unused", "look", title, "What isn't in the conversations isn't learned.", "voice rule", (), ", ".join(unsaid.values())[:80]
    )
