"""How much energy is drawn while something runs, where the system tells: the processor's own counter, and the graphics card's power."""

import shutil
import subprocess
import time
from pathlib import Path

COUNTERS = Path("/sys/class/powercap")
PATIENCE = 10.0  # seconds between two questions to the graphics card: each takes a tenth of one


class Meter:
    """Counts from its making. Whole processor packages and cards are measured, whatever else runs on them."""

    def __init__(self, counters: Path = COUNTERS) -> None:
        self._packages = {folder: joules for folder in sorted(counters.glob("intel-rapl:[0-9]")) if (joules := _joules(folder)) is not None}
        self._card = shutil.which("nvidia-smi")
        self._drawn, self._measured, self._last = 0.0, bool(self._packages), time.monotonic()

    def look(self) -> None:
        """Read the counters again; to be called now and then, more often than once in some minutes."""
        if time.monotonic() - self._last >= PATIENCE:
            self._count()

    def watt_hours(self) -> float | None:
        """What was drawn so far; None where this system does not tell."""
        self._count()
        return round(self._drawn / 3600, 4) if self._measured else None

    def _count(self) -> None:
        now = time.monotonic()
        for folder, before in self._packages.items():
            joules = _joules(folder)
            if joules is None:
                continue
            # The counter starts over when it is full.
            self._drawn += joules - before if joules >= before else joules - before + _number(folder / "max_energy_range_uj") / 1e6
            self._packages[folder] = joules
        watts = _watts(self._card) if self._card else None
        if watts is not None:
            self._measured, self._drawn = True, self._drawn + watts * (now - self._last)
        self._last = now


def _joules(folder: Path) -> float | None:
    try:
        return _number(folder / "energy_uj") / 1e6
    except (OSError, ValueError):
        return None  # most systems let only their owner read it


def _number(file: Path) -> float:
    return float(file.read_text("utf-8"))


def _watts(command: str) -> float | None:
    """What all cards draw now."""
    question = [command, "--query-gpu=power.draw", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=5, check=True)
        return sum(float(line) for line in answer.stdout.split("\n") if line.strip())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
