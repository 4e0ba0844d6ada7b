"""Habits a character would learn without being meant to: the same words again and again, and what assistants say and draw."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

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

Marks = tuple[tuple[str, re.Pattern[str]], ...]
End = TypeVar("End", str, int)
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

    spoken: Conversation
    n: int  # which line of it
    said: Sequence[int]  # its words, each as its number
    traits: Traits

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.spoken.id, self.spoken.title, self.n


def read(conversations: Sequence[Conversation], notes: Notes | None = None) -> list[Finding]:
    """Every habit worth a look."""
    notes = notes or Notes()
    names = notes.numbers.names
    telling = frozenset(notes.numbers[word] for word in assistantisms.PATTERNS)
    noted = [notes.of(c, "habits", None, partial(_traits, said=notes.said(c), telling=telling, names=names)) for c in conversations]
    replies = [reply for c, traits in zip(conversations, noted, strict=True) for reply in _replies(c, notes.said(c), traits)]
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


def _replies(spoken: Conversation, said: Said, noted: Iterable[Traits]) -> Iterator[Reply]:
    places = (n for n, turn in enumerate(spoken.turns) if turn.role == "model")
    return (Reply(spoken, n, said.line(n), traits) for n, traits in zip(places, noted, strict=True))


def _traits(spoken: Conversation, said: Said, telling: frozenset[int], names: Sequence[str]) -> tuple[Traits, ...]:
    """What can be seen in each of its replies."""
    found, whole = [], " ".join(spoken.replies)
    layout, stage = _near(whole, _LAYOUT), _near(whole, _STAGE)
    for n, turn in enumerate(spoken.turns):
        if turn.role == "model":
            line = said.line(n)
            heard = [] if telling.isdisjoint(line) else [names[word] for word in line if word in telling]
            phrase = assistantisms.phrase(turn.text, heard) if heard else ""
            traits = Traits(_mark(turn.text), phrase, _holds(turn.text, layout), _holds(turn.text, stage), _has_emoji(turn.text))
            found.append(USUAL.get(traits, traits))
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
    openings = [tuple(reply.said[:OPENING]) for reply in replies]
    least = _least(OPENING_SHARE, OPENING_LEAST, len(replies))
    often = sorted(((said, count) for said, count in Counter(openings).items() if said and count >= least), key=lambda start: -start[1])
    titles = ("", "{N} replies open with the same words")
    sentence = "A model takes such an opening for the rule, and begins still more replies with it."
    told = (
        (_quoted(said, names), tuple(r.place for r, opening in zip(replies, openings, strict=True) if opening == said)) for said, _ in often
    )
    return _some(*(
        finding("start", "look", places, titles, sentence, _percent(len(places), len(replies)), said) for said, places in told
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
    total = len(replies)
    if mark := _nearly_all((reply.traits.mark for reply in replies if reply.traits.mark), total):
        places = tuple(reply.place for reply in replies if reply.traits.mark == mark)
        return _same_finish(f"Nearly every reply ends with {mark}", places, total)
    word = _nearly_all((reply.said[-1] for reply in replies if reply.said), total)
    if word is not None:
        places = tuple(reply.place for reply in replies if reply.said and reply.said[-1] == word)
        return _same_finish("Nearly every reply ends with the same word", places, total, names[word])
    return None


def _mark(text: str) -> str:
    bare = text.rstrip(" \n\t\"'”’»)*_")
    return MARKS["…"] if bare.endswith("...") else MARKS.get(bare[-1:], "")


def _nearly_all(ends: Iterable[End], total: int) -> End | None:
    most, count = next(iter(Counter(ends).most_common(1)), (None, 0))
    return most if count >= FINISH_LEAST and count > FINISH_SHARE * total else None


def _same_finish(title: str, places: tuple[Place, ...], total: int, word: str = "") -> Finding | None:
    sentence = "Let some end in another way, or every answer will."
    return finding("finish", "look", places, (title, title), sentence, _percent(len(places), total), word[:LONGEST_QUOTE])


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


def _near(text: str, table: Marks) -> Marks:
    """The marks worth trying on any part of a text; one sign alone is looked for many times as fast as two."""
    return tuple(mark for mark in table if mark[0][0] in text and mark[0] in text)


def _holds(text: str, near: Marks) -> bool:
    return any(needle in text and pattern.search(text) for needle, pattern in near) if near else False
