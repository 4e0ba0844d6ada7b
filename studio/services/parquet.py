"""Parquet, Arrow and folders of `datasets` as rows and back, by a child process that has the heavy library."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from studio.domain.errors import StudioError
from studio.domain.formats.found import LARGEST
from studio.domain.formats.source import WHOLE, Refused, shown
from studio.settings import Settings

ENDINGS = (".parquet", ".arrow")
SAVED = ("dataset_dict.json", "state.json")  # one of these stands in a folder that `datasets` has saved
LONGEST = 300  # seconds
_TOO_LARGE, _NO_TABLE = 3, 4  # the child's exit codes; below zero it was ended by a crash
_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


def is_table(path: Path) -> bool:
    """Whether this is a file or folder that only the child can read."""
    if path.is_dir():
        return any((path / name).is_file() for name in SAVED)
    return path.suffix.lower() in ENDINGS


def rows(source: Path, settings: Settings) -> bytes:
    """The rows of a table as JSON lines, in order; raises Refused."""
    where = f"{shown(source.name)}, {WHOLE}"
    code, made = _converted("read", source, settings)
    if code == _TOO_LARGE:
        raise Refused(where, f"it unpacks to more than {LARGEST // 1_000_000} MB.", "Split it into smaller files.")
    if code > 0 and code != _NO_TABLE:
        raise Refused(where, "it could not be read, because a part of the studio is missing.", "Run “python launch.py repair”.")
    if code:
        raise Refused(where, "this is no table that can be read, or it is damaged.", "Copy it again from where it came.")
    if not made.strip():
        raise Refused(where, "there is no row in this table.", "Choose another file.")
    return made


def table(lines: bytes, settings: Settings) -> bytes:
    """A Parquet file of lines of {"title", "tags", "messages"}."""
    with tempfile.TemporaryDirectory(dir=_scratch(settings)) as folder:
        source = Path(folder) / "rows.jsonl"
        source.write_bytes(lines)
        code, made = _converted("write", source, settings)
    if code:
        raise StudioError("The table could not be made. What you wrote is safe. Choose CSV instead, or run “python launch.py repair”.")
    return made


def _converted(direction: str, source: Path, settings: Settings) -> tuple[int, bytes]:
    """The child's exit code and what it wrote."""
    with tempfile.TemporaryDirectory(dir=_scratch(settings)) as folder:
        target = Path(folder) / "made"
        surroundings = {**os.environ, **_OFFLINE, "HF_HOME": folder}
        command = [sys.executable, "-m", "studio.engine.converter", direction, str(source.absolute()), str(target)]
        try:
            child = subprocess.run(
                command, cwd=settings.project, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, timeout=LONGEST
            )
        except subprocess.TimeoutExpired as error:
            what = f"reading it took longer than {LONGEST // 60} minutes."
            raise Refused(f"{shown(source.name)}, {WHOLE}", what, "Split it into smaller files.") from error
        return child.returncode, target.read_bytes() if child.returncode == 0 else b""


def _scratch(settings: Settings) -> Path:
    settings.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings.scratch
