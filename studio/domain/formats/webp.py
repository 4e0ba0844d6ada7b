"""Text inside WebP pictures, read without touching a pixel: TavernAI keeps its cards in the user comment of the Exif part.

Sources: WebP Container Specification, https://developers.google.com/speed/webp/docs/riff_container, and Exif 2.32 (CIPA DC-008), 4.6.5 UserComment;
TIFF 6.0 for the directories it stands in.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from studio.domain.formats.png import MOST_PIXELS
from studio.domain.formats.source import within

_COMMENT, _MORE = 0x9286, 0x8769  # the comment, and the directory in which it should stand
_MOST_FIELDS = 200  # of one directory
_NARROW, _WIDE = (b"ASCII\0\0\0", b"\0" * 8), b"UNICODE\0"
_BYTES = re.compile(r"\s*\d{1,3}(?:\s*,\s*\d{1,3})+\s*")
_TOLD = 0x08 | 0x04  # in the first byte of the header: that there are Exif and XMP parts
_TEXTS = (b"EXIF", b"XMP ")


class Part(NamedTuple):
    """One part of a WebP picture."""

    kind: bytes
    body: bytes
    at: int  # the byte it begins at
    whole: bool  # whether the file goes on to its end


def recognises(data: bytes) -> bool:
    """Whether this is a WebP picture."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def parts(name: str, data: bytes) -> list[Part]:
    """All parts up to where the file ends."""
    within(name, data)
    found: list[Part] = []
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        found.append(Part(kind, data[at + 8 : at + 8 + length], at + 1, at + 8 + length <= len(data)))
        at += 8 + length + length % 2
    return found


def comment(exif: bytes) -> str | None:
    """The user comment in an Exif part; None where there is none. Bytes that are no text become lone surrogates."""
    body = exif[6:] if exif.startswith(b"Exif\0\0") else exif
    order = {b"II": "<", b"MM": ">"}.get(body[:2])
    if order is None or len(body) < 8:
        return None
    held = dict(_directory(body, order, *struct.unpack_from(f"{order}I", body, 4)))
    if _MORE in held and _COMMENT not in held and len(held[_MORE]) == 4:
        held |= dict(_directory(body, order, *struct.unpack(f"{order}I", held[_MORE])))
    return _text(held[_COMMENT]) if _COMMENT in held else None


def _directory(body: bytes, order: str, at: int) -> Iterator[tuple[int, bytes]]:
    """The fields of one directory whose bytes are there, each with its number."""
    count = struct.unpack_from(f"{order}H", body, at)[0] if at + 2 <= len(body) else 0
    for n in range(min(count, _MOST_FIELDS)):
        entry = at + 2 + 12 * n
        if entry + 12 > len(body):
            return
        number, kind, length, place = struct.unpack_from(f"{order}HHII", body, entry)
        size = length * {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}.get(kind, 8)
        start = entry + 8 if size <= 4 else place
        yield number, body[start : start + size]


def _text(value: bytes) -> str:
    if value.startswith(_WIDE):
        words = value[len(_WIDE) :]  # in the order of the directory, the standard says; programs write either
        return words.decode("utf-16-be" if words.startswith(b"\0") else "utf-16-le", "replace").strip("\0")
    text = value[8 if value[:8] in _NARROW else 0 :].decode("utf-8", "surrogateescape").strip("\0")
    if not _BYTES.fullmatch(text):
        return text
    # TavernAI hands an array of bytes to a function that expects a text, which makes their numbers of them.
    return bytes(min(int(number), 255) for number in text.split(",")).decode("utf-8", "surrogateescape")


def flaw(found: list[Part]) -> str:
    """Why these parts are not a picture to show, as a sentence; empty when they are."""
    kinds = [part.kind for part in found if part.whole]
    if not kinds or kinds[0] != b"VP8X" or len(found[0].body) < 10:
        return "the picture has no beginning."
    if not {b"VP8 ", b"VP8L", b"ANMF"} & set(kinds):
        return "the picture is cut off."
    width, height = (int.from_bytes(found[0].body[n : n + 3], "little") + 1 for n in (4, 7))
    if width * height > MOST_PIXELS:
        return f"the picture is {width:,} by {height:,} points; at most {MOST_PIXELS:,} in all can be shown."
    return ""


def without_text(found: Iterable[Part]) -> bytes:
    """The picture alone: nothing that was written into it."""
    kept = [part for part in found if part.whole and part.kind not in _TEXTS]
    bodies = (
        (part.kind, bytes([part.body[0] & ~_TOLD]) + part.body[1:] if part.kind == b"VP8X" and part.body else part.body) for part in kept
    )
    packed = b"".join(kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2) for kind, body in bodies)
    return b"RIFF" + struct.pack("<I", 4 + len(packed)) + b"WEBP" + packed
