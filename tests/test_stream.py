"""The event streams: what is confirmed while one closes, and how long anything waits for a page."""

import asyncio
import json

import pytest

from studio import stream
from studio.stream import DATA, JOIN, OrderedStream
from tests.loop import finish

CLOSING = b'data: {"msg":"close_stream"}\n\n'


class Page:
    """A browser's side of some requests. What the page hears is noted in order; `leave` is its giving up the stream."""

    def __init__(self, app):
        self.app, self.heard, self.gone = app, [], asyncio.Event()

    async def hear(self, session="s1"):
        async def receive():
            await self.gone.wait()
            return {"type": "http.disconnect"}

        await self.ask(DATA, receive, f"session_hash={session}".encode())

    async def join(self, session="s1"):
        halves = iter([{"body": json.dumps({"session_hash": session}).encode()[:9], "more_body": True}])
        rest = {"body": json.dumps({"session_hash": session}).encode()[9:]}

        async def receive():
            return {"type": "http.request", **next(halves, rest)}

        await self.ask(JOIN, receive, b"")

    async def ask(self, path, receive, query):
        async def send(message):
            self.heard.append((path, message["type"], message.get("body", b"")))

        await self.app({"type": "http", "path": path, "query_string": query}, receive, send)

    def confirmed(self):
        return (JOIN, "http.response.body", b"joined") in self.heard

    def leave(self):
        self.heard.append("left")
        self.gone.set()


async def gradio(scope, receive, send):
    """As Gradio answers: a confirmation for what is joined, and a stream that closes as nothing is pending."""
    while scope["path"] == JOIN and (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == JOIN:
        await send({"type": "http.response.body", "body": b"joined"})
    else:
        await send({"type": "http.response.body", "body": b'data: {"msg":"process_completed"}\n\n', "more_body": True})
        await send({"type": "http.response.body", "body": CLOSING, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def turns():
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_confirmation_waits_until_the_page_has_left_the_closed_stream():
    async def story():
        page = Page(OrderedStream(gradio))
        hearing = asyncio.create_task(page.hear())
        await turns()
        assert (DATA, "http.response.body", CLOSING) in page.heard, "the page hears at once that its stream closes"
        joining = asyncio.create_task(page.join())
        await turns()
        assert not page.confirmed()
        page.leave()
        await asyncio.gather(hearing, joining)
        assert page.heard.index("left") < page.heard.index((JOIN, "http.response.body", b"joined"))
        assert page.app.closing == {}

    finish(story())


def test_another_page_does_not_wait():
    async def story():
        page = Page(OrderedStream(gradio))
        hearing = asyncio.create_task(page.hear())
        await turns()
        await page.join("s2")
        assert page.confirmed()
        page.leave()
        await hearing

    finish(story())


def test_without_a_closing_stream_nothing_waits():
    async def story():
        page = Page(OrderedStream(gradio))
        await page.join()
        assert page.confirmed()

    finish(story())


def test_a_page_that_never_lets_go_holds_nothing_up_for_long(monkeypatch, caplog):
    monkeypatch.setattr(stream, "PATIENCE", 0.05)

    async def story():
        page = Page(OrderedStream(gradio))
        hearing = asyncio.create_task(page.hear())
        await turns()
        await asyncio.gather(hearing, page.join())
        assert page.confirmed()
        assert page.app.closing == {}

    finish(story())
    assert "event stream" in caplog.text


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b"{}"])
def test_a_request_without_a_session_is_passed_on(body):
    async def story():
        app, heard = OrderedStream(gradio), []
        app.closing["s1"] = asyncio.Event()

        async def receive():
            return {"type": "http.request", "body": body}

        async def send(message):
            heard.append(message)

        await app({"type": "http", "path": JOIN, "query_string": b""}, receive, send)
        assert heard[-1]["body"] == b"joined"

    finish(story())
