"""The persona package: everything a writer has made of a character, in one zip to keep or to hand on.

    package.json          {"format": "persona-studio-package", "version": 1}
    persona.json          the character sheet: name, description, visitor, voice, facts, system, greeting, ink
    conversations.jsonl   one conversation a line, in their order: {"tags": [...], "title": "...", "turns": [{"id", "role", "text"}]}
                          and, where there are any, "flag", "shows" (statements), a turn's "others" (versions not learned), "drafted" and "drafts"
    portrait.png          the picture, to the byte; also .svg, .jpg or .webp; missing where there is none
    card.json             the same character as a card V3, for programs that read CHARX; the studio never reads it back
    learned/              what the character learned, where it was taken along: adapter_model.safetensors, adapter_config.json, and of its lesson
                          spec.json, dataset.jsonl, events.jsonl, result.json (services/parcel.py); only safetensors, never a pickle
    papers/               what goes along with the file made of it: README.md, NOTICE, the licence, certificate.json; not read

The entries stand in this order, stored as they are and dated 1 January 1980, so that one character gives the same bytes on every machine: a
package that is brought in and taken out again equals itself to the byte. All text is UTF-8, and only "\\n" ends a line. What else stands in a
package is named and left alone; a later version adds entries, and raises the number only where an older studio would misread the package.

Source of the container: APPNOTE.TXT, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import IO, Any

from studio.domain.conversation import Conversation, turn_id
from studio.domain.errors import BadFile
from studio.domain.formats import cards, charx, own, png
from studio.domain.formats.fields import Fields
from studio.domain.formats.found import Found, Skipped
from studio.domain.formats.source import Refused, Unreadable, mended, parsed, shown
from studio.domain.formats.spoken import digest
from studio.domain.persona import Persona

LEARNED, PAPERS = "learned/", "papers/"
MARK, SHEET, DIALOGUE, PORTRAIT, CARD = "package.json", "persona.json", "conversations.jsonl", "portrait", "card.json"
ENDINGS = (".png", ".svg", ".jpg", ".webp")
TITLE = "Persona package"
KIND = "persona-studio-package"
VERSION = 1
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can name
_MAPPING = (
    (SHEET, "the character sheet"),
    (DIALOGUE, "the conversations"),
    *((f"{PORTRAIT}{ending}", "the portrait") for ending in ENDINGS),
    (CARD, "the same character for other programs, not read"),
)
_AGAIN = "Take the character out again in the studio it came from."
_MOST_NAMED = 20  # strange entries that are told of one by one


def written(persona: Persona, conversations: Sequence[Conversation], picture: bytes = b"", ending: str = ".png") -> bytes:
    """The package of a character."""
    file = BytesIO()
    pack(file, entries(persona, conversations, picture, ending))
    return file.getvalue()


def entries(
    persona: Persona, conversations: Sequence[Conversation], picture: bytes = b"", ending: str = ".png"
) -> dict[str, Iterable[bytes]]:
    """What stands in a package, in its order, piece by piece."""
    return {
        MARK: [_json({"format": KIND, "version": VERSION})],
        SHEET: [_json(persona.to_dict())],
        DIALOGUE: (f"{c.body()}\n".encode() for c in conversations),
        **({f"{PORTRAIT}{ending}": [picture]} if picture else {}),
        CARD: cards.card_for_others(persona, conversations),
    }


def pack(file: IO[bytes], inside: Mapping[str, Iterable[bytes]]) -> None:
    """Write a zip that is the same on every machine."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in inside.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = 3  # else it would tell the system it was made on
            with archive.open(entry, "w", force_zip64=name.endswith(".safetensors")) as opened:
                opened.writelines(content)


def recognises(data: bytes) -> bool:
    """Whether this is a package, or was one before it was damaged."""
    return data.startswith(b"PK") and MARK.encode() in data and SHEET.encode() in data


def read(name: str, data: bytes) -> Found:
    """The character in a package. One conversation that can't be kept costs only itself."""
    name, skipped = mended(name), list[Skipped]()
    archive = charx.opened(name, data)
    names = [entry.filename for entry in archive.infolist()]
    mark = _object(name, archive, MARK)
    version = mark.get("version")
    if mark.get("format") != KIND or not isinstance(version, int) or version < 1:
        odd = "version" if mark.get("format") == KIND else "format"
        raise Refused(f"{name}, {MARK}, {odd}", "this does not say that it is a package of Persona Studio.", _AGAIN)
    if version > VERSION:
        what = "a newer Persona Studio made this package."
        raise Refused(f"{name}, {MARK}, version", what, "Update the studio, then bring it in again.")
    for twice in sorted({known for known, _ in _MAPPING if names.count(known) > 1}):
        raise Refused(f"{name}, {twice}", "the package holds two files of this name.", _AGAIN)
    try:
        persona = own.sheet(_object(name, archive, SHEET))
    except own.Unkept as error:
        raise Refused(f"{name}, {SHEET}", str(error), _AGAIN) from error
    lines = _entry(name, archive, DIALOGUE) if DIALOGUE in names else b""
    conversations = _conversations(f"{name}, {DIALOGUE}", lines, digest(data), skipped)
    picture, ending = _portrait(name, archive, names, skipped)
    skipped += _strange(name, names)
    mapping = tuple((entry, meaning) for entry, meaning in _MAPPING if entry in names)
    return Found(TITLE, mapping, conversations, tuple(skipped), persona, picture, ending, whole=True)


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _entry(name: str, archive: zipfile.ZipFile, path: str) -> bytes:
    try:
        return charx.taken(archive, path)
    except charx.NotTaken as error:
        raise Refused(f"{name}, {path}", str(error), _AGAIN) from error


def _object(name: str, archive: zipfile.ZipFile, path: str) -> dict[str, Any]:
    text = _entry(name, archive, path).decode("utf-8", "surrogateescape")
    try:
        value = parsed(text)
    except Unreadable as error:
        raise Refused(f"{name}, {path}, {error.place}", str(error), _AGAIN) from error
    if not isinstance(value, dict):
        raise Refused(f"{name}, {path}", "this is not a group of fields.", _AGAIN)
    return value


def _conversations(where: str, lines: bytes, seed: str, skipped: list[Skipped]) -> tuple[Conversation, ...]:
    found = []
    for n, line in enumerate(lines.decode("utf-8", "surrogateescape").split("\n"), 1):
        if not line.strip():
            continue
        place, value = f"{where}, line {n}", None
        try:
            value = parsed(line)
        except Unreadable as error:
            skipped.append(Skipped(f"{place}, {error.inside}", str(error), "Mend or remove that line."))
            continue
        if not isinstance(value, dict):
            skipped.append(Skipped(place, "this is not a conversation.", "Mend or remove that line."))
            continue
        one = own.conversation(turn_id(seed, n), Fields(place, value, skipped))
        found += [one] if one else []
    return tuple(found)


def _portrait(name: str, archive: zipfile.ZipFile, names: Sequence[str], skipped: list[Skipped]) -> tuple[bytes, str]:
    ending = next((ending for ending in ENDINGS if f"{PORTRAIT}{ending}" in names), "")
    if not ending:
        return b"", ENDINGS[0]
    where, problem = f"{name}, {PORTRAIT}{ending}", ""
    try:
        picture = charx.taken(archive, f"{PORTRAIT}{ending}")
        if ending == ".png":
            problem = png.flaw(png.chunks(where, picture))
    except charx.NotTaken as error:
        problem = str(error)
    except BadFile:
        problem = "this is not a PNG picture."
    if problem:
        skipped.append(Skipped(where, problem, "Choose a picture for the character yourself."))
        return b"", ENDINGS[0]
    return picture, ending


def _strange(name: str, names: Sequence[str]) -> list[Skipped]:
    known = {MARK, *(entry for entry, _ in _MAPPING)}
    strange = [entry for entry in names if entry not in known and not entry.endswith("/") and not entry.startswith((LEARNED, PAPERS))]
    told = [
        Skipped(
            f"{name}, {shown(entry) or 'a file without a name'}", "this studio does not know this part of a package.", "It was left out."
        )
        for entry in strange[:_MOST_NAMED]
    ]
    rest = len(strange) - len(told)
    return told + [Skipped(name, f"{rest:,} more files in it belong to no package.", "They were left out.")] * bool(rest)
