"""Text goes into pictures and comes out again, and no picture can do harm."""

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from studio.domain.errors import BadFile
from studio.domain.formats import png

HEADER = struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0)
PIXELS = zlib.compress(b"\0\xff\0\0\0\xff\0")
PICTURE = ((b"IHDR", HEADER), (b"IDAT", PIXELS), (b"IEND", b""))


def part(kind, body, check=None):
    """A part of a PNG, written out by hand."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) if check is None else check)


def picture(*parts):
    return b"\x89PNG\r\n\x1a\n" + b"".join(part(*p) for p in parts)


def read(data, *wanted):
    texts, skipped = png.texts("dog.png", png.chunks("dog.png", data), wanted or ("chara",))
    return texts, [str(s) for s in skipped]


WITH_TEXT = {
    "tEXt": (b"tEXt", b"chara\0caf\xe9"),
    "zTXt": (b"zTXt", b"chara\0\0" + zlib.compress(b"caf\xe9")),
    "iTXt": (b"iTXt", b"chara\0\0\0en\0chara\0" + "café".encode()),
    "iTXt, packed": (b"iTXt", b"Chara\0\1\0\0\0" + zlib.compress("café".encode())),
}


@pytest.mark.parametrize("kind", WITH_TEXT)
@pytest.mark.parametrize("place", [1, 2], ids=["before the image", "after the image"])
def test_every_kind_of_text_is_found_wherever_it_stands(kind, place):
    parts = list(PICTURE)
    parts.insert(place, WITH_TEXT[kind])
    assert read(picture(*parts)) == ({"chara": "café"}, [])


def test_text_after_the_end_mark_is_no_part_of_the_picture():
    assert read(picture(*PICTURE, WITH_TEXT["tEXt"])) == ({}, [])


def test_the_first_of_two_texts_counts_and_others_are_not_read():
    data = picture(PICTURE[0], (b"tEXt", b"Comment\0x"), (b"tEXt", b"chara\0one"), (b"tEXt", b"chara\0two"), *PICTURE[1:])
    assert read(data) == ({"chara": "one"}, [])


def test_a_damaged_text_gives_a_sentence_and_a_second_copy_counts():
    data = picture(PICTURE[0], (b"tEXt", b"chara\0one", 7), (b"tEXt", b"chara\0two"), *PICTURE[1:])
    sentence = "dog.png, tEXt “chara” at byte 34: this text was damaged; its check number does not agree with it. "
    assert read(data) == ({"chara": "two"}, [sentence + "Export the card again from the program it came from."])


@pytest.mark.parametrize(
    "body",
    [(b"zTXt", b"chara\0\0" + zlib.compress(bytes(30_000_000))), (b"iTXt", b"chara\0\1\0\0\0" + zlib.compress(bytes(30_000_000)))],
    ids=["zTXt", "iTXt"],
)
def test_a_bomb_is_refused_before_it_unpacks(body):
    _, [sentence] = read(picture(PICTURE[0], body, *PICTURE[1:]))
    assert "this text would unpack to more than 100 times its size." in sentence


@pytest.mark.parametrize(
    ("packed", "what"),
    [(b"not packed", "this packed text can't be unpacked."), (zlib.compress(b"a long text")[:-6], "this packed text is cut off."), (b"", "this packed text is cut off.")],
)  # fmt: skip
def test_packed_text_that_can_not_be_unpacked_gives_a_sentence(packed, what):
    _, [sentence] = read(picture(PICTURE[0], (b"zTXt", b"chara\0\0" + packed), *PICTURE[1:]))
    assert sentence == f"dog.png, zTXt “chara” at byte 34: {what} Export the card again from the program it came from."


def test_ten_thousand_parts_are_enough():
    data = picture(PICTURE[0], *[(b"tEXt", b"a\0b")] * 10_000, *PICTURE[1:])
    with pytest.raises(BadFile) as caught:
        png.chunks("dog.png", data)
    assert (
        str(caught.value)
        == "dog.png, byte 150,019: a picture has at most 10,000 parts, and here is one more. Save it again in a picture program. Nothing was brought in."
    )


def test_something_else_is_not_a_png():
    with pytest.raises(BadFile) as caught:
        png.chunks("dog.jpg", b"\xff\xd8\xff")
    assert str(caught.value) == "dog.jpg, byte 1: this is not a PNG. Save it as PNG in a picture program. Nothing was brought in."


def test_a_part_that_claims_to_be_longer_than_the_file_ends_the_reading():
    data = picture(*PICTURE[:2]) + struct.pack(">I", 2**32 - 1) + b"tEXtchara\0"
    assert [c.kind for c in png.chunks("dog.png", data)] == [b"IHDR", b"IDAT"]


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ((), "the picture has no beginning."),
        (PICTURE[1:], "the picture has no beginning."),
        (((b"IHDR", b"short"), *PICTURE[1:]), "the picture has no beginning."),
        (PICTURE[:2], "the picture is cut off."),
        ((PICTURE[0], PICTURE[2]), "the picture is cut off."),
        (((b"IHDR", struct.pack(">II", 100_000, 100_000) + HEADER[8:]), *PICTURE[1:]),
         "the picture is 100,000 by 100,000 points; at most 50,000,000 in all can be shown."),
        (((b"IHDR", struct.pack(">II", 0, 5) + HEADER[8:]), *PICTURE[1:]),
         "the picture is 0 by 5 points; at most 50,000,000 in all can be shown."),
        (PICTURE, ""),
    ],
)  # fmt: skip
def test_a_picture_that_can_not_be_shown_is_named(parts, what):
    assert png.flaw(png.chunks("dog.png", picture(*parts))) == what


def test_what_is_written_is_read_by_another_library_too():
    info = PngImagePlugin.PngInfo()
    info.add_text("CHARA", "old", zip=True)
    info.add_itxt("ccv3", "old")
    info.add_text("Comment", "kept")
    old = io.BytesIO()
    Image.new("RGB", (3, 2), (1, 2, 3)).save(old, "PNG", pnginfo=info)
    new = png.with_texts("The picture", old.getvalue(), {"chara": "QUJD", "ccv3": "REVG"})
    with Image.open(io.BytesIO(new)) as image:
        assert image.text == {"chara": "QUJD", "ccv3": "REVG", "Comment": "kept"}, "before the pixels are read"
        assert image.getpixel((2, 1)) == (1, 2, 3)
    assert read(new, "chara", "ccv3") == ({"chara": "QUJD", "ccv3": "REVG"}, [])


def test_text_goes_only_into_a_whole_picture():
    with pytest.raises(BadFile) as caught:
        png.with_texts("The picture", b"<svg/>", {"chara": "x"})
    assert str(caught.value) == "The picture, byte 1: this is not a PNG. Save it as PNG in a picture program. Nothing was written."
    with pytest.raises(BadFile) as caught:
        png.with_texts("The picture", picture(*PICTURE[:2]), {"chara": "x"})
    assert str(caught.value) == "The picture, byte 34: the picture is cut off. Choose another one. Nothing was written."


def test_a_picture_without_its_text_is_the_picture_as_it_was():
    assert png.without_text(png.chunks("dog.png", png.with_texts("dog.png", picture(*PICTURE), {"chara": "x"}) + b"more")) == picture(
        *PICTURE
    )
    full = picture(PICTURE[0], *WITH_TEXT.values(), *PICTURE[1:])
    assert png.without_text(png.chunks("dog.png", full)) == picture(*PICTURE)


def test_an_animation_keeps_its_frames():
    film = io.BytesIO()
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "green")]
    frames[0].save(film, "PNG", save_all=True, append_images=frames[1:])
    written = png.with_texts("dog.png", film.getvalue(), {"chara": "x"})
    with Image.open(io.BytesIO(written)) as image:
        assert (image.n_frames, image.text) == (3, {"chara": "x"})
    assert png.without_text(png.chunks("dog.png", written)) == film.getvalue()


def test_a_plain_picture_is_small_and_of_one_colour():
    data = png.plain((10, 20, 30))
    with Image.open(io.BytesIO(data)) as image:
        assert (image.size, image.getcolors()) == ((256, 384), [(256 * 384, (10, 20, 30))])
    assert len(data) < 3_000


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(min_codepoint=1, max_codepoint=255)),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=79),
)
def test_every_text_comes_back(text, keyword):
    written = png.with_texts("dog.png", picture(*PICTURE), {keyword: text})
    assert read(written, keyword.lower()) == ({keyword.lower(): text}, [])
