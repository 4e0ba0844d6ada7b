"""Text inside PNG pictures, read and written without touching a pixel; animated ones too.

Source: Portable Network Graphics (PNG) Specification, Third Edition, https://www.w3.org/TR/png-3/.
"""

import struct
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from studio.domain.errors import BadFile
from studio.domain.formats.found import LARGEST, Skipped
from studio.domain.formats.source import NOTHING, Refused, shown, within

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 10_000
MOST_PIXELS = 50_000_000
MOST_TIMES = 100  # what packed text may grow to, times its own size
SLATE = (71, 85, 105)
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


@dataclass(frozen=True)
class Chunk:
    """One part of a PNG."""

    kind: bytes
    body: bytes
    check: int
    at: int = 0  # the byte it begins at, where it was read

    @property
    def sound(self) -> bool:
        """Whether the check number agrees with what it checks."""
        return zlib.crc32(self.body, zlib.crc32(self.kind)) == self.check

    @property
    def keyword(self) -> str:
        """The name of a text, in small letters; empty for parts that are no text."""
        return self.body[:80].split(b"\0", 1)[0].decode("latin-1").lower() if self.kind in _TEXTS else ""

    def packed(self) -> bytes:
        """As it stands in a file."""
        return struct.pack(">I", len(self.body)) + self.kind + self.body + struct.pack(">I", self.check)


def made(kind: bytes, body: bytes) -> Chunk:
    """A new part with its check number."""
    return Chunk(kind, body, zlib.crc32(body, zlib.crc32(kind)))


def chunks(name: str, data: bytes, outcome: str = NOTHING) -> list[Chunk]:
    """All parts up to the end mark, or up to where the file is cut off."""
    if not data.startswith(SIGNATURE):
        raise Refused(f"{name}, byte 1", "this is not a PNG.", "Save it as PNG in a picture program.", outcome)
    within(name, data)
    found: list[Chunk] = []
    at = len(SIGNATURE)
    while at + 12 <= len(data) and not (found and found[-1].kind == b"IEND"):
        if len(found) == MOST_CHUNKS:
            what = f"a picture has at most {MOST_CHUNKS:,} parts, and here is one more."
            raise Refused(f"{name}, byte {at + 1:,}", what, "Save it again in a picture program.", outcome)
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        found.append(Chunk(kind, data[at + 8 : end - 4], struct.unpack_from(">I", data, end - 4)[0], at + 1))
        at = end
    return found


def texts(name: str, parts: Iterable[Chunk], wanted: Collection[str]) -> tuple[dict[str, str], list[Skipped]]:
    """The first readable text under each wanted keyword (small letters), wherever it stands; and those that can't be read."""
    found: dict[str, str] = {}
    skipped = []
    for part in parts:
        if part.keyword not in wanted or part.keyword in found:
            continue
        try:
            found[part.keyword] = _text(part)
        except BadFile as error:
            skipped.append(Skipped(f"{name}, {place(part)}", str(error), "Export the card again from the program it came from."))
    return found, skipped


def place(part: Chunk) -> str:
    """Where a text stands in its picture."""
    return f"{part.kind.decode()} “{shown(part.keyword)}” at byte {part.at:,}"


def _text(part: Chunk) -> str:
    if not part.sound:
        raise BadFile("this text was damaged; its check number does not agree with it.")
    rest = part.body.partition(b"\0")[2]
    if part.kind == b"tEXt":
        return rest.decode("latin-1")
    if part.kind == b"zTXt":
        return _unpacked(rest[1:]).decode("latin-1")
    packed = rest[:1] == b"\1"
    words = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return (_unpacked(words) if packed else words).decode("utf-8", "surrogateescape")


def _unpacked(packed: bytes) -> bytes:
    most = min(LARGEST, MOST_TIMES * len(packed) + 1_000)
    engine = zlib.decompressobj()
    try:
        words = engine.decompress(packed, most + 1)
    except zlib.error as error:
        raise BadFile("this packed text can't be unpacked.") from error
    if len(words) > most:
        raise BadFile(f"this text would unpack to more than {MOST_TIMES} times its size.")
    if not engine.eof:
        raise BadFile("this packed text is cut off.")
    return words


def flaw(parts: list[Chunk]) -> str:
    """Why these parts are not a picture to show, as a sentence; empty when they are."""
    kinds = [part.kind for part in parts]
    if not kinds or kinds[0] != b"IHDR" or len(parts[0].body) != 13:
        return "the picture has no beginning."
    if b"IDAT" not in kinds or kinds[-1] != b"IEND":
        return "the picture is cut off."
    width, height = struct.unpack_from(">II", parts[0].body)
    if not 0 < width * height <= MOST_PIXELS:
        return f"the picture is {width:,} by {height:,} points; at most {MOST_PIXELS:,} in all can be shown."
    return ""


def without_text(parts: Iterable[Chunk]) -> bytes:
    """The picture alone: nothing that was written into it, and nothing after its end."""
    return SIGNATURE + b"".join(part.packed() for part in parts if part.kind not in _TEXTS)


def with_texts(name: str, picture: bytes, written: Mapping[str, str]) -> bytes:
    """The picture with these texts (Latin-1) near its beginning, in place of older ones under the same keywords."""
    parts = chunks(name, picture, "Nothing was written.")
    problem = flaw(parts)
    if problem:
        raise Refused(f"{name}, byte {parts[-1].at if parts else 1:,}", problem, "Choose another one.", "Nothing was written.")
    kept = [part for part in parts[1:] if part.keyword not in {keyword.lower() for keyword in written}]
    added = [made(b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode("latin-1")) for keyword, text in written.items()]
    return SIGNATURE + b"".join(part.packed() for part in [parts[0], *added, *kept])


def plain(colour: tuple[int, int, int] = SLATE, width: int = 256, height: int = 384) -> bytes:
    """A picture of one colour, for cards whose character has none."""
    rows = (b"\0" + bytes(colour) * width) * height
    parts = (
        made(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        made(b"IDAT", zlib.compress(rows, 9)),
        made(b"IEND", b""),
    )
    return SIGNATURE + b"".join(part.packed() for part in parts)
