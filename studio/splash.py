"""What the browser shows while the window is still being put together: a page that says so, and that gives way to the studio by itself.

Standard library only, on the very socket the studio will answer on, so that it is there before anything heavy is imported.
"""

import base64
import hashlib
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from studio.entrance import proof
from studio.guard import HELLO
from studio.palette import INKS, NEUTRALS

PATIENCE = 15.0  # seconds a connection may stay silent
SCRIPT = """
const look = async () => {
  try {
    const answer = await fetch("/studio/hello?nonce=0&wait=1", {cache: "no-store"});
    if (answer.status === 200) return location.reload();
    setTimeout(look, 20);
  } catch {
    document.querySelector("h1").textContent = "The studio did not open.";
    document.querySelector("p").textContent = "Its terminal window says why. What you wrote is safe.";
    document.querySelector("i").remove();
  }
};
look();
"""
STYLE = """
:root{color-scheme:light dark;LIGHT}
@media(prefers-color-scheme:dark){:root{DARK}}
body{margin:0;background:var(--paper);color:var(--text);font:18px/1.5 'Segoe UI',-apple-system,'Helvetica Neue','Noto Sans',sans-serif}
header{height:72px;background:var(--deep);color:#fff;font-weight:600;display:flex;align-items:center;padding:0 28px}
main{max-width:34em;margin:20vh auto 0;padding:0 28px}
h1{font:600 34px/1.2 Literata,'Iowan Old Style','Palatino Linotype',Palatino,Georgia,serif;margin:0 0 8px}
p{margin:0 0 28px;color:var(--text-2)}
i{display:block;height:6px;border-radius:3px;background:var(--line);overflow:hidden}
i::after{content:'';display:block;width:30%;height:100%;border-radius:3px;background:var(--ink);animation:go 1.4s ease-in-out infinite alternate}
@keyframes go{to{transform:translateX(233%)}}
@media(prefers-reduced-motion:reduce){i::after{animation:none}}
"""


def page() -> bytes:
    """The page, in the colours of the studio."""
    pairs = {
        **{name: NEUTRALS[name] for name in ("paper", "text", "text-2", "line")},
        **{role: INKS["blue"][role] for role in ("ink", "deep")},
    }
    light, dark = ("".join(f"--{name}:{pair[mode]};" for name, pair in pairs.items()) for mode in (0, 1))
    style = STYLE.replace("LIGHT", light).replace("DARK", dark)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Persona Studio</title>'
        f'<link rel="icon" href="data:,"><style>{style}</style><header>Persona Studio</header>'
        f"<main><h1>Opening the studio</h1><p>One moment.</p><i></i></main><script>{SCRIPT}</script></html>"
    ).encode()


PAGE = page()
_DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
_POLICY = f"default-src 'none'; script-src 'sha256-{_DIGEST}'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; frame-ancestors 'none'"


class _Answer(BaseHTTPRequestHandler):
    timeout = PATIENCE

    def do_GET(self) -> None:
        status, body = self._answer()
        self.send_response(status)
        for name, value in (("cache-control", "no-store"), ("content-security-policy", _POLICY), ("connection", "close")):
            self.send_header(name, value)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def _answer(self) -> tuple[HTTPStatus, bytes]:
        asked = urlsplit(self.path)
        if asked.path == "/":
            return HTTPStatus.OK, PAGE
        if asked.path == HELLO:  # the studio itself will answer 200
            query = parse_qs(asked.query)
            if "wait" in query:  # the page asks again at once, and is then answered by the studio as soon as that can
                self.server.given_way.wait(PATIENCE)  # type: ignore[attr-defined]
            nonce = query.get("nonce", [""])[0]
            return HTTPStatus.ACCEPTED, proof(self.server.key, self.server.server_address[1], nonce).encode()  # type: ignore[attr-defined, index]
        return HTTPStatus.SERVICE_UNAVAILABLE, b""

    def log_message(self, format: str, *words: object) -> None:
        """Requests go unmentioned: the terminal is for people."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    key = ""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.given_way = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no fault; anything else is told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Splash:
    """Answers on a listening socket until `close`; the socket itself stays open, and who comes in between waits in it."""

    def __init__(self, door: socket.socket, key: str) -> None:
        self._server = _Server(door.getsockname(), _Answer, bind_and_activate=False)
        self._server.key = key
        self._server.socket.close()
        self._server.socket = door
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more requests; done when the last one that was taken has its answer under way."""
        self._server.given_way.set()
        self._server.shutdown()
        self._thread.join()

    def __enter__(self) -> "Splash":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
