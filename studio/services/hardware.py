"""What this computer has to learn with: found without a heavy library, and measured once by a child process."""

import functools
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil

from studio.domain import machine
from studio.domain.errors import StudioError
from studio.domain.machine import Machine, Speed
from studio.services.library import Library

LONGEST = 120  # seconds the measurement may take, with everything it loads
QUESTION = "name,memory.total,memory.free,compute_cap,driver_version"


def found(home: Path) -> Machine:
    """The best thing to compute with here. `home`: the folder whose disk counts."""
    disk = shutil.disk_usage(home).free
    card = card_line()
    if card:
        name, total, free, capability, _ = (part.strip() for part in card.split(",", 4))
        mib = 1024 * 1024
        return Machine("cuda", name, int(total) * mib, int(free) * mib, _cores(), float(capability) >= 8, disk, capability)
    memory = psutil.virtual_memory()
    if apple():
        return Machine(
            "mps", "Apple chip", memory.total, memory.available, _cores(), int(platform.mac_ver()[0].split(".")[0] or 0) >= 14, disk
        )
    return Machine("cpu", "Processor", memory.total, memory.available, _cores(), _short_numbers(), disk)


def here(library: Library) -> tuple[Machine, Speed | None]:
    """The machine, with what the measurement knows better, and the measurement; None while there is none."""
    known, speed = found(library.home), kept(library)
    return (replace(known, bf16=speed.bf16) if speed else known), speed


def kept(library: Library) -> Speed | None:
    """The last measurement; None where there is none of this machine."""
    value = library.read_json(_place(library), {})
    return machine.speed(value) if isinstance(value, dict) and value.get("machine") == _name() else None


def measure(library: Library, project: Path) -> Speed:
    """Measure now, in a child process, and keep it with its date; raises StudioError where that fails."""
    try:
        asked = subprocess.run(
            [sys.executable, "-m", "studio.engine.gauge"], cwd=project, capture_output=True, text=True, timeout=LONGEST, check=True
        )
        value = json.loads(asked.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise StudioError("This computer could not be measured, so times are not told beforehand. Lessons run all the same.") from error
    library.write_json(_place(library), {"machine": _name(), **value})
    speed = machine.speed(value)
    if speed is None:
        raise StudioError("The measurement of this computer made no sense, so times are not told beforehand. Lessons run all the same.")
    return speed


def graphics() -> str:
    """What the studio can compute with beside the processor, in a line."""
    if apple():
        return "Apple chip"
    card = card_line()
    if not card:
        return "no NVIDIA card or Apple chip: lessons run on the processor"
    name, total, free, capability, driver = (part.strip() for part in card.split(",", 4))
    return f"{name}, {int(total) / 1000:.0f} GB memory, {int(free) / 1000:.0f} GB free, compute capability {capability}, driver {driver}"


def accelerated() -> bool:
    """Whether a card or chip that computes faster than the processor seems to be there; nothing is asked that takes time."""
    return bool(shutil.which("nvidia-smi")) or apple()


def apple() -> bool:
    """Whether this is a Mac with a chip of Apple's own."""
    return sys.platform == "darwin" and platform.machine() == "arm64"


def card_line() -> str:
    """What an NVIDIA card's own tool says of the first one; empty where there is none."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return ""
    try:
        asked = subprocess.run(
            [tool, f"--query-gpu={QUESTION}", "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    first = next(iter(asked.stdout.strip().splitlines()), "")
    return first if asked.returncode == 0 and first.count(",") >= 4 else ""


def _cores() -> int:
    return psutil.cpu_count(logical=False) or os.cpu_count() or 1


@functools.cache
def _short_numbers() -> bool:
    # Linux says what the processor can do; elsewhere the measurement finds out.
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_tile" in flags


def _place(library: Library) -> Path:
    return library.home / "machine.json"


def _name() -> str:
    return f"{platform.machine()}, {_cores()} cores, {graphics().split(',')[0]}"
