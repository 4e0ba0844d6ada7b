"""Write with me: drafts of an answer for the editor to offer. None of them is written anywhere before the writer takes it."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from studio.domain import conversation
from studio.domain.conversation import Turn
from studio.domain.errors import NotReady
from studio.services.drafts import Drafts
from studio.services.studio import Studio
from studio.tabs.door import Answer, Door, Given, Id, Lines, One, Text, poster

MOST_UNLIKE = 60


class Asking(Given):
    """One answer to the last of these lines, unlike those that came already; `ticket` names it, to stop it by."""

    persona: Id
    turns: Lines
    unlike: Annotated[list[Text], Field(max_length=MOST_UNLIKE)] = []
    ticket: Id


def routes(studio: Studio) -> APIRouter:
    """The endpoints of drafting, for the app to put under /studio."""
    router, drafts = APIRouter(route_class=Door), Drafts(studio.library, studio.models, studio.jobs, studio.voice)

    def pen(_: Studio, given: One) -> Answer:
        found = drafts.pen(given.id)
        return {"ok": True, "about": found.about, "caution": found.caution}

    def draft(_: Studio, given: Asking) -> Answer:
        return {"ok": True, "text": drafts.draft(given.persona, _asked(given.turns), given.unlike, given.ticket)}

    def hush(_: Studio, given: One) -> Answer:
        drafts.stop(given.id)
        return {"ok": True}

    post = poster(router, studio)
    post("pen", pen, One)
    post("drafts", draft, Asking)
    post("hush", hush, One)
    return router


def _asked(lines: list[Any]) -> list[Turn]:
    turns = [conversation.turn(line.model_dump()) for line in lines]
    if not turns or turns[-1].role != "user" or not turns[-1].text.strip():
        raise NotReady("There is nothing to answer yet. Write what the visitor says first.")
    return turns
