"""Conversations as a list of lines, each with the one who speaks and the text.

Sources: OpenAI chat messages (https://platform.openai.com/docs/guides/supervised-fine-tuning), ShareGPT as FastChat and LLaMA-Factory read it
(https://github.com/lm-sys/FastChat/blob/main/data/dummy_conversation.json, https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md),
https://github.com/hiyouga/LLaMA-Factory/blob/main/data/v1_sft_demo.jsonl for texts under “value”, TRL's preferences (https://huggingface.co/docs/trl/dataset_formats),
text-generation-webui's saved chats (https://github.com/oobabooga/text-generation-webui, modules/chat.py),
Open Assistant's prompter (https://github.com/LAION-AI/Open-Assistant), lists of texts that alternate (https://github.com/thunlp/UltraChat).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studio.domain.formats import decoding, meanings, rows
from studio.domain.formats.assembly import Broken, Dialect, Entry, Line, Speaker, entries, gather
from studio.domain.formats.found import Found, Skipped
from studio.domain.formats.pairs import UNWANTED, columns
from studio.domain.formats.rows import SPEAKER_KEYS, TEXT_KEYS
from studio.domain.formats.source import shown
from studio.domain.formats.speakers import is_tool, speaker

_LISTS = ("messages", "conversations", "conversation", "dialogue", "dialog", "items", "turns", "chat", "internal", "data")
_TEXT_OF = dict(zip(SPEAKER_KEYS, TEXT_KEYS, strict=True))  # the key that usually stands beside this one
_MEANING: Mapping[Speaker, str] = {"user": meanings.VISITOR, "model": meanings.CHARACTER, "system": meanings.SYSTEM}
_KEPT = "Nothing to do: the rest of the conversation was kept."
_REMOVE = "Fill it in, or remove that item."
_OURS = {"title", "tags", "messages"}
_NOTHING_SAID = ("", "<|BEGIN-VISIBLE-CHAT|>")  # what text-generation-webui puts before a greeting


def recognises(value: Any) -> bool:
    """Whether a row is a list of lines, or has one."""
    return bool(_found(value))


def read(name: str, data: bytes, character: str = "") -> Found:
    """All conversations of a file of JSON."""
    return gather(name, data, entries(rows.values(name, decoding.text(name, data)), (DIALECT,), character))


def entry(where: str, value: Any, character: str = "") -> Entry:
    """The conversation in one row; `character` is who speaks as the character where names stand for roles."""
    key, listed = _found(value) or ("", [])
    if isinstance(value, dict) and value.get("label") is False:
        raise Broken(f"{where}, label", *UNWANTED)
    lines = _Lines(f"{where}, {key}" if key else where, character)
    row: Mapping[str, Any] = value if isinstance(value, dict) else {}
    for name in ("system", "system_prompt"):
        if isinstance(row.get(name), str) and row[name].strip():
            lines.said.append(Line(f"{where}, {name}", "system", row[name]))
    for n, item in enumerate(listed, 1):
        lines.take(n, item)
    title, tags = row.get("title"), row.get("tags")
    if tags is not None and not _are_words(tags):
        lines.skipped.append(Skipped(f"{where}, tags", "this is not a list of words.", "Add the tags in the studio."))
    return Entry(
        where,
        _kind(row, key, lines.words),
        lines.said,
        _mapping(row, key, lines.words),
        title if isinstance(title, str) else "",
        tuple(tags) if tags is not None and _are_words(tags) else (),
        tuple(lines.skipped),
    )


class _Lines:
    """What has been said in one conversation so far."""

    def __init__(self, where: str, character: str) -> None:
        self.where, self.character = where, character
        self.said: list[Line] = []
        self.skipped: list[Skipped] = []
        self.words: dict[str, str] = {}  # the file's own words, and what they are taken for

    def take(self, n: int, item: Any) -> None:
        """One more item of the list."""
        where = f"{self.where}, item {n}"
        if isinstance(item, str):
            self.words |= {"every odd line": meanings.VISITOR, "every even line": meanings.CHARACTER}
            self.said.append(Line(where, "model" if n % 2 == 0 else "user", item))
        elif isinstance(item, list) and len(item) == 2 and all(isinstance(text, str) for text in item):
            self.words |= {"first of two": meanings.VISITOR, "second of two": meanings.CHARACTER}
            self.said += [Line(where, "user", item[0])] if item[0] not in _NOTHING_SAID else []
            self.said.append(Line(where, "model", item[1]))
        elif isinstance(item, dict) and any(key in item for key in SPEAKER_KEYS):
            self._message(where, item)
        elif isinstance(item, dict) and columns(list(item)):
            self._exchange(where, item)
        else:
            raise Broken(where, "this is not a line of dialogue.", "Give it a role and a text, or remove that item.")

    def _exchange(self, where: str, item: dict[str, Any]) -> None:
        roles: tuple[Speaker, Speaker] = ("user", "model")
        for role, key in zip(roles, columns(list(item)) or (), strict=False):
            name = next(name for name in item if name.casefold() == key)
            self.words[shown(name)] = _MEANING[role]
            self.said.append(Line(where, role, self._text(where, item, name)))

    def _message(self, where: str, item: dict[str, Any]) -> None:
        by = next(key for key in SPEAKER_KEYS if key in item)
        word = item[by]
        if not isinstance(word, str):
            raise Broken(f"{where}, {by}", f"there is no text under {by}.", "Write user or assistant there.")
        if is_tool(word) or (not item.get("content") and any(key in item for key in ("tool_calls", "function_call"))):
            what = "this is what a tool said, or what was said to one." if is_tool(word) else "this only calls a tool."
            self.skipped.append(Skipped(where, what, _KEPT))
            return
        role = speaker(word, self.character)
        if role is None:
            raise Broken(f"{where}, {by}", f"“{shown(word)}” under {by} is not known.", "Write user, assistant or system there.")
        key = next((key for key in TEXT_KEYS if key in item), _TEXT_OF[by])
        self.words[f"{by}: {shown(word)}"] = _MEANING[role]
        self.words[key] = meanings.SAID
        self.said.append(Line(f"{where}, {key}", role, self._text(where, item, key)))

    def _text(self, where: str, item: Mapping[str, Any], key: str) -> str:
        value = item.get(key)
        if isinstance(value, str):
            return value
        texts = list(self._parts(f"{where}, {key}", value)) if isinstance(value, list) else []
        if not texts:
            raise Broken(f"{where}, {shown(key)}", f"there is no text under {shown(key)}.", _REMOVE)
        return "\n".join(texts)

    def _parts(self, where: str, parts: Sequence[Any]) -> Iterator[str]:
        for n, part in enumerate(parts, 1):
            is_text = isinstance(part, dict) and part.get("type") in ("text", "input_text", "output_text")
            text = part.get("text", part.get("value")) if is_text else part
            if isinstance(text, str):
                yield text
            else:
                self.skipped.append(Skipped(f"{where}, part {n}", "this is not a text.", _KEPT))


def _found(value: Any) -> tuple[str, list[Any]] | None:
    """The list of lines in a row, and the name it stands under."""
    if isinstance(value, list):
        return ("", value) if value and _speaks(value[0]) else None
    if not isinstance(value, dict):
        return None
    prompt, completion = value.get("prompt"), value.get("completion")
    if isinstance(prompt, list) and isinstance(completion, list):
        return "prompt and completion", [*prompt, *completion]
    wanted, name = _wanted(value)
    before = next((key for key in ("prompt", *_LISTS[:3]) if wanted and isinstance(value.get(key), list)), "")
    if wanted:
        return (f"{before} and {name}", [*value[before], *wanted]) if before else (name, wanted)
    # Any list under the usual name is meant; under the others a list may hold something else.
    return next(
        ((key, value[key]) for key in _LISTS if isinstance(value.get(key), list) and (key in _LISTS[:3] or _speaks(*value[key][:1]))), None
    )


def _wanted(row: Mapping[str, Any]) -> tuple[list[Any], str]:
    """The better of two endings, where a row has two to choose from, and the name it stands under."""
    for name in ("chosen", "chosen_messages"):
        given = row.get(name)
        listed = given if isinstance(given, list) else [given]
        if listed and isinstance(listed[0], dict) and any(key in listed[0] for key in SPEAKER_KEYS):
            return listed, name
    return [], ""


def _speaks(first: Any = None) -> bool:
    """Whether a list that begins so holds lines of dialogue."""
    if isinstance(first, dict):
        return any(key in first for key in SPEAKER_KEYS) or columns(list(first)) is not None
    return isinstance(first, str) or (isinstance(first, list) and len(first) == 2 and all(isinstance(text, str) for text in first))


def _are_words(tags: Any) -> bool:
    return isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)


def _kind(row: Mapping[str, Any], key: str, words: Mapping[str, str]) -> str:
    if set(row) == _OURS:
        return "Persona Studio conversations"
    if not any(":" in word for word in words):
        return "lists of lines"
    return "ShareGPT" if any(word.startswith(("from:", "speaker:")) for word in words) or key in _LISTS[1:] else "OpenAI messages"


def _mapping(row: Mapping[str, Any], key: str, words: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    known = {"title": meanings.TITLE, "tags": meanings.TAGS, "system": meanings.SYSTEM, "system_prompt": meanings.SYSTEM}
    fields = [(shown(name), known.get(name, meanings.UNUSED)) for name in row if name not in key.split(" and ")]
    listed = [(key, meanings.LINES)] if key else []
    return (*listed, *words.items(), *fields)


DIALECT = Dialect(recognises, entry)
