"""Conversations in Gemma's own markup, back to turns: as text, or a row of JSON with the text under “text”.

Sources: gemma.py beside this folder, and https://ai.google.dev/gemma/docs/core/prompt-structure. Gemma 2 and 3 put the system prompt before the
visitor's first words; it is told apart where all conversations of a file begin with the same paragraphs.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from studio.domain import gemma
from studio.domain.formats import decoding, meanings, rows
from studio.domain.formats.assembly import Broken, Dialect, Entry, Line, entries, gather
from studio.domain.formats.found import Found, Skipped
from studio.domain.formats.speakers import speaker

KIND = "Gemma text"
_STARTS = (gemma.GEMMA3.start, gemma.GEMMA4.start)
_MARK = re.compile(r"(<bos>|<eos>|<start_of_turn>|<end_of_turn>|<\|turn>|<turn\|>)")
_THOUGHT = re.compile(r"<\|channel>thought\n(.*?)<channel\|>", re.DOTALL)
_SEPARATE = "\n\n"  # between a system prompt and what the visitor says first
_MAPPING = (
    ("user", meanings.VISITOR),
    ("model", meanings.CHARACTER),
    ("system", meanings.SYSTEM),
    ("text between the marks", meanings.SAID),
)


def is_marked(content: str) -> bool:
    """Whether a text begins with one of Gemma's marks."""
    return content.lstrip().startswith((gemma.BOS, *_STARTS))


def recognises(value: Any) -> bool:
    """Whether a row has such a text."""
    return isinstance(value, dict) and isinstance(value.get("text"), str) and any(start in value["text"] for start in _STARTS)


def read(name: str, data: bytes) -> Found:
    """The conversations of a text or of rows of JSON."""
    content = decoding.text(name, data)
    found = entries(rows.values(name, content), (DIALECT,)) if content.lstrip()[:1] in ("{", "[") else spoken(name, content)
    return gather(name, data, settled(found))


def entry(where: str, value: Any, character: str = "") -> Entry:
    """The conversation in one row, before `settled`."""
    return parsed(f"{where}, text", value["text"])


def spoken(name: str, content: str) -> Iterator[Entry | Skipped]:
    """The conversations of a plain text; each begins with <bos>."""
    line = 1
    for piece in content.split(gemma.BOS):
        where = f"{name}, line {line}"
        line += piece.count("\n")
        if not piece.strip():
            continue
        try:
            yield parsed(where, piece)
        except Broken as broken:
            yield broken.skipped


def parsed(where: str, text: str) -> Entry:
    """The turns of one marked-up conversation, their texts as they stand; raises Broken."""
    pieces = _MARK.split(text.strip())
    lines: list[Line] = []
    thought = False
    for n in range(0, len(pieces), 2):
        mark, piece = pieces[n - 1] if n else "", pieces[n]
        if mark in _STARTS:
            line = _line(f"{where}, turn {len(lines) + 1}", piece)
            thought = line.role == "model" and line.text.startswith(gemma.GEMMA4_LARGE.thought)
            lines.append(line._replace(text=_THOUGHT.sub("", line.text)) if line.role == "model" else line)
        elif piece.strip():
            raise Broken(where, "there is text outside the turns.", "Put it into a turn, or remove it.")
    if lines and lines[-1].role == "model" and not lines[-1].text.strip() and pieces[-2] in _STARTS:
        lines.pop()  # opened for an answer
    return Entry(where, KIND, lines, _MAPPING, part=thought)


def _line(where: str, piece: str) -> Line:
    head, _, text = piece.partition("\n")
    role = speaker(head)
    if role is None:
        raise Broken(where, "it is not said who speaks.", "Write user or model after the mark that begins the turn.")
    return Line(where, role, text)


def settled(found: Iterable[Entry | Skipped]) -> Iterator[Entry | Skipped]:
    """The same, with the training rows of one conversation put together and a system prompt before all visitors' words taken out."""
    results = _whole(found)
    for result in results:
        if _is_marked(result):  # from here on all have to be known before one can be told
            yield from _settled([result, *results])
            return
        yield result


def _is_marked(result: Entry | Skipped) -> TypeGuard[Entry]:
    return isinstance(result, Entry) and result.kind == KIND


def _settled(results: Sequence[Entry | Skipped]) -> Iterator[Entry | Skipped]:
    shared = _shared(list(filter(_is_marked, results)))
    for result in results:
        if _is_marked(result):
            lines = [line._replace(text=line.text.strip()) for line in unfolded(result.lines, shared)]
            result = replace(result, lines=lines)
        yield result


def _whole(found: Iterable[Entry | Skipped]) -> Iterator[Entry | Skipped]:
    """Gemma's larger models are taught one reply a row, after all that was said before. The last of such rows has the conversation."""
    held: Entry | None = None
    for result in found:
        part = isinstance(result, Entry) and result.part
        if held is not None and not (part and isinstance(result, Entry) and _continues(result, held)):
            yield held
        held = result if part and isinstance(result, Entry) else None
        if held is None:
            yield result
    if held is not None:
        yield held


def _continues(entry: Entry, before: Entry) -> bool:
    said, earlier = ([(line.role, line.text) for line in one.lines] for one in (entry, before))
    return said[: len(earlier)] == earlier and sum(role == "model" for role, _ in said[len(earlier) :]) == 1


def _shared(marked: Sequence[Entry]) -> str:
    """The system prompt with which all conversations begin; empty where there are too few to tell."""
    if len(marked) < 2 or any(line.role == "system" for entry in marked for line in entry.lines[:1]):
        return ""
    beginnings = [entry.lines[0].text if entry.lines else "" for entry in marked]
    if len(set(beginnings)) < 2:
        return ""
    first, last = min(beginnings), max(beginnings)  # all others lie between these two and begin as both do
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same].rpartition(_SEPARATE)[0]


def unfolded(lines: Sequence[Line], system: str) -> list[Line]:
    """The lines with this system prompt taken out of the first one and made one of its own."""
    lead = system + _SEPARATE
    if not system or not lines or not lines[0].text.startswith(lead):
        return list(lines)
    first = lines[0]
    return [Line(first.where, "system", system), first._replace(text=first.text[len(lead) :]), *lines[1:]]


DIALECT = Dialect(recognises, entry)
