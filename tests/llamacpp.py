"""llama.cpp's own converter, out of the source package of llama-cpp-python: fetched when it is asked for, and no part of this project."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

PARTS = ("convert_hf_to_gguf.py", "conversion/", "gguf-py/", "models/ggml-vocab-gemma-4.gguf", "models/templates/google-gemma-4")
# pip also wants to see how the package would be built before it hands it over; sentencepiece is what the converter reads a `tokenizer.model` with.
TOOLS = ("scikit-build-core", "packaging", "pathspec", "sentencepiece")


def package(kept: Path) -> Path:
    """The folder `kept` with `llama.cpp` and `tools` in it, fetched where it is missing; raises CalledProcessError with what pip said."""
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=kept.parent))
        _pip("install", "--target", str(fresh / "tools"), *TOOLS)
        wanted = ["--no-binary", ":all:", "--no-build-isolation", f"llama-cpp-python=={version('llama-cpp-python')}", "--dest", str(fresh)]
        _pip("download", *wanted, PYTHONPATH=str(fresh / "tools"))
        (archive,) = fresh.glob("*.tar.gz")
        inside = f"{archive.name.removesuffix('.tar.gz')}/vendor/llama.cpp/"
        with tarfile.open(archive) as opened:
            opened.extractall(fresh, [m for m in opened if m.name.startswith(tuple(inside + part for part in PARTS))], filter="data")
        shutil.move(fresh / inside, fresh / "llama.cpp")
        archive.unlink()
        fresh.rename(kept)
    return kept


def _pip(*words: str, **surroundings: str) -> None:
    line = [sys.executable, "-m", "pip", *words, "--quiet", "--disable-pip-version-check", "--retries", "1", "--no-deps"]
    subprocess.run(line, capture_output=True, text=True, check=True, env={**os.environ, **surroundings})
