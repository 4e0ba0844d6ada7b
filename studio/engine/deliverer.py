"""How a child hands vectors to the window: half-precision rows at the end of a file, and a line on its output when they are there."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def texts(path: Path) -> list[str]:
    """The texts the window has written down, a JSON string on each line."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def deliver(parts: Iterable[np.ndarray], made: Path) -> None:
    """Write parts of float vectors (texts, width) as they come."""
    done = 0
    with made.open("wb") as file:
        for part in parts:
            file.write(part.astype(np.float16).tobytes())
            file.flush()
            done += len(part)
            print(json.dumps({"done": done, "width": part.shape[1]}), flush=True)  # noqa: T201 (the window reads it)
