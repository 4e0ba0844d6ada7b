"""Memory: what is free again goes back to the system, and rubbish is not looked for while much is made."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def give_back() -> None:
    """Let the system have what nobody uses; does nothing where it gets that by itself.

    The C library of most Linux systems keeps what was freed between things in use. After a large file was brought in that is as much as all
    that is in use.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)


@contextmanager
def much_made() -> Iterator[None]:
    """Meanwhile Python looks for no circles to collect: of a million new things that stay it would look at each again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
