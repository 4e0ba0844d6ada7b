"""The fields of a character card as our records, and our records as those fields.

Sources: Character Card V1 and V2 Specifications, https://github.com/malfoyslastname/character-card-spec-v2, and Character Card V3 Specification,
https://github.com/kwaroran/character-card-spec-v3/blob/main/SPEC_V3.md.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from studio.domain.conversation import Conversation
from studio.domain.formats import examples, own
from studio.domain.formats.fields import Fields
from studio.domain.formats.found import Found, Skipped
from studio.domain.formats.macros import Cast, unfilled
from studio.domain.formats.source import shown
from studio.domain.persona import LONGEST_NAME, Persona

LEFT_OUT = "not used"
MEANING = {
    "name": "the character's name",
    "nickname": "the name that {{char}} stands for",
    "description": "the instructions, and the line under the name",
    "personality": "the instructions",
    "scenario": "the instructions",
    "system_prompt": "the beginning of the instructions",
    "first_mes": "the greeting",
    "alternate_greetings": "further greetings",
    "mes_example": "conversations",
    "character_book": "facts",
    "tags": "tags of the conversations",
    "assets": "the picture, and the visitor's name where it is given",
}
_LONGEST_LINE = 120
_EMBEDDED = re.compile(r"embedd?ed://(.+)", re.DOTALL)  # the specification spells it with one d
_SENTENCE = re.compile(r".+?(?:[.!?…](?=\s|$)|[。！？])")
_DECORATORS = re.compile(r"\A(?:\s*@@@?[a-z_]+[^\n]*(?:\n|\Z))+")  # how a lorebook entry is to be inserted; V3


@dataclass(frozen=True)
class Card:
    """One card out of whatever it was wrapped in."""

    file: str
    seed: str  # made from the file's bytes
    version: str  # “V1”, “V2”, “V3”
    values: dict[str, Any]
    newer: str = ""  # the version of the specification it was made for, where that is newer than the one known here
    called: Mapping[str, str] = field(default_factory=dict)  # what the file calls a field, where that is not V1's name

    def read(self) -> Found:
        """Everything the card holds: as the studio itself wrote it, where it did, with what was changed elsewhere since."""
        skipped: list[Skipped] = []
        kept = own.read(self._fields(skipped).group("extensions").group(own.KEY), self.seed)
        if kept is None:
            here = self._plainly("")
            return replace(here, skipped=(*skipped, *here.skipped))
        visitor = kept.persona.visitor
        here = self._plainly(visitor)
        before = self._as_written(kept, kept.persona.name)
        renamed = self._as_written(kept, here.persona.name) if here.persona else before
        return _changed(kept, replace(before, conversations=(*before.conversations, *renamed.conversations)), here, skipped)

    def _as_written(self, kept: own.Own, name: str) -> Found:
        """What any program reads in the card as it left the studio; under another name, what it makes of {{char}}."""
        values = written(replace(kept.persona, name=name), kept.conversations, kept.greetings)
        return replace(self, values=values)._plainly(kept.persona.visitor)

    def icon(self) -> str:
        """The path of the character's main picture in the archive around the card; empty where none is named."""
        icons = [asset for asset in self._fields([]).items("assets") if asset.values.get("type") == "icon"]
        icons.sort(key=lambda asset: asset.values.get("name") != "main")
        place = _EMBEDDED.match(icons[0].text("uri")) if icons else None
        return place[1] if place else ""

    def _fields(self, skipped: list[Skipped]) -> Fields:
        return Fields(self.file, self.values, skipped, self.called)

    def _plainly(self, visitor: str) -> Found:
        """What any program reads in the card."""
        skipped: list[Skipped] = []
        fields = self._fields(skipped)
        if self.newer:
            fields.note("spec_version", f"this card was made for version {self.newer}, which is newer than the studio.", "Look it over.")
        name = _name(fields, self.file)
        cast = Cast(_line(fields.text("nickname"), LONGEST_NAME) or name, visitor or _visitor(fields), name)
        tags = tuple(dict.fromkeys(fields.texts("tags")))
        running = _Running(self.seed, cast, tags)
        persona = _persona(fields, running, self.version)
        greetings = [running.filled(fields, "alternate_greetings", text) for text in fields.texts("alternate_greetings")]
        where = f"{self.file}, {self.called.get('mes_example', 'mes_example')}"
        spoken = examples.Examples(where, self.seed, cast, tags, skipped).read(fields.text("mes_example", longest=None))
        return Found(
            kind=f"Character card {self.version}",
            mapping=tuple((shown(self.called.get(name, name)), running.meaning(name)) for name in fields.names()),
            conversations=(*spoken, *running.spoken),
            persona=persona,
            whole=True,
            greetings=tuple(text for text in greetings if text),
            skipped=tuple(skipped),
        )


class _Running:
    """Reads what is told of a character, and keeps the examples that stand in the middle of it."""

    def __init__(self, seed: str, cast: Cast, tags: tuple[str, ...]) -> None:
        self.cast, self.spoken = cast, list[Conversation]()
        self._seed, self._tags = seed, tags
        self._with_examples: set[str] = set()

    def filled(self, fields: Fields, name: str, text: str) -> str:
        """A text with both names in it."""
        words = self.cast.filled(text)
        fields.skipped.extend(unfilled(f"{fields.where}, {fields.called.get(name, name)}", words))
        return words

    def without_examples(self, fields: Fields, name: str, text: str, field: str = "") -> str:
        """The same, without the examples in it; `field` is the card's, where the text stands further inside."""
        seed = f"{self._seed}:{name}:{len(self.spoken)}"
        reader = examples.Examples(f"{fields.where}, {name}", seed, self.cast, self._tags, fields.skipped)
        rest, found = reader.apart(text)
        self.spoken += found
        self._with_examples |= {field or name} if found else set()
        return self.filled(fields, name, rest)

    def meaning(self, name: str) -> str:
        """What a field of the card is taken for."""
        return MEANING.get(name, LEFT_OUT) + (", and conversations" if name in self._with_examples else "")


def written(persona: Persona, conversations: Sequence[Conversation], greetings: Sequence[str]) -> dict[str, Any]:
    """The fields a card V2 has, every one of them; V3 only adds to them."""
    kept = {own.KEY: own.written(persona, conversations, greetings)}
    return {**plain(persona, conversations, greetings, examples.written(conversations)), "extensions": kept}


def plain(persona: Persona, conversations: Sequence[Conversation], greetings: Sequence[str], example: str) -> dict[str, Any]:
    """The same with nothing in them but what every program reads, and these examples."""
    tagged = [c.tags for c in conversations] or [()]
    book = {"extensions": {}, "entries": [_entry(n, fact) for n, fact in enumerate(persona.facts)]}
    return {
        "name": persona.name,
        "description": persona.system or persona.description,
        "personality": "\n".join(persona.voice),
        "scenario": "",
        "first_mes": persona.greeting,
        "mes_example": example,
        "creator_notes": persona.description,
        "system_prompt": "",
        "post_history_instructions": "",
        "alternate_greetings": list(greetings),
        "tags": [tag for tag in tagged[0] if all(tag in tags for tags in tagged)],
        "creator": "",
        "character_version": "",
        **({"character_book": book} if persona.facts else {}),
        "extensions": {},
    }


def _entry(n: int, fact: str) -> dict[str, Any]:
    always = {"enabled": True, "constant": True, "use_regex": False, "position": "before_char"}
    return {"id": n, "keys": [], "content": fact, "insertion_order": n, "extensions": {}, **always}


def _changed(kept: own.Own, before: Found, here: Found, skipped: list[Skipped]) -> Found:
    """The kept character, with every field that no longer stands in the card as it was written."""
    then, now = before.persona or kept.persona, here.persona or kept.persona
    mapping = [(f"extensions.{own.KEY}", "the whole character and its conversations, as Persona Studio wrote them")]
    parts = {"name": "name", "greeting": "first_mes", "system": "description", "facts": "character_book"}
    new = {part: getattr(now, part) for part in parts if getattr(now, part) != getattr(then, part)}
    greetings = kept.greetings if here.greetings == before.greetings else here.greetings
    known = {_said(c) for c in before.conversations}
    added = tuple(c for c in here.conversations if _said(c) not in known)
    changed = [parts[part] for part in new] + ["alternate_greetings"] * (here.greetings != before.greetings) + ["mes_example"] * bool(added)
    mapping += [(field, f"{MEANING[field]}, changed since in another program") for field in changed]
    odd = set(before.skipped)
    return replace(
        here,
        mapping=tuple(mapping),
        persona=replace(kept.persona, **new),
        conversations=(*kept.conversations, *added),
        greetings=greetings,
        skipped=(*skipped, *(s for s in here.skipped if s not in odd)),
    )


def _said(conversation: Conversation) -> tuple[tuple[str, str], ...]:
    return tuple((turn.role, turn.text) for turn in conversation.turns)


def _persona(fields: Fields, running: _Running, version: str) -> Persona:
    lead, description, personality, scenario = (
        running.without_examples(fields, name, fields.text(name)) for name in ("system_prompt", "description", "personality", "scenario")
    )
    system = [lead, description, personality and f"Personality: {personality}", scenario and f"Scenario: {scenario}"]
    return Persona(
        name=running.cast.name,
        description=_opening(description or personality or scenario),
        visitor=running.cast.user,
        facts=_facts(fields.group("character_book"), running, version),
        system="\n\n".join(text for text in system if text),
        greeting=running.without_examples(fields, "first_mes", fields.text("first_mes")),
    )


def _name(fields: Fields, file: str) -> str:
    name = " ".join(fields.text("name").split())
    if not name:
        name = " ".join(file.rpartition(".")[0].split())[:LONGEST_NAME].strip() or "Character"
        fields.note("name", f"the character has no name and is called “{name}”.", "Change the name in its sheet.")
    if len(name) > LONGEST_NAME:
        fields.note("name", f"the name is longer than {LONGEST_NAME} characters and was cut.", "Change the name in its sheet.")
    return name[:LONGEST_NAME].strip()


def _visitor(fields: Fields) -> str:
    """The name V3 gives the visitor's own picture, or ours."""
    icons = [asset.text("name") for asset in fields.items("assets") if asset.values.get("type") == "user_icon"]
    return _line(icons[0], LONGEST_NAME) if icons and icons[0] not in ("", "main") else Persona.visitor


def _facts(book: Fields, running: _Running, version: str) -> tuple[str, ...]:
    entries = [entry for entry in book.items("entries") if entry.values.get("enabled") is not False]
    texts = [(entry, entry.text("content")) for entry in sorted(entries, key=_order)]
    bare = [(entry, _DECORATORS.sub("", text) if version == "V3" else text) for entry, text in texts]
    facts = [running.without_examples(entry, "content", text, "character_book") for entry, text in bare]
    return tuple(fact for fact in facts if fact)


def _order(entry: Fields) -> float:
    order = entry.values.get("insertion_order")
    return order if isinstance(order, (int, float)) and order == order else 0  # NaN is unequal to itself and sorts nowhere


def _opening(text: str) -> str:
    """The first sentence of a text, as one line."""
    line = " ".join(text[:2_000].split())
    first = _SENTENCE.match(line)
    return _line(first[0] if first else line, _LONGEST_LINE)


def _line(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else (line[:longest].rpartition(" ")[0] or line[: longest - 1]) + "…"
