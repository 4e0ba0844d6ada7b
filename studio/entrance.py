"""One studio per home folder: finding the one that runs, proving that it is ours, and leading the browser in."""

import hashlib
import hmac
import html
import json
import os
import secrets
import socket
import sys
import time
import webbrowser
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from studio.guard import HELLO
from studio.settings import Settings

PORTS_TO_TRY = 20
ANSWERS = (200, 202)  # 202: it is being opened


def listen(port: int) -> socket.socket:
    """A socket on this machine's own address: on `port`, else on the next free one."""
    for candidate in [*range(port, port + PORTS_TO_TRY), 0]:
        door = socket.socket()
        # On Windows the usual option would let two programs share a port; elsewhere it only skips the wait after a restart.
        door.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE if sys.platform == "win32" else socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", candidate))
            door.listen(128)
        except OSError:
            door.close()
        else:
            return door
    raise OSError("No port is free on this computer.")


def secret(settings: Settings) -> str:
    """The token of this home. It stays, so that an open page and a bookmark go on working after a restart."""
    known = _read(settings.secret)
    if len(known) >= 43:
        return known
    fresh = secrets.token_urlsafe(32)
    _write(settings.secret, fresh)
    return fresh


def proof(key: str, port: int, nonce: str) -> str:
    """What only a studio that knows the token can answer. The port is part of it, so that a stranger can't pass the question on to ours."""
    return hmac.new(key.encode(), f"{port}:{nonce}".encode(), hashlib.sha256).hexdigest()


def announce(settings: Settings, port: int) -> None:
    """Note where this studio answers."""
    _write(settings.address, json.dumps({"port": port}))


def running(settings: Settings) -> int | None:
    """The port of the studio that runs in this home, once it has proved that it knows this home's token."""
    key = _read(settings.secret)
    try:
        port = int(json.loads(_read(settings.address))["port"])
    except (ValueError, KeyError, TypeError):
        return None
    nonce = secrets.token_hex(16)
    asking = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        asking.request("GET", f"{HELLO}?nonce={nonce}")
        answer = asking.getresponse()
        said = answer.read(1000)
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        asking.close()
    return port if key and answer.status in ANSWERS and hmac.compare_digest(said, proof(key, port, nonce).encode()) else None


def wait_for_running(settings: Settings, seconds: float) -> int | None:
    """As `running`, for a studio that is only just starting."""
    until = time.monotonic() + seconds
    while (port := running(settings)) is None and time.monotonic() < until:
        time.sleep(0.3)
    return port


def address(settings: Settings, port: int) -> str:
    """The address to paste into a browser, with the token while one is asked for."""
    return f"http://127.0.0.1:{port}/" + (f"?token={_read(settings.secret)}" if settings.token else "")


def open_browser(settings: Settings, port: int) -> None:
    """Show the studio. The browser is given a page only this person can read, not the token itself."""
    way = html.escape(address(settings, port))
    _write(
        settings.doorstep,
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={way}"><title>Persona Studio</title><a href="{way}">Open the studio</a>',
    )
    webbrowser.open(settings.doorstep.as_uri())


def lead_to(settings: Settings, port: int, say: Callable[[str], None]) -> int:
    """Show the studio that is running already; the exit code of a start that had nothing to do."""
    say(f"The studio is open already: {address(settings, port)}")
    if settings.browser:
        open_browser(settings, port)
    return 0


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _write(file: Path, text: str) -> None:
    fresh = file.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    fresh.replace(file)
