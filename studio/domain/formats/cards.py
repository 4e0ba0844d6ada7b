"""Character cards V1, V2 and V3, as PNG, JSON and CHARX: what a character brings along, and a character to take elsewhere.

Sources: Character Card V1 and V2 Specifications, https://github.com/malfoyslastname/character-card-spec-v2, and Character Card V3 Specification,
https://github.com/kwaroran/character-card-spec-v3/blob/main/SPEC_V3.md.

A card the studio wrote comes back whole: beside the fields every program reads, `extensions` holds the sheet and all conversations word for word
(see own.py). `read` prefers that; a field that was changed in another program since counts as it stands now. Without the extension a card gives
back the name, the greetings, the facts and the conversations that begin with the visitor, word for word, except what the format itself reads
otherwise: outer spaces, empty lines of dialogue, <START>, {{macros}}, and lines within a reply that begin with a name and a colon.
"""

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from studio.domain.conversation import Conversation
from studio.domain.errors import BadFile
from studio.domain.formats import charx, examples, png
from studio.domain.formats.card_fields import Card, plain, written
from studio.domain.formats.found import Found, Skipped
from studio.domain.formats.source import NOTHING, decoded, mended, parsed
from studio.domain.formats.spoken import digest
from studio.domain.persona import Persona

V3, V2 = "ccv3", "chara"  # the texts of a PNG that hold a card; the first wins
NEWEST = 3.0  # the version of the specification that is known here
_FIELDS = {"personality", "scenario", "first_mes", "mes_example"}  # one of these makes JSON a card
_CHOOSE = "Choose a character card as PNG, JSON or CHARX."
_NO_PICTURE = "Choose a picture for the character yourself."
_OTHERS = {b"\xff\xd8\xff": "a JPEG picture", b"RIFF": "a WebP picture", b"GIF8": "a GIF picture", b"%PDF": "a PDF"}


def read(name: str, data: bytes) -> Found:
    """The character in a card, whatever the card is wrapped in."""
    name = mended(name)
    if data.startswith(png.SIGNATURE):
        return _from_png(name, data)
    if data.startswith(b"PK"):
        return _from_charx(name, data)
    for beginning, kind in _OTHERS.items():
        if data.startswith(beginning):
            raise BadFile(f"{name} is {kind}, and no card can be read from one. {_CHOOSE} {NOTHING}")
    text = decoded(name, data)
    try:
        return _card(name, data, text).read()
    except _NoCard as error:
        raise BadFile(f"{name}: {error} {_CHOOSE} {NOTHING}") from error


def card_v2(persona: Persona, conversations: Sequence[Conversation], greetings: Sequence[str] = ()) -> str:
    """A card V2 as JSON."""
    return json.dumps(_v2(written(persona, conversations, greetings)), ensure_ascii=False, indent=2)


def card_v3(persona: Persona, conversations: Sequence[Conversation], greetings: Sequence[str] = ()) -> str:
    """A card V3 as JSON."""
    return json.dumps(_v3(written(persona, conversations, greetings)), ensure_ascii=False, indent=2)


def card_for_others(persona: Persona, conversations: Sequence[Conversation]) -> Iterator[bytes]:
    """A card V3 as JSON with nothing in it but what every program reads; piece by piece, because it can be as large as all that was written."""
    field = '"mes_example": "'
    before, after = json.dumps(_v3(plain(persona, conversations, (), "")), ensure_ascii=False, indent=2).split(field)
    yield f"{before}{field}".encode()
    yield from (json.dumps(piece, ensure_ascii=False)[1:-1].encode() for piece in examples.pieces(conversations))
    yield after.encode()


def card_v2_png(persona: Persona, conversations: Sequence[Conversation], picture: bytes = b"", greetings: Sequence[str] = ()) -> bytes:
    """A card V2 inside its picture (PNG); one plain colour where there is none."""
    return png.with_texts("The picture", picture or png.plain(), {V2: _packed(_v2(written(persona, conversations, greetings)))})


def card_v3_png(persona: Persona, conversations: Sequence[Conversation], picture: bytes = b"", greetings: Sequence[str] = ()) -> bytes:
    """A card V3 inside its picture (PNG), with its fields again as V2, without our extension, for programs that know no other."""
    fields = written(persona, conversations, greetings)
    older = _v2({**fields, "extensions": {}})
    return png.with_texts("The picture", picture or png.plain(), {V2: _packed(older), V3: _packed(_v3(fields))})


class _NoCard(BadFile):
    """What should be a card is none: a sentence without the file."""


def _v2(fields: dict[str, Any]) -> dict[str, Any]:
    return {"spec": "chara_card_v2", "spec_version": "2.0", "data": fields}


def _v3(fields: dict[str, Any]) -> dict[str, Any]:
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": {**fields, "group_only_greetings": []}}


def _packed(card: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(card, ensure_ascii=False).encode("utf-8", "surrogatepass")).decode()


def _card(name: str, data: bytes, text: str) -> Card:
    try:
        value = parsed(text)
    except BadFile as error:
        raise _NoCard(str(error)) from error
    if isinstance(value, dict):
        spec, inner = value.get("spec"), value.get("data")
        named = isinstance(spec, str) and spec.startswith("chara_card")
        if isinstance(inner, dict) and (named or inner.keys() & _FIELDS):
            return Card(name, digest(data), "V3" if named and spec != "chara_card_v2" else "V2", inner, _newer(value.get("spec_version")))
        if value.keys() & _FIELDS:
            return Card(name, digest(data), "V1", value)
    raise _NoCard("this is JSON without a character card in it.")


def _newer(version: Any) -> str:
    numbered = isinstance(version, str) and re.fullmatch(r"\d{1,3}(\.\d{1,3})?", version)
    return version if numbered and float(version) > NEWEST else ""


def _from_png(name: str, data: bytes) -> Found:
    parts = png.chunks(name, data)
    texts, skipped = png.texts(name, parts, (V3, V2))
    for keyword in (keyword for keyword in (V3, V2) if keyword in texts):
        try:
            found = _card(name, data, _unpacked(name, texts[keyword])).read()
        except _NoCard as error:
            skipped.append(Skipped(f"{name}, text “{keyword}”", str(error), "Export the card again from the program it came from."))
        else:
            return _pictured(replace(found, skipped=(*skipped, *found.skipped)), parts, f"{name}, picture")
    raise BadFile(f"{skipped[0]} {NOTHING}" if skipped else f"{name} is a picture without a character card in it. {_CHOOSE} {NOTHING}")


def _unpacked(name: str, text: str) -> str:
    """The JSON in a PNG's text: packed as base64, or as it stands."""
    if text.lstrip().startswith("{"):
        return text
    letters = "".join(text.split()).rstrip("=")
    try:
        return decoded(name, base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True))
    except ValueError as error:
        raise _NoCard("this is not base64, in which cards are written.") from error
    except BadFile as error:
        raise _NoCard("there is no text in it.") from error


def _from_charx(name: str, data: bytes) -> Found:
    archive = charx.opened(name, data)
    where = f"{name}, {charx.CARD}"
    try:
        packed = charx.taken(archive, charx.CARD)
        card = _card(name, data, decoded(where, packed))
    except (charx.NotTaken, _NoCard) as error:
        raise BadFile(f"{where}: {error} {_CHOOSE} {NOTHING}") from error
    found, path = card.read(), card.icon()
    if not path:
        return found
    try:
        return _pictured(found, png.chunks(name, charx.taken(archive, path)), f"{name}, assets, main icon")
    except BadFile:
        odd = Skipped(f"{name}, assets, main icon", "there is no PNG picture at the path given there.", _NO_PICTURE)
        return replace(found, skipped=(*found.skipped, odd))


def _pictured(found: Found, parts: list[png.Chunk], where: str) -> Found:
    problem = png.flaw(parts)
    if problem:
        return replace(found, skipped=(*found.skipped, Skipped(where, problem, _NO_PICTURE)))
    return replace(found, picture=png.without_text(parts))
