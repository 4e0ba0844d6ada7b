"""Measures for two seconds how fast this computer computes: `python -m studio.engine.gauge` prints one line of JSON.

A process of its own, because torch is never loaded where the window is.
"""

import json
import sys
import time
from collections.abc import Callable

import torch

from studio.engine import loader

LARGE = 1_000_000_000  # parameters of a model that is held in short numbers wherever they are quick
SIDE = 1024  # rows and columns of the matrices
SECONDS = 0.6  # for each of the three figures


def rate(work: Callable[[], object], place: str) -> float:
    """How often a second something can be done: the best of the rounds, so that a neighbour's work is not counted."""
    best, until = float("inf"), time.perf_counter() + SECONDS
    work()
    while time.perf_counter() < until:
        wait(place)
        began = time.perf_counter()
        for _ in range(4):
            work()
        wait(place)
        best = min(best, (time.perf_counter() - began) / 4)
    return 1 / best


def wait(place: str) -> None:
    """Until a card has done what it was asked."""
    if place == "cuda":
        torch.cuda.synchronize()
    elif place == "mps":
        torch.mps.synchronize()


def measure() -> dict[str, float | bool]:
    """Operations a second in both number formats, bytes a second, and whether short numbers are quick here."""
    place = loader.device(LARGE)
    one = torch.randn(SIDE, SIDE, device=place.name)
    short, result = one.to(place.dtype), torch.empty(SIDE, SIDE, device=place.name)
    work = 2 * SIDE**3
    wide = torch.randn(16 * SIDE * SIDE, device=place.name)  # 64 MB: more than what a processor keeps near
    target = torch.empty_like(wide)
    return {
        "matmul": work * rate(lambda: short @ short, place.name),
        "matmul_full": work * rate(lambda: torch.mm(one, one, out=result), place.name),
        "stream": 2 * wide.nbytes * rate(lambda: torch.exp(wide, out=target), place.name),
        "bf16": place.dtype is torch.bfloat16,
        "measured": time.time(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure()) + "\n")
