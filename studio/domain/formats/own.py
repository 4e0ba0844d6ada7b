"""What Persona Studio keeps of itself in a card, under `extensions`, so that nothing is lost on the way there and back.

    "persona_studio": {
      "version": 1,
      "sheet": {...},               the character sheet as in `persona.json`
      "greetings": ["..."],         further greetings
      "conversations": [{"title": "...", "tags": ["..."], "turns": [{"id": "...", "role": "user" | "model", "text": "..."}]}]
    }

Where there are any, a conversation has "flag" and "shows" too, and a turn "others", "drafted" and "drafts" (`domain/conversation.py`).

Other programs carry unknown extensions along unread (Character Card V2 Specification, “extensions”,
https://github.com/malfoyslastname/character-card-spec-v2/blob/main/spec_v2.md).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from studio.domain import persona as sheets
from studio.domain.conversation import FLAGS, LONGEST_TEXT, Conversation, fault, from_value, turn_id
from studio.domain.errors import BadFile, StudioError
from studio.domain.formats.fields import Fields
from studio.domain.formats.source import mended, storable
from studio.domain.persona import Persona

KEY = "persona_studio"


class Unkept(BadFile):
    """A sheet can't be kept: a sentence without the place."""


@dataclass(frozen=True)
class Own:
    """A character as it left the studio."""

    persona: Persona
    conversations: tuple[Conversation, ...]
    greetings: tuple[str, ...]


def written(persona: Persona, conversations: Sequence[Conversation], greetings: Sequence[str]) -> dict[str, Any]:
    """The extension's value."""
    bodies = [json.loads(c.body()) for c in conversations]
    return {"version": 1, "sheet": persona.to_dict(), "greetings": list(greetings), "conversations": bodies}


def read(extension: Fields, seed: str) -> Own | None:
    """The character in the extension; None where there is none, or (with a sentence) where its sheet can't be read."""
    if not extension.values:
        return None
    try:
        persona = sheet(extension.values.get("sheet"))
    except StudioError as error:
        extension.note("sheet", str(error), "The rest of the card was read instead. Look through the sheet in Write.")
        return None
    given = extension.values.get("greetings")
    greetings = tuple(text for text in given if _kept((text,))) if isinstance(given, list) else ()
    return Own(persona, _conversations(extension, f"{seed}:{KEY}"), greetings)


def sheet(value: Any) -> Persona:
    """The sheet whose `to_dict()` this is; raises Unkept."""
    try:
        persona = sheets.from_dict(value, "The sheet")
    except StudioError as error:
        what = str(error) if len(str(error)) < 200 else "A value there can't be kept."
        raise Unkept(mended(what[0].lower() + what[1:])) from error
    if not _kept((persona.name, persona.description, persona.visitor, persona.system, persona.greeting, *persona.voice, *persona.facts)):
        raise Unkept("a text there can't be stored.")
    return persona


def _kept(texts: Sequence[Any]) -> bool:
    return all(isinstance(text, str) and len(text) <= LONGEST_TEXT and storable(text) for text in texts)


def _conversations(extension: Fields, seed: str) -> tuple[Conversation, ...]:
    found = (conversation(turn_id(seed, n), item) for n, item in enumerate(extension.items("conversations"), 1))
    return tuple(one for one in found if one is not None)


def conversation(identifier: str, item: Fields) -> Conversation | None:
    """The conversation whose `body()` these fields are; None, with a sentence, where it can't be kept."""
    title, turns, tags, shows = (
        item.values.get(name, usual) for name, usual in (("title", ""), ("turns", []), ("tags", []), ("shows", []))
    )
    problem = fault(title, turns)
    if problem:
        item.note("turns", f"this conversation can't be kept as it is. {problem}", "Write this conversation anew in Write.")
    elif not isinstance(tags, list) or not _kept([*tags, *(turn["id"] for turn in turns)]):
        item.note("tags", "these are not words.", "Write this conversation anew in Write.")
    elif not isinstance(shows, list) or not _kept(shows) or item.values.get("flag", "") not in FLAGS:
        item.note("shows", "these are not statements, or the flag is none.", "Write this conversation anew in Write.")
    else:
        return from_value(identifier, {**item.values, "title": title, "turns": turns, "tags": tags})
    return None
