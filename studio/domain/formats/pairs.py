"""One question and one answer a row, as data sets for single exchanges have them; with an Alpaca row's history, a conversation.

Sources: Alpaca (https://github.com/tatsu-lab/stanford_alpaca#data-release), its fields system and history
(https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md), prompt and completion (https://huggingface.co/docs/trl/dataset_formats).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studio.domain.formats import decoding, meanings, rows, tables
from studio.domain.formats.assembly import Broken, Dialect, Entry, Line, entries, gather
from studio.domain.formats.found import Found
from studio.domain.formats.source import shown

PAIRS = (
    ("instruction", "output"),
    ("instruction", "response"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("question", "response"),
    ("query", "response"),
    ("input", "output"),
    ("user", "assistant"),
    ("human", "assistant"),
    ("visitor", "character"),
    ("prompt", "chosen"),  # the better of two answers
    ("question", "chosen"),
    ("instruction", "chosen"),
    ("question", "response_j"),
)
UNWANTED = ("this answer is marked as one that is not wanted.", "Change label to true if it is to be learned.")
_ADDED = ("input", "context")  # what Alpaca and Dolly rows put under the instruction
_SYSTEMS = ("system", "system_prompt")
_FILL = "Fill it in, or remove that row."
Fields = Mapping[str, tuple[str, Any]]  # a field's name in small letters: as the file writes it, and what it holds


def columns(names: Sequence[str]) -> tuple[str, str] | None:
    """The two among these fields, in small letters, that hold what is asked and what is answered."""
    known = {name.casefold() for name in names}
    return next((pair for pair in PAIRS if known.issuperset(pair)), None)


def recognises(value: Any) -> bool:
    """Whether a row is a question with its answer."""
    return isinstance(value, dict) and columns(list(value)) is not None


def read(name: str, data: bytes) -> Found:
    """The exchanges in a table, or in JSON."""
    content = decoding.text(name, data)
    found = tables.rows(name, content) if columns(tables.columns(content)) else rows.values(name, content)
    return gather(name, data, entries(found, (DIALECT,)))


def entry(where: str, value: Any, character: str = "") -> Entry:
    """The conversation in one row."""
    fields = {key.casefold(): (key, given) for key, given in value.items()}
    asked, answered = columns(list(value)) or PAIRS[0]
    taken = _meanings(fields, asked, answered)
    question = _text(where, fields, asked)
    if fields.get("label", ("", None))[1] is False:
        raise Broken(f"{where}, {fields['label'][0]}", *UNWANTED)
    added = [fields[key][1] for key, meaning in taken.items() if meaning == f"added to {asked}"]
    lines = [*_system(where, fields, taken), *_history(where, fields)]
    lines.append(Line(where, "user", "\n".join([question, *(text for text in added if isinstance(text, str) and text.strip())])))
    lines.append(Line(where, "model", _text(where, fields, answered)))
    title = fields.get("title", ("", ""))[1]
    kind = "Alpaca" if (asked, answered) == PAIRS[0] else "questions and answers"
    mapping = tuple((shown(fields[key][0]), meaning) for key, meaning in taken.items())
    return Entry(where, kind, lines, mapping, title if isinstance(title, str) else "")


def _meanings(fields: Fields, asked: str, answered: str) -> dict[str, str]:
    """What each field is taken for, in the file's order."""
    known = {asked: meanings.VISITOR, answered: meanings.CHARACTER, "title": meanings.TITLE, **dict.fromkeys(_SYSTEMS, meanings.SYSTEM)}
    if asked == "instruction":
        known |= {**dict.fromkeys(_ADDED, f"added to {asked}"), "history": "what was said before"}
    return {key: known.get(key, meanings.UNUSED) for key in fields}


def _text(where: str, fields: Fields, key: str) -> str:
    name, text = fields[key]
    if not isinstance(text, str) or not text.strip():
        raise Broken(f"{where}, {shown(name)}", f"there is no text under {shown(name)}.", _FILL)
    return text


def _system(where: str, fields: Fields, taken: Mapping[str, str]) -> Iterator[Line]:
    for key in (key for key, meaning in taken.items() if meaning == meanings.SYSTEM):
        text = fields[key][1]
        if isinstance(text, str) and text.strip():
            yield Line(where, "system", text)


def _history(where: str, fields: Fields) -> Iterator[Line]:
    before = fields.get("history", ("", None))[1]
    if before in (None, "", "[]", []):
        return
    for n, exchange in enumerate(before if isinstance(before, list) else [before], 1):
        place = f"{where}, history, item {n}"
        if not isinstance(exchange, list) or len(exchange) != 2 or not all(isinstance(text, str) for text in exchange):
            raise Broken(place, "this is not a question with its answer.", "Write it as a list of two texts, or remove it.")
        yield Line(place, "user", exchange[0])
        yield Line(place, "model", exchange[1])


DIALECT = Dialect(recognises, entry)
