"""Many conversations at once: the endpoints behind the list's ticks, for `write` to put under /many."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field, ValidationError

from studio.domain import occurrences
from studio.domain.conversation import Flag
from studio.domain.errors import StudioError
from studio.domain.occurrences import Place, Wanted
from studio.services.selection import Chosen, Found
from studio.services.studio import Studio
from studio.tabs.door import UNREADABLE, Answer, Door, Given, Id, poster

PAGE = 200  # rows the list answers at most
Lister = Callable[[Studio, Any], Answer]

Ids = Annotated[list[Id], Field(min_length=1, max_length=100_000)]
Op = Annotated[str, Field(pattern=r"^many-[0-9a-f]{16}$")]
Words = Annotated[str, Field(max_length=1_000)]
Tags = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]


class Listed(Given):
    """All that a request for the list would find, wherever its page begins."""

    found: dict[str, Any]


class Asking(Given):
    """Some conversations."""

    ids: Ids


class Binning(Given):
    """To the bin."""

    op: Op
    ids: Ids


class Tagging(Given):
    """Tags to add and to take off."""

    op: Op
    ids: Ids
    add: Tags = []
    drop: Tags = []


class Flagging(Given):
    """How far they are."""

    op: Op
    ids: Ids
    flag: Flag


class Moving(Given):
    """To another character."""

    op: Op
    ids: Ids
    persona: Id


class Seeking(Given):
    """A text to look for in some conversations."""

    ids: Ids
    text: Words
    case: bool = False
    whole: bool = False


class Meant(Given):
    """Which of the places found in one revision of a conversation are meant, by their numbers."""

    id: Id
    rev: Annotated[int, Field(ge=1)]
    places: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class Replacing(Given):
    """Other words for the places that were looked at."""

    op: Op
    text: Words
    case: bool = False
    whole: bool = False
    replacement: Words
    chosen: Annotated[list[Meant], Field(min_length=1, max_length=100_000)]


class Undoing(Given):
    """An act, or the taking back of one, by its name."""

    op: Annotated[str, Field(pattern=r"^(many|back)-[0-9a-f]{16}$")]


def found(studio: Studio, given: Listed, listing: type[Given], lister: Lister) -> Answer:
    """The ids of all that the list would show for a request, in its order."""
    try:
        asked = listing.model_validate({**given.found, "offset": 0, "limit": PAGE})
    except ValidationError as error:
        raise StudioError(UNREADABLE) from error
    with studio.library.transaction():  # nothing moves between two pages
        first = lister(studio, asked)
        more = (lister(studio, asked.model_copy(update={"offset": at})) for at in range(PAGE, first["total"], PAGE))
        return {"ok": True, "ids": [row["id"] for page in (first, *more) for row in page["rows"]]}


def about(studio: Studio, given: Asking) -> Answer:
    """The tags and states they have, and the characters they could move to."""
    borne = studio.library.selection.about(given.ids)
    cast = [{"id": one.id, "name": one.persona.name} for one in studio.library.characters()]
    return {"ok": True, "tags": borne.tags, "flags": borne.flags, "characters": cast}


def tag(studio: Studio, given: Tagging) -> Answer:
    """Tagged and untagged."""
    return _done(given.op, studio.library.selection.tag(given.op, given.ids, given.add, given.drop))


def flag(studio: Studio, given: Flagging) -> Answer:
    """Said how far they are."""
    return _done(given.op, studio.library.selection.flag(given.op, given.ids, given.flag))


def move(studio: Studio, given: Moving) -> Answer:
    """Given to another character."""
    return _done(given.op, studio.library.selection.move(given.op, given.ids, given.persona))


def remove_many(studio: Studio, given: Binning) -> Answer:
    """To the bin."""
    return _done(given.op, studio.library.selection.bin(given.op, given.ids))


def find(studio: Studio, given: Seeking) -> Answer:
    """Every place, with the words around it and the revision it was found in."""
    wanted = Wanted(given.text, given.case, given.whole)
    return {"ok": True, "found": [_shown(one) for one in studio.library.selection.find(given.ids, wanted)]}


def replace(studio: Studio, given: Replacing) -> Answer:
    """Other words at the chosen places."""
    wanted = Wanted(given.text, given.case, given.whole)
    chosen = [Chosen(one.id, one.rev, frozenset(one.places)) for one in given.chosen]
    return _done(given.op, studio.library.selection.replace(given.op, chosen, wanted, given.replacement))


def undo(studio: Studio, given: Undoing) -> Answer:
    """Taken back; `op` is what takes that back."""
    return {"ok": True, **studio.library.selection.undo(given.op)._asdict()}


def _done(op: str, changed: int) -> Answer:
    return {"ok": True, "op": op, "changed": changed}


def _shown(one: Found) -> Answer:
    texts = [one.spoken.title, *(turn.text for turn in one.spoken.turns)]
    opening = texts[1][:80] if len(texts) > 1 else ""
    return {"id": one.id, "rev": one.rev, "title": texts[0] or opening, "places": [_place(texts[at.line], at) for at in one.places]}


def _place(text: str, at: Place) -> Answer:
    lead, words, tail = occurrences.excerpt(text, at.start, at.end)
    return {"line": at.line, "turn": at.turn, "lead": lead, "words": words, "tail": tail}


def routes(studio: Studio, listing: type[Given], lister: Lister) -> APIRouter:
    """The endpoints; `lister` answers the list's own request, of which `listing` says what it may hold."""
    router = APIRouter(route_class=Door)

    def listed(studio: Studio, given: Listed) -> Answer:
        return found(studio, given, listing, lister)

    post = poster(router, studio)
    post("found", listed, Listed)
    post("about", about, Asking)
    post("tag", tag, Tagging)
    post("flag", flag, Flagging)
    post("move", move, Moving)
    post("bin", remove_many, Binning)
    post("find", find, Seeking)
    post("replace", replace, Replacing)
    post("undo", undo, Undoing)
    return router
