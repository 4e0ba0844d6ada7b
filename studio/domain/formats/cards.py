"""Character cards V1, V2 and V3, and older ones, as PNG, WebP, JSON, YAML and CHARX: what a character brings along, and a character to take elsewhere.

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any
from zipfile import ZipFile

from studio.domain.conversation import Conversation
from studio.domain.errors import BadFile
from studio.domain.formats import backyard, charx, examples, older, plainyaml, png, webp
from studio.domain.formats.card_fields import Card, plain, written
from studio.domain.formats.found import Found, Skipped
from studio.domain.formats.source import WHOLE, Refused, Unreadable, decoded, mended, parsed, shown
from studio.domain.formats.spoken import digest
from studio.domain.persona import Persona

V3, V2 = "ccv3", "chara"  # the texts of a PNG that hold a card; the first wins
YAML = (".yaml", ".yml")
NEWEST = 3.0  # the version of the specification that is known here
_FIELDS = {"personality", "scenario", "first_mes", "mes_example"}  # one of these makes JSON a card
_CHOOSE = "Choose a character card as PNG, WebP, JSON or CHARX."
_EXPORT = "Export the card again from the program it came from."
_NO_PICTURE = "Choose a picture for the character yourself."
_URL_SAFE = str.maketrans("-_", "+/")  # base64 as some programs write it
_JPEG = b"\xff\xd8\xff"
_OTHERS = {_JPEG: "a JPEG picture", b"RIFF": "a sound or a film", b"GIF8": "a GIF picture", b"%PDF": "a PDF"}


def read(name: str, data: bytes) -> Found:
    """The character in a card, whatever the card is wrapped in."""
    name = mended(name)
    if data.startswith(png.SIGNATURE):
        return _from_png(name, data)
    if data.startswith(b"PK") or (data.startswith(_JPEG) and b"PK\x03\x04" in data and charx.CARD.encode() in data):
        return _from_charx(name, data)
    if webp.recognises(data):
        return _from_webp(name, data)
    for beginning, kind in _OTHERS.items():
        if data.startswith(beginning):
            raise Refused(f"{name}, byte 1", f"this is {kind}, and no card can be read from one.", _CHOOSE)
    text = decoded(name, data)
    try:
        return (_yaml(name, data, text) if PurePath(name).suffix.lower() in YAML else _card(name, data, text)).read()
    except _NoCard as error:
        raise Refused(f"{name}, {error.place or WHOLE}", str(error), _CHOOSE) from error


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


def card_charx(persona: Persona, conversations: Sequence[Conversation], assets: Sequence[Mapping[str, str]]) -> bytes:
    """The `card.json` of a CHARX: a card V3 that names what lies beside it in the archive."""
    fields = {**written(persona, conversations, ()), "assets": list(assets)}
    return json.dumps(_v3(fields), ensure_ascii=False, indent=2).encode("utf-8", "surrogatepass")


def card_v2_png(persona: Persona, conversations: Sequence[Conversation], picture: bytes = b"", greetings: Sequence[str] = ()) -> bytes:
    """A card V2 inside its picture (PNG); one plain colour where there is none."""
    return png.with_texts("The picture", picture or png.plain(), {V2: _packed(_v2(written(persona, conversations, greetings)))})


def card_v3_png(persona: Persona, conversations: Sequence[Conversation], picture: bytes = b"", greetings: Sequence[str] = ()) -> bytes:
    """A card V3 inside its picture (PNG), with its fields again as V2, without our extension, for programs that know no other."""
    fields = written(persona, conversations, greetings)
    older = _v2({**fields, "extensions": {}})
    return png.with_texts("The picture", picture or png.plain(), {V2: _packed(older), V3: _packed(_v3(fields))})


class _NoCard(BadFile):
    """What should be a card is none: a sentence without the file; the place in it stands beside it."""

    def __init__(self, what: str, place: str = "") -> None:
        super().__init__(what)
        self.place = place

    def within(self, where: str) -> str:
        """The place in what stands at `where`."""
        return f"{where}, {self.place}" if self.place else where


def _v2(fields: dict[str, Any]) -> dict[str, Any]:
    return {"spec": "chara_card_v2", "spec_version": "2.0", "data": fields}


def _v3(fields: dict[str, Any]) -> dict[str, Any]:
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": {**fields, "group_only_greetings": []}}


def _packed(card: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(card, ensure_ascii=False).encode("utf-8", "surrogatepass")).decode()


def _card(name: str, data: bytes, text: str) -> Card:
    try:
        value = parsed(text)
    except Unreadable as error:
        raise _NoCard(str(error), error.place) from error
    if isinstance(value, dict):
        spec, inner = value.get("spec"), value.get("data")
        named = isinstance(spec, str) and spec.startswith("chara_card")
        if isinstance(inner, dict) and (named or inner.keys() & _FIELDS):
            return Card(name, digest(data), "V3" if named and spec != "chara_card_v2" else "V2", inner, _newer(value.get("spec_version")))
        if value.keys() & _FIELDS:
            return Card(name, digest(data), "V1", value)
        if older.recognises(value):
            return _older(name, data, value)
    raise _NoCard("this is JSON without a character card in it.")


def _yaml(name: str, data: bytes, text: str) -> Card:
    try:
        value = plainyaml.fields(text)
    except Unreadable as error:
        raise _NoCard(str(error), error.place) from error
    if older.recognises(value):
        return _older(name, data, value)
    raise _NoCard("a character in YAML has a name and a context, and here they are not.")


def _older(name: str, data: bytes, value: dict[str, Any]) -> Card:
    fields, called = older.renamed(value)
    return Card(name, digest(data), "from before V1", fields, called=called)


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
            part = next(part for part in parts if part.keyword == keyword)
            skipped.append(Skipped(error.within(f"{name}, {png.place(part)}"), str(error), _EXPORT))
        else:
            return _pictured(replace(found, skipped=(*skipped, *found.skipped)), parts, f"{name}, picture")
    if skipped:
        raise Refused(skipped[0].where, skipped[0].what, skipped[0].cure)
    raise Refused(f"{name}, {WHOLE}", "this is a picture without a character card in it.", _CHOOSE)


def _from_webp(name: str, data: bytes) -> Found:
    parts = webp.parts(name, data)
    for part in (part for part in parts if part.kind == b"EXIF"):
        where, text = f"{name}, EXIF at byte {part.at:,}", webp.comment(part.body)
        if not text or not text.lstrip().startswith("{"):
            continue
        try:
            found = _card(name, data, text).read()
        except _NoCard as error:
            raise Refused(error.within(where), str(error), _EXPORT) from error
        problem = webp.flaw(parts)
        if problem:
            return replace(found, skipped=(*found.skipped, Skipped(f"{name}, picture", problem, _NO_PICTURE)))
        return replace(found, picture=webp.without_text(parts), ending=".webp")
    raise Refused(f"{name}, {WHOLE}", "this is a picture without a character card in it.", _CHOOSE)


def _unpacked(name: str, text: str) -> str:
    """The JSON in a PNG's text: packed as base64, or as it stands."""
    if text.lstrip().startswith("{"):
        return text
    letters = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
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
    except charx.NotTaken as error:
        raise Refused(where, str(error), _CHOOSE) from error
    except _NoCard as error:
        raise Refused(error.within(where), str(error), _CHOOSE) from error
    return _with_picture(card.read(), archive, card.icon(), f"{name}, assets, main icon")


def read_backyard(name: str, data: bytes) -> Found:
    """The first character in an archive of Backyard AI, and what was said with it."""
    name = mended(name)
    archive = charx.opened(name, data)
    manifest = _object(name, archive, backyard.MANIFEST)
    people = backyard.paths(manifest, "characters")
    if not people:
        raise Refused(f"{name}, {backyard.MANIFEST}, characters", "no character is named there.", _EXPORT)
    character = _object(name, archive, people[0])
    scenarios = [_object(name, archive, path) for path in backyard.paths(manifest, "scenarios")]
    found = Card(name, digest(data), "of Backyard AI", backyard.card(character, scenarios), called=backyard.CALLED).read()
    others = Skipped(f"{name}, {backyard.MANIFEST}, characters", "only the first of several characters came in.", "Export each by itself.")
    found = replace(found, skipped=(*found.skipped, *[others][: len(people) - 1]))
    return _with_picture(found, archive, backyard.picture(character, people[0]), f"{name}, images, item 1")


def _object(name: str, archive: ZipFile, path: str) -> dict[str, Any]:
    where = f"{name}, {shown(path)}"
    try:
        value = parsed(decoded(where, charx.taken(archive, path)))
    except charx.NotTaken as error:
        raise Refused(where, str(error), _EXPORT) from error
    except Unreadable as error:
        raise Refused(f"{where}, {error.place}", str(error), _EXPORT) from error
    if not isinstance(value, dict):
        raise Refused(where, "this is not a group of fields.", _EXPORT)
    return value


def _with_picture(found: Found, archive: ZipFile, path: str, where: str) -> Found:
    if not path:
        return found
    try:
        return _pictured(found, png.chunks(where, charx.taken(archive, path)), where)
    except BadFile:
        odd = Skipped(where, "there is no PNG picture at the path given there.", _NO_PICTURE)
        return replace(found, skipped=(*found.skipped, odd))


def _pictured(found: Found, parts: list[png.Chunk], where: str) -> Found:
    problem = png.flaw(parts)
    if problem:
        return replace(found, skipped=(*found.skipped, Skipped(where, problem, _NO_PICTURE)))
    return replace(found, picture=png.without_text(parts))
