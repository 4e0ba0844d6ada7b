"""Habits a character would learn without being meant to: the same words again and again, and what assistants say and draw."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from studio.domain import assistantisms, phrases
from studio.domain.checks import Finding, Kind, Place, finding
from studio.domain.conversation import Conversation
from studio.domain.notes import Notes, Said

OPENING = 3  # words that make an opening
OPENING_SHARE, OPENING_LEAST = 0.08, 5  # over this share of all replies, and at least so many
PHRASE_SHARE, PHRASE_LEAST = 0.05, 6
FINISH_SHARE, FINISH_LEAST = 0.8, 10
MARKS = {"…": "an ellipsis", "!": "an exclamation mark", "！": "an exclamation mark", "?": "a question", "？": "a question"}
LONGEST_QUOTE = 80  # characters
MEANT = 0.5  # stage directions or emoji in more replies than this are how the character talks

Homes = defaultdict[str, list[Place]]
# A piece of text every match holds, then the mark of layout itself.
_LAYOUT = (
    ("# ", re.compile(r"^#{1,6} \S", re.MULTILINE)),
    ("\n", re.compile(r"^ {0,3}[-*+•] \S.{0,500}\n{1,3} {0,3}[-*+•] \S", re.MULTILINE)),
    ("\n", re.compile(r"^ {0,3}1[.)] \S.{0,500}\n{1,3} {0,3}2[.)] \S", re.MULTILINE)),
    ("> ", re.compile(r"^> \S", re.MULTILINE)),
    ("**", re.compile(r"\*\*[^*\s][^*\n]{0,200}\*\*")),
    ("__", re.compile(r"(?<!\w)__[^_\s][^_\n]{0,200}__(?!\w)")),
    ("```", re.compile(r"```")),
    ("](", re.compile(r"\[[^\]\[\n]{1,200}\]\([^)\s]{1,200}\)")),
)
# *wags her tail*, [sighs], and (wags her tail) where the reply begins.
_STAGE = (
    ("*", re.compile(r"(?<![*\w])\*(?![*\s])[^*\n]{1,200}(?<![*\s])\*(?![*\w])")),
    ("[", re.compile(r"(?<!\w)\[[a-z][^\]\[\n]{1,200}\](?!\()")),
    ("(", re.compile(r"\A\s{0,9}\([a-z][^()\n]{1,200}(?<![.!?])\)")),
)
# Near enough to the pictures of Unicode Technical Standard 51.
_EMOJI = re.compile("[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\u2600-\u27bf\u2b50\u2b55\u231a\u231b\u23e9-\u23f3]")


class Traits(NamedTuple):
    """What can be seen in one reply alone."""

    mark: str  # at its end, in words
    assistant: str = ""  # an assistant's phrase
    layout: bool = False
    stage: bool = False
    emoji: bool = False


USUAL = {traits: traits for mark in ("", *MARKS.values()) for traits in [Traits(mark)]}  # one for very many replies


class Reply(NamedTuple):
    """One line the character says, and where."""

    place: Place
    said: Sequence[int]  # its words, each as its number
    traits: Traits


def read(conversations: Iterable[Conversation], notes: Notes | None = None) -> list[Finding]:
    """Every habit worth a look."""
    notes = notes or Notes()
    names = notes.numbers.names
    telling = frozenset(notes.numbers[word] for word in assistantisms.PATTERNS)
    replies = [reply for c in conversations for reply in _replies(c, notes, telling)]
    starts = _starts(replies, names)
    return [
        *starts,
        *_phrases(replies, names, tuple(f"{f.words} " for f in starts)),
        *_some(
            _finish(replies, names),
            _assistant(replies),
            _layout(replies),
            _stage(replies),
            _emoji(replies),
        ),
    ]


def _replies(spoken: Conversation, notes: Notes, telling: frozenset[int]) -> Iterator[Reply]:
    said = notes.said(spoken)
    for n, traits in notes.of(spoken, "habits", None, partial(_traits, said=said, telling=telling, names=notes.numbers.names)):
        yield Reply((spoken.id, spoken.title, n), said.line(n), traits)


def _traits(spoken: Conversation, said: Said, telling: frozenset[int], names: Sequence[str]) -> tuple[tuple[int, Traits], ...]:
    found = []
    for n, turn in enumerate(spoken.turns):
        if turn.role == "model":
            line = said.line(n)
            heard = [] if telling.isdisjoint(line) else [names[word] for word in line if word in telling]
            phrase = assistantisms.phrase(turn.text, heard) if heard else ""
            traits = Traits(_mark(turn.text), phrase, _holds(turn.text, _LAYOUT), _holds(turn.text, _STAGE), _has_emoji(turn.text))
            found.append((n, USUAL.get(traits, traits)))
    return tuple(found)


def _has_emoji(text: str) -> bool:
    return not text.isascii() and _EMOJI.search(text) is not None


def _some(*findings: Finding | None) -> list[Finding]:
    return [f for f in findings if f]


def _least(share: float, least: int, total: int) -> int:
    return max(least, int(share * total) + 1)


def _percent(part: int, total: int) -> str:
    share = f"{round(100 * part / total)} %" if 100 * part >= total else f"{part:,}"
    return f"{share} of {total:,} replies"


def _quoted(said: Sequence[int], names: Sequence[str]) -> str:
    return " ".join(names[word] for word in said)[:LONGEST_QUOTE]


def _starts(replies: Sequence[Reply], names: Sequence[str]) -> list[Finding]:
    homes: Homes = defaultdict(list)
    for reply in replies:
        if reply.said:
            homes[_quoted(reply.said[:OPENING], names)].append(reply.place)
    least = _least(OPENING_SHARE, OPENING_LEAST, len(replies))
    often = sorted(((said, places) for said, places in homes.items() if len(places) >= least), key=lambda start: -len(start[1]))
    titles = ("", "{N} replies open with the same words")
    sentence = "A model takes such an opening for the rule, and begins still more replies with it."
    return _some(*(
        finding("start", "look", tuple(places), titles, sentence, _percent(len(places), len(replies)), said) for said, places in often
    ))  # fmt: skip


def _phrases(replies: Sequence[Reply], names: Sequence[str], starts: tuple[str, ...]) -> list[Finding]:
    found = phrases.shared([reply.said for reply in replies], _least(PHRASE_SHARE, PHRASE_LEAST, len(replies)))
    titles = ("", "{N} replies hold the same phrase")
    sentence = "A catch-phrase is learned first and said most. Now and then is enough."
    told = ((_quoted(gram, names), tuple(replies[n].place for n in homes)) for gram, homes in found)
    return _some(*(
        finding("phrase", "look", places, titles, sentence, _percent(len(places), len(replies)), said)
        for said, places in told
        if not said.startswith(starts)  # an opening is told already
    ))  # fmt: skip


def _finish(replies: Sequence[Reply], names: Sequence[str]) -> Finding | None:
    marks: Homes = defaultdict(list)
    last: Homes = defaultdict(list)
    for reply in replies:
        marks[reply.traits.mark].append(reply.place)
        if reply.said:
            last[names[reply.said[-1]]].append(reply.place)
    marks.pop("", None)
    if mark := _nearly_all(marks, len(replies)):
        return _same_finish(f"Nearly every reply ends with {mark}", marks[mark], len(replies))
    if word := _nearly_all(last, len(replies)):
        return _same_finish("Nearly every reply ends with the same word", last[word], len(replies), word)
    return None


def _mark(text: str) -> str:
    bare = text.rstrip(" \n\t\"'”’»)*_")
    return MARKS["…"] if bare.endswith("...") else MARKS.get(bare[-1:], "")


def _nearly_all(homes: Homes, total: int) -> str:
    most = max(homes, key=lambda end: len(homes[end]), default="")
    return most if most and len(homes[most]) >= FINISH_LEAST and len(homes[most]) > FINISH_SHARE * total else ""


def _same_finish(title: str, places: list[Place], total: int, word: str = "") -> Finding | None:
    sentence = "Let some end in another way, or every answer will."
    return finding("finish", "look", tuple(places), (title, title), sentence, _percent(len(places), total), word[:LONGEST_QUOTE])


def _assistant(replies: Sequence[Reply]) -> Finding | None:
    heard = [(reply.place, reply.traits.assistant) for reply in replies if reply.traits.assistant]
    return finding(
        "assistant",
        "look",
        tuple(place for place, _ in heard),
        ("One reply sounds like an assistant", "{N} replies sound like an assistant"),
        "Assistants talk like this, and your character would learn it.",
        "assistant phrases",
        "; ".join(sorted({said for _, said in heard})[:3])[:LONGEST_QUOTE],
    )


def _layout(replies: Sequence[Reply]) -> Finding | None:
    return finding(
        "layout",
        "look",
        tuple(reply.place for reply in replies if reply.traits.layout),
        ("One reply holds marks of layout", "{N} replies hold marks of layout"),
        "Nobody speaks in headings, lists or bold. Your character would learn the marks as words.",
        "markdown",
    )


def _stage(replies: Sequence[Reply]) -> Finding | None:
    places = tuple(reply.place for reply in replies if reply.traits.stage)
    return _now_and_then("stage", places, len(replies), ("One reply holds a stage direction", "{N} replies hold stage directions"))


def _emoji(replies: Sequence[Reply]) -> Finding | None:
    places = tuple(reply.place for reply in replies if reply.traits.emoji)
    return _now_and_then("emoji", places, len(replies), ("One reply holds emoji", "{N} replies hold emoji"))


def _now_and_then(kind: Kind, places: tuple[Place, ...], total: int, titles: tuple[str, str]) -> Finding | None:
    if len(places) > MEANT * total:
        return None
    return finding(kind, "look", places, titles, "Most replies have none. Are they meant?", _percent(len(places), max(1, total)))


def _holds(text: str, table: tuple[tuple[str, re.Pattern[str]], ...]) -> bool:
    near = [pattern for needle, pattern in table if needle in text]
    return bool(near) and any(pattern.search(text) for pattern in near)
