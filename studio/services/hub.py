"""The way to the Hugging Face Hub: one private place, on a click, with a key that is used once and kept nowhere."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from studio.domain.errors import NotReady, StudioError
from studio.domain.order import checked_name
from studio.services import parcel
from studio.services.exports import Made
from studio.settings import Settings

OFFLINE = "The studio was started offline, so nothing is sent. Start it online to put the file on the Hub."
NO_KEY = "Paste a key first. Make one that may write, on huggingface.co under Settings, Access Tokens. It is used once and kept nowhere."
BROKEN = "A part of the studio broke while sending. Your files are safe here. Press again; {log} says what happened."


def put(settings: Settings, made: Made, name: str, token: str) -> Iterator[tuple[str, float | None]]:
    """Send a finished file with its papers. Yields (what is being done, its share or None); the last text is the address. Raises StudioError."""
    if settings.offline:
        raise NotReady(OFFLINE)
    if not token.strip():
        raise NotReady(NO_KEY)
    papers = {kind: content.decode("utf-8", "replace") for kind, content in parcel.papers(made).items()}
    texts = {**papers, "Modelfile": (made.folder / "Modelfile").read_text("utf-8")}
    order = {"token": token.strip(), "name": checked_name(name.strip()), "files": {made.file.name: str(made.file)}, "texts": texts}
    # Nothing that lies on this computer of another account is to be used, and nothing is to be left behind.
    surroundings = {name: value for name, value in os.environ.items() if name not in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")}
    with open(settings.log, "ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "studio.engine.uploader"], cwd=settings.project, env={**surroundings, "HF_HOME": str(settings.scratch / "hub")},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8",
        )  # fmt: skip
    try:
        yield "Getting ready", None
        yield from _followed(child, order, BROKEN.format(log=settings.log))
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def _followed(child: "subprocess.Popen[str]", order: Mapping[str, Any], broken: str) -> Iterator[tuple[str, float | None]]:
    if child.stdin is None or child.stdout is None:
        raise StudioError(broken)
    with closing(child.stdout):
        try:
            with closing(child.stdin):
                child.stdin.write(json.dumps(order) + "\n")
        except BrokenPipeError as error:
            raise StudioError(broken) from error
        for line in child.stdout:
            told = json.loads(line)
            if told["kind"] == "failed":
                raise StudioError(told["message"])
            if told["kind"] == "done":
                yield str(told["address"]), 1.0
                return
            yield str(told["text"]), told["share"]
    raise StudioError(broken)
