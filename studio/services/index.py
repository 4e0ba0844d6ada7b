"""Finds conversations by their words, and by what is known of them: an index beside the database, which holds nothing of its own.

Whoever deletes its file loses nothing but the time in which it is made again. It is asked, never told: before each answer it reads what was
stored since the last one.
"""

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from studio.domain import conversation
from studio.domain.errors import StudioError
from studio.domain.revision import Revision
from studio.domain.wanted import LENGTHS, Filters
from studio.services import database
from studio.services.records import Records

VERSION = 1
CHUNK = 50  # conversations read in one step; where so many are new, the background reads them and nobody waits
MOST_FAULTS = 3  # after so many the index stays closed until the next start, and every conversation is read instead
LONGEST_REST = 1.0  # seconds the background waits for those who ask, one after the other
GRAM = 3  # letters; what is shorter is not in the index
_ODD = frozenset("\ufffd\ufffe\uffff")  # one and the same sign to the index
# Nothing here has to survive anything: a file that was not closed in order is thrown away.
PRAGMAS = ("journal_mode=OFF", "synchronous=OFF", "cache_size=-16000", "trusted_schema=OFF", "cell_size_check=ON")
SCHEMA = (
    "CREATE TABLE about (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE fact (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, persona TEXT NOT NULL, place INTEGER NOT NULL,"
    " removed INTEGER NOT NULL, flag TEXT NOT NULL, lines INTEGER NOT NULL, drafted INTEGER NOT NULL)",
    "CREATE INDEX shelf ON fact (persona, removed, place, id)",
    "CREATE TABLE tag (row INTEGER NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (row, tag)) WITHOUT ROWID",
    "CREATE TABLE spoken (row INTEGER PRIMARY KEY, words TEXT NOT NULL)",
    # Three letters in a row are one entry, so that parts of words are found, and languages that write no spaces.
    "CREATE VIRTUAL TABLE grams USING fts5 (words, content=spoken, content_rowid=row, columnsize=0, tokenize='trigram case_sensitive 1')",
)
Answer = TypeVar("Answer")


class Unlike(Exception):
    """The file was made of another database, by another version, or not closed in order. Never leaves this module."""


class Entry(NamedTuple):
    """What is kept of one conversation."""

    fact: tuple[Any, ...]
    tags: tuple[str, ...]
    words: str


class Index:
    """The index of one data folder. What it can't answer, now or at all, it answers with None: then every conversation has to be read."""

    def __init__(self, path: Path, records: Records) -> None:
        """Nothing is opened or read until somebody asks."""
        self._path, self._records = path, records
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._read = self._faults = 0
        self._clean = False  # as the file says of itself
        self._closing = threading.Event()
        self._builder = threading.Thread()
        self._quiet, self._asking, self._turn = threading.Event(), 0, threading.Lock()
        self._quiet.set()

    def begin(self) -> None:
        """Read in the background what there is to read, before anybody asks; does nothing where that is being done."""
        with self._lock:  # whoever asks just now has the file to himself
            if not self._builder.is_alive() and not self._closing.is_set():
                self._start(self._first)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Meanwhile the background reads nothing more: somebody waits for an answer."""
        with self._turn:
            self._asking += 1
            self._quiet.clear()
        try:
            yield
        finally:
            with self._turn:
                self._asking -= 1
                if not self._asking:
                    self._quiet.set()

    def search(self, persona: str, terms: Sequence[str], filters: Filters) -> list[str] | None:
        """The ids of a character's conversations that contain all of `terms` and pass the filters, in their order."""
        where, values = _conditions(terms, filters)
        return self._ask(
            lambda db: [row[0] for row in db.execute(f"SELECT id FROM fact WHERE {where} ORDER BY place, id", (persona, *values))]
        )

    def tags(self, persona: str) -> list[tuple[str, int]] | None:
        """The tags of a character's conversations, and how many bear each."""
        counted = "SELECT tag, count(*) FROM fact JOIN tag USING (row) WHERE persona = ? AND removed = 0 GROUP BY tag"
        return self._ask(lambda db: db.execute(counted, (persona,)).fetchall())

    def texts(self, persona: str) -> list[tuple[str, str]] | None:
        """The ids of a character's conversations and what a search looks through."""
        return self._ask(
            lambda db: db.execute(
                "SELECT id, words FROM fact JOIN spoken USING (row) WHERE persona = ? AND removed = 0", (persona,)
            ).fetchall()
        )

    def wait(self) -> None:
        """Returns when nothing is being read in the background."""
        if self._builder.is_alive():
            self._builder.join()

    def close(self) -> None:
        """Close the file; to be called before the records are closed."""
        self._closing.set()
        self._quiet.set()
        self.wait()
        with self._lock:
            if self._db is None:
                return
            try:
                self._sign(self._db)
                self._db.close()
            except sqlite3.Error as error:
                self._throw_away(error)
            self._db = None

    def _ask(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer | None:
        if self._builder.is_alive() or self._records.amid():
            return None
        # The records come first in every thread that wants both, so that no two wait for each other.
        with self._records.still(), self._lock:
            if self._builder.is_alive() or self._closing.is_set() or self._faults >= MOST_FAULTS:
                return None
            try:
                db = self._open()
                return question(db) if self._catch_up(db) else None
            except (sqlite3.Error, OSError, StudioError) as error:
                self._throw_away(error)
                return None

    # --- the file
    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            try:
                self._db = self._opened()
            except (sqlite3.Error, Unlike):
                self._remove()
                self._db = self._made()
        return self._db

    def _opened(self) -> sqlite3.Connection:
        db = _connect(self._path)
        try:
            about = dict(db.execute("SELECT name, value FROM about"))
            known = about.get("made of") == self._origin() and about.get("closed") == 1
            if not known or self._records.seal(about["read"]) != about["seal"] or db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise Unlike
        except BaseException:
            db.close()
            raise
        self._read, self._clean = about["read"], True
        return db

    def _made(self) -> sqlite3.Connection:
        db = _connect(self._path)
        for statement in SCHEMA:
            db.execute(statement)
        db.executemany("INSERT INTO about VALUES (?, ?)", [("made of", self._origin()), ("read", 0), ("seal", ""), ("closed", 0)])
        self._read, self._clean = 0, False
        return db

    def _origin(self) -> str:
        return f"{VERSION} {self._records.identity()}"

    def _sign(self, db: sqlite3.Connection) -> None:
        """Everything is on the disk, and only then the word that it is."""
        if not self._clean:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("UPDATE about SET value = ? WHERE name = 'read'", (self._read,))
            db.execute("UPDATE about SET value = 1 WHERE name = 'closed'")
            self._clean = True

    def _throw_away(self, error: Exception) -> None:
        logging.getLogger("studio").warning("The index of words is made anew: %s", error)
        with self._lock:
            self._faults += 1
            if self._db is not None:
                self._db.close()
            self._db = None
            with contextlib.suppress(OSError):  # found broken again, and then there are as many faults more
                self._remove()

    def _remove(self) -> None:
        for left in (self._path, self._path.with_name(f"{self._path.name}-journal")):
            left.unlink(missing_ok=True)

    # --- reading
    def _catch_up(self, db: sqlite3.Connection) -> bool:
        """Read what was stored since; False where that is so much that the background does it."""
        latest = self._records.latest()[0]
        if self._read == latest:
            return True
        upto, heads = self._records.changed(self._read, CHUNK)
        if upto == latest:
            self._learn(db, heads, upto, self._records.seal(upto))
            return True
        self._start(lambda: self._build(db))
        return False

    def _start(self, work: Callable[[], None]) -> None:
        self._builder = threading.Thread(target=work, daemon=True, name="index")
        self._builder.start()

    def _first(self) -> None:
        # Without the lock, because opening asks the records: nobody else comes near the file while this thread lives.
        if self._faults < MOST_FAULTS:
            try:
                self._build(self._open())
            except (sqlite3.Error, OSError, StudioError) as error:
                self._throw_away(error)

    def _build(self, db: sqlite3.Connection) -> None:
        try:
            while self._read != self._records.latest()[0] and not self._closing.is_set():
                self._quiet.wait(LONGEST_REST)
                upto, heads = self._records.changed(self._read, CHUNK)
                seal = self._records.seal(upto)
                with self._lock:  # nothing is asked of the records in here: see _ask
                    self._learn(db, heads, upto, seal)
        except (sqlite3.Error, StudioError) as error:
            self._throw_away(error)

    def _learn(self, db: sqlite3.Connection, heads: Sequence[Revision], upto: int, seal: str) -> None:
        entries = list(map(_entry, heads))  # all that can fail for a reason of ours is done before the file is touched
        if self._clean:
            db.execute("PRAGMA synchronous=FULL")  # from here on the file says that it is not to be trusted
            db.execute("UPDATE about SET value = 0 WHERE name = 'closed'")
            db.execute("PRAGMA synchronous=OFF")
            self._clean = False
        db.execute("BEGIN")
        for entry in entries:
            _put(db, entry)
        db.executemany("UPDATE about SET value = ? WHERE name = ?", [(upto, "read"), (seal, "seal")])
        db.execute("COMMIT")
        self._read = upto


def _connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would let everybody read it
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in PRAGMAS:
        db.execute(f"PRAGMA {pragma}")
    return db


def _entry(head: Revision) -> Entry:
    spoken = conversation.from_body(head.id, head.body)
    marks = (spoken.flag, len(spoken.turns), any(turn.drafted for turn in spoken.turns))
    return Entry((head.id, head.persona, head.place, head.removed is not None, *marks), tuple(set(spoken.tags)), database.words(head))


def _put(db: sqlite3.Connection, entry: Entry) -> None:
    known = db.execute("SELECT row, words FROM fact JOIN spoken USING (row) WHERE id = ?", entry.fact[:1]).fetchone()
    row, words = known or (None, None)
    if row is not None:
        db.execute("DELETE FROM tag WHERE row = ?", (row,))
        db.execute("DELETE FROM fact WHERE row = ?", (row,))
    row = db.execute("INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (row, *entry.fact)).lastrowid
    db.executemany("INSERT INTO tag VALUES (?, ?)", [(row, tag) for tag in entry.tags])
    if words == entry.words:
        return
    if words is not None:
        db.execute("INSERT INTO grams (grams, rowid, words) VALUES ('delete', ?, ?)", (row, words))
    db.execute("INSERT OR REPLACE INTO spoken VALUES (?, ?)", (row, entry.words))
    db.execute("INSERT INTO grams (rowid, words) VALUES (?, ?)", (row, entry.words))


def _conditions(terms: Sequence[str], filters: Filters) -> tuple[str, list[Any]]:
    """What a wanted conversation fulfils, as SQL over the facts, and its values; the character's id goes before them."""
    asked: list[tuple[str, tuple[Any, ...]]] = []
    if filters.flag:
        asked.append(("flag = ?", ("" if filters.flag == "unchecked" else filters.flag,)))
    if filters.length:
        asked.append(("lines BETWEEN ? AND ?", LENGTHS[filters.length]))
    if filters.drafted:
        asked.append(("drafted", ()))
    if filters.tag:
        asked.append(("EXISTS (SELECT 1 FROM tag WHERE tag.row = fact.row AND tag = ?)", (filters.tag,)))
    in_index = [term for term in terms if len(term) >= GRAM and not _ODD & set(term)]
    if in_index:
        asked.append(("row IN (SELECT rowid FROM grams WHERE grams MATCH ?)", (" AND ".join(map(_quoted, in_index)),)))
    for term in terms:
        if term not in in_index:
            asked.append(("(SELECT instr(words, ?) FROM spoken WHERE spoken.row = fact.row) > 0", (term,)))
    return " AND ".join(["persona = ? AND removed = 0", *(sql for sql, _ in asked)]), [value for _, values in asked for value in values]


def _quoted(term: str) -> str:
    """A term as FTS5 reads a string: nothing in it is a command."""
    return '"' + term.replace('"', '""') + '"'
