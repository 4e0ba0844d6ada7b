"""The door in front of Gradio, which by itself would answer any web page that finds it.

Pure ASGI and outermost. A request passes when it names this server as its host, comes from this server's own page, asks for something the
page uses, and carries the token. On the way out every answer gets headers that keep the page to itself.
"""

import base64
import hashlib
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# What the page uses; everything else Gradio offers is not there.
PATHS = frozenset(
    [
        "/",
        "/config",
        "/theme.css",
        "/favicon.ico",
        "/gradio_api/startup-events",
        "/gradio_api/app_id",
        "/gradio_api/upload",
        "/gradio_api/upload_progress",
    ]
    + ["/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/run/predict"]
)
FOLDERS = ("/studio/", "/assets/", "/static/", "/svelte/", "/gradio_api/file=", "/gradio_api/heartbeat/")
HELLO = "/studio/hello"  # proves to a second start that this is its studio; needs no token and tells none
INLINE_SCRIPTS = 5  # in Gradio 6.31's page; another number means that something got into it
COOKIE_DAYS = 30

LOCKED = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Persona Studio</title>
<style>body{font:18px/1.5 system-ui,sans-serif;max-width:34em;margin:16vh auto;padding:0 1.5em;color-scheme:light dark}h1{font:600 2em/1.2 Georgia,serif}</style>
<h1>This door needs its key.</h1>
<p>Open the studio from its icon again, or paste the whole address that its terminal window printed. What was written is safe.</p></html>"""

CLOSED = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
PAGE = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'{hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; manifest-src 'self'; frame-src 'none'; frame-ancestors 'none'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'"
)
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
}
_FORWARDING = re.compile(rb"^(forwarded|x-forwarded-.*|x-real-ip|x-original-.*)$")
_INLINE = re.compile(rb"<script(?![^>]*\bsrc\s*=)[^>]*>(.*?)</script", re.DOTALL | re.IGNORECASE)


class Refusal(NamedTuple):
    """Why a request is not let through."""

    status: int
    sentence: str


class Guard:
    """An ASGI app around another. `secret` is the token; with `token=False` only the other rules hold."""

    def __init__(self, app: App, port: int, secret: str, token: bool = True) -> None:
        self.app = app
        self.port = port
        self.secret = secret
        self.token = token

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif refused := refusal(self.port, scope):
            await _answer(send, refused.status, refused.sentence)
        elif (given := _query(scope).get("token")) is not None and scope["path"] == "/" and self._fits(given):
            await self._welcome(scope, send)
        elif self.token and scope["path"] != HELLO and not self._fits(_cookie(scope, self.cookie)):
            await _answer(send, 401, LOCKED, b"text/html; charset=utf-8")
        else:
            await self.app({**scope, "headers": _onward(scope)}, receive, _Outward(scope, send))

    @property
    def cookie(self) -> str:
        """The cookie's name. Cookies know no ports, so the name does."""
        return f"studio-{self.port}"

    def _fits(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.secret.encode())

    async def _welcome(self, scope: Message, send: Send) -> None:
        rest = urlencode([(name, value) for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name != "token"])
        # Lax, not Strict: with Strict the way in from the local redirect page would arrive without it.
        cookie = f"{self.cookie}={self.secret}; Path=/; Max-Age={COOKIE_DAYS * 86400}; HttpOnly; SameSite=Lax"
        extra = [(b"location", f"/?{rest}".rstrip("?").encode()), (b"set-cookie", cookie.encode())]
        await _answer(send, 303, "", extra=extra)


def refusal(port: int, scope: Message) -> Refusal | None:
    """Why this request is not from the studio's own page, or None when it is."""
    hosts = _header(scope, b"host")
    ours = {f"127.0.0.1:{port}", f"localhost:{port}"}
    if len(hosts) != 1:
        return Refusal(400, "A request names one host.")
    if hosts[0].lower() not in ours:
        return Refusal(421, f"This is Persona Studio. It answers at http://127.0.0.1:{port} only.")
    origins = _header(scope, b"origin")
    if origins and (len(origins) > 1 or origins[0].lower() not in {f"http://{host}" for host in ours}):
        return Refusal(403, "Another page asked for this, so it was not done.")
    if _header(scope, b"sec-fetch-site") not in ([], ["same-origin"], ["none"]) and not _is_visit(scope):
        return Refusal(403, "Another page asked for this, so it was not done.")
    if scope["path"] not in PATHS and not scope["path"].startswith(FOLDERS):
        return Refusal(404, "There is nothing here.")
    return None


def _is_visit(scope: Message) -> bool:
    # Somebody followed a link to the start page, as opposed to a page fetching or framing it.
    return (
        scope["method"] == "GET"
        and scope["path"] == "/"
        and _header(scope, b"sec-fetch-mode") == ["navigate"]
        and _header(scope, b"sec-fetch-dest") == ["document"]
    )


class _Outward:
    """Sends an answer on with the studio's headers. The page itself is held back until its inline scripts are known."""

    def __init__(self, scope: Message, send: Send) -> None:
        self.scope = scope
        self.send = send
        self.start: Message | None = None
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self.scope["path"] == "/":
                self.start = message
            else:
                await self.send(_dressed(message, self.scope, _policy(message)))
        elif self.start is None:
            await self.send(message)
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body"):
                await self._page()

    async def _page(self) -> None:
        scripts = _INLINE.findall(self.body)
        if self.start and self.start["status"] == 200 and self.scope["method"] == "GET" and len(scripts) != INLINE_SCRIPTS:
            logging.getLogger("studio").error("The page has %d inline scripts instead of %d", len(scripts), INLINE_SCRIPTS)
            await _answer(
                self.send,
                500,
                "The page is not as the studio made it, so it is not shown. What was written is safe. Run: python launch.py repair",
            )
            return
        await self.send(_dressed(self.start or {}, self.scope, PAGE.format(hashes="".join(f" '{_digest(script)}'" for script in scripts))))
        await self.send({"type": "http.response.body", "body": self.body})


def _digest(script: bytes) -> str:
    # A browser hashes what its parser read, and the parser turns every end of line into "\n".
    text = script.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return f"sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}"


def _policy(message: Message) -> str:
    # A script's own policy would bind the workers started from it; everything else is shown by itself only in an attack.
    kind = dict(message["headers"]).get(b"content-type", b"")
    return "" if b"javascript" in kind else CLOSED


def _dressed(message: Message, scope: Message, policy: str) -> Message:
    named = scope["path"].startswith(("/assets/", "/studio/")) and ("v" in _query(scope) or scope["path"].startswith("/assets/"))
    keep = b"private, max-age=31536000, immutable" if named and message["status"] == 200 else b"no-store"
    ours = {**HEADERS, b"cache-control": keep, **({b"content-security-policy": policy.encode()} if policy else {})}
    theirs = [
        (name, value) for name, value in message["headers"] if name.lower() not in ours and not name.lower().startswith(b"access-control-")
    ]
    return {**message, "headers": [*theirs, *ours.items()]}


def _onward(scope: Message) -> list[tuple[bytes, bytes]]:
    # Forwarding headers would rewrite the addresses in Gradio's page; a compressed page could not be read here.
    dropped = {b"accept-encoding"} if scope["path"] == "/" else set()
    return [(name, value) for name, value in scope["headers"] if name not in dropped and not _FORWARDING.match(name)]


def _header(scope: Message, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _query(scope: Message) -> dict[str, str]:
    return dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))


def _cookie(scope: Message, name: str) -> str:
    # One damaged cookie of another program on this machine must not lock the door: SimpleCookie drops all of a header it cannot read.
    for part in "; ".join(_header(scope, b"cookie")).split(";"):
        try:
            found = SimpleCookie(part.strip()).get(name)
        except CookieError:
            continue
        if found:
            return found.value
    return ""


async def _answer(
    send: Send, status: int, text: str, kind: bytes = b"text/plain; charset=utf-8", extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = text.encode()
    headers = {
        **HEADERS,
        b"content-type": kind,
        b"content-length": str(len(body)).encode(),
        b"cache-control": b"no-store",
        b"content-security-policy": CLOSED.encode(),
    }
    await send({"type": "http.response.start", "status": status, "headers": [*headers.items(), *(extra or [])]})
    await send({"type": "http.response.body", "body": body})
