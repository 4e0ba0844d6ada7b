"""Vectors of conversations by the hash of their words: a file that holds nothing of its own, and can be deleted."""

import os
import sqlite3
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS vector (way TEXT NOT NULL, persona TEXT NOT NULL, text BLOB NOT NULL, vector BLOB NOT NULL,"
    " PRIMARY KEY (way, persona, text)) WITHOUT ROWID"
)
# What is lost in a power cut is made again; what is torn is thrown away.
PRAGMAS = ("journal_mode=TRUNCATE", "synchronous=OFF", "trusted_schema=OFF", "secure_delete=ON")


class Vectors:
    """Vectors in half precision, by the way they were made, the character and the hash of a text. Without a path they live in memory."""

    def __init__(self, path: Path | None = None) -> None:
        """Nothing is opened until somebody asks."""
        self._path, self._lock = path, threading.Lock()
        self._db: sqlite3.Connection | None = None

    def known(self, way: str, persona: str) -> set[bytes]:
        """The hashes of which there are vectors."""
        return {text for (text,) in self._rows("text", way, persona)}

    def read(self, way: str, persona: str) -> dict[bytes, np.ndarray]:
        """All vectors of a character, by hash."""
        return {text: np.frombuffer(vector, np.float16) for text, vector in self._rows("text, vector", way, persona)}

    def add(self, way: str, persona: str, found: Mapping[bytes, np.ndarray]) -> None:
        """Keep these."""
        rows = [(way, persona, text, vector.astype(np.float16).tobytes()) for text, vector in found.items()]
        with self._lock:
            db = self._open()
            with db:
                db.executemany("INSERT OR REPLACE INTO vector VALUES (?, ?, ?, ?)", rows)

    def tidy(self, way: str, persona: str, texts: Collection[bytes], personas: Collection[str]) -> None:
        """Keep of this character no vectors but these, and none of characters that are gone."""
        gone = [(way, persona, text) for text in self.known(way, persona) - set(texts)]
        with self._lock:
            db = self._open()
            with db:
                db.executemany("DELETE FROM vector WHERE way = ? AND persona = ? AND text = ?", gone)
                for (other,) in db.execute("SELECT DISTINCT persona FROM vector").fetchall():
                    if other not in personas:
                        db.execute("DELETE FROM vector WHERE persona = ?", (other,))

    def _rows(self, columns: str, way: str, persona: str) -> list[tuple[Any, ...]]:
        asked = f"SELECT {columns} FROM vector WHERE way = ? AND persona = ?"
        with self._lock:
            try:
                return self._open().execute(asked, (way, persona)).fetchall()
            except sqlite3.DatabaseError:  # damaged since it was opened
                self._throw_away()
                return self._open().execute(asked, (way, persona)).fetchall()

    def _throw_away(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            try:
                self._db = self._opened()
            except sqlite3.DatabaseError:
                self._throw_away()
                self._db = self._opened()
        return self._db

    def _opened(self) -> sqlite3.Connection:
        if self._path is not None:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would let everybody read it
        db = sqlite3.connect(self._path or ":memory:", check_same_thread=False)
        try:
            for pragma in PRAGMAS:
                db.execute(f"PRAGMA {pragma}")
            db.execute(SCHEMA)
            if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged")
        except sqlite3.Error:
            db.close()
            raise
        return db
