"""The character bible beside the editor: which statements the conversations show, what is unwritten, and the next scene to write."""

import secrets
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from studio.domain import coverage, keeping, scenes
from studio.domain.conversation import Turn
from studio.domain.coverage import Shown
from studio.services.studio import Studio
from studio.tabs.door import Answer, Given, Id, Text, Title

MOST_LISTED = 100
MOST_SHOWN = 500


class Looking(Given):
    """A character, and which idea for the next scene is wanted."""

    id: Id
    idea: Annotated[int, Field(ge=0, le=10**6)] = 0


class Linking(Given):
    """A conversation, the revision that is seen, and all statements it shows."""

    id: Id
    base: Annotated[int, Field(ge=1)]
    shows: Annotated[list[Text], Field(max_length=MOST_SHOWN)]


class Listing(Given):
    """Conversations whose titles are wanted."""

    ids: Annotated[list[Id], Field(max_length=MOST_LISTED)]


class Starting(Given):
    """A scene from a card: its title, the visitor's first line, which may be empty, and the statement it is to show."""

    persona: Id
    title: Title
    line: Text
    statement: Text


def look(studio: Studio, given: Looking) -> Answer:
    """Each statement with the conversations that show it, each rule with those that break it, and a card for the next scene."""
    persona, conversations = studio.library.character(given.id).persona, studio.library.conversations(given.id)
    shown = coverage.read(persona, conversations)
    card = scenes.card(persona, shown, conversations, given.idea)
    kept = keeping.read(persona.voice, conversations)
    return {
        "ok": True,
        "conversations": len(conversations),
        "statements": [_statement(one) for one in shown],
        "rules": [{"text": one.rule, "broken": list(one.broken), "unsaid": one.unsaid} for one in kept],
        "card": card and {"statement": card.statement, "title": card.title, "text": card.text, "line": card.line},
    }


def _statement(shown: Shown) -> Answer:
    return {"text": shown.statement, "linked": list(shown.linked), "seeming": list(shown.seeming)}


def link(studio: Studio, given: Linking) -> Answer:
    """Stored, or the conversation as another window has stored it meanwhile."""
    return studio.library.link(given.id, given.base, given.shows)


def titles(studio: Studio, given: Listing) -> Answer:
    """What these conversations are called, and how they open."""
    return {"ok": True, "rows": studio.library.titles(given.ids)}


def start(studio: Studio, given: Starting) -> Answer:
    """A new conversation for a card, linked to its statement; in one step."""
    first = Turn(secrets.token_hex(8), "user", given.line)
    return {"ok": True, "id": studio.library.add(given.persona, given.title, [first], shows=[given.statement])}


ROUTES: tuple[tuple[str, Callable[[Studio, Any], Answer], type[Given]], ...] = (
    ("coverage", look, Looking),
    ("link", link, Linking),
    ("titles", titles, Listing),
    ("scene", start, Starting),
)
