"""Cards in WebP pictures, as TavernAI keeps them."""

import io
import json
import struct

import pytest
from PIL import Image

from studio.domain.errors import BadFile
from studio.domain.formats import cards, webp
from tests.domain.formats import pictured

CARD = {
    "name": "Tansy",
    "description": "{{char}} gathers herbs — “all” of them.",
    "first_mes": "Mind the nettles.",
    "mes_example": "{{user}}: Who?\n{{char}}: Me.",
}
TEXT = json.dumps(CARD, ensure_ascii=False)


def refusal(data):
    with pytest.raises(BadFile) as caught:
        cards.read("tansy.webp", data)
    return str(caught.value)


@pytest.mark.parametrize(
    "comment",
    [
        pictured.as_tavern_writes(TEXT),
        b"ASCII\0\0\0" + TEXT.encode(),
        b"\0" * 8 + TEXT.encode(),
        b"UNICODE\0" + TEXT.encode("utf-16-le"),
        TEXT.encode(),
    ],
    ids=["numbers", "ASCII", "no code", "UNICODE", "bare"],
)
def test_a_card_in_the_comment_is_read_in_every_form(comment):
    found = cards.read("tansy.webp", pictured.webp(comment))
    assert (found.kind, found.persona.system, len(found.conversations)) == (
        "Character card V1",
        "Tansy gathers herbs — “all” of them.",
        1,
    )
    assert found.skipped == ()


def test_the_picture_comes_along_without_what_was_written_into_it():
    found = cards.read("tansy.webp", pictured.webp(pictured.as_tavern_writes(TEXT)))
    with Image.open(io.BytesIO(found.picture)) as image:
        assert (found.ending, image.format, image.size, dict(image.getexif())) == (".webp", "WEBP", (4, 6), {})
    assert b"EXIF" not in found.picture


def test_a_comment_where_exif_wants_it_is_found_too():
    inner = struct.pack("<HHHIII", 1, 0x9286, 7, len(TEXT.encode()), 44, 0)
    outer = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x8769, 4, 1, 26, 0)
    assert webp.comment(outer + inner + TEXT.encode()) == TEXT


def test_a_picture_without_a_card_and_one_with_a_damaged_card_are_refused_with_their_place():
    choose = "Choose a character card as PNG, WebP, JSON or CHARX. Nothing was brought in."
    assert refusal(pictured.webp()) == f"tansy.webp, the whole file: this is a picture without a character card in it. {choose}"
    at = pictured.webp(b"{" * 9).index(b"EXIF") + 1
    assert refusal(pictured.webp(b'{"name" "x"}')) == (
        f"tansy.webp, EXIF at byte {at}, line 1, column 9: this can't be read as JSON: a colon is missing. "
        "Export the card again from the program it came from. Nothing was brought in."
    )


def test_a_picture_that_was_cut_off_still_gives_its_character():
    data = pictured.webp(TEXT.encode())
    parts = webp.parts("x", data)
    torn = data[:12] + b"".join(
        data[p.at - 1 : p.at + 7] + p.body + b"\0" * (len(p.body) % 2) for p in parts if p.kind in (b"VP8X", b"EXIF")
    )
    found = cards.read("tansy.webp", torn)
    assert (found.persona.name, found.picture) == ("Tansy", b"")
    assert [str(s) for s in found.skipped] == ["tansy.webp, picture: the picture is cut off. Choose a picture for the character yourself."]
