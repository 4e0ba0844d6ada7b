"""What is free again goes back to the system."""

import platform

import psutil

from studio.services.returning import give_back

PIECES, SIZE = 60_000, 2_000


def test_what_was_freed_between_things_in_use_goes_back():
    kept, gone = [], []
    for n in range(PIECES):
        (gone if n % 10 else kept).append(bytes(SIZE))
    del gone
    before = psutil.Process().memory_info().rss
    give_back()
    # A tenth of it is in use, so some pages stay; other systems get theirs by themselves, or later.
    least = 0.3 * PIECES * SIZE if platform.libc_ver()[0] == "glibc" else -SIZE * PIECES
    assert before - psutil.Process().memory_info().rss >= least
    assert sum(map(len, kept)) == PIECES // 10 * SIZE
