"""A card in a zip: only the card and one picture come out of it, and nothing gets out of hand."""

import io
import json
import struct
import zipfile

import pytest

from studio.domain.errors import BadFile
from studio.domain.formats import cards, png

CARD = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        "name": "Tansy",
        "description": "{{char}} gathers herbs.",
        "first_mes": "Mind the nettles.",
        "assets": [
            {"type": "icon", "uri": "embeded://assets/icon/images/other.png", "name": "other", "ext": "png"},
            {"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"},
        ],
    },
}
MAIN = png.with_texts("x", png.plain((1, 2, 3), 2, 2), {"chara": "secret"})


def charx(entries=None, compression=zipfile.ZIP_DEFLATED, card=CARD):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        if card is not None:
            archive.writestr("card.json", json.dumps(card))
        for path, data in (entries or {}).items():
            archive.writestr(path, data)
    return held.getvalue()


def with_icon(uri):
    return {**CARD, "data": {**CARD["data"], "assets": [{"type": "icon", "uri": uri, "name": "main", "ext": "png"}]}}


def refusal(data, name="tansy.charx"):
    with pytest.raises(BadFile) as caught:
        cards.read(name, data)
    return str(caught.value)


def test_a_charx_gives_its_character_and_its_main_picture_without_text():
    found = cards.read("tansy.charx", charx({"assets/icon/images/main.png": MAIN, "assets/icon/images/other.png": png.plain()}))
    assert (found.kind, found.persona.name, found.persona.system) == ("Character card V3", "Tansy", "Tansy gathers herbs.")
    assert found.picture == png.plain((1, 2, 3), 2, 2)
    assert found.skipped == ()


@pytest.mark.parametrize("uri", ["ccdefault:", "https://example.org/a.png", "", "data:image/png;base64,AAAA"])
def test_a_picture_that_is_elsewhere_is_not_looked_for(uri):
    found = cards.read("tansy.charx", charx(card=with_icon(uri)))
    assert (found.picture, found.skipped) == (b"", ())


@pytest.mark.parametrize(
    "path", ["../main.png", "a/../../main.png", "/etc/main.png", "C:/main.png", "c:main.png", "..\\main.png", "a\\main.png"]
)
def test_a_path_that_leads_elsewhere_is_never_used(path):
    found = cards.read("tansy.charx", charx({path: MAIN}, card=with_icon(f"embeded://{path}")))
    assert found.picture == b""
    assert [str(s) for s in found.skipped] == [
        "tansy.charx, assets, main icon: there is no PNG picture at the path given there. Choose a picture for the character yourself."
    ]


@pytest.mark.parametrize("data", [b"\xff\xd8\xff a JPEG", b"", png.SIGNATURE])
def test_a_picture_that_is_no_png_leaves_the_character_without_one(data):
    found = cards.read("tansy.charx", charx({"assets/icon/images/main.png": data}))
    assert (found.persona.name, found.picture, len(found.skipped)) == ("Tansy", b"", 1)


def test_two_thousand_files_are_enough():
    data = charx({f"assets/{n}": b"" for n in range(2_000)})
    assert (
        refusal(data)
        == "tansy.charx, file 2,001 in it: the studio opens at most 2,000. Make it again with less in it. Nothing was brought in."
    )


def test_a_bomb_is_refused_before_it_unpacks():
    bomb = {**CARD, "data": {**CARD["data"], "description": " " * 20_000_000}}
    assert refusal(charx(card=bomb)).startswith("tansy.charx, card.json: “card.json” would unpack to more than 100 times its size.")
    found = cards.read("tansy.charx", charx({"assets/icon/images/main.png": MAIN + bytes(20_000_000)}))
    assert found.picture == b""


def test_the_size_of_all_files_together_is_limited():
    data = bytearray(charx({"assets/a.bin": b"x"}))
    at = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 200_000_000)
    assert (
        refusal(bytes(data))
        == "tansy.charx, the whole file: it unpacks to more than 200 MB. Make it again with less in it. Nothing was brought in."
    )


def test_an_archive_without_a_card_says_so():
    assert refusal(charx({"notes.txt": "x"}, card=None)) == (
        "tansy.charx, card.json: there is no “card.json” in the archive. Choose a character card as PNG, WebP, JSON or CHARX. Nothing was brought in."
    )


def test_a_card_that_is_locked_or_packed_strangely_says_so():
    locked = bytearray(charx())
    locked[locked.rfind(b"PK\x01\x02") + 8] |= 1
    assert "“card.json” is locked with a password." in refusal(bytes(locked))
    assert "“card.json” is packed in a way the studio can't unpack." in refusal(charx(compression=zipfile.ZIP_LZMA))


def test_a_damaged_archive_says_so():
    data = charx()
    assert refusal(data[:-10]) == (
        f"tansy.charx, byte {len(data) - 21}: the list of what is in this archive is damaged. Copy the file again from where it came. "
        "Nothing was brought in."
    )
    torn = bytearray(data)
    torn[60] ^= 0xFF
    assert "“card.json” is damaged." in refusal(bytes(torn))


def test_a_card_behind_a_jpeg_is_read_as_risu_writes_it():
    found = cards.read("tansy.jpeg", b"\xff\xd8\xff\xe0 a picture\xff\xd9" + charx({"assets/icon/images/main.png": MAIN}))
    assert (found.persona.name, found.kind) == ("Tansy", "Character card V3")
