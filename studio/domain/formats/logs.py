"""Chats saved by SillyTavern (`.jsonl`): each row a line of dialogue, often with a row of names in front, of one character or of a group.

Source: SillyTavern, https://github.com/SillyTavern/SillyTavern, src/endpoints/chats.js (how chats are saved and brought in).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from studio.domain.conversation import LONGEST_TEXT, MOST_TURNS, Conversation, Role
from studio.domain.formats.fields import Fields
from studio.domain.formats.found import Found, Skipped
from studio.domain.formats.source import WHOLE, Refused, Unreadable, decoded, mended, parsed, shown
from studio.domain.formats.speakers import folded
from studio.domain.formats.spoken import Said, conversation, digest, joined
from studio.domain.persona import LONGEST_NAME, Persona

_HEADER = {"user_name", "character_name", "chat_metadata"}
_LONGEST_SPEAKER = 200
_MOST_FIELDS = 80
_MEND = "Mend or remove that line."
_AT_ONCE = MOST_TURNS - MOST_TURNS % 2  # so that the next conversation begins with the visitor too


@dataclass(frozen=True)
class _Line:
    where: str
    speaker: str
    by_visitor: bool
    text: str


@dataclass
class _Log:
    """What is found while the rows are read."""

    chats: list[list[_Line]] = field(default_factory=lambda: [[]])
    fields: dict[str, None] = field(default_factory=dict)  # an ordered set
    skipped: list[Skipped] = field(default_factory=list)
    rows: int = 0
    hidden: int = 0


def read(name: str, data: bytes, known: str = "") -> Found:
    """The chats of a log. What the character says before the visitor first speaks is a greeting; what is hidden stays out.

    The character is who is called `known`, else who speaks most beside the visitor.
    """
    name, log = mended(name), _Log()
    for where, value in _objects(name, decoded(name, data), log.skipped):
        _take(log, Fields(where, value, log.skipped))
    if not log.rows:
        what = "there is no line of a SillyTavern chat in it."
        raise Refused(f"{name}, {WHOLE}", what, "Choose a .jsonl file that SillyTavern exported.")
    spoke = Counter(line.speaker for chat in log.chats for line in chat if not line.by_visitor)
    speakers = sorted((speaker for speaker, _ in spoke.most_common()), key=lambda speaker: folded(speaker) != folded(known))
    character = speakers[0] if speakers else ""
    spoken = [_spoken(chat, character, log.skipped) for chat in log.chats]
    greetings = [said[0][1] for said in spoken if said and said[0][0] == "model"]
    chats = [said[1:] if said and said[0][0] == "model" else said for said in spoken]
    return Found(
        kind="SillyTavern chat",
        mapping=tuple((field, _meaning(field, speakers, log.hidden)) for field in log.fields),
        conversations=_conversations(name, digest(data), chats),
        skipped=tuple(log.skipped),
        persona=Persona(character[:LONGEST_NAME].strip()) if character else None,
        greetings=tuple(dict.fromkeys(greetings)),
        speakers=tuple(filter(None, speakers)) if len(speakers) > 1 else (),
    )


def _objects(name: str, text: str, skipped: list[Skipped]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of the file, each with its place. Only "\\n" ends a row: other line ends are legal inside JSON."""
    for n, row in enumerate(text.split("\n"), 1):
        where = f"{name}, line {n}"
        if not row.strip():
            continue
        try:
            value = parsed(row)
        except Unreadable as error:
            skipped.append(Skipped(f"{where}, {error.inside}", str(error), _MEND))
            continue
        if isinstance(value, dict):
            yield where, value
        else:
            skipped.append(Skipped(where, "this is not a line of dialogue.", _MEND))


def _take(log: _Log, row: Fields) -> None:
    """Adds one row to the log: a line of dialogue, a hidden one, or the names that stand before a chat."""
    log.fields.update(dict.fromkeys(row.names()[: _MOST_FIELDS - len(log.fields)]))
    if "mes" not in row.values:
        if row.values.keys() & _HEADER:
            log.chats.append([])
        else:
            row.note("mes", "there is no such field.", _MEND)
        return
    log.rows += 1
    by_visitor = row.values.get("is_user")
    if _hidden(row.values):
        log.hidden += 1
    elif not isinstance(by_visitor, bool):
        row.note("is_user", "it is not said who speaks: true is the visitor, false the character.", _MEND)
    else:
        _take_line(log, row, by_visitor)


def _hidden(values: Mapping[str, Any]) -> bool:
    extra = values.get("extra")
    return values.get("is_system") is True or (isinstance(extra, dict) and extra.get("type") == "narrator")


def _take_line(log: _Log, row: Fields, by_visitor: bool) -> None:
    odd = len(log.skipped)
    text = Fields(row.where, {"mes": _chosen(row.values)}, log.skipped).text("mes")
    if text:
        log.chats[-1].append(_Line(row.where, " ".join(row.text("name", _LONGEST_SPEAKER).split()), by_visitor, text))
    elif len(log.skipped) == odd:
        row.note("mes", "there is no text.", "Fill it in, or remove that line.")


def _chosen(values: Mapping[str, Any]) -> Any:
    """The reply that was chosen: what is shown, unless that is another one of the replies there are to choose from."""
    mes, swipes, n = _words(values["mes"]), values.get("swipes"), values.get("swipe_id")
    replies = [_words(reply) for reply in swipes] if isinstance(swipes, list) else []
    if isinstance(n, int) and 0 <= n < len(replies) and (not mes or mes in replies):
        return replies[n]
    return mes


def _words(value: Any) -> Any:
    """A reply, also as Chub wraps it."""
    return value["message"] if isinstance(value, dict) and "message" in value else value


def _spoken(chat: Sequence[_Line], character: str, skipped: list[Skipped]) -> list[Said]:
    """A chat as turns: the character's, and everybody else's, who in a group have their name in front. Neighbours are joined."""
    said: list[Said] = []
    length = 0
    for line in chat:
        by_character = not line.by_visitor and line.speaker == character
        role: Role = "model" if by_character else "user"
        text = line.text if by_character or line.by_visitor or not line.speaker else f"{line.speaker}: {line.text}"
        total = (length + 2 if said and said[-1][0] == role else 0) + len(text)
        if total > LONGEST_TEXT:
            what = f"together with what the same one said just before, this has more than {LONGEST_TEXT:,} characters."
            skipped.append(Skipped(f"{line.where}, mes", what, "Shorten it."))
        else:
            said.append((role, text))
            length = total
    return joined(said)


def _conversations(name: str, seed: str, chats: Sequence[Sequence[Said]]) -> tuple[Conversation, ...]:
    """The chats under the file's name, numbered where there are several; one that is too long goes on in the next."""
    pieces = [chat[n : n + _AT_ONCE] for chat in chats for n in range(0, len(chat), _AT_ONCE)]
    title = name.rpartition(".")[0][:180] or name[:180]
    titles = [f"{title} ({n})" if len(pieces) > 1 else title for n in range(1, len(pieces) + 1)]
    return tuple(conversation(seed, n, titles[n - 1], piece) for n, piece in enumerate(pieces, 1))


def _meaning(name: str, speakers: Sequence[str], hidden: int) -> str:
    """What one field of a row is taken for."""
    if name == "name" and len(speakers) > 1:
        others = ", ".join(shown(speaker) for speaker in speakers[1:11])
        return f"{shown(speakers[0])} is the character; visitors, with their name in front, are {others}"
    return {
        "mes": "what is said",
        "name": f"{shown(speakers[0])} is the character" if speakers else "not used",
        "is_user": "who speaks: the visitor or the character",
        "is_system": f"hidden lines: {hidden:,} of them, not used" if hidden else "hidden lines: there are none",
        "swipes": "the reply that was chosen; the others are not used",
        "swipe_id": "which reply was chosen",
    }.get(name, "not used")
