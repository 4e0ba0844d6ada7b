"""CHARX, the zip a character card V3 can come in: its card and its main picture, nothing else, and nothing ever unpacked to a disk.

Source: Character Card V3 Specification, “CHARX”, https://github.com/kwaroran/character-card-spec-v3/blob/main/SPEC_V3.md.
"""

import re
import struct
import zipfile
import zlib
from io import BytesIO

from studio.domain.errors import BadFile
from studio.domain.formats.found import LARGEST
from studio.domain.formats.source import WHOLE, Refused, shown

CARD = "card.json"
MOST_ENTRIES = 2_000
MOST_TIMES = 100  # what an entry may grow to, times its packed size
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENTRY = b"PK\x01\x02"
_END = b"PK\x05\x06"
_LESS = "Make it again with less in it."
_BROKEN = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, struct.error, zlib.error)


class NotTaken(BadFile):
    """An entry can't be had: a sentence without the place."""


def opened(name: str, data: bytes) -> zipfile.ZipFile:
    """The archive, if it is one that can be read within limits."""
    if data.count(_ENTRY) > MOST_ENTRIES:
        raise Refused(f"{name}, file {MOST_ENTRIES + 1:,} in it", f"the studio opens at most {MOST_ENTRIES:,}.", _LESS)
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except _BROKEN as error:
        where = f"{name}, byte {(data.rfind(_END) if _END in data else len(data)) + 1:,}"
        raise Refused(where, "the list of what is in this archive is damaged.", "Copy the file again from where it came.") from error
    if len(data) > LARGEST or sum(entry.file_size for entry in archive.infolist()) > LARGEST:
        raise Refused(f"{name}, {WHOLE}", f"it unpacks to more than {LARGEST // 1_000_000} MB.", _LESS)
    return archive


def taken(archive: zipfile.ZipFile, path: str) -> bytes:
    """The bytes of one entry; raises NotTaken with a sentence without the place."""
    if unsafe(path):
        raise NotTaken(f"the path “{shown(path)}” leads out of the archive.")
    try:
        entry = archive.getinfo(path)
    except KeyError as error:
        raise NotTaken(f"there is no “{shown(path)}” in the archive.") from error
    if entry.flag_bits & 1:
        raise NotTaken(f"“{shown(path)}” is locked with a password.")
    if entry.compress_type not in _READABLE:
        raise NotTaken(f"“{shown(path)}” is packed in a way the studio can't unpack.")
    if entry.file_size > MOST_TIMES * entry.compress_size + 1_000:
        raise NotTaken(f"“{shown(path)}” would unpack to more than {MOST_TIMES} times its size.")
    try:
        return archive.read(entry)
    except _BROKEN as error:
        raise NotTaken(f"“{shown(path)}” is damaged.") from error


def unsafe(path: str) -> bool:
    """Whether a name could lead anywhere but into the archive: upwards, to a root, to a drive; or is no name at all."""
    return not path or "\\" in path or path.startswith("/") or bool(re.match(r"[A-Za-z]:", path)) or ".." in path.split("/")
