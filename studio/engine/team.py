"""Several processes that share one lesson (`accelerate launch`, `torchrun`): what they agree on. Alone, everything here is nothing."""

import os
from typing import Any, TypeVar

from torch import distributed

from studio.domain.errors import StudioError

T = TypeVar("T")


def size() -> int:
    """How many processes share this lesson."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def place() -> int:
    """Which of its machine's cards this process has."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def check_way() -> None:
    """Raises StudioError where the launcher was asked to lay one model over the processes (FSDP)."""
    if size() > 1 and os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true":
        raise StudioError(
            "A lesson can't be laid over several cards (FSDP) yet: each process measures and saves the whole adapter. Nothing was started. Launch it without --use_fsdp, so that each card holds the model, or choose a smaller model."
        )


def agreed(word: T) -> T:
    """What the first process says; the others take its word, so that none goes on alone."""
    if not _met():
        return word
    box: list[Any] = [word]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


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
