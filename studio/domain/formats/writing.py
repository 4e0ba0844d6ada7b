"""Conversations for other programs. What each form can hold comes back unchanged when it is read again.

Gemma's own markup is written by `dataset.to_gemma_jsonl`. Sources of the forms: the readers beside this file.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from studio.domain.conversation import Conversation, Turn, to_messages
from studio.domain.formats.found import Skipped
from studio.domain.formats.scriptlines import INDENT, label
from studio.domain.formats.speakers import folded
from studio.domain.formats.spreadsheet import COLUMNS, guarded, tags_cell

_FROM = {"user": "human", "model": "gpt"}


def to_sharegpt(conversations: Iterable[Conversation], system: str = "") -> str:
    """ShareGPT JSONL, with title and tags beside the lines."""
    before = [{"from": "system", "value": system}] if system.strip() else []
    return _lines(
        {"id": c.id, "title": c.title, "tags": list(c.tags), "conversations": before + [_value(turn) for turn in c.turns]}
        for c in conversations
    )


def to_openai(conversations: Iterable[Conversation], system: str = "") -> str:
    """OpenAI messages JSONL. Nothing but the messages, because OpenAI refuses files with any other field."""
    before = [{"role": "system", "content": system}] if system.strip() else []
    return _lines({"messages": before + to_messages(c.turns)} for c in conversations)


def to_alpaca(conversations: Sequence[Conversation], system: str = "") -> tuple[str, str]:
    """Alpaca JSON of the conversations with one question and one answer; and a sentence about the others, empty where there are none."""
    single = [c for c in conversations if [t.role for t in c.turns if t.text.strip()] == ["user", "model"] and len(c.turns) == 2]
    extra = {"system": system} if system.strip() else {}
    rows = [{"instruction": c.turns[0].text, "input": "", "output": c.turns[1].text, **extra} for c in single]
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n", _left_out(len(conversations) - len(single), len(conversations))


def to_csv(conversations: Iterable[Conversation]) -> str:
    """The studio's own table, one line of dialogue a row. The mark at its beginning tells spreadsheets that this is UTF-8."""
    file = io.StringIO(newline="")
    table = csv.writer(file)
    table.writerow(COLUMNS)
    for number, c in enumerate(conversations, 1):
        for place, turn in enumerate(c.turns, 1):
            role = "assistant" if turn.role == "model" else "user"
            table.writerow(guarded(cell) for cell in (str(number), c.title, tags_cell(c.tags), str(place), role, turn.text))
    return "\ufeff" + file.getvalue()


def to_rejects(skipped: Iterable[tuple[str, Skipped]]) -> str:
    """What could not be read, each with its file, as a table: file, line, field, what is wrong, how to mend it."""
    file = io.StringIO(newline="")
    table = csv.writer(file)
    table.writerow(("file", "line", "field", "what is wrong", "how to mend it"))
    for name, one in skipped:
        line, field = one.place(name)
        table.writerow(guarded(cell) for cell in (name, line, field, one.what, one.cure))
    return "\ufeff" + file.getvalue()


def to_script(conversations: Iterable[Conversation], character: str, visitor: str) -> str:
    """A script with a title before each conversation. Lines of one text are indented from the second on."""
    names = {"model": label(character, "Character"), "user": label(visitor, "Visitor")}
    if folded(names["user"]) == folded(names["model"]):
        names["user"] = "Visitor" if folded(names["model"]) != "visitor" else "You"
    return "\n".join(_scene(c, names) for c in conversations)


def _scene(conversation: Conversation, names: dict[str, str]) -> str:
    title = " ".join(conversation.title.split("\n")).strip() or "Untitled"
    return f"# {title}\n" + "".join(f"{names[turn.role]}: {_hanging(turn.text)}\n" for turn in conversation.turns)


def _hanging(text: str) -> str:
    first, *others = text.split("\n")
    return "\n".join([first, *(INDENT + line if line.strip(" \t\r") else "" for line in others)]).rstrip(" \t\r\n")


def _value(turn: Turn) -> dict[str, str]:
    return {"from": _FROM[turn.role], "value": turn.text}


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _left_out(count: int, total: int) -> str:
    if not count:
        return ""
    have = "has other lines and was" if count == 1 else "have other lines and were"
    return f"Alpaca holds one question with one answer: {count:,} of {total:,} conversations {have} left out."
