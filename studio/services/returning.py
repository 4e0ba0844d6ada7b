"""Gives back to the system what memory is free again."""

import ctypes
import sys


def give_back() -> None:
    """Let the system have what nobody uses; does nothing where it gets that by itself.

    The C library of most Linux systems keeps what was freed between things in use. After a large file was brought in that is as much as all
    that is in use.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)
