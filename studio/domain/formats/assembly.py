"""From what a file says to conversations the studio keeps: joined, checked, named, and every refusal with its place."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal, NamedTuple

from studio.domain.conversation import LONGEST_TEXT, LONGEST_TITLE, MOST_TURNS, Conversation, Turn, fault, turn_id
from studio.domain.errors import BadFile
from studio.domain.formats import meanings
from studio.domain.formats.found import Found, Skipped
from studio.domain.formats.rows import Row
from studio.domain.formats.source import WHOLE, Refused, shown, storable
from studio.domain.persona import LONGEST_NAME, Persona

Speaker = Literal["user", "model", "system"]
UNKNOWN = "there is no conversation here in a form the studio knows."
CURE = "Give it a list called messages or conversations, or two texts called prompt and response."
MOST_FIELDS = 40  # of a mapping: a file can name each of its rows' fields differently


class Line(NamedTuple):
    """What one message says, before neighbours of one speaker are joined."""

    where: str
    role: Speaker
    text: str


@dataclass(frozen=True)
class Entry:
    """One conversation as a file has it."""

    where: str
    kind: str
    lines: Sequence[Line]
    mapping: tuple[tuple[str, str], ...] = ()
    title: str = ""
    tags: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()  # parts of it that were left out
    part: bool = False  # the beginning of a conversation that the next entries repeat and continue


class Broken(BadFile):
    """An entry that can't be read; the rest of the file still counts."""

    def __init__(self, where: str, what: str, cure: str) -> None:
        self.skipped = Skipped(where, what, cure)
        super().__init__(str(self.skipped))


class Dialect(NamedTuple):
    """One way of writing a conversation into a row."""

    recognises: Callable[[Any], bool]
    entry: Callable[[str, Any, str], Entry]  # place, value, the character's name or nothing; raises Broken


def entries(found: Iterable[Row | Skipped], dialects: Sequence[Dialect], character: str = "") -> Iterator[Entry | Skipped]:
    """Each row as the first of these dialects that recognises it has it."""
    for row in found:
        if isinstance(row, Skipped):
            yield row
            continue
        dialect = next((dialect for dialect in dialects if dialect.recognises(row.value)), None)
        try:
            yield dialect.entry(row.where, row.value, character) if dialect else Skipped(row.where, UNKNOWN, CURE)
        except Broken as broken:
            yield broken.skipped


class _Gathering:
    """What has been understood so far."""

    def __init__(self) -> None:
        self.kinds: dict[str, None] = {}
        self.mapping: dict[str, str] = {}
        self.systems: set[str] = set()
        self.conversations: list[Conversation] = []
        self.skipped: list[Skipped] = []

    def take(self, seed: str, result: Entry | Skipped) -> None:
        """One more entry, or the reason why it is none."""
        if isinstance(result, Skipped):
            self.skipped.append(result)
            return
        try:
            self.conversations.append(_conversation(seed, result))
        except Broken as broken:
            self.skipped.append(broken.skipped)
            return
        self.skipped += result.skipped
        self.kinds[result.kind] = None
        self.systems.add(_system(result))
        for field, meaning in result.mapping:
            if len(self.mapping) < MOST_FIELDS:
                self.mapping.setdefault(field, meaning)


def gather(name: str, data: bytes, results: Iterable[Entry | Skipped]) -> Found:
    """Everything understood in a file; raises Refused where that is nothing."""
    file, seen = hashlib.sha256(data).hexdigest(), _Gathering()
    for number, result in enumerate(results):
        seen.take(f"{file}:{number}", result)
    if not seen.conversations:
        raise _nothing(name, seen.skipped)
    shared = next(iter(seen.systems)) if len(seen.systems) == 1 else None
    return Found(
        " and ".join(seen.kinds),
        tuple(
            (field, meanings.DIFFERENT if meaning == meanings.SYSTEM and shared is None else meaning)
            for field, meaning in seen.mapping.items()
        ),
        tuple(seen.conversations),
        tuple(seen.skipped),
        _persona(name, shared) if shared else None,
    )


def _nothing(name: str, skipped: Sequence[Skipped]) -> Refused:
    if not skipped:
        return Refused(f"{name}, {WHOLE}", "there is no conversation in it.", "Choose a file with conversations in it.")
    others = f" {len(skipped) - 1:,} more places could not be read." if len(skipped) > 2 else ""
    others = " One more place could not be read." if len(skipped) == 2 else others
    return Refused(skipped[0].where, skipped[0].what, skipped[0].cure + others)


def _persona(name: str, system: str) -> Persona:
    # A data set names no character. The file's name is the best guess there is, and a person can change it.
    guess = " ".join(PurePath(shown(name)).stem.split())[:LONGEST_NAME].strip()
    return Persona(guess or "Character", system=system).checked()


def _system(entry: Entry) -> str:
    return "\n\n".join(line.text.strip() for line in entry.lines if line.role == "system" and line.text.strip())


def _conversation(seed: str, entry: Entry) -> Conversation:
    for line in entry.lines:
        if not storable(line.text):
            raise Broken(line.where, "there is half a character that can't be stored.", "Type it again.")
    spoken = list(_alternating(line for line in entry.lines if line.role != "system"))
    _check(entry, spoken)
    title = _title(entry, spoken)
    turns = tuple(Turn(turn_id(seed, n), "user" if line.role == "user" else "model", line.text) for n, line in enumerate(spoken))
    problem = fault(title, [{"id": t.id, "role": t.role, "text": t.text} for t in turns])
    if problem:
        raise Broken(entry.where, problem, "Mend it, or remove it.")
    return Conversation(turn_id(seed, -1), title, turns, entry.tags)


def _check(entry: Entry, spoken: Sequence[Line]) -> None:
    if not any(line.text.strip() for line in spoken):
        raise Broken(entry.where, "nobody says anything in this conversation.", "Write some lines, or remove it.")
    if len(spoken) > MOST_TURNS:
        raise Broken(entry.where, f"there are {len(spoken):,} lines, and a conversation has at most {MOST_TURNS}.", "Make several of it.")
    for line in spoken:
        if len(line.text) > LONGEST_TEXT:
            raise Broken(line.where, f"the text has {len(line.text):,} characters, and a line has at most {LONGEST_TEXT:,}.", "Split it.")


def _title(entry: Entry, spoken: Sequence[Line]) -> str:
    if not storable(entry.title) or not all(storable(tag) for tag in entry.tags):
        raise Broken(entry.where, "there is half a character in the title or the tags.", "Type it again.")
    if len(entry.title) > LONGEST_TITLE:
        raise Broken(
            entry.where, f"the title has {len(entry.title):,} characters, and a title has at most {LONGEST_TITLE}.", "Write a shorter one."
        )
    first = next((line.text for line in spoken if line.text.strip()), "")
    return entry.title or " ".join(first[:300].split())[:60].strip() or "Untitled"


def _alternating(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines with neighbours of one role joined, a blank line between them; speakers take turns afterwards."""
    held: list[Line] = []
    for line in lines:
        if held and held[0].role != line.role:
            yield _joined(held)
            held = []
        held.append(line)
    if held:
        yield _joined(held)


def _joined(lines: Sequence[Line]) -> Line:
    if len(lines) == 1:
        return lines[0]
    return lines[0]._replace(text="\n\n".join(line.text for line in lines if line.text.strip()))
