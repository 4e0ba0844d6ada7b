"""A file's bytes as text. The encodings are told apart by the byte order marks of the Unicode Standard (https://www.unicode.org/faq/utf_bom.html)."""

import codecs

from studio.domain.formats.source import WHOLE, Refused, within

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16's, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class OddText(Refused):
    """Some of the bytes are no text in the encoding the file says it has."""


def text(name: str, data: bytes) -> str:
    """A file's text, by the mark at its beginning, else as UTF-8; raises Refused naming the first place that is not."""
    within(name, data)
    mark, encoding = next(((mark, encoding) for mark, encoding in _BOMS if data.startswith(mark)), (b"", "utf-8"))
    body = data[len(mark) :]
    try:
        content = body.decode(encoding)
    except UnicodeDecodeError as error:
        before = body[: error.start].decode(encoding, "ignore")
        where = f"{name}, line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
        what = f"there is a character that is not written in {encoding[:6].rstrip('-').upper()}."
        raise OddText(where, what, "Open the file in a text editor, save it as UTF-8, and bring it in again.") from error
    if not content.strip("\ufeff\0 \t\r\n"):
        raise Refused(f"{name}, {WHOLE}", "there is nothing in it.", "Choose a file with conversations in it.")
    return content
