"""What is asked while an event stream closes is answered, seen in a browser where the closing takes half a second to arrive."""

import asyncio
import socket
import threading
import time

import gradio as gr
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import expect

from studio.stream import CLOSE, OrderedStream


class Slow:
    """Lets the end of a stream reach the page late, as on a busy machine."""

    def __init__(self, app):
        self.app, self.closed = app, 0

    async def __call__(self, scope, receive, send):
        async def pass_on(message):
            if message.get("body", b"").startswith(CLOSE):
                self.closed += 1
                await asyncio.sleep(0.5)
            await send(message)

        await self.app(scope, receive, pass_on)


def two_buttons():
    with gr.Blocks() as page:
        for name in ("First", "Second"):
            said = gr.Textbox(label=f"{name} answer")
            gr.Button(name).click(lambda name=name: f"{name} was heard", None, said)
    return gr.mount_gradio_app(FastAPI(), page, path="/", ssr_mode=False)


def test_what_is_asked_while_a_stream_closes_is_answered(open_page):
    app = Slow(OrderedStream(two_buttons()))
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.05)
            page = open_page(f"http://127.0.0.1:{door.getsockname()[1]}/")
            for again in range(3):
                if again:
                    page.reload()
                page.get_by_role("button", name="First").click()
                expect(page.get_by_label("First answer")).to_have_value("First was heard")
                page.get_by_role("button", name="Second").click()
                expect(page.get_by_label("Second answer")).to_have_value("Second was heard")
            page.close()  # before the server ends: what a page still asks for then is refused
            assert app.closed >= 3, "no stream was closed, so nothing was shown here"
        finally:
            server.should_exit = True
            thread.join()
