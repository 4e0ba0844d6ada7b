"""What this machine has: the `doctor` command."""

import importlib.metadata
import os
import platform
import shutil
import time
from collections.abc import Iterator

import psutil

from studio.services import exports, hardware
from studio.services.studio import Studio

PACKAGES = (
    "gradio",
    "torch",
    "transformers",
    "peft",
    "trl",
    "datasets",
    "bitsandbytes",
    "gguf",
    "llama-cpp-python",
    "pandas",
    "platformdirs",
)


def lines(studio: Studio) -> Iterator[str]:
    """One finding a line."""
    memory = psutil.virtual_memory()
    yield f"System        {platform.platform()}, Python {platform.python_version()}"
    yield f"Processor     {psutil.cpu_count(logical=False) or os.cpu_count()} cores, {memory.total / 1e9:.0f} GB memory, {memory.available / 1e9:.0f} GB free"
    yield f"Graphics      {hardware.graphics()}"
    yield f"Lessons       run on: {_lessons(studio)}"
    yield f"Disk          {shutil.disk_usage(studio.library.home).free / 1e9:.0f} GB free where your characters are ({studio.library.home})"
    for name in PACKAGES:
        yield f"{'Packages' if name == PACKAGES[0] else '':13} {name} {version(name)}"
    if sentence := exports.without_engine():
        yield f"Missing       {sentence}"
    found = studio.ollama.status()
    yield f"Ollama        {found.sentence or found.state} {found.version}".rstrip()
    for choice in studio.models.choices():
        yield f"{'Models' if choice.id == 'practice' else '':13} {choice.title}: {choice.path or choice.why_not}"
    for who in studio.library.characters():
        yield f"{'Characters' if who == studio.library.characters()[0] else '':13} {who.persona.name}: {who.conversations} conversations, {who.adapters} lessons, {who.exports} files"
    for notice in studio.library.notices():
        yield f"Note          {notice}"


def _lessons(studio: Studio) -> str:
    known, speed = hardware.here(studio.library)
    numbers = "bf16 is quick" if known.bf16 else "bf16 is not quick, so full numbers are used"
    if speed is None:
        return f"{known.in_words()}, {numbers}; its speed is measured when Train is opened"
    day = time.strftime("%Y-%m-%d", time.localtime(speed.measured))
    return f"{known.in_words()}, {numbers}; {speed.matmul / 1e9:,.0f} billion operations a second, measured {day}"


def version(package: str) -> str:
    """The installed version of a package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "is not installed"
