"""The fields of a character card as our records, and our records as those fields.

Sources: Character Card V1 and V2 Specifications, https://github.com/malfoyslastname/character-card-spec-v2, and Character Card V3 Specification,
https://github.com/kwaroran/character-card-spec-v3/blob/main/SPEC_V3.md.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from studio.domain.conversation import Conversation
from studio.domain.formats import examples, own
from studio.domain.formats.fields import Fields
from studio.domain.formats.found import Found, Skipped
from studio.domain.formats.macros import Cast
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

    def read(self) -> Found:
        """Everything the card holds: as the studio itself wrote it, where it did, with what was changed elsewhere since."""
        skipped: list[Skipped] = []
        kept = own.read(self._fields(skipped).group("extensions").group(own.KEY), self.seed)
        if kept is None:
            here = self._plainly("")
            return replace(here, skipped=(*skipped, *here.skipped))
        visitor = kept.persona.visitor
        before = replace(self, values=written(kept.persona, kept.conversations, kept.greetings))._plainly(visitor)
        return _changed(kept, before, self._plainly(visitor), skipped)

    def icon(self) -> str:
        """The path of the character's main picture in the archive around the card; empty where none is named."""
        icons = [asset for asset in self._fields([]).items("assets") if asset.values.get("type") == "icon"]
        icons.sort(key=lambda asset: asset.values.get("name") != "main")
        place = _EMBEDDED.match(icons[0].text("uri")) if icons else None
        return place[1] if place else ""

    def _fields(self, skipped: list[Skipped]) -> Fields:
        return Fields(self.file, self.values, skipped)

    def _plainly(self, visitor: str) -> Found:
        """What any program reads in the card."""
        skipped: list[Skipped] = []
        fields = self._fields(skipped)
        if self.newer:
            fields.note("spec_version", f"this card was made for version {self.newer}, which is newer than the studio.", "Look it over.")
        name = _name(fields, self.file)
        cast = Cast(_line(fields.text("nickname"), LONGEST_NAME) or name, visitor or _visitor(fields), name)
        persona, tags = _persona(fields, cast, self.version), tuple(dict.fromkeys(fields.texts("tags")))
        reader = examples.Examples(f"{self.file}, mes_example", self.seed, cast, tags, skipped)
        return Found(
            kind=f"Character card {self.version}",
            mapping=tuple((field, MEANING.get(field, LEFT_OUT)) for field in fields.names()),
            conversations=reader.read(fields.text("mes_example", longest=None)),
            persona=persona,
            whole=True,
            greetings=tuple(text for text in map(cast.filled, fields.texts("alternate_greetings")) if text),
            skipped=tuple(skipped),
        )


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


def _persona(fields: Fields, cast: Cast, version: str) -> Persona:
    lead, description, personality, scenario = (
        cast.filled(fields.text(name)) for name in ("system_prompt", "description", "personality", "scenario")
    )
    system = [lead, description, personality and f"Personality: {personality}", scenario and f"Scenario: {scenario}"]
    return Persona(
        name=cast.name,
        description=_opening(description or personality or scenario),
        visitor=cast.user,
        facts=_facts(fields.group("character_book"), cast, version),
        system="\n\n".join(text for text in system if text),
        greeting=cast.filled(fields.text("first_mes")),
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


def _facts(book: Fields, cast: Cast, version: str) -> tuple[str, ...]:
    entries = [entry for entry in book.items("entries") if entry.values.get("enabled") is not False]
    texts = [entry.text("content") for entry in sorted(entries, key=_order)]
    bare = [_DECORATORS.sub("", text) if version == "V3" else text for text in texts]
    return tuple(fact for fact in map(cast.filled, bare) if fact)


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
