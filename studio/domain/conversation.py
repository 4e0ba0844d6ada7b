"""An example conversation: turns that alternate between a visitor and the character."""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from studio.domain.errors import BadFile, StudioError

Role = Literal["user", "model"]
ROLES: tuple[Role, Role] = ("user", "model")
_ROLES: dict[str, Role] = {role: role for role in ROLES}  # one word for all, where each parsed line brings its own
LONGEST_TEXT = 100_000  # characters in one turn
MOST_TURNS = 500
LONGEST_TITLE = 200
MOST_OTHERS = 20  # further versions kept of one line
Flag = Literal["", "needs work", "finished"]
FLAGS: tuple[Flag, ...] = ("", "needs work", "finished")


@dataclass(frozen=True)
class Turn:
    """One line of dialogue. `id` is stable over edits, so that two windows can be merged turn by turn.

    Only `text` is learned. `others` are versions of this line that are kept beside it; `drafted` says that a model wrote it and nobody has
    touched it since, and `drafts` which of the others are so, by their places.
    """

    id: str
    role: Role
    text: str
    others: tuple[str, ...] = ()
    drafted: bool = False
    drafts: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As it is stored and sent: what is as usual is left out."""
        more = {"others": list(self.others), "drafted": self.drafted, "drafts": list(self.drafts)}
        return {"id": self.id, "role": self.role, "text": self.text, **{name: value for name, value in more.items() if value}}


def turn(value: Mapping[str, Any]) -> Turn:
    """The turn whose `to_dict()` this is."""
    others, drafts = tuple(value.get("others", ())), tuple(value.get("drafts", ()))
    return Turn(value["id"], _ROLES[value["role"]], value["text"], others, value.get("drafted", False), drafts)


@dataclass(frozen=True)
class Conversation:
    """A titled list of turns, as it is stored, shown and learned."""

    id: str
    title: str
    turns: tuple[Turn, ...] = ()
    tags: tuple[str, ...] = field(default=())
    flag: Flag = ""
    shows: tuple[str, ...] = ()  # the statements of the sheet the writer says it shows

    @property
    def words(self) -> int:
        """Number of words in all turns."""
        return sum(len(turn.text.split()) for turn in self.turns)

    @property
    def replies(self) -> tuple[str, ...]:
        """The texts the character says."""
        return tuple(turn.text for turn in self.turns if turn.role == "model")

    def body(self) -> str:
        """Canonical JSON (sorted keys, no spaces): what is stored and hashed. The id is the record's, not the body's."""
        value = {"tags": list(self.tags), "title": self.title, "turns": [turn.to_dict() for turn in self.turns], **self.marks()}
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    def marks(self) -> dict[str, Any]:
        """Flag and statements, where there are any."""
        return ({"flag": self.flag} if self.flag else {}) | ({"shows": list(self.shows)} if self.shows else {})


def from_body(identifier: str, body: str) -> Conversation:
    """The conversation whose `body()` this is."""
    return from_value(identifier, json.loads(body))


def from_value(identifier: str, value: Mapping[str, Any]) -> Conversation:
    """The same, of a body that is parsed already."""
    turns, tags, shows = map(turn, value["turns"]), tuple(value["tags"]), tuple(value.get("shows", ()))
    return Conversation(identifier, value["title"], tuple(turns), tags, value.get("flag", ""), shows)


def fault(title: Any, turns: Any) -> str:
    """What is wrong with an edited conversation, as a sentence; empty when nothing is. The only validation there is."""
    if not isinstance(title, str) or len(title) > LONGEST_TITLE:
        return f"A title has at most {LONGEST_TITLE} characters."
    if not isinstance(turns, list) or len(turns) > MOST_TURNS:
        return f"A conversation has at most {MOST_TURNS} lines. Continue in a new one."
    seen: set[str] = set()
    for n, turn in enumerate(turns, 1):
        if not isinstance(turn, dict) or {"id", "role", "text"} != set(turn) - {"others", "drafted", "drafts"} or turn["role"] not in ROLES:
            return f"Line {n} is not a line of dialogue."
        if not isinstance(turn["id"], str) or not 0 < len(turn["id"]) <= 64 or turn["id"] in seen:
            return f"Line {n} has no name of its own."
        if not isinstance(turn["text"], str) or len(turn["text"]) > LONGEST_TEXT:
            return f"Line {n} is longer than {LONGEST_TEXT:,} characters. Split it."
        others = turn.get("others", ())
        if not isinstance(others, list | tuple) or len(others) > MOST_OTHERS or turn.get("drafted", False) not in (True, False):
            return f"Line {n} keeps more than {MOST_OTHERS} other versions. Remove one first."
        if not _are_places(turn.get("drafts", ()), len(others)):
            return f"Line {n} marks a version as drafted that it does not have."
        if not all(isinstance(text, str) and len(text) <= LONGEST_TEXT for text in others):
            return f"A version of line {n} is longer than {LONGEST_TEXT:,} characters. Split it."
        if not all(map(_is_unicode, (turn["text"], title, *others))):
            return f"Line {n} holds half a character that can't be stored. Type it again."
        seen.add(turn["id"])
    return ""


def _are_places(places: Any, count: int) -> bool:
    known = isinstance(places, list | tuple) and all(type(place) is int and 0 <= place < count for place in places)
    return known and list(places) == sorted(set(places))


def _is_unicode(text: str) -> bool:
    # A lone surrogate is legal JSON but can be neither written as UTF-8 nor sent to the browser.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def findable(text: str) -> str:
    """A text as a search compares it: small letters, one form of each accent, no zero characters (SQLite would stop at one)."""
    return unicodedata.normalize("NFC", text).casefold().replace("\0", " ")


def turn_id(seed: str, n: int) -> str:
    """A stable 16-digit name for the n-th turn of something imported."""
    return hashlib.sha256(f"{seed}:{n}".encode()).hexdigest()[:16]


def to_messages(turns: Iterable[Turn]) -> list[dict[str, str]]:
    """Turns in the field's common shape: `[{"role": "user" | "assistant", "content": text}]`."""
    return [{"role": "assistant" if t.role == "model" else "user", "content": t.text} for t in turns]


def from_messages(identifier: str, value: Any) -> Conversation:
    """A conversation from `{"messages": [...], "title"?, "tags"?}`; raises BadFile with a sentence without the place."""
    if not isinstance(value, Mapping) or not isinstance(value.get("messages"), list):
        raise BadFile("has no list called messages")
    turns = []
    for n, message in enumerate(value["messages"]):
        role = message.get("role") if isinstance(message, Mapping) else None
        content = message.get("content") if isinstance(message, Mapping) else None
        if role not in ("user", "assistant", "model") or not isinstance(content, str):
            raise BadFile(f"message {n + 1} needs a role (user or assistant) and a text as content")
        turns.append(Turn(turn_id(identifier, n), "user" if role == "user" else "model", content))
    title = value.get("title") or (turns[0].text[:60] if turns else "Untitled")
    tags = value.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise BadFile("has tags that are not a list of words")
    problem = fault(title, [turn.to_dict() for turn in turns])
    if problem:
        raise BadFile(problem)
    return Conversation(identifier, title, tuple(turns), tuple(tags))


def from_jsonl(text: str, source: str, prefix: str) -> list[Conversation]:
    """All conversations of a messages file. A bad line raises BadFile naming file, line and what to do; nothing is half read."""
    conversations = []
    # Only "\n" ends a line: str.splitlines() would also cut at U+2028, which is legal inside a JSON string.
    for n, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            conversations.append(from_messages(f"{prefix}{n:04d}", json.loads(line)))
        except (ValueError, RecursionError) as error:
            raise BadFile(
                f"{source}, line {n}: this is not a line of JSON ({error}). Mend or remove that line; nothing was brought in."
            ) from error
        except StudioError as error:
            raise BadFile(f"{source}, line {n}: {error}. Mend or remove that line; nothing was brought in.") from error
    return conversations


def to_jsonl(conversations: Iterable[Conversation]) -> str:
    """The messages file: one conversation a line."""
    return "".join(json.dumps(row(c), ensure_ascii=False) + "\n" for c in conversations)


def row(spoken: Conversation) -> dict[str, Any]:
    """One line of that file."""
    return {"title": spoken.title, "tags": list(spoken.tags), "messages": to_messages(spoken.turns)}
