"""The client of a running Ollama: finds it, gives it a character over its HTTP interface, and lets it speak.

The interface: https://github.com/ollama/ollama/blob/main/docs/api.md (version, tags, blobs, create, chat). Files go as blobs named by their SHA-256.
"""

import hashlib
import json
import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, Literal

import httpx

from studio.domain import gemma
from studio.domain.conversation import Turn
from studio.domain.errors import NotReady, StudioError
from studio.domain.modelfile import Modelfile
from studio.domain.order import checked_name
from studio.services.whereabouts import address, installed, is_loopback, numbers

State = Literal["running", "absent", "stopped", "old", "foreign"]
OLDEST = (0, 6, 0)  # the first Ollama that knows Gemma 3
MENDED = (0, 17, 1)  # before it, a file could make Ollama give away what else is in its memory (CVE-2026-7482)
_PIECE = 1024 * 1024
_GLANCE = 0.2  # seconds between two looks at whether anybody still listens
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
class Said:
    """An answer so far. `ended`: it ended by itself, and not because it had grown long enough; None while it grows."""

    text: str
    ended: bool | None = None


@dataclass(frozen=True)
class Status:
    """Whether there is an Ollama to talk to. `sentence` is for people."""

    state: State
    version: str
    sentence: str


class Ollama:
    """One Ollama, here or elsewhere. `host` as in OLLAMA_HOST; None asks the environment."""

    def __init__(self, host: str | None = None) -> None:
        self.url = address(host if host is not None else os.environ.get("OLLAMA_HOST"))

    def _client(self, seconds: float | None) -> httpx.Client:
        # A proxy can't reach this machine's own loopback, and must not see what is sent there.
        return httpx.Client(
            base_url=self.url, timeout=httpx.Timeout(seconds, connect=min(3.0, seconds or 3.0)), trust_env=not is_loopback(self.url)
        )

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
        if not (0, 0, 0) < numbers(version) < MENDED:
            return _status("running", version)
        if numbers(version) < OLDEST:
            return _status("old", version)
        return Status("running", version, f"Ollama is running. This version ({version}) has a known weakness: update it soon.")

    def create(self, name: str, gguf: Path, modelfile: Modelfile) -> Iterator[tuple[str, float | None]]:
        """Give Ollama a character. Yields (what is being done, its share or None) up to the end; raises StudioError. Only `success` counts as done."""
        checked_name(name)
        state = self.status()
        if state.state != "running":
            raise NotReady(state.sentence)
        if (0, 0, 0) < numbers(state.version) < modelfile.oldest:
            needed = ".".join(map(str, modelfile.oldest))
            raise NotReady(
                f"This Ollama ({state.version}) is too old for this model, which needs {needed}. The file is safe. Update Ollama and press again."
            )
        try:
            with self._client(None) as client:
                digest = yield from _fingerprint(gguf)
                yield from self._send(client, gguf, digest)
                yield from self._ask(client, _order(name, gguf, digest, modelfile))
        except httpx.HTTPError as error:
            raise StudioError(f"Ollama went away ({type(error).__name__}). The file is safe. Start Ollama and press again.") from error
        except OSError as error:
            raise StudioError(f"The file can't be read ({error.strerror}). Make it again, then press again.") from error

    def names(self, seconds: float = 1.0) -> list[str]:
        """The models Ollama has on its own disk, without the usual “:latest”; empty where it can't be asked. One that computes elsewhere is left out."""
        try:
            with self._client(seconds) as client:
                known = client.get("/api/tags").json()["models"]
            return [str(one["name"]).removesuffix(":latest") for one in known if not _is_elsewhere(one)]
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
            return []

    def rendered(self, name: str, turns: Sequence[Turn]) -> str | None:
        """A talk in the markup Ollama would give to the model, without a beginning; None where this Ollama does not tell."""
        order = {
            "model": name,
            "stream": False,
            "think": False,
            "messages": _messages(turns),
            "_debug_render_only": True,
            "options": {"num_predict": 1},
        }
        try:
            with self._client(120.0) as client:
                told = client.post("/api/chat", json=order).json().get("_debug_info") or {}
            return str(told["rendered_template"]).removeprefix(gemma.BOS) or None
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def chat(self, name: str, turns: Sequence[Turn], temperature: float, most: int) -> Generator[Said, None, None]:
        """Yield the growing answer of one of its models, under the scene that Ollama has for it; empty while there is no word yet.

        Raises StudioError. Whoever stops listening ends the answer there too.
        """
        options = {"temperature": temperature, "num_predict": most}
        order = {"model": name, "stream": True, "think": False, "messages": _messages(turns), "options": options}
        # A model that is still being loaded says nothing for a while; whoever waits for it has to be able to leave.
        heard: Queue[Said | Exception | None] = Queue()
        left = Event()
        Thread(target=self._listen, args=(order, heard, left), daemon=True, name="ollama").start()
        said = Said("")
        try:
            while True:
                try:
                    found = heard.get(timeout=_GLANCE)
                except Empty:
                    yield said
                    continue
                if found is None:
                    return
                if isinstance(found, Exception):
                    raise found
                said = found
                yield said
        finally:
            left.set()

    def _listen(self, order: dict[str, Any], heard: "Queue[Said | Exception | None]", left: Event) -> None:
        try:
            with self._client(None) as client, client.stream("POST", "/api/chat", json=order) as answer:
                for said in _spoken(answer):
                    if left.is_set():
                        return
                    heard.put(said)
            heard.put(None)
        except StudioError as error:
            heard.put(error)
        except httpx.ConnectError:
            heard.put(NotReady("Ollama is not running. Your words are safe. Start it and ask again, or let another voice answer."))
        except httpx.HTTPError as error:
            heard.put(StudioError(f"Ollama went away ({type(error).__name__}). Nothing was lost. Start Ollama and ask again."))

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


def _messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    return [{"role": "assistant" if turn.role == "model" else "user", "content": gemma.plain(turn.text)} for turn in turns]


def _is_elsewhere(model: dict[str, Any]) -> bool:
    return bool(model.get("remote_host") or model.get("remote_model")) or str(model["name"]).endswith((":cloud", "-cloud"))


def _spoken(answer: httpx.Response) -> Iterator[Said]:
    if answer.status_code != 200:
        answer.read()
        raise StudioError(f"Ollama can't let it speak ({_reason(answer)}). Nothing was lost. Look in Ollama whether it is still there.")
    text = ""
    for line in answer.iter_lines():
        if not line.strip():
            continue
        told = _parsed(line)
        if "error" in told:
            raise StudioError(f"Ollama broke off ({told['error']}). Nothing was lost. Ask again.")
        text += str((told.get("message") or {}).get("content", ""))
        if told.get("done"):
            yield Said(text, told.get("done_reason", "stop") == "stop")
            return
        yield Said(text)
    raise StudioError("Ollama broke off in the middle of the answer. Nothing was lost. Ask again.")


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
    if modelfile.licence:
        order["license"] = modelfile.licence
    if modelfile.system:
        order["system"] = modelfile.system
    return order


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"


def _line(line: str) -> dict[str, Any]:
    """One line of the stream in which a character is made. An error can come in the middle of it, after a status 200."""
    told = _parsed(line)
    if "status" not in told:
        reason = told.get("error", "no reason given")
        raise StudioError(f"Ollama did not take the character ({reason}). The file is safe. Press again, or use the file by itself.")
    return told


def _parsed(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise StudioError("Ollama answered with something unreadable. Nothing was lost. Update Ollama and try again.")
    return told


def _phase(told: dict[str, Any]) -> tuple[str, float | None]:
    first = str(told["status"]).split(" ")[0]
    total, done = told.get("total"), told.get("completed")
    return _PHASES.get(first, "Ollama is at work"), done / total if total and isinstance(done, int) else None
