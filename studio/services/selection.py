"""What can be done with many conversations at once. Each act is one step, on the disk or not at all, and can be taken back as one.

Every act has a name (`op`) that its versions carry, so that taking it back needs no memory of its own: it outlives the window and the
studio. Repeating an act under the same name changes nothing.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from studio.domain import conversation, occurrences, tags
from studio.domain.conversation import FLAGS, Conversation, Flag
from studio.domain.errors import NotFound, StudioError
from studio.domain.occurrences import Place, Wanted
from studio.domain.revision import Revision
from studio.services.mirror import Mirror
from studio.services.records import Records

DONE, BACK = "many-", "back-"
KEPT = ("body", "persona", "place", "removed")  # what an act may change
Version = tuple[Revision, dict[str, Any]]  # a record, and what shall stand in it
MOST_PLACES = 100_000
GONE = "One of these conversations is not here any more. Nothing was changed. Look at the list again."
NOBODY = "This character is not here any more. Nothing was moved. Choose another one."
TOO_MANY = f"There are more than {MOST_PLACES:,} places. Nothing was changed. Choose fewer conversations, or a longer word."


class Found(NamedTuple):
    """A conversation in which a text was found, the revision it was found in, and every place."""

    id: str
    rev: int
    spoken: Conversation
    places: list[Place]


class Chosen(NamedTuple):
    """Which of the places found in one revision of a conversation are meant, by their numbers."""

    id: str
    rev: int
    places: frozenset[int]


class Undone(NamedTuple):
    """What taking back came to: its own name, how many stand as before, and how many were left as they are and why."""

    op: str
    back: int
    changed: int  # something was done with them since
    homeless: int  # their character is not here any more


class About(NamedTuple):
    """The tags and flags of some conversations, each with how many have it."""

    tags: dict[str, int]
    flags: dict[str, int]


def new_op() -> str:
    """A name for an act."""
    return DONE + secrets.token_hex(8)


class Selection:
    """Acts on some conversations, named by their ids. Each answers how many it changed, and raises NotFound where one is not there."""

    def __init__(self, records: Records, mirror: Mirror) -> None:
        self._records, self._mirror = records, mirror

    def about(self, ids: Iterable[str]) -> About:
        """What these conversations bear now; a tag in the spelling that most of them have."""
        marks = [(one.tags, one.flag) for head in self._live(ids) for one in (conversation.from_body(head.id, head.body),)]
        spellings = Counter(tag for borne, _ in marks for tag in borne)
        names = {conversation.findable(tag): tag for tag, _ in reversed(spellings.most_common())}
        counts = Counter(names[key] for borne, _ in marks for key in {conversation.findable(tag) for tag in borne})
        return About(dict(sorted(counts.items())), dict(Counter(flag for _, flag in marks)))

    def tag(self, op: str, ids: Iterable[str], add: Sequence[str] = (), drop: Sequence[str] = ()) -> int:
        """Add tags and take others off."""
        added = [tags.tag(one) for one in add]
        return self._act(op, "tagged", self._rewritten(ids, lambda one: replace(one, tags=tags.retagged(one.tags, added, drop))))

    def flag(self, op: str, ids: Iterable[str], flag: Flag) -> int:
        """Say how far they are."""
        if flag not in FLAGS:
            raise StudioError(f"There is no state called {flag}. Nothing was changed. Choose another one.")
        return self._act(op, "flagged", self._rewritten(ids, lambda one: replace(one, flag=flag)))

    def move(self, op: str, ids: Iterable[str], persona_id: str) -> int:
        """Give them to another character, on top of its list in the order they had; those it has already stay where they are."""
        return self._act(op, "moved", self._moved(ids, persona_id))

    def bin(self, op: str, ids: Iterable[str]) -> int:
        """Move them to the bin, where they stay for 30 days."""
        now = time.time()
        return self._act(op, "removed", ((head, {"removed": now}) for head in self._lazily(ids)))

    def find(self, ids: Iterable[str], wanted: Wanted) -> list[Found]:
        """Every place at which a text stands in them, titles too, in the order of the list. Raises StudioError where none is given."""
        found, count = [], 0
        for head in self._live(ids):
            spoken = conversation.from_body(head.id, head.body)
            at = occurrences.places(spoken, wanted)
            count += len(at)
            if count > MOST_PLACES:
                raise StudioError(TOO_MANY)
            if at:
                found.append(Found(head.id, head.rev, spoken, at))
        return found

    def replace(self, op: str, chosen: Iterable[Chosen], wanted: Wanted, replacement: str) -> int:
        """Put other words at these places. Raises StudioError, with nothing changed, where a conversation is not as it was looked at."""
        return self._act(op, "replaced", self._replaced({one.id: one for one in chosen}, wanted, replacement))

    def undo(self, op: str) -> Undone:
        """Put back what stood before an act, wherever nothing else was done since. Its own name takes the taking back back."""
        own, places, put, homeless = _opposite(op), set[str](), 0, 0
        with self._records.transaction():
            already = sum(before.op == op for head in self._heads(own) if (before := self._before(head)))
            for head in self._heads(op):
                before = self._before(head)
                if before and self._is_here(before.persona):
                    self._records.change(head, "put back", op=own, **{name: getattr(before, name) for name in KEPT})
                    places |= {head.persona, before.persona}
                    put += 1
                elif before:
                    homeless += 1
            carried = self._records.carrying(op)
        self._touch(places)
        return Undone(own, already + put, carried - already - put - homeless, homeless)

    def _heads(self, op: str) -> list[Revision]:
        return self._records.heads("kind = 'conversation' AND op = ?", op)

    def _before(self, head: Revision) -> Revision | None:
        """The version just before this one; None where it is not kept any more."""
        return next((older for older in self._records.history(head.id, head.rev, 1) if older.rev == head.rev - 1), None)

    def _live(self, ids: Iterable[str]) -> list[Revision]:
        """These conversations in the order of the list, each once; raises NotFound where one, or its character, is in the bin."""
        heads, here = [], dict[str, bool]()
        for identifier in dict.fromkeys(ids):
            head = self._records.head(identifier)
            if head is None or head.kind != "conversation" or head.removed is not None:
                raise NotFound(GONE)
            if head.persona not in here:
                here[head.persona] = self._is_here(head.persona)
            if not here[head.persona]:
                raise NotFound(GONE)
            heads.append(head)
        return sorted(heads, key=lambda head: (head.place, head.id))

    def _lazily(self, ids: Iterable[str]) -> Iterator[Revision]:
        """The same, read only when the first is asked for: a repeated act must not stumble over what it has done."""
        yield from self._live(ids)

    def _is_here(self, persona_id: str) -> bool:
        head = self._records.head(persona_id)
        return head is not None and head.kind == "sheet" and head.removed is None

    def _rewritten(self, ids: Iterable[str], change: Callable[[Conversation], Conversation]) -> Iterator[Version]:
        for head in self._live(ids):
            yield head, _body(head, change)

    def _moved(self, ids: Iterable[str], persona_id: str) -> Iterator[Version]:
        if not self._is_here(persona_id):
            raise NotFound(NOBODY)
        moving = [head for head in self._live(ids) if head.persona != persona_id]
        top = self._records.edge(persona_id) - len(moving) + 1
        for place, head in enumerate(moving, top):
            yield head, {"persona": persona_id, "place": place}

    def _replaced(self, chosen: dict[str, Chosen], wanted: Wanted, replacement: str) -> Iterator[Version]:
        for head in self._live(chosen):
            meant = chosen[head.id]
            if head.rev != meant.rev:
                raise StudioError(_moved_on(conversation.from_body(head.id, head.body)))
            yield head, _body(head, partial(_reworded, wanted=wanted, replacement=replacement, numbers=meant.places))

    def _act(self, op: str, what: str, versions: Iterable[Version]) -> int:
        """Store each of these where it differs from what stands, all under one name; returns how many differ. A repeat changes nothing."""
        _opposite(op)
        places, changed = set[str](), 0
        with self._records.transaction():
            if known := self._records.carrying(op):
                return known
            for head, values in versions:
                if any(getattr(head, name) != value for name, value in values.items()):
                    self._records.change(head, what, op=op, **values)
                    places |= {head.persona, values.get("persona", head.persona)}
                    changed += 1
        self._touch(places)
        return changed

    def _touch(self, personas: Iterable[str]) -> None:
        for persona_id in personas:
            self._mirror.touch(persona_id)


def _opposite(op: str) -> str:
    if not op.startswith((DONE, BACK)):
        raise ValueError(f"{op!r} names no act.")  # an empty name would mean everything
    return BACK + op.removeprefix(DONE) if op.startswith(DONE) else DONE + op.removeprefix(BACK)


def _body(head: Revision, change: Callable[[Conversation], Conversation]) -> dict[str, Any]:
    before = conversation.from_body(head.id, head.body)
    after = change(before)
    return {} if after == before else {"body": after.body()}


def _moved_on(spoken: Conversation) -> str:
    return f"“{_called(spoken)}” was changed since you looked. Nothing was replaced. Look at the places again."


def _called(spoken: Conversation) -> str:
    opening = spoken.turns[0].text if spoken.turns else ""
    return (spoken.title or opening or "No title yet")[:60]


def _reworded(spoken: Conversation, wanted: Wanted, replacement: str, numbers: frozenset[int]) -> Conversation:
    after = occurrences.replaced(spoken, wanted, replacement, numbers)
    fault = conversation.fault(after.title, [turn.to_dict() for turn in after.turns])
    if fault:
        raise StudioError(f"Nothing was replaced. “{_called(spoken)}”: {fault}")
    return after
