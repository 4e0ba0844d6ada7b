"""Lets a child process make vectors of texts: the heavy libraries live in it and end with it."""

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import psutil

_QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
GENTLE = 10  # of 19: whoever writes or talks comes first


class Broken(Exception):
    """The child ended without all vectors; `code` is what it ended with. Never leaves the services."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class Weaver:
    """One child at a time."""

    def __init__(self, project: Path, scratch: Path) -> None:
        self._project, self._scratch = project, scratch
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self.closed = False

    def vectors(self, engine: str, source: Path, texts: Sequence[str]) -> Iterator[np.ndarray]:
        """Parts of the vectors of these texts, in order, half precision (some, width); raises Broken.

        `engine` is a module, `source` what it is given: a model's folder or a lexicon.
        """
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            asked, made, log = (Path(folder) / name for name in ("texts.jsonl", "vectors", "log.txt"))
            asked.write_text("".join(json.dumps(text) + "\n" for text in texts), "utf-8")
            with log.open("wb") as errors, self._started([engine, str(asked), str(made), str(source)], errors) as child:
                yield from _parts(child, made)
            if child.returncode:
                logging.getLogger("studio").warning("%s ended with code %d: %s", engine, child.returncode, _last(log))
                raise Broken(child.returncode)

    @contextlib.contextmanager
    def _started(self, words: Sequence[str], errors: IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
        with self._lock:
            if self.closed:
                raise Broken(0)
            self._child = child = subprocess.Popen(
                [sys.executable, "-m", *words], cwd=self._project, env={**os.environ, **_QUIET}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=errors, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )  # fmt: skip
        with contextlib.suppress(psutil.Error):  # it has ended already
            psutil.Process(child.pid).nice(GENTLE if os.name == "posix" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
        with child:
            try:
                yield child
            except BaseException:
                child.kill()
                raise

    def close(self) -> None:
        """End the child; what it has delivered is kept, and no other one begins."""
        with self._lock:
            self.closed = True
            if self._child is not None and self._child.poll() is None:
                self._child.kill()


def _parts(child: "subprocess.Popen[bytes]", made: Path) -> Iterator[np.ndarray]:
    assert child.stdout is not None
    done = 0
    for line in child.stdout:
        said = json.loads(line)
        count, width = said["done"] - done, said["width"]
        yield np.fromfile(made, np.float16, count * width, offset=done * width * 2).reshape(count, width)
        done = said["done"]


def _last(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-2000:]
