"""What a library does with conversations: list, load, save, history, bin."""

import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from studio.domain import conversation, mending, tags
from studio.domain.checks import Kind
from studio.domain.conversation import Conversation, Flag, Turn
from studio.domain.errors import NotFound, StudioError
from studio.domain.revision import Revision
from studio.domain.wanted import ALL, Filters, terms
from studio.services import database
from studio.services.gathered import Gathered
from studio.services.index import Index
from studio.services.links import rewordings
from studio.services.mirror import Mirror
from studio.services.records import Damaged, Records, sealed

OPENING = 80  # characters of the first line in a list
MOST_ALIKE = 50  # of the conversations nearest to one
GONE = "This conversation is not here any more. Nothing else was changed. Look in the bin."
LINKED, UNLINKED = "linked", "unlinked"  # the second where the statement was taken off the sheet
UNKNOWN = "Not linked: a statement was changed on the sheet meanwhile. Nothing else was changed. Choose it again."
CUT = "This would drop more than half of the lines. Nothing was changed. Undo, or remove the lines on purpose."


class Ready(NamedTuple):
    """New conversations of one character, sealed for their places in its list, each with what a search looks through."""

    persona: str
    top: int
    rows: list[tuple[Revision, str]]


class Conversations:
    """The part of a library that knows dialogue."""

    def __init__(self, records: Records, mirror: Mirror, index: Index) -> None:
        self._records, self._mirror, self.index = records, mirror, index
        self._gathered: WeakValueDictionary[str, Gathered] = WeakValueDictionary()

    def conversations(self, persona_id: str) -> list[Conversation]:
        """All conversations of a character, as they stand in the list."""
        return self.gathered(persona_id).now()

    def gathered(self, persona_id: str) -> Gathered:
        """The same, for somebody who asks again and again: as long as it is kept, all who ask share what is parsed."""
        if self._records.amid():
            return Gathered(self._records, persona_id)
        return self._gathered.setdefault(persona_id, Gathered(self._records, persona_id))

    def stamp(self) -> int:
        """A number that grows whenever anything is stored: who has seen it knows whether to look again."""
        return self._records.latest()[0]

    def written(self) -> str:
        """The character that was written last; empty where there is none."""
        return self._records.latest()[1]

    def listing(
        self, persona_id: str, query: str = "", offset: int = 0, limit: int = 200,
        filters: Filters = ALL, nearest: Sequence[str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """How many conversations there are, how many contain the words and pass the filters, and one page of these.

        The newest of the writer's own come first, then the others as they came; with `nearest`, at most 50 of these, in their order.
        """
        if self._find(persona_id) is None:
            return {"total": 0, "all": 0, "rows": []}
        with self.index.aside(), self._records.still():
            total, heads = self._page(persona_id, terms(query), filters, nearest, max(0, offset), limit)
            return {"total": total, "all": self._records.count(persona_id, "conversation"), "rows": [_row(head) for head in heads]}

    def _page(
        self, persona_id: str, wanted: Sequence[str], filters: Filters, nearest: Sequence[str] | None, offset: int, limit: int
    ) -> tuple[int, list[Revision]]:
        plain = not wanted and filters == ALL and nearest is None
        found = None if plain else self.index.search(persona_id, wanted, filters)
        if nearest is not None:
            kept = set(self._scan(persona_id, wanted, filters) if found is None else found)
            found = [identifier for identifier in nearest if identifier in kept][:MOST_ALIKE]
        if found is None:
            return self._records.page(persona_id, wanted, filters, offset, limit)
        return len(found), self._records.some(found[offset : offset + limit])

    def _scan(self, persona_id: str, wanted: Sequence[str], filters: Filters) -> list[str]:
        return [head.id for head in self._records.page(persona_id, wanted, filters, 0, -1)[1]]

    def texts(self, persona_id: str) -> list[tuple[str, str]]:
        """The ids of a character's conversations and the words of each, titles and lines, in small letters."""
        known = self.index.texts(persona_id)
        if known is not None:
            return known
        return [(head.id, database.words(head)) for part in self._records.parts(persona_id, "conversation") for head in part]

    def tags(self, persona_id: str) -> list[tuple[str, int]]:
        """The tags of a character's conversations, and how many bear each, in the order of the alphabet."""
        if self._find(persona_id) is None:
            return []
        counts = self.index.tags(persona_id)
        return sorted(self._records.tags(persona_id) if counts is None else counts, key=lambda entry: (entry[0].casefold(), entry[0]))

    def load(self, identifier: str) -> dict[str, Any]:
        """One conversation for the editor; `ok` is false with the reason where there is none."""
        try:
            head = self._find(identifier, "conversation")
        except Damaged as error:
            return {"ok": False, "error": "damaged", "message": str(error)}
        if head is None:
            return {"ok": False, "error": "missing"}
        return {"ok": True, "id": head.id, "rev": head.rev, "op": head.op, "persona": head.persona, **_shown(head)}

    def save(
        self, identifier: str, base: int, op: str, title: str, turns: Any, shrink: bool = False, what: str = "written"
    ) -> dict[str, Any]:
        """Store an edited conversation. `ok` is true only when it is on the disk.

        `base` is the revision that was edited: another head means "conflict", with that head. `op` names this save, so that a repeat of it
        changes nothing. Losing more than half of four or more lines is refused as "invalid" unless `shrink` says that it is meant. `what` is
        the word for the list of versions.
        """
        fault = conversation.fault(title, turns)
        if fault:
            return {"ok": False, "error": "invalid", "message": f"Not saved: {fault}"}
        with self._records.transaction():
            head = self._find(identifier, "conversation")
            if head is None:
                return {"ok": False, "error": "missing"}
            if op and head.op == op:
                return _saved(head)
            if head.rev != base:
                return {**self.load(identifier), "ok": False, "error": "conflict"}
            before = conversation.from_body(identifier, head.body)
            if not shrink and _shrinks(before, turns):
                return {"ok": False, "error": "invalid", "message": f"Not saved: {CUT}"}
            after = replace(before, title=title, turns=tuple(map(conversation.turn, turns)))
            head = self._records.change(head, what, op=op, body=after.body())
        self._mirror.touch(head.persona)
        return _saved(head)

    def mark(self, identifier: str, base: int, given: Sequence[str], flag: Flag) -> dict[str, Any]:
        """Give a conversation these tags and this state; its lines stay as they are. The answers are those of `save`.

        Raises StudioError where a tag can't be kept.
        """
        with self._records.transaction():
            head = self._find(identifier, "conversation")
            if head is None:
                return {"ok": False, "error": "missing"}
            before = conversation.from_body(identifier, head.body)
            after = replace(before, tags=tags.chosen(given, before.tags), flag=flag)
            if head.rev != base:
                return {**self.load(identifier), "ok": False, "error": "conflict"}
            if after == before:
                return _marked(head)
            head = self._records.change(head, "marked", body=after.body())
        self._mirror.touch(head.persona)
        return _marked(head)

    def add(self, persona_id: str, title: str, turns: Iterable[Turn], tags: Sequence[str] = (), shows: Sequence[str] = ()) -> str:
        """A new conversation, on top of the list; returns its id."""
        return self.add_many(persona_id, [Conversation("", title, tuple(turns), tuple(tags), shows=tuple(shows))])[0]

    def add_many(self, persona_id: str, given: Sequence[Conversation]) -> list[str]:
        """New conversations on top of the list, in the order given, all or none; returns their new ids."""
        return self.add_ready(self.ready(persona_id, given))

    def ready(self, persona_id: str, given: Sequence[Conversation]) -> "Ready":
        """These conversations made ready for the top of a list, so that storing them keeps nobody waiting; raises StudioError."""
        for spoken in given:
            fault = conversation.fault(spoken.title, [turn.to_dict() for turn in spoken.turns])
            if fault:
                raise StudioError(f"Nothing was added. “{spoken.title[:60]}”: {fault}")
        top = self._records.edge(persona_id)
        added = [first(replace(spoken, id=secrets.token_hex(8)), persona_id, 0) for spoken in given]
        return Ready(persona_id, top, _placed([(one, database.words(one)) for one in added], top))

    def add_ready(self, made: "Ready") -> list[str]:
        """Store what was made ready, all or none; returns the new ids, in the order given."""
        with self._records.transaction():
            if self._find(made.persona) is None:
                raise NotFound("This character is not here any more. Nothing was added. Choose another one.")
            top = self._records.edge(made.persona)
            self._records.add(made.rows if top == made.top else _placed(made.rows, top))  # somebody may have begun one meanwhile
        self._mirror.touch(made.persona)
        return [one.id for one, _ in made.rows]

    def mend(self, kind: Kind, identifiers: Iterable[str]) -> int:
        """Put one kind of thing right in these conversations, all or none, each as an ordinary save; returns how many changed."""
        changed = 0
        with self._records.transaction():
            for identifier in identifiers:
                head = self._find(identifier, "conversation")
                if head is None:
                    continue
                before = conversation.from_body(identifier, head.body)
                after = mending.mended(kind, before)
                if after == before:
                    continue
                turns = [turn.to_dict() for turn in after.turns]
                answer = self.save(identifier, head.rev, secrets.token_hex(8), after.title, turns, shrink=True, what="mended")
                if not answer["ok"]:
                    raise StudioError(str(answer.get("message", GONE)))
                changed += 1
        return changed

    def link(self, identifier: str, base: int, shows: Sequence[str]) -> dict[str, Any]:
        """Say which statements of the sheet a conversation shows; answers as `save` does. Raises StudioError for one that is on no sheet."""
        with self._records.transaction():
            head = self._find(identifier, "conversation")
            if head is None:
                return {"ok": False, "error": "missing"}
            before, sheet = conversation.from_body(identifier, head.body), self._find(head.persona)
            facts = json.loads(sheet.body).get("facts", []) if sheet else []
            if set(shows) - set(facts):
                raise StudioError(UNKNOWN)
            wanted = tuple(dict.fromkeys(fact for fact in facts if fact in shows))
            if before.shows == wanted:
                return _saved(head)
            if head.rev != base:
                return {**self.load(identifier), "ok": False, "error": "conflict"}
            head = self._records.change(head, LINKED, body=replace(before, shows=wanted).body())
        self._mirror.touch(head.persona)
        return _saved(head)

    def _relink(self, persona_id: str, before: Sequence[str], after: Sequence[str]) -> None:
        """Let the links of a character's conversations, also of those in the bin, follow what became of its statements."""
        became, came = rewordings(before, after), set(after) - set(before)
        linked = "persona = ? AND kind = 'conversation' AND instr(body, '\"shows\":[') > 0" if became else ""
        for head in self._records.heads(linked, persona_id) if linked else ():
            spoken = conversation.from_body(head.id, head.body)
            shows = tuple(dict.fromkeys(filter(None, (became.get(one, one) for one in spoken.shows))))
            if shows != spoken.shows:
                lost = any(became.get(one) == "" for one in spoken.shows)
                self._records.change(head, UNLINKED if lost else LINKED, body=replace(spoken, shows=shows).body())
        if came - set(became.values()):
            self._return(persona_id, came, after)

    def _return(self, persona_id: str, came: set[str], facts: Sequence[str]) -> None:
        """A statement that was cut and is pasted elsewhere finds the links again that went with it."""
        for head in self._records.heads("persona = ? AND kind = 'conversation' AND what = ?", persona_id, UNLINKED):
            spoken, older = conversation.from_body(head.id, head.body), self._records.history(head.id, head.rev, 1)
            once = conversation.from_body(head.id, older[0].body).shows if older else ()
            wanted = {*spoken.shows, *(one for one in once if one in came)}
            shows = tuple(fact for fact in facts if fact in wanted)
            if shows != spoken.shows:
                self._records.change(head, LINKED, body=replace(spoken, shows=shows).body())

    def titles(self, identifiers: Iterable[str]) -> list[dict[str, Any]]:
        """Title and opening of these conversations; those that are not there any more are left out."""
        return [_row(head) for one in identifiers if (head := self._find(one, "conversation"))]

    def remove(self, identifier: str) -> None:
        """Move a conversation to the bin, where it stays for 30 days."""
        self._move(identifier, time.time(), "removed")

    def leaving(self, identifiers: Sequence[str]) -> list[Revision]:
        """Conversations as they will stand in the bin, made ready so that moving many keeps nobody waiting; for `leave`."""
        at, heads = time.time(), [head for head in self._records.known(identifiers) if head.removed is None]
        return [sealed(replace(head, op="", rev=head.rev + 1, at=at, what="removed", removed=at)) for head in heads]

    def leave(self, made: Sequence[Revision]) -> None:
        """Move what was made ready to the bin, all or none, with what was written in it meanwhile."""
        with self._records.transaction():
            for late in self._records.follow(made):
                self.remove(late)
        for persona_id in {one.persona for one in made}:
            self._mirror.touch(persona_id)

    def recover(self, identifier: str) -> None:
        """Bring a conversation back from the bin to its place."""
        self._move(identifier, None, "recovered")

    def removed(self, persona_id: str) -> list[tuple[str, str, float]]:
        """A character's conversations in the bin: id, title, when they went there; the latest first."""
        heads = self._records.shelf(persona_id, "conversation", removed=True)
        return sorted(((h.id, conversation.from_body(h.id, h.body).title, h.removed or 0.0) for h in heads), key=lambda entry: -entry[2])

    def history(self, identifier: str, before: int = 0, limit: int = 100) -> dict[str, Any]:
        """Earlier versions, newest first; `before` 0 begins with the head."""
        older = self._records.history(identifier, before or 2**62, limit)
        return {"ok": True, "revisions": [{"rev": r.rev, "at": r.at, "what": r.what, **_shown(r)} for r in older]}

    def _move(self, identifier: str, removed: float | None, what: str) -> None:
        with self._records.transaction():
            head = self._records.head(identifier)
            if head is None or head.kind != "conversation":
                raise NotFound(GONE)
            if (head.removed is None) != (removed is None):
                self._records.change(head, what, removed=removed)
        self._mirror.touch(head.persona)

    def _find(self, identifier: str, kind: str = "sheet") -> Revision | None:
        """A record that is there: itself not in the bin, nor its character."""
        head = self._records.head(identifier)
        if head is None or head.kind != kind or head.removed is not None:
            return None
        return head if kind == "sheet" or self._find(head.persona) else None


def first(added: Conversation, persona_id: str, place: int) -> Revision:
    """The first version of a new conversation."""
    return Revision(added.id, persona_id, "conversation", 1, "", time.time(), "written", None, place, added.body())


def _placed(rows: Sequence[tuple[Revision, str]], top: int) -> list[tuple[Revision, str]]:
    """The first of these at the top of the list, where nothing stands so far above `top`."""
    return [(sealed(replace(one, place=top - len(rows) + n)), said) for n, (one, said) in enumerate(rows, 1)]


def _shown(revision: Revision) -> dict[str, Any]:
    spoken = conversation.from_body(revision.id, revision.body)
    marks = {"tags": list(spoken.tags), **spoken.marks()}
    return {"title": spoken.title, **marks, "turns": [turn.to_dict() for turn in spoken.turns]}


def _row(head: Revision) -> dict[str, Any]:
    spoken = conversation.from_body(head.id, head.body)
    opening = " ".join(spoken.turns[0].text[:1000].split())[:OPENING] if spoken.turns else ""
    shown = {"title": spoken.title, "turns": len(spoken.turns), "opening": opening, "tags": list(spoken.tags), "flag": spoken.flag}
    return {"id": head.id, "rev": head.rev, **shown}


def _saved(head: Revision) -> dict[str, Any]:
    return {"ok": True, "id": head.id, "rev": head.rev, "sha256": hashlib.sha256(head.body.encode()).hexdigest()}


def _marked(head: Revision) -> dict[str, Any]:
    spoken = conversation.from_body(head.id, head.body)
    return {**_saved(head), "tags": list(spoken.tags), "flag": spoken.flag}


def _shrinks(before: Conversation, turns: list[dict[str, str]]) -> bool:
    kept = {turn.id for turn in before.turns} & {turn["id"] for turn in turns}
    return len(before.turns) >= 4 and 2 * len(kept) < len(before.turns)
