"""The one way a file is written, the lock on the data folder, and what a disk's refusal means in words."""

import contextlib
import errno
import hashlib
import io
import os
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from studio.domain.errors import Busy, StudioError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) if sys.platform != "win32" else (errno.ENOSPC, errno.EFBIG)
KEPT = "Your words are kept in this window."
OPEN = "Persona Studio is already open with these characters. Nothing was changed. Use the window that is open, or close it first."
PIECE = 2**20  # bytes of a file that are read in one breath
PART = ".part"  # the ending of a file that is still being written


class DiskFull(StudioError):
    """There is no room left."""


def private_folder(path: Path) -> Path:
    """This folder, made if it is missing, for its owner only. A folder that somebody else made keeps its rights."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    if missing:
        sync_folder(path.parent)
    return path


def write(path: Path, content: bytes) -> None:
    """Put `content` at `path` whole or not at all; back only when it would survive a power cut."""
    _put(path, [content])


def rewrite(path: Path, pieces: Iterable[bytes]) -> str:
    """Put these at `path` in the same way, one after the other, unless just that stands there; returns the SHA-256 of all together."""
    seal, same, other = hashlib.sha256(), 0, b""
    given = _sealing(pieces, seal)
    with path.open("rb") if path.is_file() else io.BytesIO() as standing:
        for piece in given:
            if standing.read(len(piece)) != piece:
                other = piece
                break
            same += len(piece)
        if not other and path.is_file() and not standing.read(1):
            return seal.hexdigest()
    _put(path, chain(_beginning(path, same), [other], given))
    return seal.hexdigest()


def _sealing(pieces: Iterable[bytes], seal: "hashlib._Hash") -> Iterator[bytes]:
    for piece in pieces:
        seal.update(piece)
        yield piece


def _beginning(path: Path, size: int) -> Iterator[bytes]:
    """So many bytes of a file, a few at a time: it can be as large as all that was written."""
    if size:
        with path.open("rb") as file:
            while size:
                piece = file.read(min(size, PIECE))
                if not piece:  # somebody else has cut it off in this moment
                    raise OSError(errno.EIO, "it was changed while it was read", str(path))
                size -= len(piece)
                yield piece


def _put(path: Path, pieces: Iterable[bytes]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{PART}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            _sync(file.fileno())
        settle(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise in_words(error, path.parent) from error
        raise


def settle(part: Path, path: Path) -> None:
    """Give a finished file its name, for good."""
    for wait in (0.02, 0.1, 0.4, None):
        try:
            part.replace(path)
            break
        except PermissionError:  # on Windows a virus scanner may hold the old file for a moment
            if wait is None or sys.platform != "win32":
                raise
            time.sleep(wait)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Make a file that another library wrote survive a power cut."""
    with path.open("rb+") as file:
        _sync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make names made or changed in this folder survive a power cut."""
    if sys.platform == "win32":  # keeps names in its own journal, and can't open folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _sync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks know no such thing for folders
            raise
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    # A Mac's fsync stops at the drive's own cache.
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


class Lock:
    """The data folder is used by one studio at a time. The system lets go when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock; raises Busy where another studio has it."""
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise Busy(OPEN) from error

    def release(self) -> None:
        """Let the next studio in."""
        self._file.close()


def in_words(error: Exception, folder: Path) -> StudioError:
    """What a disk's refusal means for a person: what happened, where the words are, one thing to do."""
    number, said = getattr(error, "errno", None), str(error)
    if number in FULL or "is full" in said or ("I/O" in said and _room(folder) < 2**20):
        return DiskFull(f"Not saved: the disk is full. {KEPT} Free some space, then press Save again.")
    if not os.path.isdir(folder):  # noqa: PTH112  (Path.is_dir raises where a parent may not be read)
        return StudioError(f"Not saved: the studio's folder {folder} is gone. {KEPT} Put the folder back, then press Save again.")
    if number in (errno.EACCES, errno.EPERM, errno.EROFS) or "readonly" in said or "unable to open" in said:
        return StudioError(f"Not saved: the studio may not write in {folder}. {KEPT} Allow writing there, then press Save again.")
    if "locked" in said:
        return StudioError(f"Not saved: another program holds the studio's file. {KEPT} Wait a moment, then press Save again.")
    if type(error) is sqlite3.DatabaseError:
        return StudioError(f"Not saved: the studio's file is damaged. {KEPT} Copy them, then start the studio again: it mends itself.")
    return StudioError(f"Not saved: the disk did not take the words. {KEPT} Free some space or check the disk, then press Save again.")


def _room(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 2**63  # not known: then the disk is not called full
