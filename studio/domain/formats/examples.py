"""The example conversations inside a character card, read from its `mes_example` and written into it.

Source: Character Card V1 Specification, “mes_example”, https://github.com/malfoyslastname/character-card-spec-v2/blob/main/spec_v1.md.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from studio.domain.conversation import Conversation, Role
from studio.domain.errors import BadFile
from studio.domain.formats.found import Skipped
from studio.domain.formats.macros import Cast
from studio.domain.formats.spoken import Said, conversation, joined, titled

_START = re.compile("<start>", re.IGNORECASE)
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
        """All examples that can be learned from."""
        found = []
        for n, block in enumerate((block for block in _START.split(text) if block.strip()), 1):
            try:
                found.append(self._conversation(n, block))
            except BadFile as error:
                self.skipped.append(Skipped(f"{self.where}, example {n}", str(error), _CURE))
        return tuple(found)

    def _conversation(self, n: int, block: str) -> Conversation:
        before, said = self._said(block)
        if not said:
            raise BadFile("no line begins with {{user}}: or {{char}}:, so nobody speaks.")
        if said[0][0] == "model":
            raise BadFile("the character speaks first; a conversation here begins with the visitor.")
        if len(said) == 1:
            raise BadFile("the visitor speaks and the character never answers.")
        if before:
            what, cure = "the words before the first {{user}}: belong to nobody.", "Add them to the visitor's first line in Write."
            self.skipped.append(Skipped(f"{self.where}, example {n}", what, cure))
        return conversation(self.seed, n, titled(said[0][1]), said, self.tags)

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
