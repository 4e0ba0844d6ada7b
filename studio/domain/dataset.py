"""The frozen set of conversations a lesson learns from: split, snapshot, and the files other programs read."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from studio.domain import gemma
from studio.domain.conversation import Conversation, Turn, to_messages

Part = Literal["train", "validation"]


@dataclass(frozen=True)
class Split:
    """Conversations to learn from and those kept back to test honestly."""

    train: tuple[Conversation, ...]
    validation: tuple[Conversation, ...]


def teachable(conversations: Iterable[Conversation]) -> list[Conversation]:
    """Those that can be learned from as they are: visitor first, alternating, no empty line, ending with the character."""
    return [
        c
        for c in conversations
        if c.turns
        and len(c.turns) % 2 == 0
        and all(t.role == ("model" if n % 2 else "user") and t.text.strip() for n, t in enumerate(c.turns))
    ]


def split(conversations: Sequence[Conversation], share: float, seed: int) -> Split:
    """A seeded split by conversation: each stands on one side whole, and adding one moves few others.

    At least one is kept back when there are ten or more; copies of a text stay on one side together with their original.
    """

    def rank(conversation: Conversation) -> str:
        said = "\n".join(t.text for t in conversation.turns)
        return hashlib.sha256(f"{seed}:{said}".encode()).hexdigest()

    ordered = sorted(conversations, key=lambda c: (rank(c), c.id))
    count = round(len(ordered) * share)
    if share > 0 and len(ordered) >= 10:
        count = max(1, count)
    while 0 < count < len(ordered) and rank(ordered[count - 1]) == rank(ordered[count]):
        count += 1
    kept = {c.id for c in ordered[:count]}
    return Split(tuple(c for c in conversations if c.id not in kept), tuple(c for c in conversations if c.id in kept))


def name(conversation: Conversation) -> str:
    """A short name of what is said in a conversation: equal names, equal words."""
    said = json.dumps([[turn.role, turn.text] for turn in conversation.turns], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def names(conversations: Iterable[Conversation]) -> str:
    """A short name of what is said in all of these together, in whatever order; empty where there are none."""
    each = sorted(name(c) for c in conversations)
    return hashlib.sha256(" ".join(each).encode()).hexdigest()[:16] if each else ""


def snapshot(parts: Split, new: Iterable[str] = (), whose: Mapping[str, tuple[str, str]] | None = None) -> str:
    """The file a lesson reads, one conversation a line: `{"id", "title", "part", "messages"}`. Its SHA-256 names what was learned.

    `new`: names of conversations an earlier lesson has not seen; their lines say `"new": true`. `whose`, in a lesson for several characters: id of
    a conversation -> id and system text of its character; both stand in its line, as `"persona"` and `"system"`.
    """
    fresh, owner = set(new), whose or {}
    lines = []
    for part, conversations in (("train", parts.train), ("validation", parts.validation)):
        for c in conversations:
            lines.append(
                json.dumps(
                    {"id": c.id, "title": c.title, "part": part, "messages": to_messages(c.turns)}
                    | ({"new": True} if name(c) in fresh else {})
                    | (dict(zip(("persona", "system"), owner[c.id], strict=True)) if c.id in owner else {}),
                    ensure_ascii=False,
                    sort_keys=True,
                )
                + "\n"
            )
    return "".join(lines)


def from_snapshot(text: str, persona_id: str = "") -> Split:
    """The split a snapshot holds; with `persona_id` that character's part of it."""
    sides: dict[str, list[Conversation]] = {"train": [], "validation": []}
    for line in text.split("\n"):
        if line:
            row = json.loads(line)
            if persona_id and row.get("persona", persona_id) != persona_id:
                continue
            turns = tuple(Turn(str(n), "user" if m["role"] == "user" else "model", m["content"]) for n, m in enumerate(row["messages"]))
            sides[row["part"]].append(Conversation(row["id"], row["title"], turns))
    return Split(tuple(sides["train"]), tuple(sides["validation"]))


def whose(text: str) -> dict[str, tuple[str, str]]:
    """Id of a conversation -> id and system text of its character, for the lines of a snapshot that say so."""
    rows = (json.loads(line) for line in text.split("\n") if line)
    return {row["id"]: (row["persona"], row["system"]) for row in rows if "persona" in row}


def joined(parts: Iterable[Split]) -> Split:
    """Several splits as one: each keeps its own share back."""
    sides = list(parts)
    return Split(tuple(c for part in sides for c in part.train), tuple(c for part in sides for c in part.validation))


def to_gemma_jsonl(conversations: Iterable[Conversation], system: str, dialect: gemma.Dialect) -> str:
    """Gemma chat-template JSONL: `{"text": "<bos><start_of_turn>user\\n..."}`, one training row a line."""
    texts = ("".join(s.text for s in row) for c in conversations for row in gemma.rows(c.turns, system, dialect))
    return "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
