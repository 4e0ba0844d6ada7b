"""Keeps a file that is still being written, so that one killed in the middle goes on after its last whole tensor.

Beside `x.gguf.part` lies `x.gguf.journal.part`: a line with the stamp of everything the file is made of, then a line for each tensor that is whole: where
it ends, and the CRC-32 of its bytes. What goes on is read again and has to agree; the rest is cut off. So it does not matter how the work ended.
"""

import json
import os
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

_ALIGNED = 32  # bytes: where a GGUF tensor may begin
_READ = 16 * 1024 * 1024
_FLUSHED = 64 * 1024 * 1024  # bytes after which the disk is set to work: told only at the end, a system lets it idle until then


def journal_of(path: Path) -> Path:
    """Where the journal of an unfinished file lies."""
    return path.with_suffix(".journal.part")


class Keeper:
    """An unfinished file at `path` that begins with the bytes of `head`. Writing goes on in a thread of its own while the next rows are computed."""

    def __init__(self, path: Path, head: Path, stamp: str) -> None:
        self.path = path
        self._journal_path, self._hand = journal_of(path), ThreadPoolExecutor(1)
        self._flushing = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None
        self._flushed: Future[None] | None = None
        self._check = self._waiting = 0
        whole = self._resumed(head, stamp)
        if whole is None:
            os.replace(head, path)
            self._journal_path.write_text(json.dumps({"stamp": stamp}) + "\n", "ascii")
        self.whole = whole or set()  # names of the tensors that need not be written again
        head.unlink(missing_ok=True)
        self._file = open(path, "r+b")  # noqa: SIM115 (open as long as this object)
        self._file.seek(0, os.SEEK_END)
        self._journal = open(self._journal_path, "a", encoding="ascii")  # noqa: SIM115

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._hand.shutdown()
        self._flushing.shutdown()
        self._journal.close()
        self._file.close()

    def put(self, data: np.ndarray) -> None:
        """Write these bytes of a tensor (flat, uint8) as soon as the ones before are written."""
        self._settle()
        self._last = self._hand.submit(self._write, data)

    def end(self, name: str) -> None:
        """The tensor is whole."""
        self._settle()
        self._write(np.zeros(-self._file.tell() % _ALIGNED, np.uint8))
        self._file.flush()
        self._journal.write(json.dumps({"name": name, "end": self._file.tell(), "crc": self._check}) + "\n")
        self._journal.flush()
        self._check = 0

    def finish(self) -> None:
        """The file is whole: make sure that it is on the disk, and forget how it came there."""
        self._settle()
        self._file.flush()
        if self._flushed:
            self._flushed.result()
        os.fsync(self._file.fileno())

    def _settle(self) -> None:
        if self._last:
            self._last.result()
            self._last = None

    def _write(self, data: np.ndarray) -> None:
        self._file.write(data)
        self._check = zlib.crc32(data, self._check)
        self._waiting += len(data)
        if self._waiting >= _FLUSHED and (self._flushed is None or self._flushed.done()):
            if self._flushed:
                self._flushed.result()
            self._flushed, self._waiting = self._flushing.submit(os.fsync, self._file.fileno()), 0

    def _resumed(self, head: Path, stamp: str) -> set[str] | None:
        """Names of the tensors that are whole in what lies there, and the rest cut off; None where it is another file or none."""
        if not (self.path.is_file() and self._journal_path.is_file()):
            return None
        rows, end = _rows(self._journal_path.read_text("ascii", errors="replace")), head.stat().st_size
        with open(self.path, "r+b") as there:
            if rows[:1] != [{"stamp": stamp}] or there.read(end) != head.read_bytes():
                return None
            sound = rows[:1]
            for row in rows[1:]:
                if _checked(there, row["end"] - end) != row["crc"]:
                    break
                sound.append(row)
                end = row["end"]
            there.truncate(end)
        self._journal_path.write_text("".join(json.dumps(row) + "\n" for row in sound), "ascii")
        return {row["name"] for row in sound[1:]}


def _rows(text: str) -> list[dict[str, Any]]:
    """The lines of a journal up to the first that was torn."""
    rows = []
    for line in text.splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _checked(file: IO[bytes], length: int) -> int:
    """The CRC-32 of the next bytes of a file; of a file that ends before them, -1."""
    check = 0
    while length > 0:
        block = file.read(min(length, _READ))
        if not block:
            return -1
        check, length = zlib.crc32(block, check), length - len(block)
    return check
