"""The fingerprint of a voice, on replies short enough to count by hand."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain import voiceprint


def test_a_fingerprint_counted_by_hand():
    seen = voiceprint.measure(["I am a dog. I am a VERY good dog!", "Is it dinner?"])
    assert (seen.replies, seen.words) == (2, 13)  # 4 + 6, 3
    assert seen.sentences_per_reply == 1.5
    assert (seen.sentence_median, seen.sentence_long) == (4.0, 6.0)
    assert (seen.exclamations, seen.questions) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert seen.capitals == pytest.approx(1 / 13)  # VERY; I is a word of one letter
    assert seen.reading_age is None


def test_nothing_measures_as_nothing():
    assert voiceprint.measure([]) == voiceprint.Voiceprint(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, None, ())
    assert voiceprint.measure(["...", "🐾"]).replies == 2


def test_percentiles():
    lengths = Counter({1: 5, 4: 4, 30: 1})
    assert [voiceprint.percentile(lengths, share) for share in (0.1, 0.5, 0.51, 0.9, 0.91, 1)] == [1, 1, 4, 4, 30, 30]


def test_the_reading_age_is_the_published_formula_plus_five_years():
    # The example of many handbooks: 13 words, 24 syllables, 1 sentence are grade 11.3 (rounded).
    assert voiceprint.reading_age(13, 24, 1) == pytest.approx(11.3 + 5, abs=0.05)
    assert voiceprint.reading_age(100, 100, 50) == 5.0  # never below five
    assert voiceprint.reading_age(0, 0, 0) == 5.0


def test_hard_words_and_long_sentences_read_older():
    easy = voiceprint.measure(["I see the cat. The cat sees me."] * 15).reading_age
    hard = voiceprint.measure(
        ["The municipality anticipates considerable infrastructural deterioration during precipitation."] * 15
    ).reading_age
    assert easy == 5.0
    assert hard > 20


def test_a_hundred_words_are_needed():
    assert voiceprint.measure(["word " * 99]).reading_age is None
    assert voiceprint.measure(["word " * 100]).reading_age is not None


def favourites(*replies):
    return [f.word for f in voiceprint.measure(replies).favourites]


def test_favourites_are_words_said_more_than_in_everyday_english():
    replies = ["The sausage is on the table and I want the sausage."] * 4 + ["It is in the house, and the house is on the hill."] * 4
    assert favourites(*replies)[0] == "sausage"
    assert "and" not in favourites(*replies)  # 8 of 96, and everyday English has it nearly as often


def test_a_word_said_three_times_is_no_favourite_and_a_name_is_none():
    assert favourites(*["puddle"] * 3) == []
    assert favourites(*["puddle"] * 4) == ["puddle"]
    assert favourites(*["Pickle sat."] * 9) == ["sat"]
    assert favourites(*["DINNER"] * 5, "Dinner") == ["dinner"]  # shouted is not a name
    assert favourites(*["Mia sat."] * 9, "MIA!") == ["sat"]  # a name that is shouted once is still a name


def test_favourites_are_counted_and_ranked_by_how_sure_they_are():
    found = voiceprint.measure(["sniff " * 9 + "wag " * 5 + "you " * 3]).favourites
    assert [(f.word, f.uses) for f in found] == [("sniff", 9), ("wag", 5)]
    assert found[0].z > found[1].z > voiceprint.SURE
    assert len(voiceprint.measure([f"word{n} " * 5 for n in range(40)]).favourites) == voiceprint.FAVOURITES


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), max_size=8))
def test_shares_are_shares_whatever_is_said(texts):
    seen = voiceprint.measure(texts)
    assert all(0 <= share <= 1 for share in (seen.exclamations, seen.questions, seen.capitals))
    assert seen.sentence_median <= seen.sentence_long
