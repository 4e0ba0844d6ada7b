"""Makes a file small with llama.cpp's own quantizer."""

import ctypes
import os
import re
import time
from pathlib import Path
from threading import Thread
from typing import IO

from studio.domain.errors import NotReady, StudioError
from studio.domain.sizes import MIXED, FileKind
from studio.engine import player
from studio.engine.player import llama_cpp
from studio.engine.writer import Progress

_COUNT = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")  # llama.cpp counts the tensors it has done: "[  12/ 290]"
_TYPES = {"Q6_K": "LLAMA_FTYPE_MOSTLY_Q6_K", "Q5_K_M": "LLAMA_FTYPE_MOSTLY_Q5_K_M", "Q4_K_M": "LLAMA_FTYPE_MOSTLY_Q4_K_M"}
_HELD = 128 * 1024 * 1024  # bytes of rows llama.cpp may hold at once


def need(kind: str) -> None:
    """Raise StudioError unless a file of this kind can be made here."""
    if kind in MIXED and not player.present():
        raise NotReady(
            "Small files need llama.cpp, which is not on this computer. What was learned is safe. "
            "Choose Balanced (Q8_0), or install it with: python -m pip install llama-cpp-python"
        )


def quantize(master: Path, path: Path, kind: FileKind, log: IO[str], progress: Progress) -> None:
    """Write `master` (F32 or BF16) as a small kind to `path` and make sure it is on the disk. `progress` hears shares and may raise to stop."""
    need(kind)
    shares, results = [0.0], []

    def listen(words: str) -> None:
        if match := _COUNT.search(words):
            shares.append(int(match[1]) / int(match[2]))

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = getattr(llama_cpp, _TYPES[kind])
    params.nthread = os.cpu_count() or 1
    params.max_buf_size = _HELD

    def work() -> None:
        results.append(llama_cpp.llama_model_quantize(os.fsencode(master), os.fsencode(path), ctypes.byref(params)))

    # llama.cpp can't be interrupted. In a thread of its own it can at least be left behind when somebody stops the export.
    with player.logged(log, listen):
        thread = Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive():
            progress(shares[-1])
            time.sleep(0.05)
    if results != [0]:
        raise StudioError(
            "The small file could not be made; log.txt beside it says why. What was learned is safe. Choose Balanced (Q8_0) instead."
        )
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
