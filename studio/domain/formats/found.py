"""What a file that was brought in turned out to hold, before anything is stored."""

import re
from dataclasses import dataclass, field

from studio.domain.conversation import Conversation
from studio.domain.persona import Persona

LARGEST = 200_000_000  # bytes of one file, also of what a zip unpacks to
DEEPEST = 60  # levels of nested JSON; Python's own reader gives up at about a thousand, in the middle of a file

_LINE = re.compile(r"(?:(?<=, )|^)(?:line|row) (\d+)(?:, |$)")


@dataclass(frozen=True)
class Skipped:
    """One entry that could not be read. The rest of the file still counts."""

    where: str  # “dog.jsonl, line 12, messages, item 3, content”: always the file, then as near as possible
    what: str  # a sentence: what is wrong there
    cure: str  # a sentence: what to do about it

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.cure}"

    def place(self, file: str) -> tuple[str, str]:
        """The line (or row) in this file, and what stands there; each empty where it is not known."""
        inside = self.where.removeprefix(file).removeprefix(", ")
        found = _LINE.search(inside)
        if found is None:
            return "", inside
        return found[1], ", ".join(part for part in (inside[: found.start()].removesuffix(", "), inside[found.end() :]) if part)


@dataclass(frozen=True)
class Found:
    """Everything understood in one file. Conversations have stable ids made from the file's content, and pass `conversation.fault`."""

    kind: str  # the format's usual name: “ShareGPT”, “Character card V2”
    mapping: tuple[tuple[str, str], ...]  # (field or column of the file, what it is taken for in plain words), in the file's order
    conversations: tuple[Conversation, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    persona: Persona | None = None  # where the file describes a character
    picture: bytes = b""  # a card's own picture, a PNG without the text it carried; a package's to the byte
    ending: str = ".png"  # of the picture's file
    whole: bool = False  # a character with its sheet, and not conversations alone
    greetings: tuple[str, ...] = field(default=())  # further greetings, beyond the persona's own
    speakers: tuple[str, ...] = ()  # who could be the character, the one taken for it first; empty where there is nothing to choose
