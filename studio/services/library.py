"""The only owner of the data folder: characters, conversations, and the folders of models, lessons and exports."""

import base64
import contextlib
import json
import secrets
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from studio.domain import conversation, persona
from studio.domain.errors import NotFound, StudioError
from studio.domain.persona import Persona
from studio.domain.revision import Revision, canonical
from studio.services import mirror, storage
from studio.services.conversations import Conversations, first
from studio.services.folders import Folders, Shelf
from studio.services.index import Index
from studio.services.mirror import Mirror, portrait_body
from studio.services.records import DAY, LIVE, Records
from studio.services.selection import Selection

IN_BIN = 30 * DAY
PICTURES = (".svg", ".png", ".jpg", ".webp")
CHANGED = "Not saved: this sheet was changed in another window. Your words are kept in this one. Copy what you need, then load it again."
GONE = "This character is not here any more. Nothing was changed. Choose another one."


@dataclass(frozen=True)
class Character:
    """A character as the tabs see it."""

    id: str
    persona: Persona
    conversations: int
    adapters: int
    exports: int
    avatar: Path | None
    rev: int


class Library(Conversations, Folders):
    """All that a person has made. One process has it open at a time; any of its threads may ask."""

    def __init__(self, home: Path, bundled: Path) -> None:
        """Open the data folder, mending what is damaged; the first time it is filled with the bundled characters as examples.

        Raises Busy where another studio has it open, StudioError where the folder can't be used.
        """
        Folders.__init__(self, home)
        try:
            storage.private_folder(home)
            self._lock = storage.Lock(home / "studio.lock")
        except OSError as error:
            raise storage.in_words(error, home) from error
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.release)
            records = Records(home / "studio.db", lambda: mirror.revisions(home))
            undo.callback(records.close)
            Conversations.__init__(self, records, Mirror(home, records), Index(home / "index.db", records))
            self.selection = Selection(records, self._mirror)  # many conversations at once
            self._house_sheets()
            self._welcome(bundled)
            for gone in records.forget(time.time() - IN_BIN):
                self._mirror.forget(gone)
                self.forget_searches(gone)
            self.forget_lessons(time.time() - IN_BIN)
            records.back_up()
            self._mirror.start()
            undo.pop_all()

    def close(self) -> None:
        """Write the plain copies, close the database and what was derived from it, and let the next studio in."""
        self.index.close()
        self._mirror.close()
        self._records.close()
        self._lock.release()

    def flush(self) -> None:
        """Write the plain copies now; raises StudioError where the disk refuses."""
        self._mirror.flush()

    def notices(self) -> list[str]:
        """Sentences a person should see once: what was mended, restored or kept aside."""
        return list(self._records.notices)

    def characters(self) -> list[Character]:
        """All characters, oldest first."""
        return [self._character(head) for head in self._records.heads(f"kind = 'sheet' AND {LIVE}")]

    def character(self, identifier: str) -> Character:
        """One character; raises NotFound."""
        return self._character(self._sheet(identifier))

    def transaction(self) -> AbstractContextManager[None]:
        """All that is changed inside is one step: on the disk after it, or not at all."""
        return self._records.transaction()

    def create(self, sheet: Persona, picture: bytes = b"", ending: str = ".png", identifier: str = "") -> str:
        """A new character at the end of the cast, with its portrait where there is one; returns its id, which may be one of `new_id`."""
        identifier = identifier or self.new_id()
        with self._records.transaction():
            place = max((head.place for head in self._records.heads("kind = 'sheet'")), default=0) + 1
            self._records.put(_first_sheet(identifier, sheet.checked(), place))
            if picture and ending in PICTURES:
                self._records.put(_first_avatar(identifier, portrait_body(f"avatar{ending}", picture)))
        self._mirror.touch(identifier)
        return identifier

    def new_id(self) -> str:
        """An id for a character to come."""
        return secrets.token_hex(6)

    def copy(self, identifier: str, name: str) -> str:
        """A new character with the same sheet, portrait and conversations, under another name; returns its id."""
        with self._records.transaction():
            copied = self.create(replace(_persona(self._sheet(identifier)), name=name))
            for head in self._records.shelf(identifier, "avatar") + self._records.shelf(identifier, "conversation"):
                self._records.put(replace(head, id=secrets.token_hex(8), persona=copied, rev=1, op="", at=time.time(), what="copied"))
        self._mirror.touch(copied)
        return copied

    def save_sheet(self, identifier: str, sheet: Persona, base_rev: int) -> int:
        """Store an edited sheet; returns its revision. Raises StudioError where it was changed in another window meanwhile."""
        with self._records.transaction():
            head, body = self._sheet(identifier), canonical(sheet.checked().to_dict())
            if head.body == body:
                return head.rev
            if head.rev != base_rev:
                raise StudioError(CHANGED)
            before = _persona(head).facts
            head = self._records.change(head, "written", body=body)
            if before != sheet.facts:
                self._relink(identifier, before, sheet.facts)
        self._mirror.touch(identifier)
        return head.rev

    def set_avatar(self, identifier: str, suffix: str, content: bytes) -> None:
        """Give a character a portrait; it is on the disk, and in the plain copy, on return."""
        if suffix not in PICTURES:
            raise StudioError(f"A portrait is a picture ({', '.join(p[1:] for p in PICTURES)}). Nothing was changed. Choose another file.")
        with self._records.transaction():
            self._sheet(identifier)
            body, stands = portrait_body(f"avatar{suffix}", content), self._records.shelf(identifier, "avatar")
            if stands:
                self._records.change(stands[0], "written", body=body)
            else:
                self._records.put(_first_avatar(identifier, body))
        self._mirror.touch(identifier)
        self.flush()

    def portrait(self, identifier: str) -> tuple[bytes, str]:
        """A character's portrait, to the byte, and the ending of its file; no bytes where there is none."""
        stands = self._records.shelf(identifier, "avatar")
        if not stands:
            return b"", PICTURES[1]
        kept = json.loads(stands[0].body)
        return base64.b64decode(kept["base64"]), Path(kept["name"]).suffix

    def delete(self, identifier: str) -> None:
        """Move a character to the bin with all that belongs to it; it stays there for 30 days."""
        with self._records.transaction():
            self._records.change(self._sheet(identifier), "removed", removed=time.time())
        self._mirror.touch(identifier)

    def restore(self, identifier: str) -> None:
        """Bring a character back from the bin."""
        with self._records.transaction():
            head = self._records.head(identifier)
            if head is None or head.kind != "sheet":
                raise NotFound(GONE)
            if head.removed is not None:
                self._records.change(head, "recovered", removed=None)
        self._mirror.touch(identifier)

    def bin(self) -> list[tuple[str, str, float]]:
        """The characters in the bin: id, name, when they went there; the latest first."""
        heads = self._records.heads("kind = 'sheet' AND removed IS NOT NULL")
        return sorted(((head.id, _persona(head).name, head.removed or 0.0) for head in heads), key=lambda entry: -entry[2])

    def _sheet(self, identifier: str) -> Revision:
        head = self._find(identifier)
        if head is None:
            raise NotFound(GONE)
        return head

    def _character(self, head: Revision) -> Character:
        counts = (self._records.count(head.id, "conversation"), len(self.adapters(head.id)), len(self.exports(head.id)))
        return Character(head.id, _persona(head), *counts, self._mirror.avatar(head.id), head.rev)

    def _welcome(self, bundled: Path) -> None:
        """The first time: the bundled characters become the person's own. One that was deleted does not come back."""
        with self._records.transaction():
            if self._records.mark("examples") and not self._records.heads("kind = 'sheet'"):
                for sheet in sorted(bundled.glob("*/persona.json"), key=lambda path: path.parent.name):
                    self._bring_in(sheet.parent)
        for head in self._records.heads("kind = 'sheet'"):
            self._mirror.touch(head.id)
        if not (self.home / "personas").is_dir():
            with contextlib.suppress(StudioError):  # told as a notice
                self.flush()

    def _bring_in(self, folder: Path) -> None:
        identifier = self.create(persona.from_dict(json.loads((folder / "persona.json").read_text("utf-8")), f"{folder.name}/persona.json"))
        with contextlib.suppress(FileNotFoundError):
            text = (folder / "conversations.jsonl").read_text("utf-8")
            for place, spoken in enumerate(conversation.from_jsonl(text, f"{folder.name}/conversations.jsonl", f"{identifier}-")):
                self._records.put(first(spoken, identifier, place))
        for picture in (file for suffix in PICTURES for file in folder.glob(f"avatar{suffix}")):
            self._records.put(_first_avatar(identifier, portrait_body(picture.name, picture.read_bytes())))

    def _house_sheets(self) -> None:
        """A character whose sheet no copy had gets an empty one, so that its conversations can be reached."""
        if not self._records.notices:  # only a rebuilt database can lack one
            return
        for homeless in self._records.heads("kind = 'conversation' AND persona NOT IN (SELECT id FROM record)"):
            if self._records.head(homeless.persona) is None:
                self._records.put(_first_sheet(homeless.persona, Persona("Recovered character"), 0))

    def new_folder(self, kind: Shelf, persona_id: str) -> Path:
        """A new, empty folder for a lesson or an export, named after the character and counted up."""
        return self._new_folder(kind, persona.slug(self.character(persona_id).persona.name))


def _persona(head: Revision) -> Persona:
    return persona.from_dict(json.loads(head.body), "The sheet")


def _first_sheet(identifier: str, sheet: Persona, place: int) -> Revision:
    return Revision(identifier, identifier, "sheet", 1, "", time.time(), "written", None, place, canonical(sheet.to_dict()))


def _first_avatar(identifier: str, body: str) -> Revision:
    return Revision(f"{identifier}-avatar", identifier, "avatar", 1, "", time.time(), "written", None, 0, body)
