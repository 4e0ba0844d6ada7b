"""Bytes become text, in every encoding that says which one it is."""

import codecs

import pytest

from studio.domain.errors import BadFile
from studio.domain.formats import decoding, source

ENCODINGS = [
    (b"", "utf-8"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
]


def refusal(data, name="dog.jsonl"):
    with pytest.raises(BadFile) as caught:
        decoding.text(name, data)
    return str(caught.value)


@pytest.mark.parametrize(("mark", "encoding"), ENCODINGS, ids=[f"{e} {'marked' if m else 'bare'}" for m, e in ENCODINGS])
def test_text_is_decoded_by_the_mark_at_its_beginning(mark, encoding):
    assert decoding.text("dog.txt", mark + "Ärger 🐾\n".encode(encoding)) == "Ärger 🐾\n"


def test_the_first_byte_that_is_no_text_is_named_by_its_line():
    assert refusal(b"one\ntwo\nth\xe9ree\n\xff") == (
        "dog.jsonl, line 3, column 3: there is a character that is not written in UTF-8. "
        "Open the file in a text editor, save it as UTF-8, and bring it in again. Nothing was brought in."
    )


def test_half_a_character_of_utf_16_is_named_by_its_line():
    data = codecs.BOM_UTF16_LE + "a\nb".encode("utf-16-le") + b"\x00\xd8"
    assert refusal(data).startswith("dog.jsonl, line 2, column 2: there is a character that is not written in UTF-16. ")


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b" \r\n\t", b"\0\0\0"])
def test_an_empty_file_is_called_empty(data):
    assert (
        refusal(data)
        == "dog.jsonl, the whole file: there is nothing in it. Choose a file with conversations in it. Nothing was brought in."
    )


def test_a_file_over_the_limit_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(source, "LARGEST", 5_000_000)
    assert (
        refusal(b" " * 5_000_001)
        == "dog.jsonl, the whole file: it is larger than 5 MB. Split it into smaller files. Nothing was brought in."
    )
