"""The editor's way in: what its requests are made of, and how a refusal becomes an answer. Its answers are always 200."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from studio.domain import conversation
from studio.domain.conversation import LONGEST_TEXT, LONGEST_TITLE, MOST_OTHERS, MOST_TURNS
from studio.domain.errors import NotFound, StudioError
from studio.services.studio import Studio

UNREADABLE = "This can't be stored as it is. Your words are kept in this window. Reload the page, then write it again."


class Given(BaseModel):
    """What a request may hold: nothing beyond its fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


Id = Annotated[str, Field(min_length=1, max_length=64)]
Title = Annotated[str, Field(max_length=LONGEST_TITLE)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class Line(Given):
    """One turn, as the editor sends it."""

    id: Id
    role: Literal["user", "model"]
    text: Text
    others: Annotated[list[Text], Field(max_length=MOST_OTHERS)] = []
    drafted: bool = False
    drafts: Annotated[list[int], Field(max_length=MOST_OTHERS)] = []


Lines = Annotated[list[Line], Field(max_length=MOST_TURNS)]


class One(Given):
    """A conversation or a character, by its id."""

    id: Id


Answer = dict[str, Any]


class Door(APIRoute):
    """Turns what a person can mend into an answer. Everything else is a defect and stays a 500."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own hook around one route."""
        inner = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await inner(request)
            except NotFound as error:
                return JSONResponse({"ok": False, "error": "missing", "message": str(error)})
            except StudioError as error:
                return JSONResponse({"ok": False, "error": "invalid", "message": str(error)})
            except RequestValidationError as error:
                return JSONResponse({"ok": False, "error": "invalid", "message": _problem(error.body)})

        return answer


def _problem(body: Any) -> str:
    # The model refuses the same as the domain does, but only the domain has a sentence for it.
    if isinstance(body, dict) and {"title", "turns"} <= set(body):
        return conversation.fault(body["title"], body["turns"]) or UNREADABLE
    return UNREADABLE


def poster(router: APIRouter, studio: Studio) -> Callable[[str, Callable[[Studio, Any], Answer], type[Given]], None]:
    """What puts a handler behind a path: `post(path, handler, model)`. A handler is a plain function and so holds nothing else up."""

    def post(path: str, handler: Callable[[Studio, Any], Answer], model: type[Given]) -> None:
        def endpoint(given: Any) -> Answer:
            return handler(studio, given)

        endpoint.__annotations__["given"] = model
        router.post(f"/{path}", name=handler.__name__)(endpoint)

    return post
