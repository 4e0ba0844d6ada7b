"""Puts the studio together: settings, the record of services, the tabs, and the guarded server in front of them."""

import asyncio
import gc
import logging
import mimetypes
import socket
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.routing import Mount

from studio import entrance, palette, stubs
from studio.domain.errors import NotFound
from studio.guard import HELLO, Guard
from studio.services.studio import Studio, assemble
from studio.settings import Settings
from studio.splash import Splash
from studio.stream import OrderedStream
from studio.tabs import assist, chat, export, home, past, prepare, train, write
from studio.tabs.wiring import Pick, bind, html
from studio.theme import theme

TABS = (home, write, prepare, train, chat, export)
LARGEST_REQUEST = 64 * 1024 * 1024
LARGEST_FILE = "4gb"  # what a large model learned on another machine; files of conversations have a limit of their own
STAMPS = 12
PAGES = 200  # open at once that are remembered, each with its talks; of more the longest unused are forgotten
BRAND = (
    '<p class="brand"><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M6 4h20a5 5 0 0 1 5 5v10a5 5 0 0 1-5 5H15l-8 7v-7H6a5 5 0 0 1-5-5V9a5 5 0 0 1 5-5z"/>'
    '<path class="q" d="M9 11h14M9 17h9"/></svg>Persona Studio</p>'
)


def page(studio: Studio) -> gr.Blocks:
    """The window: the cast on the cover band, and the six tabs."""
    with stubs.no_app_yet():
        demo = gr.Blocks(title="Persona Studio", fill_width=True, analytics_enabled=False, delete_cache=(3600, 86400))
        # Each handler has a queue of its own, so a long answer in Chat holds up nothing else; one at a time in it, so that an older answer never
        # overtakes a newer one.
        demo.queue(max_size=64, default_concurrency_limit=1)
        with demo:
            persona = _rooms(studio)
            demo.load(bind(home.opening, studio), persona, persona, js=f"() => [{home.OPENED}]", show_progress="hidden")
    demo.state_session_capacity = PAGES
    for event in demo.fns.values():
        event.api_visibility = "private"
        # Else the page tells everything such events ever filled of every later event, which takes a third of its opening, and shows it nowhere. In Chat,
        # where a Chatbot hides its buttons while it is being filled, all stays as it is.
        if event.show_progress == "hidden" and not any(isinstance(part, gr.Chatbot) for part in event.outputs):
            event.show_progress_on = []
    return demo


def _rooms(studio: Studio) -> gr.Radio:
    """What stands on the page, top to bottom; returns the cast, which says who is open."""
    with gr.Row(elem_id="band"):
        html(BRAND, elem_id="brand")
        persona = Pick([], label="Character", show_label=False, container=False, interactive=True, elem_id="cast")
        new = gr.Button("New character", elem_id="new", size="sm", elem_classes=["icon", "i-plus"])
    with gr.Tabs(elem_id="rooms"):
        for tab in TABS:
            tab.build(studio, persona)
    new.click(None, None, None, js=home.PRESS_NEW)
    return persona


def web(studio: Studio, port: int, key: str) -> FastAPI:
    """The server behind the guard: our own routes first, Gradio under everything else."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, max_body_size=LARGEST_REQUEST)
    app.get(HELLO)(_hello(port, key))
    app.get("/studio/avatar/{persona_id}")(_avatar(studio))
    for part in (write, assist, past):
        app.include_router(part.routes(studio), prefix="/studio")
    mimetypes.add_type("text/javascript", ".js")  # a Windows registry may say otherwise, and then modules do not load
    app.mount("/studio/assets", StaticFiles(directory=studio.settings.assets))
    demo = page(studio)
    # Gradio asks whether a file was really uploaded only in apps it launched itself; in a mounted one a request could name any file of this computer.
    demo.has_launched = True
    gr.mount_gradio_app(
        app, demo, path="/", server_name="127.0.0.1", server_port=port, footer_links=[], run_history=False, allowed_paths=[],
        blocked_paths=[str(folder) for folder in (studio.settings.home / "personas", studio.settings.home / "models", studio.settings.home / "adapters")],
        favicon_path=str(studio.settings.assets / "art" / "favicon.svg"), show_error=False, max_file_size=LARGEST_FILE, ssr_mode=False, enable_monitoring=False, pwa=False,
        mcp_server=False, theme=theme(), css_paths=styles(studio.settings),
    )  # fmt: skip
    # What is queued is answered by, and remembers pages in, the app that serves them; Gradio's own would be a second one, made where the page ends.
    demo.app = next(route.app for route in app.routes if isinstance(route, Mount) and isinstance(route.app, gr.routes.App))
    return app


def styles(settings: Settings) -> list[Path]:
    """The style sheets: the studio's own first, then what single tabs add to it."""
    return sorted(settings.assets.glob("*.css"), key=lambda file: (file.name != "studio.css", file.name))


def _hello(port: int, key: str) -> Callable[[str], PlainTextResponse]:
    def hello(nonce: str) -> PlainTextResponse:
        """Prove to a second start that this is its studio."""
        return PlainTextResponse(entrance.proof(key, port, nonce))

    return hello


def _avatar(studio: Studio) -> Callable[[str], Response]:
    def avatar(persona_id: str) -> Response:
        """A character's picture, or the stamp that stands for it; nothing for one who has just gone, whom a page may still show for a moment."""
        try:
            character = studio.library.character(persona_id)
        except NotFound:
            return Response(status_code=204)
        if character.avatar:
            return FileResponse(character.avatar)
        return Response(stamp(studio.settings, character.id, character.persona.ink), media_type="image/svg+xml")

    return avatar


def stamp(settings: Settings, persona_id: str, ink: str) -> str:
    """One of the shipped patterns, always the same for one character, printed in its ink."""
    number = sum(persona_id.encode()) % STAMPS + 1
    drawing = (settings.assets / "art" / f"stamp-{number:02}.svg").read_text("utf-8")
    colours = ";".join(f"--{role}:{palette.INKS[ink][role][0]}" for role in ("ink", "deep", "wash", "pop"))
    return drawing.replace("<svg ", f'<svg style="{colours}" ', 1)


def serve(settings: Settings, door: socket.socket, splash: Splash, say: Callable[[str], None]) -> int:
    """Run the studio behind its open door until Ctrl-C, from the moment it is ready in the splash's place.

    Returns the exit code; raises Busy where another studio has the home.
    """
    studio = assemble(settings)
    _write_log(settings)
    studio.reader.follow()
    try:
        _run(studio, door, splash, say)
    finally:
        studio.reader.close()
        studio.similar.close()
        at_work = studio.jobs.running()
        studio.library.close()
    say("The studio is closed. Everything is saved.")
    if at_work:
        say("What is being learned or made goes on by itself. Start the studio again to see how it is doing.")
    return 0


def _run(studio: Studio, door: socket.socket, splash: Splash, say: Callable[[str], None]) -> None:
    settings = studio.settings
    port, key = door.getsockname()[1], entrance.secret(settings)
    guarded = Guard(OrderedStream(web(studio, port, key)), port, key, settings.token)
    # Forwarding headers are not believed. A page that stays open holds its connection; closing does not wait for it.
    config = uvicorn.Config(guarded, log_config=None, proxy_headers=False, server_header=False, ws="none", timeout_graceful_shutdown=1)
    server = _Announced(config, lambda: _opened(settings, port, say))
    gc.freeze()  # what was loaded to start with stays: nobody has to look for rubbish in it each time that much is made
    gc.enable()
    splash.close()
    try:
        server.run(sockets=[door])
    except KeyboardInterrupt:
        pass  # how a person closes the studio
    finally:
        settings.address.unlink(missing_ok=True)


def _opened(settings: Settings, port: int, say: Callable[[str], None]) -> None:
    entrance.announce(settings, port)
    say(
        f"Persona Studio is open: {entrance.address(settings, port)}\nTo close it, press Ctrl-C here. What you write is saved as you write it."
    )
    if not settings.token:
        say("Started without a token: every program and every person on this computer can open it.")


class _Announced(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, opened: Callable[[], None]) -> None:
        super().__init__(config)
        self.opened = opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await asyncio.to_thread(self.opened)


def _write_log(settings: Settings) -> None:
    lines = RotatingFileHandler(settings.log, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
    lines.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[lines])
