"""Several processes that share one lesson (`accelerate launch`, `torchrun`): what they agree on. Alone, everything here is nothing."""

import os
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from torch import distributed

T = TypeVar("T")


def size() -> int:
    """How many processes share this lesson."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def place() -> int:
    """Which of its machine's cards this process has."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def take_wish() -> bool:
    """Whether the launcher was asked to lay one model over the processes (`--use_fsdp`).

    The wish is taken out of the environment: accelerate would fulfil it on cards only, and keep what is learned in a form of its own.
    """
    return os.environ.pop("ACCELERATE_USE_FSDP", "").lower() == "true" and size() > 1


def meet() -> None:
    """Find the others; from here on they hear each other."""
    if size() > 1:
        PartialState(cpu=not torch.cuda.is_available())


def agreed(word: T) -> T:
    """What the first process says; the others take its word, so that none goes on alone."""
    if not _met():
        return word
    box: list[Any] = [word]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def gathered(word: T) -> list[T]:
    """What every process says, the first one's first."""
    if not _met():
        return [word]
    box: list[Any] = [None] * size()
    distributed.all_gather_object(box, word)
    return box


def together() -> None:
    """Wait until every process is here."""
    if _met():
        distributed.barrier()


def part() -> None:
    """Leave the others, once all are done: a process that ends with the threads of the group still running is killed by them."""
    if _met():
        distributed.barrier()
        distributed.destroy_process_group()


def _met() -> bool:
    return size() > 1 and distributed.is_available() and distributed.is_initialized()
