"""Bytes become text and JSON, or a sentence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain.errors import BadFile
from studio.domain.formats import source


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_every_text_is_decoded(text, encoding):
    assert source.decoded("dog.json", ("x" + text).encode(encoding)) == "x" + text


@settings(max_examples=60, deadline=None)
@given(st.binary())
def test_no_byte_stops_the_reading_and_none_is_passed_on_as_text(data):
    try:
        text = source.decoded("dog.json", b"x" + data)
    except BadFile as error:
        assert str(error).startswith("dog.json")
        return
    whole = data.decode("utf-8", "ignore").encode() == data
    assert source.storable(text) == whole


def test_a_file_that_is_too_large_is_refused_before_it_is_read():
    with pytest.raises(BadFile) as caught:
        source.decoded("dog.json", bytes(200_000_001))
    assert str(caught.value) == "dog.json, the whole file: it is larger than 200 MB. Split it into smaller files. Nothing was brought in."


def test_sixty_brackets_inside_each_other_are_read_and_one_more_is_not():
    assert source.parsed("[" * 60 + "1" + "]" * 60)
    with pytest.raises(BadFile) as caught:
        source.parsed('{"a":' * 61 + "1" + "}" * 61)
    assert str(caught.value) == "brackets stand inside brackets more than 60 times."


def test_a_foreign_text_in_a_sentence_is_one_short_line_of_whole_characters():
    assert source.shown("two\n words\u2028 \ud800") == "two words ?"
    assert source.shown("x" * 61) == "x" * 59 + "…"
