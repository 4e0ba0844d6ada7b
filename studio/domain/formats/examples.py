"""The example conversations inside a character card, read from its `mes_example` and written into it.

Source: Character Card V1 Specification, “mes_example”, https://github.com/malfoyslastname/character-card-spec-v2/blob/main/spec_v1.md.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from studio.domain.conversation import Conversation, Role
from studio.domain.errors import BadFile
from studio.domain.formats.found import Skipped
from studio.domain.formats.macros import Cast, unfilled
from studio.domain.formats.spoken import Said, conversation, joined, titled

_START = re.compile("<start>", re.IGNORECASE)
_HEADING = re.compile(  # “Example Dialog 2: The meeting” on a line of its own, before somebody speaks
    r"(?:\A|(?<=\n))[ \t#*]*((?:example|sample)?[ ]?(?:dialog(?:ue)?|conversation|example)[ ]#?\d{1,2}\b[^\n]*)\n(?=\s*[^\n:：]{1,60}[:：])",
    re.IGNORECASE,
)
_MARKS: dict[Role, str] = {"user": "{{user}}", "model": "{{char}}"}
_CURE = "Mend this example in the card, or write it anew in Write."


@dataclass(frozen=True)
class Examples:
    """A reader of one card's examples."""

    where: str  # the file and the field
    seed: str
    cast: Cast
    tags: tuple[str, ...]
    skipped: list[Skipped] = field(default_factory=list)  # examples and words that were passed over

    def read(self, text: str) -> tuple[Conversation, ...]:
        """All examples in which somebody speaks."""
        found = []
        blocks = [one for block in _START.split(text) for one in _headed(block) if one[1].strip()]
        for n, (title, block) in enumerate(blocks, 1):
            try:
                found.append(self._conversation(n, block, title))
            except BadFile as error:
                self.skipped.append(Skipped(f"{self.where}, example {n}", str(error), _CURE))
        return tuple(found)

    def apart(self, text: str) -> tuple[str, tuple[Conversation, ...]]:
        """A running text without the examples that stand inside it, and these; where they can't be read, they stay in it."""
        found: list[Conversation] = []
        kept: list[str] = []
        for n, block in enumerate(_START.split(text), 1):
            around, said = self._dialogue(block)
            try:
                spoken = self._conversation(n, said)
            except BadFile:
                spoken = None
            if spoken and spoken.turns[0].role == "user" and len(spoken.turns) > 1:
                found.append(spoken)
            else:
                around = block
            kept.append(("<START>" if n > 1 and around == block else "") + around)
        return ("".join(kept).strip(), tuple(found)) if found else (text, ())

    @staticmethod
    def _dialogue(block: str) -> tuple[str, str]:
        """What is around a dialogue, and what is in it: a line that is blank, or in brackets, ends what somebody says."""
        marks = Cast.marks()
        around: list[str] = []
        said: list[str] = []
        talks = False
        for line in block.split("\n"):
            talks = bool(marks.match(line)) or (talks and bool(line.strip()) and not line.lstrip().startswith("["))
            (said if talks else around).append(line)
        return "\n".join(around), "\n".join(said)

    def _conversation(self, n: int, block: str, title: str = "") -> Conversation:
        before, said = self._said(block)
        if not said:
            raise BadFile("no line begins with {{user}}: or {{char}}:, so nobody speaks.")
        if before:
            what, cure = "the words before the first name belong to nobody.", "Add them to the first line in Write."
            self.skipped.append(Skipped(f"{self.where}, example {n}", what, cure))
        self.skipped.extend(unfilled(f"{self.where}, example {n}", "\n".join(text for _, text in said)))
        return conversation(self.seed, n, titled(title or said[0][1]), said, self.tags)

    def _said(self, block: str) -> tuple[bool, list[Said]]:
        """Whether there are words that nobody says; and what is said, neighbours joined."""
        speaker = self.cast.speaker()
        spoken: list[tuple[Role | None, list[str]]] = [(None, [])]
        for line in block.split("\n"):
            begun = speaker.match(line)
            if begun:
                spoken.append(("user" if begun["user"] else "model", [line[begun.end() :]]))
            else:
                spoken[-1][1].append(line)
        texts = [(role, self.cast.filled("\n".join(lines))) for role, lines in spoken]
        return bool(texts[0][1]), joined((role, text) for role, text in texts if role and text)


def _headed(block: str) -> list[tuple[str, str]]:
    """A block by the headings in it: each with its own, the first without one where it has none."""
    first, *others = _HEADING.split(block)
    headings = [heading.strip(" \t\r*#:") for heading in others[::2]]
    return [("", first), *zip(headings, others[1::2], strict=True)]


def written(conversations: Iterable[Conversation]) -> str:
    """Conversations as examples. Empty lines of dialogue and outer spaces are left out: there they are layout."""
    return "".join(pieces(conversations))


def pieces(conversations: Iterable[Conversation]) -> Iterator[str]:
    """The same, one example after the other."""
    begun = False
    for spoken in conversations:
        if spoken.words:
            lines = (f"{_MARKS[turn.role]}: {turn.text.strip()}" for turn in spoken.turns if turn.text.strip())
            yield "\n" * begun + "\n".join(("<START>", *lines))
            begun = True
