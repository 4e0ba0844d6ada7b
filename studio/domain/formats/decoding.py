"""A file's bytes as text. The encodings are told apart by the byte order marks of the Unicode Standard (https://www.unicode.org/faq/utf_bom.html)."""

import codecs

from studio.domain.errors import BadFile
from studio.domain.formats.found import LARGEST
from studio.domain.formats.source import NOTHING

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16's, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class OddText(BadFile):
    """Some of the bytes are no text in the encoding the file says it has."""


def text(name: str, data: bytes) -> str:
    """A file's text, by the mark at its beginning, else as UTF-8; raises BadFile naming the first line that is not."""
    if len(data) > LARGEST:
        raise BadFile(f"{name} is larger than {LARGEST // 1_000_000} MB. Split it into smaller files. {NOTHING}")
    mark, encoding = next(((mark, encoding) for mark, encoding in _BOMS if data.startswith(mark)), (b"", "utf-8"))
    body = data[len(mark) :]
    try:
        content = body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body[: error.start].decode(encoding, "ignore").count("\n") + 1
        raise OddText(
            f"{name}, line {line}: there is a character that is not written in {encoding[:6].rstrip('-').upper()}. "
            "Open the file in a text editor, save it as UTF-8, and bring it in again. " + NOTHING
        ) from error
    if not content.strip("\ufeff\0 \t\r\n"):
        raise BadFile(f"{name} is empty. Choose a file with conversations in it. {NOTHING}")
    return content
