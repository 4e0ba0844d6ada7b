"""The client of a running Ollama: finds it, and gives it a character over its HTTP interface.

The interface: https://github.com/ollama/ollama/blob/main/docs/api.md (version, blobs, create). Files go as blobs named by their SHA-256.
"""

import hashlib
import ipaddress
import json
import os
import shutil
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from studio.domain.errors import NotReady, StudioError
from studio.domain.modelfile import Modelfile
from studio.domain.order import checked_name

State = Literal["running", "absent", "stopped", "old", "foreign"]
OLDEST = (0, 6, 0)  # the first Ollama that knows Gemma 3
_PIECE = 1024 * 1024
_PORT = 11434
_SENTENCES: dict[State, str] = {
    "running": "Ollama is running.",
    "absent": "Ollama is not on this computer. Get it at ollama.com, or only make the file.",
    "stopped": "Ollama is not running. Start it and press again, or only make the file.",
    "old": "This Ollama is too old for Gemma. Update it and press again, or only make the file.",
    "foreign": "Another program answers where Ollama should be. Set OLLAMA_HOST to Ollama's address, or only make the file.",
}
_PHASES = {
    "parsing": "Ollama reads the file", "validating": "Ollama checks the file", "quantizing": "Ollama makes the file small", "verifying": "Ollama checks the file",
    "creating": "Ollama keeps the file", "using": "Ollama keeps the file", "writing": "Ollama writes it into its list", "success": "Done",
}  # fmt: skip


@dataclass(frozen=True)
class Status:
    """Whether there is an Ollama to talk to. `sentence` is for people."""

    state: State
    version: str
    sentence: str


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


class Ollama:
    """One Ollama, here or elsewhere. `host` as in OLLAMA_HOST; None asks the environment."""

    def __init__(self, host: str | None = None) -> None:
        self.url = address(host if host is not None else os.environ.get("OLLAMA_HOST"))

    def _client(self, seconds: float | None) -> httpx.Client:
        # A proxy can't reach this machine's own loopback, and must not see what is sent there.
        return httpx.Client(base_url=self.url, timeout=httpx.Timeout(seconds, connect=3.0), trust_env=not is_loopback(self.url))

    def status(self) -> Status:
        """Whether Ollama can be used now; asks for at most a few seconds."""
        try:
            with self._client(3.0) as client:
                answer = client.get("/api/version")
        except httpx.ConnectError:
            return _status("stopped" if installed() or not is_loopback(self.url) else "absent")
        except httpx.HTTPError:
            return _status("foreign")
        try:
            version = str(answer.json()["version"])
        except (ValueError, KeyError, TypeError):
            return _status("foreign")
        # A version of zeros is a build of one's own, as new as its maker wants.
        return _status("old" if (0, 0, 0) < numbers(version) < OLDEST else "running", version)

    def create(self, name: str, gguf: Path, modelfile: Modelfile) -> Iterator[tuple[str, float | None]]:
        """Give Ollama a character. Yields (what is being done, its share or None) up to the end; raises StudioError. Only `success` counts as done."""
        checked_name(name)
        state = self.status()
        if state.state != "running":
            raise NotReady(state.sentence)
        try:
            with self._client(None) as client:
                digest = yield from _fingerprint(gguf)
                yield from self._send(client, gguf, digest)
                yield from self._ask(client, _order(name, gguf, digest, modelfile))
        except httpx.HTTPError as error:
            raise StudioError(f"Ollama went away ({type(error).__name__}). The file is safe. Start Ollama and press again.") from error
        except OSError as error:
            raise StudioError(f"The file can't be read ({error.strerror}). Make it again, then press again.") from error

    def _send(self, client: httpx.Client, gguf: Path, digest: str) -> Iterator[tuple[str, float | None]]:
        path = f"/api/blobs/{digest}"
        if client.head(path).status_code == 200:
            yield "Ollama has the file already", 1.0
            return
        total, sent, left = gguf.stat().st_size, [0], Event()

        def pieces() -> Iterator[bytes]:
            with open(gguf, "rb") as file:
                while (piece := file.read(_PIECE)) and not left.is_set():
                    sent[0] += len(piece)
                    yield piece

        # httpx pulls the pieces by itself, so it works in a thread while this one tells how far it is.
        with ThreadPoolExecutor(1, "ollama") as pool:
            answer = pool.submit(client.post, path, content=pieces(), headers={"Content-Length": str(total)})
            try:
                while not answer.done():
                    yield "Sending the file to Ollama", sent[0] / total
                    wait([answer], 0.2)
            finally:
                left.set()  # whoever listened may have gone
        if answer.result().status_code not in (200, 201):
            raise StudioError(f"Ollama did not take the file ({_reason(answer.result())}). The file is safe. Press again.")
        yield "Sending the file to Ollama", 1.0

    def _ask(self, client: httpx.Client, order: dict[str, Any]) -> Iterator[tuple[str, float | None]]:
        with client.stream("POST", "/api/create", json=order) as answer:
            if answer.status_code != 200:
                answer.read()
                raise StudioError(
                    f"Ollama did not take the character ({_reason(answer)}). The file is safe. Press again, or use the file by itself."
                )
            for line in answer.iter_lines():
                if not line.strip():
                    continue
                told = _line(line)
                if told["status"] == "success":
                    yield _PHASES["success"], 1.0
                    return
                yield _phase(told)
        raise StudioError("Ollama stopped in the middle without a reason. The file is safe. Press again.")


def _status(state: State, version: str = "") -> Status:
    return Status(state, version, _SENTENCES[state])


def _fingerprint(path: Path) -> Generator[tuple[str, float | None], None, str]:
    """Yields progress; returns the digest as Ollama names blobs."""
    total, seen, digest = path.stat().st_size, 0, hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(16 * _PIECE):
            digest.update(piece)
            seen += len(piece)
            yield "Reading the file", seen / total
    return f"sha256:{digest.hexdigest()}"


def _order(name: str, gguf: Path, digest: str, modelfile: Modelfile) -> dict[str, Any]:
    order: dict[str, Any] = {"model": name, "files": {gguf.name: digest}, "stream": True}
    order["parameters"] = {**modelfile.parameters, "stop": list(modelfile.stop)}
    if modelfile.template:
        order["template"] = modelfile.template
    if modelfile.system:
        order["system"] = modelfile.system
    return order


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"


def _line(line: str) -> dict[str, Any]:
    """One line of the stream. An error can come in the middle of it, after a status 200."""
    try:
        told = json.loads(line)
    except ValueError as error:
        raise StudioError("Ollama answered with something unreadable. The file is safe. Update Ollama and press again.") from error
    if not isinstance(told, dict) or "status" not in told:
        reason = told.get("error", "no reason given") if isinstance(told, dict) else "no reason given"
        raise StudioError(f"Ollama did not take the character ({reason}). The file is safe. Press again, or use the file by itself.")
    return told


def _phase(told: dict[str, Any]) -> tuple[str, float | None]:
    first = str(told["status"]).split(" ")[0]
    total, done = told.get("total"), told.get("completed")
    return _PHASES.get(first, "Ollama is at work"), done / total if total and isinstance(done, int) else None
