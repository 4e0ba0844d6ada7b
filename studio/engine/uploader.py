"""Puts a character's files on the Hugging Face Hub, once, on a click: `python -m studio.engine.uploader`.

The order comes as one line of JSON through the standard input, so that the key in it is in no file, no argument and no variable, and ends with the process:
{"token", "name", "files": {name there: path here}, "texts": {name there: text}}. What happens is told line by line, as JSON, on the standard output.
The place is private, and is never one that has files of another kind in it.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_IMPLICIT_TOKEN="1")

from httpx2 import TransportError
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from studio.domain.errors import StudioError

KEY = "The Hub does not know this key. Nothing was sent. Make one that may write, on huggingface.co under Settings, Access Tokens, and paste it again."
MAY_NOT = "This key may read but not write. Nothing was sent. Make one that may write, on huggingface.co under Settings, Access Tokens."
TAKEN = "There is a “{name}” of yours on the Hub already, with something in it. Nothing was sent and nothing there was changed. Type another name."
UNREACHED = "The Hub can't be reached. Your files are safe here. Connect to the internet, then press again."
REFUSED = "The Hub did not take it ({reason}). Your files are safe here. Wait a little, then press again."
OWN = {".gitattributes"}  # what the Hub itself puts into a new place
Tell = Callable[..., None]


class Counted(io.BufferedReader):
    """A file that tells how much of it was read, the first time while it is hashed, then while it is sent."""

    def __init__(self, path: Path, tell: Tell) -> None:
        super().__init__(io.FileIO(path))
        self._size, self._tell, self._seen = max(1, path.stat().st_size), tell, 0

    def read(self, size: int | None = -1) -> bytes:
        """As any file."""
        piece = super().read(size)
        before, self._seen = self._seen, self._seen + len(piece)
        if self._seen * 50 // self._size > before * 50 // self._size:
            self._tell(
                "Reading the file" if self._seen <= self._size else "Sending the file", min(1.0, (self._seen - 1) % self._size / self._size)
            )
        return piece


def upload(order: dict[str, Any], tell: Tell) -> str:
    """Put everything in one private place of the key's owner; returns its address. Raises StudioError."""
    api = HfApi(token=order["token"])
    try:
        tell("Asking whose key this is", None)
        place = f"{api.whoami()['name']}/{order['name']}"
        _private_place(api, place, order["name"])
        with contextlib.ExitStack() as opened:
            adds = [CommitOperationAdd(name, opened.enter_context(Counted(Path(path), tell))) for name, path in order["files"].items()]
            adds += [CommitOperationAdd(name, text.encode()) for name, text in order["texts"].items()]
            api.create_commit(place, adds, commit_message=f"Add {order['name']}")
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise StudioError({401: KEY, 403: MAY_NOT}.get(status, REFUSED.format(reason=f"status {status}"))) from error
    except (TransportError, ConnectionError) as error:
        raise StudioError(UNREACHED) from error
    except RuntimeError as error:  # a file that broke off on its way
        raise StudioError(UNREACHED) from error
    return f"{api.endpoint}/{place}"


def _private_place(api: HfApi, place: str, name: str) -> None:
    try:
        api.create_repo(place, private=True)
    except HfHubHTTPError as error:
        if error.response.status_code != 409:
            raise
        found = api.model_info(place)  # made by an attempt that broke off, or somebody's work
        if not found.private or {file.rfilename for file in found.siblings or []} - OWN:
            raise StudioError(TAKEN.format(name=name)) from error


def main() -> None:
    """The child process."""

    def say(kind: str, **facts: Any) -> None:
        print(json.dumps({"kind": kind, **facts}), flush=True)  # noqa: T201  (what the window reads)

    order = json.loads(sys.stdin.readline())
    try:
        say("done", address=upload(order, lambda text, share: say("phase", text=text, share=share)))
    except StudioError as error:
        say("failed", message=str(error))


if __name__ == "__main__":
    main()
