"""Where Ollama is: what OLLAMA_HOST means, whether that is this machine, and whether the program is here at all."""

import ipaddress
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from studio.domain.errors import StudioError

_PORT = 11434


def address(host: str | None) -> str:
    """The base URL meant by an OLLAMA_HOST value: nothing, `host`, `host:port`, `:port` or a whole URL (then port 80 or 443 unless named)."""
    given = (host or "").strip().strip("\"'")
    scheme, found, rest = given.rpartition("://")
    if rest.count(":") > 1 and not rest.startswith("["):
        rest = f"[{rest}]"  # a bare IPv6 address
    port = {"http": 80, "https": 443}.get(scheme, _PORT) if found else _PORT
    try:
        parts = urlsplit(f"//{rest}")
        name, port = parts.hostname or "127.0.0.1", parts.port or port
    except ValueError as error:
        raise StudioError(
            f"OLLAMA_HOST is “{given}”, which is no address. Nothing was sent. Set it to something like 127.0.0.1:11434."
        ) from error
    # A server listens on “every address”; a client can only call one.
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)
    return f"{scheme or 'http'}://{f'[{name}]' if ':' in name else name}:{port}{parts.path.rstrip('/')}"


def is_loopback(url: str) -> bool:
    """Whether an address is this machine itself."""
    name = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def installed() -> bool:
    """Whether the program is on this machine, running or not."""
    homes = {
        "win32": [Path(os.environ.get("LOCALAPPDATA", "")) / "Programs" / "Ollama" / "ollama.exe"],
        "darwin": [Path("/Applications/Ollama.app/Contents/Resources/ollama")],
    }
    return shutil.which("ollama") is not None or any(path.is_file() for path in homes.get(sys.platform, [Path("/usr/local/bin/ollama")]))


def numbers(version: str) -> tuple[int, ...]:
    """`0.12.3-rc1` as (0, 12, 3); letters end a number."""
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in version.split("-")[0].split("+")[0].split("."))
