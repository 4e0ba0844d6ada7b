"""Sealed versions in a database: heads, history, and mending what a disk has damaged."""

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.domain.revision import COLUMNS, Kind, Revision
from studio.domain.wanted import LENGTHS, Filters
from studio.services import database, storage
from studio.services.database import NAMES

LIVE = "removed IS NULL"
DAY = 86_400.0
PART = 50  # records read in one breath: a row may cost a turn of every thread that is at work
MOST_ASKED = 500  # ids in one question: SQLite takes only so many
_PLACE = COLUMNS.index("place")
_JOINED = ", ".join(f"record.{name}" for name in COLUMNS)

LOST = "A conversation or a sheet is damaged on the disk, and no copy of it is whole. It is not shown. Look for it in the backups."


class Damaged(StudioError):
    """A record whose seal is broken, and no whole copy of it was found."""


class Records:
    """The database of one studio: one connection, one lock, every change a transaction."""

    def __init__(self, path: Path, copies: Callable[[], Iterable[Revision]]) -> None:
        """Open or make the database; where it is damaged or missing, build it again from `copies` (the plain files) and the backups."""
        self.path, self._copies = path, copies
        self.notices: list[str] = []
        self._lock = threading.RLock()
        self._db = self._open()
        self._mend_all()

    def _open(self) -> sqlite3.Connection:
        database.sweep(self.path)
        if not database.found(self.path):
            if database.backups(self.path) or any(True for _ in self._copies()):
                self.notices.append(database.rebuild(self.path, self._copies))
            else:
                database.create(self.path)
        try:
            return database.open_whole(self.path)
        except database.Damage:
            self.notices.append(database.rebuild(self.path, self._copies))
            return database.open_whole(self.path)

    def close(self) -> None:
        """Close the database. Nothing is pending: what was answered is on the disk."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and after the block it is on the disk. Inside another transaction it joins that one."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise storage.in_words(error, self.path.parent) from error
                raise

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise storage.in_words(error, self.path.parent) from error

    def put(self, revision: Revision) -> Revision:
        """Store this as the head of its record and append it to the history; returns it sealed."""
        made = sealed(revision)
        with self.transaction():
            database.put(self._db, made)
            database.remember(self._db, made)
        return made

    def add(self, made: Sequence[tuple[Revision, str]]) -> None:
        """Store new records, sealed before and each with its `database.words`: many of them hold nobody up for long."""
        with self.transaction():
            database.add(self._db, made)

    def known(self, identifiers: Sequence[str]) -> list[Revision]:
        """These records, also where they are in the bin; read in pieces, so that nobody waits for long."""
        pieces = (identifiers[n : n + MOST_ASKED] for n in range(0, len(identifiers), MOST_ASKED))
        return [head for some in pieces for head in self.heads(f"id IN ({', '.join('?' * len(some))})", *some)]

    def follow(self, made: Sequence[Revision]) -> list[str]:
        """Store these next versions, sealed before, whose words are those of the ones before.

        Returns the ids of those left out because another version was stored meanwhile.
        """
        with self.transaction():
            late = {one.id for one in made} - database.follow(self._db, made)
        return [one.id for one in made if one.id in late]

    def change(self, head: Revision, what: str, **values: Any) -> Revision:
        """Store the next version of a record, with these values changed."""
        return self.put(replace(head, **{"op": "", **values}, rev=head.rev + 1, at=time.time(), what=what))

    def head(self, identifier: str) -> Revision | None:
        """The record as it stands, mended where that was needed; None where there is none. Raises Damaged."""
        rows = self._rows(f"SELECT {NAMES} FROM record WHERE id = ?", identifier)
        return (database.whole(rows[0]) or self._mend(identifier)) if rows else None

    def heads(self, where: str, *values: Any) -> list[Revision]:
        """All records of a condition, in their order. One that is damaged beyond mending is left out, and a notice says so."""
        return self._whole(self._rows(f"SELECT {NAMES} FROM record WHERE {where} ORDER BY place, id", *values))

    def shelf(self, persona: str, kind: Kind, *, removed: bool = False) -> list[Revision]:
        """A character's records of one kind: those that are there, or those in the bin."""
        return self.heads(f"persona = ? AND kind = ? AND removed IS {'NOT ' if removed else ''}NULL", persona, kind)

    def parts(self, persona: str, kind: Kind) -> Iterator[list[Revision]]:
        """A character's records of one kind that are there, in their order, a few at a time, so that nobody waits long for the database.

        What is stored meanwhile may be missing, or stand there as it was: `changed` tells what that is.
        """
        held = f"SELECT {NAMES} FROM record WHERE kind = ? AND persona = ? AND {LIVE}"
        rows = self._rows(f"{held} ORDER BY place, id LIMIT ?", kind, persona, PART)
        while rows:
            yield self._whole(rows)
            if len(rows) < PART:
                return
            place, identifier = rows[-1][_PLACE], rows[-1][0]
            after = f"{held} AND place >= ? AND (place > ? OR id > ?) ORDER BY place, id LIMIT ?"
            rows = self._rows(after, kind, persona, place, place, identifier, PART)

    def _whole(self, rows: list[tuple[Any, ...]]) -> list[Revision]:
        found = []
        for row in rows:
            try:
                revision = database.whole(row) or self._mend(row[0])
            except Damaged as error:
                self.notice(str(error))
            else:
                found.append(revision)
        return found

    def count(self, persona: str, kind: Kind) -> int:
        """How many of a kind a character has."""
        return int(self._rows(f"SELECT count(*) FROM record WHERE persona = ? AND kind = ? AND {LIVE}", persona, kind)[0][0])

    def page(self, persona: str, terms: Iterable[str], filters: Filters, offset: int, limit: int) -> tuple[int, list[Revision]]:
        """How many conversations contain all of `terms` and pass the filters, and some of them in order; reads every one of them."""
        where, values = _conditions(terms, filters)
        with self._lock:
            # All ids in one row: of rows by the thousand each would wait for a turn of every thread that is at work.
            ((listed,),) = self._rows(
                f"SELECT json_group_array(id) FROM (SELECT id FROM record WHERE {where} ORDER BY place, id)", persona, *values
            )
            found = json.loads(listed)
            wanted = found[offset:] if limit < 0 else found[offset : offset + limit]
            return len(found), self.some(wanted)

    def some(self, identifiers: Sequence[str]) -> list[Revision]:
        """These conversations, in this order; one that is not there is left out."""
        held: dict[str, Revision] = {}
        for at in range(0, len(identifiers), MOST_ASKED):
            asked = identifiers[at : at + MOST_ASKED]
            held |= {head.id: head for head in self.heads(f"id IN ({', '.join('?' * len(asked))}) AND {LIVE}", *asked)}
        return [held[identifier] for identifier in identifiers if identifier in held]

    def tags(self, persona: str) -> list[tuple[str, int]]:
        """The tags of a character's conversations and how many bear each, in the order of the alphabet; reads every conversation."""
        each = f"SELECT DISTINCT record.id, value FROM record, json_each(body, '$.tags') WHERE persona = ? AND kind = 'conversation' AND {LIVE}"
        return [
            (str(tag), int(count))
            for tag, count in self._rows(f"SELECT value, count(*) FROM ({each}) GROUP BY value ORDER BY value", persona)
        ]

    @contextmanager
    def still(self) -> Iterator[None]:
        """What is read inside is all of one moment."""
        with self._lock:
            yield

    def amid(self) -> bool:
        """Whether the caller is inside a transaction, and may yet take back what it has stored."""
        with self._lock:
            return self._db.in_transaction

    def identity(self) -> str:
        """A name that no other database has; one that was built again has a new one."""
        with self._lock:
            known = self._rows("SELECT value FROM meta WHERE name = 'identity'")
            if not known:
                known = [(secrets.token_hex(16),)]
                with self.transaction():
                    self._db.execute("INSERT INTO meta VALUES ('identity', ?)", known[0])
            return str(known[0][0])

    def seal(self, number: int) -> str:
        """The seal of the version stored under this number; empty where there is none."""
        return next((str(row[0]) for row in self._rows("SELECT sha256 FROM history WHERE n = ?", number)), "")

    def changed(self, after: int, limit: int) -> tuple[int, list[Revision]]:
        """The conversations whose newest version was stored after number `after`, oldest first, at most `limit`.

        With them the number up to which that is all there is. Conversations in the bin are among them.
        """
        with self._lock:
            latest = self.latest()[0]
            rows = self._rows(
                f"SELECT n, {_JOINED} FROM history CROSS JOIN record ON record.id = history.id AND record.rev = history.rev"
                " WHERE n > ? AND record.kind = 'conversation' ORDER BY n LIMIT ?",
                after, limit,
            )  # fmt: skip
        return int(rows[-1][0]) if len(rows) == limit else latest, self._whole([row[1:] for row in rows])

    def edge(self, persona: str) -> int:
        """The place above a character's first conversation."""
        return int(self._rows("SELECT coalesce(min(place), 0) - 1 FROM record WHERE persona = ? AND kind = 'conversation'", persona)[0][0])

    def history(self, identifier: str, before: int, limit: int) -> list[Revision]:
        """Versions older than revision `before`, newest first. One whose seal is broken is left out."""
        rows = self._rows(f"SELECT {NAMES} FROM history WHERE id = ? AND rev < ? ORDER BY rev DESC LIMIT ?", identifier, before, limit)
        return [revision for row in rows if (revision := database.whole(row))]

    def carrying(self, op: str) -> int:
        """How many records have a version, old or new, that was stored under this name."""
        return int(self._rows("SELECT count(DISTINCT id) FROM history WHERE op = ?", op)[0][0])

    def latest(self) -> tuple[int, str]:
        """A number that grows with every version stored, and whose the newest is: the id of a character, empty where there is nothing."""
        rows = self._rows("SELECT n, persona FROM history ORDER BY n DESC LIMIT 1")
        return (int(rows[0][0]), str(rows[0][1])) if rows else (0, "")

    def mark(self, name: str) -> bool:
        """Set a mark that stays for ever; True the first time."""
        with self.transaction():
            return self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, 'done')", (name,)).rowcount == 1

    def forget(self, before: float) -> list[str]:
        """Remove what went to the bin before this time, and of older history all but the last version of each day.

        Returns the ids of the characters that are gone.
        """
        with self.transaction():
            over = "SELECT id FROM record WHERE kind = 'sheet' AND removed < ?"
            gone = [row[0] for row in self._rows(over, before)]
            ids = self._rows(f"SELECT id FROM record WHERE removed < ? OR persona IN ({over})", before, before)
            for table in ("record", "history"):
                self._db.executemany(f"DELETE FROM {table} WHERE id = ?", ids)
            self._db.execute(
                "DELETE FROM history WHERE at < ?"
                " AND (id, rev) NOT IN (SELECT id, max(rev) FROM history GROUP BY id, cast(at / ? AS INTEGER))"
                " AND rev < (SELECT rev FROM record WHERE record.id = history.id)",
                (before, DAY),
            )
        return gone

    def back_up(self) -> None:
        """A verified backup, where anything has changed since the last one. A copy that can't be made is a notice, not an end."""
        try:
            with self._lock:
                database.back_up(self._db, self.path)
        except (StudioError, database.Damage) as error:
            self.notice(f"The daily backup was not made. Your characters are safe. {error}")

    def notice(self, sentence: str) -> None:
        """Keep a sentence for the person, once."""
        if sentence not in self.notices:
            self.notices.append(sentence)

    def _mend_all(self) -> None:
        """Check every seal; bring back what only the history still knows."""
        with self._lock:
            broken = [row[0] for row in self._db.execute(f"SELECT {NAMES} FROM record") if not database.whole(row)]
        for identifier in [*broken, *(row[0] for row in self._rows("SELECT id FROM history EXCEPT SELECT id FROM record"))]:
            try:
                self._mend(identifier)
            except Damaged as error:
                self.notice(str(error))

    def _mend(self, identifier: str) -> Revision:
        """Replace a damaged record by its newest whole version from the history or the plain copy; raises Damaged where there is none."""
        rows = self._rows(f"SELECT {NAMES} FROM history WHERE id = ? ORDER BY rev DESC", identifier)
        whole = [r for r in map(database.whole, rows) if r] + [r for r in self._copies() if r.id == identifier and r.whole]
        if not whole:
            raise Damaged(LOST)
        best = max(whole, key=lambda revision: revision.rev)
        newest = max([best.rev, *(row[3] for row in rows if isinstance(row[3], int))])
        with self.transaction():
            if best.rev == newest:
                database.put(self._db, best)
                database.remember(self._db, best, known="REPLACE")
            else:
                best = self.put(replace(best, rev=newest + 1, at=best.at, what="restored"))
        when = time.strftime("%d %B %Y, %H:%M", time.localtime(best.at))
        self.notice(f"A record was damaged on the disk and is mended. It stands as it was saved on {when}.")
        return best


def sealed(revision: Revision) -> Revision:
    """A version as it can be stored; raises StudioError where its text can't be."""
    try:
        revision.body.encode()
    except UnicodeEncodeError as error:
        raise StudioError(f"Not saved: the text holds half a character that can't be stored. {storage.KEPT} Type it again.") from error
    return revision.sealed()


def _conditions(terms: Iterable[str], filters: Filters) -> tuple[str, list[Any]]:
    """What a wanted conversation fulfils, as SQL over the record table, and its values; the character's id goes before them."""
    asked: list[tuple[str, tuple[Any, ...]]] = [("instr(words, ?) > 0", (term,)) for term in terms]
    if filters.tag:
        asked.append(("EXISTS (SELECT 1 FROM json_each(body, '$.tags') WHERE value = ?)", (filters.tag,)))
    if filters.flag:
        asked.append(("coalesce(json_extract(body, '$.flag'), '') = ?", ("" if filters.flag == "unchecked" else filters.flag,)))
    if filters.length:
        asked.append(("json_array_length(body, '$.turns') BETWEEN ? AND ?", LENGTHS[filters.length]))
    if filters.drafted:
        asked.append(("EXISTS (SELECT 1 FROM json_each(body, '$.turns') WHERE json_extract(value, '$.drafted'))", ()))
    where = [f"persona = ? AND kind = 'conversation' AND {LIVE}", *(sql for sql, _ in asked)]
    return " AND ".join(where), [value for _, values in asked for value in values]
