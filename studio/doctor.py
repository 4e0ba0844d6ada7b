"""What this machine has: the `doctor` command."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator

import psutil

from studio.services import exports
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
    yield f"Graphics      {graphics()}"
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


def graphics() -> str:
    """The graphics card the studio can compute with, as its own tool names it; no heavy library is loaded for it."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "Apple chip"
    tool = shutil.which("nvidia-smi")
    if tool:
        asked = subprocess.run(
            [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        if asked.returncode == 0 and asked.stdout.strip():
            return asked.stdout.strip().replace("\n", "; ")
    return "no NVIDIA card or Apple chip: lessons run on the processor"


def version(package: str) -> str:
    """The installed version of a package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "is not installed"
