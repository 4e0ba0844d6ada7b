"""Mends a race between the two requests by which Gradio 6.31's page hears answers, without which a room sometimes stays empty.

The page asks by `queue/join` and hears by `queue/data`, a stream the server ends with `close_stream` once nothing is pending. The page opens
a new one only when it knows that the old one has closed. An event joined just after that decision, whose confirmation overtakes the
`close_stream`, would be waited for on a stream that is gone. So here the confirmation waits until the page has let go of its old stream.
"""

import asyncio
import json
import logging
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs

from studio.guard import App, Message, Receive, Send

JOIN, DATA = "/gradio_api/queue/join", "/gradio_api/queue/data"
CLOSE = b'data: {"msg":"close_stream"'
PATIENCE = 5.0  # seconds; a page that is frozen or gone must not hold anything up for longer


class OrderedStream:
    """An ASGI app around Gradio's, which takes care of its event streams and leaves everything else alone."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.closing: dict[str, asyncio.Event] = {}  # per session: set when its page has left the stream that was closed

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == DATA:
            await self._hear(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == JOIN:
            await self._join(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _hear(self, scope: Message, receive: Receive, send: Send) -> None:
        session = "".join(parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", []))
        left: asyncio.Event | None = None

        async def pass_on(message: Message) -> None:
            nonlocal left
            if message.get("body", b"").startswith(CLOSE):
                left = self.closing[session] = asyncio.Event()
            elif left and not message.get("more_body"):
                await _until(_gone(receive), "An event stream was not let go of")
            await send(message)

        try:
            await self.app(scope, receive, pass_on)
        finally:
            if left:
                left.set()
                if self.closing.get(session) is left:
                    del self.closing[session]

    async def _join(self, scope: Message, receive: Receive, send: Send) -> None:
        body = b""

        async def read() -> Message:
            nonlocal body
            message = await receive()
            body += message.get("body", b"")
            return message

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start" and (left := self.closing.get(_session(body))):
                await _until(left.wait(), "A page kept an event stream that was closed")
            await send(message)

        await self.app(scope, read, pass_on)


def _session(body: bytes) -> str:
    try:
        return str(json.loads(body)["session_hash"])
    except (ValueError, KeyError, TypeError):
        return ""  # Gradio refuses such a request itself


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until(happens: Coroutine[Any, Any, Any], otherwise: str) -> None:
    try:
        await asyncio.wait_for(happens, PATIENCE)
    except asyncio.TimeoutError:  # Python 3.10 has a TimeoutError of its own here
        logging.getLogger("studio").warning("%s within %d seconds", otherwise, PATIENCE)
