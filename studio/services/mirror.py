"""The plain copy: every character as a folder of files that any editor opens, never written over somebody's changes."""

import base64
import contextlib
import hashlib
import io
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studio.domain import conversation, persona
from studio.domain.conversation import Turn
from studio.domain.errors import StudioError
from studio.domain.revision import Revision, canonical, from_columns
from studio.services import storage
from studio.services.records import Records

SHEET, DIALOGUE, SUMS = "persona.json", "conversations.jsonl", "SHA256SUMS"
QUIET, LATEST = 1.0, 5.0  # seconds: copied after a pause this long, in steady typing at the latest after the second
PIECE = 2**20  # bytes of a file that are read in one breath
AGAIN = 30.0  # seconds until a copy that the disk refused is tried again

REFUSED = "A plain copy under personas could not be written. Your words are safe in the studio. Free some space, then start it again."


class Mirror:
    """Keeps the plain copies of one data folder equal to its database."""

    def __init__(self, home: Path, records: Records) -> None:
        self.home, self._records = home, records
        self._changed: dict[str, None] = {}
        self._wake = threading.Condition()
        self._writing = threading.Lock()
        self._first = self._last = 0.0
        self._closing = False
        self._thread = threading.Thread(target=self._follow, daemon=True, name="mirror")
        for left in (part for shelf in ("personas", "bin") for part in (home / shelf).glob(f"*/.*{storage.PART}")):
            left.unlink(missing_ok=True)

    def start(self) -> None:
        """Begin to follow the database in the background."""
        self._thread.start()

    def touch(self, persona_id: str) -> None:
        """This character has changed: copy it soon."""
        with self._wake:
            self._last = time.monotonic()
            self._first = self._first if self._changed else self._last
            self._changed[persona_id] = None
            self._wake.notify()

    def _postpone(self, persona_id: str) -> None:
        with self._wake:
            self._changed[persona_id] = None
            self._first = self._last = time.monotonic() + AGAIN

    def close(self) -> None:
        """Copy what has changed, and end. A copy that can't be made is a notice: the words are in the database."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        with contextlib.suppress(StudioError):  # told as a notice
            self.flush()

    def _follow(self) -> None:
        while True:
            with self._wake:
                while not self._closing and self._wait() > 0:
                    self._wake.wait(self._wait() if self._changed else None)
                if self._closing:
                    return
            with contextlib.suppress(StudioError):  # told as a notice, and tried again later
                self.flush()

    def _wait(self) -> float:
        if not self._changed:
            return 1.0
        return min(self._last + QUIET, self._first + LATEST) - time.monotonic()

    def flush(self) -> None:
        """Copy all that has changed now. Raises StudioError where the disk refuses, after trying every character."""
        with self._writing:
            with self._wake:
                changed, self._changed = list(self._changed), {}
            refused: StudioError | None = None
            for persona_id in changed:
                try:
                    self._copy(persona_id)
                except (StudioError, OSError) as error:
                    refused = error if isinstance(error, StudioError) else storage.in_words(error, self.home)
                    self._postpone(persona_id)
                    self._records.notice(REFUSED)
        if refused:
            raise refused

    def folder(self, persona_id: str) -> Path | None:
        """Where the copy of a character lies, also of one in the bin."""
        return next((folder for shelf in ("personas", "bin") for folder in (self.home / shelf).glob(f"*--{persona_id}")), None)

    def avatar(self, persona_id: str) -> Path | None:
        """The portrait's file, where there is one."""
        return next((file for file in (self.home / "personas").glob(f"*--{persona_id}/avatar.*") if file.name.count(".") == 1), None)

    def forget(self, persona_id: str) -> None:
        """Remove the copy of a character that is gone for good."""
        folder = self.folder(persona_id)
        if folder:
            shutil.rmtree(folder)

    def _copy(self, persona_id: str) -> None:
        sheet = self._records.head(persona_id)
        if sheet is None:
            return
        avatar = next(iter(self._records.shelf(persona_id, "avatar")), None)
        folder = self._named(sheet)
        files = {SHEET: _sheet_file(sheet, avatar), DIALOGUE: self._dialogue(persona_id)}
        if avatar:
            picture = json.loads(avatar.body)
            files[picture["name"]] = base64.b64decode(picture["base64"])
        sums, digests = _sums(folder), {name: _digest(content) for name, content in files.items()}
        for name, content in files.items():
            self._write(folder / name, content, digests[name], sums.get(name, ""))
        wanted = "".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode()
        if not (folder / SUMS).is_file() or (folder / SUMS).read_bytes() != wanted:
            storage.write(folder / SUMS, wanted)

    def _dialogue(self, persona_id: str) -> bytes:
        """All conversations; what is stored while they are read is copied the next time."""
        copied = io.BytesIO()
        for part in self._records.parts(persona_id, "conversation"):
            copied.writelines(_line(revision).encode() for revision in part)
        return copied.getvalue()

    def _named(self, sheet: Revision) -> Path:
        """The character's folder, moved to where its name and the bin want it."""
        wanted = self.home / ("bin" if sheet.removed else "personas") / f"{persona.slug(json.loads(sheet.body)['name'])}--{sheet.id}"
        stands = self.folder(sheet.id)
        storage.private_folder(wanted.parent)
        if stands is None:
            return storage.private_folder(wanted)
        if stands != wanted:
            stands.replace(wanted)
            for parent in {stands.parent, wanted.parent}:
                storage.sync_folder(parent)
        return wanted

    def _write(self, path: Path, content: bytes, digest: str, ours: str) -> None:
        """Write one file where it differs; what somebody else has changed in it is kept beside it."""
        stands = _digest_of(path) if path.is_file() else ""
        if stands == digest:
            return
        if stands not in ("", ours) and not _is_sealed(path.name, path.read_bytes()):
            aside = _unused(path.with_name(f"{path.name}.changed-{time.strftime('%Y-%m-%d')}"))
            path.replace(aside)
            changed = f"Somebody changed {path.parent.name}/{path.name}. That version is kept beside it as {aside.name}."
            self._records.notice(f"{changed} Bring it in, or leave it there.")
        storage.write(path, content)


def revisions(home: Path) -> Iterator[Revision]:
    """What the plain copies hold, newest shelf first; the seals are for the caller to check."""
    for shelf in ("personas", "bin"):
        for folder in sorted((home / shelf).glob("*--*")):
            yield from _held(folder)


def _held(folder: Path) -> Iterator[Revision]:
    try:
        content = (folder / SHEET).read_bytes()
        yield from _in_sheet(content)
        portrait = next((r for r in _stamps(content, "avatar", "")), None)
        if portrait:
            name = json.loads(content)["avatar"]
            yield from _stamps(content, "avatar", portrait_body(name, (folder / Path(name).name).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # a copy that can't be read is no copy; what it lacks is counted by the one who asked
    with contextlib.suppress(OSError):
        for revision in _in_dialogue((folder / DIALOGUE).read_bytes()):
            if revision:
                yield revision


def portrait_body(name: str, content: bytes) -> str:
    """A portrait as it is stored."""
    return canonical({"base64": base64.b64encode(content).decode(), "name": name})


def _sheet_file(sheet: Revision, avatar: Revision | None) -> bytes:
    stamps = {"sheet": sheet.stamp(), **({"avatar": avatar.stamp()} if avatar else {})}
    portrait = {"avatar": json.loads(avatar.body)["name"]} if avatar else {}
    return (json.dumps({**json.loads(sheet.body), **portrait, "records": stamps}, ensure_ascii=False, indent=2) + "\n").encode()


def _in_sheet(content: bytes) -> Iterator[Revision]:
    value = json.loads(content)
    yield from _stamps(content, "sheet", canonical({key: v for key, v in value.items() if key not in ("avatar", "records")}))


def _stamps(content: bytes, kind: str, body: str) -> Iterator[Revision]:
    stamp = json.loads(content)["records"].get(kind)
    revision = from_columns({**stamp, "body": body}) if isinstance(stamp, dict) else None
    if revision:
        yield revision


def _line(revision: Revision) -> str:
    """A conversation as any other program reads it; what only the studio needs stands under `record`."""
    spoken = conversation.from_body(revision.id, revision.body)
    marks = {"marks": marks} if (marks := spoken.marks()) else {}
    row = {**conversation.row(spoken), "record": {**revision.stamp(), "turns": [_name(turn) for turn in spoken.turns], **marks}}
    return json.dumps(row, ensure_ascii=False) + "\n"


def _name(turn: Turn) -> str | dict[str, Any]:
    """What a line needs beside its role and text: its name alone, mostly."""
    more = {key: value for key, value in turn.to_dict().items() if key not in ("role", "text")}
    return turn.id if len(more) == 1 else more


def _in_dialogue(content: bytes) -> Iterator[Revision | None]:
    for line in content.split(b"\n"):
        if line.strip():
            try:
                yield _from_line(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                yield None


def _from_line(row: dict[str, Any]) -> Revision | None:
    names, messages = row["record"]["turns"], row["messages"]
    roles = {"user": "user", "assistant": "model"}
    turns = [
        {**(name if isinstance(name, dict) else {"id": name}), "role": roles[m["role"]], "text": m["content"]}
        for name, m in zip(names, messages, strict=True)
    ]
    body = canonical({"tags": row["tags"], "title": row["title"], "turns": turns, **row["record"].get("marks", {})})
    return from_columns({**{key: value for key, value in row["record"].items() if key not in ("turns", "marks")}, "body": body})


def _is_sealed(name: str, content: bytes) -> bool:
    """Whether every word of this file is one the studio wrote, though perhaps an older one (a power cut came before the sums)."""
    try:
        if name == SHEET:
            return any(revision.whole for revision in _in_sheet(content))
        return name == DIALOGUE and all(revision and revision.whole for revision in _in_dialogue(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(path: Path) -> str:
    """The same of a file, a piece at a time: it can be as large as all that was written."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _sums(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _unused(path: Path) -> Path:
    names = (path, *(path.with_name(f"{path.name}-{n}") for n in range(2, 10_000)))
    return next(name for name in names if not name.exists())
