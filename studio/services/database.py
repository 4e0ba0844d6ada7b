"""One SQLite file of sealed versions: how it is opened, examined, copied, and built again from what is left of it."""

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from studio.domain import conversation
from studio.domain.errors import StudioError
from studio.domain.revision import COLUMNS, Revision, from_columns
from studio.services import storage

VERSION = 1
NAMES = ", ".join(COLUMNS)
MARKS = ", ".join("?" * len(COLUMNS))
_KEPT = (
    "persona TEXT NOT NULL, kind TEXT NOT NULL, rev INTEGER NOT NULL, op TEXT NOT NULL, at REAL NOT NULL, what TEXT NOT NULL, "
    "removed REAL, place INTEGER NOT NULL, sha256 TEXT NOT NULL"
)
SCHEMA = (
    f"CREATE TABLE record (id TEXT PRIMARY KEY, {_KEPT}, words TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX shelf ON record (kind, persona, place, removed)",
    f"CREATE TABLE history (n INTEGER PRIMARY KEY, id TEXT NOT NULL, {_KEPT}, body TEXT NOT NULL, UNIQUE (id, rev))",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)
# TRUNCATE stays whole also in a folder that a cloud program copies; FULL and fullfsync: an answer means it is on the disk.
PRAGMAS = (
    "journal_mode=TRUNCATE", "synchronous=FULL", "fullfsync=ON",
    "foreign_keys=ON", "trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0",
)  # fmt: skip
# What SQLite says of a damaged header, where the folder itself can be written.
SIGNS = ("readonly", "I/O", "no such", "unsupported")
DAILY, FEWEST = 7, 2  # backups kept: the last of so many days, and never fewer than these


NEWER = "These characters were last opened by a newer Persona Studio. Nothing was changed. Start that one, or update this one."


class Damage(Exception):
    """The file is not the database that was written. Never leaves this module and `records`."""


def connect(path: Path) -> sqlite3.Connection:
    """An open database, as careful as SQLite can be."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would let everybody read it
    db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    db.text_factory = _text
    for pragma in PRAGMAS:
        db.execute(f"PRAGMA {pragma}")
    return db


def _text(stored: bytes) -> str:
    # A damaged letter must reach the seal, which refuses it, rather than end the reading of a whole list.
    return stored.decode("utf-8", "replace")


def open_whole(path: Path) -> sqlite3.Connection:
    """The database at `path`, examined; raises Damage, or StudioError where it was written by a newer studio or can't be written."""
    try:
        db = connect(path)
        try:
            _examine(db)
            db.execute(f"PRAGMA user_version = {VERSION}")  # also shows that it can be written
            return db
        except BaseException:
            db.close()
            raise
    except (sqlite3.Error, OSError) as error:
        can_write = os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK)
        if type(error) is sqlite3.DatabaseError or (can_write and any(sign in str(error) for sign in SIGNS)):
            raise Damage(str(error)) from error
        raise storage.in_words(error, path.parent) from error


def _examine(db: sqlite3.Connection) -> None:
    stands = {sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    ((version,),) = db.execute("PRAGMA user_version")
    ((verdict,),) = db.execute("PRAGMA integrity_check(1)")
    if verdict != "ok":
        raise Damage(verdict)
    if stands != set(SCHEMA):
        if VERSION < version < 1000:
            raise StudioError(NEWER)
        raise Damage("these are not the tables")


def found(path: Path) -> bool:
    """Whether there is a database at all; an empty file is none."""
    return path.is_file() and path.stat().st_size > 0


def sweep(path: Path) -> None:
    """Remove what a killed studio had not finished."""
    for folder in (path.parent, path.parent / "backups"):
        for left in folder.glob(f"{path.stem}*{storage.PART}*"):
            left.unlink(missing_ok=True)


def create(path: Path) -> None:
    """A new, empty database."""
    part = path.with_name(path.name + storage.PART)
    part.unlink(missing_ok=True)
    try:
        with contextlib.closing(connect(part)) as db:
            for statement in SCHEMA:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
        _take_place(part, path)
    except (sqlite3.Error, OSError) as error:
        raise storage.in_words(error, path.parent) from error


def _take_place(part: Path, path: Path) -> None:
    storage.sync_file(part)
    _journal(part).unlink(missing_ok=True)
    storage.settle(part, path)


def _journal(path: Path) -> Path:
    return path.with_name(path.name + "-journal")


def words(revision: Revision) -> str:
    """What a search looks through: small letters, one form of each accent."""
    if revision.kind != "conversation":
        return ""
    written = conversation.from_body(revision.id, revision.body)
    return conversation.findable("\n".join((written.title, *(turn.text for turn in written.turns))))


def put(db: sqlite3.Connection, revision: Revision) -> None:
    """Make this the head of its record."""
    values = tuple(getattr(revision, name) for name in COLUMNS)
    db.execute(f"INSERT OR REPLACE INTO record ({NAMES}, words) VALUES ({MARKS}, ?)", (*values, words(revision)))


def add(db: sqlite3.Connection, made: Sequence[tuple[Revision, str]]) -> None:
    """Make these the heads of new records, each with what a search looks through, and the first in their histories."""
    rows = [(*(getattr(revision, name) for name in COLUMNS), said) for revision, said in made]
    db.executemany(f"INSERT INTO record ({NAMES}, words) VALUES ({MARKS}, ?)", rows)
    db.executemany(f"INSERT INTO history ({NAMES}) VALUES ({MARKS})", [row[:-1] for row in rows])


def follow(db: sqlite3.Connection, made: Sequence[Revision]) -> set[str]:
    """Make these the heads of records that stand at the revision before, whose words they keep; returns the ids of those."""
    revs = dict(db.execute("SELECT id, rev FROM record"))
    fit = [one for one in made if revs.get(one.id) == one.rev - 1]
    values = [tuple(getattr(one, name) for name in COLUMNS) for one in fit]
    db.executemany(f"UPDATE record SET ({NAMES}) = ({MARKS}) WHERE id = ?", [(*row, row[0]) for row in values])
    db.executemany(f"INSERT INTO history ({NAMES}) VALUES ({MARKS})", values)
    return {one.id for one in fit}


def remember(db: sqlite3.Connection, revision: Revision, *, known: str = "ABORT") -> None:
    """Append this version to the history."""
    db.execute(f"INSERT OR {known} INTO history ({NAMES}) VALUES ({MARKS})", tuple(getattr(revision, name) for name in COLUMNS))


def revisions(path: Path) -> Iterator[Revision]:
    """Every version in a database, also a damaged one, that can still be read; the seals are for the caller to check."""
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)  # a damaged file is not touched
    except sqlite3.Error:
        return
    db.text_factory = _text
    with contextlib.closing(db):
        for table in ("record", "history"):
            for direction in ("ASC", "DESC"):  # from both ends, because reading stops at the first broken page
                yield from _readable(db, f"SELECT {NAMES} FROM {table} NOT INDEXED ORDER BY rowid {direction}")


def _readable(db: sqlite3.Connection, query: str) -> Iterator[Revision]:
    # What can't be read here is looked for in the other sources; the rebuild counts what none of them had.
    with contextlib.suppress(sqlite3.Error, OverflowError):
        for row in db.execute(query):
            revision = read(row)
            if revision is not None:
                yield revision


def read(row: tuple[Any, ...]) -> Revision | None:
    """The version in a row of NAMES, or None where it can't be one; its seal is for the caller to check."""
    return from_columns(dict(zip(COLUMNS, row, strict=True)))


def whole(row: tuple[Any, ...]) -> Revision | None:
    """The version in a row of NAMES, or None where a byte of it has changed."""
    revision = read(row)
    return revision if revision is not None and revision.whole else None


def rebuild(path: Path, copies: Callable[[], Iterable[Revision]]) -> str:
    """Build the database again from the damaged file, the plain copies and the backups, newest first; returns what was found in a sentence.

    The damaged file is kept beside it under `damaged/`, untouched.
    """
    part, seen = path.with_name(path.name + storage.PART), set[str]()
    part.unlink(missing_ok=True)
    try:
        create(part)
        with contextlib.closing(connect(part)) as db:
            db.execute("BEGIN")
            for source in (revisions(path) if found(path) else (), copies(), *map(revisions, reversed(backups(path)))):
                for revision in source:
                    seen.add(revision.id)
                    if revision.whole:
                        remember(db, revision, known="IGNORE")
            for row in db.execute(f"SELECT {NAMES} FROM history h WHERE rev = (SELECT max(rev) FROM history WHERE id = h.id)").fetchall():
                put(db, Revision(*row))
            counts = dict(db.execute("SELECT kind, count(*) FROM record WHERE removed IS NULL GROUP BY kind"))
            lost = len(seen - {identifier for (identifier,) in db.execute("SELECT id FROM record")})
            db.execute("COMMIT")
        kept = _keep_aside(path)
        _take_place(part, path)
    except (sqlite3.Error, OSError) as error:
        raise storage.in_words(error, path.parent) from error
    said = f"The studio's file was {'damaged' if kept else 'gone'}."
    back = f"{counts.get('sheet', 0)} characters and {counts.get('conversation', 0)} conversations were restored from its copies"
    return f"{said} {back}{f', {lost} could not be' if lost else ''}.{f' The damaged file is kept as {kept}.' if kept else ''}"


def _keep_aside(path: Path) -> str:
    if not path.exists():
        return ""
    folder = storage.private_folder(path.parent / "damaged")
    aside = folder / f"{path.stem}-{_now()}{path.suffix}"
    try:
        os.link(path, aside)
    except OSError:  # a disk without second names for a file
        shutil.copyfile(path, aside)
        storage.sync_file(aside)
    storage.sync_folder(folder)
    if _journal(path).exists():
        _journal(path).replace(_journal(aside))
    return f"{folder.name}/{aside.name}"


def _now() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09d}"


def backups(path: Path) -> list[Path]:
    """The backups of this database, oldest first."""
    return sorted((path.parent / "backups").glob(f"{path.stem}-*{path.suffix}"))


def back_up(db: sqlite3.Connection, path: Path) -> None:
    """Copy the database to `backups/`, read the copy back, and only then let older ones go. Does nothing where nothing has changed."""
    older = backups(path)
    if older and _fingerprint_of(older[-1]) == _fingerprint(db):
        return
    target = storage.private_folder(path.parent / "backups") / f"{path.stem}-{_now()}{path.suffix}"
    part = target.with_name(target.name + storage.PART)
    try:
        with contextlib.closing(connect(part)) as copy:
            db.backup(copy)
            _examine(copy)
            if not all(whole(row) for row in copy.execute(f"SELECT {NAMES} FROM record")):
                raise Damage("a record is not whole")
        _take_place(part, target)
    except (sqlite3.Error, OSError) as error:
        raise storage.in_words(error, path.parent) from error
    finally:
        for left in (part, _journal(part)):
            left.unlink(missing_ok=True)
    for old in set(older) - _worth_keeping([*older, target]):
        old.unlink()


def _worth_keeping(copies: list[Path]) -> set[Path]:
    # Names begin with the date, so the last of each day wins.
    days = {copy.stem.rsplit("-", 2)[0]: copy for copy in copies}
    return {*list(days.values())[-DAILY:], *copies[-FEWEST:]}


def _fingerprint(db: sqlite3.Connection) -> tuple[int, float | None]:
    ((count, newest),) = db.execute("SELECT count(*), max(at) FROM history")
    return count, newest


def _fingerprint_of(path: Path) -> tuple[int, float | None] | None:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            return _fingerprint(db)
    except sqlite3.Error:
        return None  # a damaged backup is like none
