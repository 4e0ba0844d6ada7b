"""Whether a figure may count: how much of the processors others used while it was measured, and what the processors can do."""

import os
import time

import psutil

LOUD = 0.1  # of all processors together; above, nothing that was measured counts


class Neighbours:
    """How much of the processors others used while something ran: `share`, 0 to 1, once it has ended. `own` is to be told: its processor seconds."""

    def __enter__(self) -> "Neighbours":
        self.total, self.began, self.own = psutil.cpu_times(), time.monotonic(), 0.0
        return self

    def __exit__(self, *_: object) -> None:
        now, seconds = psutil.cpu_times(), time.monotonic() - self.began
        taken = [name for name in ("user", "system", "nice", "steal") if hasattr(now, name)]  # steal: by other machines on the same host
        busy = sum(getattr(now, name) - getattr(self.total, name) for name in taken)
        self.share = max(0.0, busy - self.own) / (seconds * (os.cpu_count() or 1))


def disturbed(seconds: float = 3.0) -> float:
    """The share of the processors that others use right now."""
    with Neighbours() as others:
        before = time.process_time()
        time.sleep(seconds)
        others.own = time.process_time() - before
    return others.share


def processor() -> str:
    """What of this processor decides about the figures, in one line."""
    import torch

    able = torch.cpu.get_capabilities()
    has = [name for name in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if able.get(name)]
    return (
        f"{os.cpu_count()} cores of {able.get('cpu_name', 'an unnamed processor')} with {', '.join(has) or 'none of AVX2, AVX-512 and AMX'}"
    )
