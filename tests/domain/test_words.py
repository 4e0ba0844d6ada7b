"""Words, sentences and syllables: what every check counts in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain import everyday, words

SYLLABLES = {
    1: "the he i made names looked played red bed loved called goes does clothes yes you've don't they're whole smile here were eyes thing "
    "smells strength queen bought breathe through",
    2: "table wanted handled faces houses dishes pages maybe someone something lonely careful somewhere before useless player flying being "
    "lion nation question special social quiet client poem isn't didn't couldn't hundred every people little apple puppy biscuit harbor",
    3: "library everything piano radio anyone anything everyone video area usual serious delicious important remember violet animal "
    "grandmother umbrella adventure professor",
    4: "dictionary usually especially television particular information",
}


@pytest.mark.parametrize(("count", "listed"), SYLLABLES.items())
def test_syllables_are_counted_as_a_person_does(count, listed):
    assert {word: words.syllables(word) for word in listed.split()} == dict.fromkeys(listed.split(), count)


def test_a_number_has_a_syllable_for_each_digit_and_anything_else_has_one():
    assert [words.syllables(word) for word in ("7", "212", "hm", "好", "'")] == [1, 3, 1, 1, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don’t say DON'T!", ["don't", "say", "don't"]),
        ("_well_—known, well-known…", ["well", "known", "well", "known"]),
        ("'Tis Mia's dogs' dinner", ["tis", "mia's", "dogs", "dinner"]),
        ("“Čau,” said Zoë; 4,112 books.", ["čau", "said", "zoë", "4", "112", "books"]),
        ("… ?!", []),
    ],
)
def test_words_have_no_case_and_no_punctuation(text, expected):
    assert words.words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wait... what? I know.", [("Wait what", "?"), ("I know", ".")]),
        ("Mr. Abbot is here. No.", [("Mr Abbot is here", "."), ("No", ".")]),
        ("It was Mr.", [("It was Mr", ".")]),
        ("I said “no.” Then… yes! Oh…\nRight", [("I said no", "."), ("Then yes", "!"), ("Oh", "…"), ("Right", "")]),
        ('He said "go!" and went.', [("He said go and went", ".")]),
        ("Really?! 3.5 miles, e.g. north", [("Really", "?!"), ("3 5 miles e g north", "")]),
        ("今日は。元気！", [("今日は", "."), ("元気", "!")]),
        ("hi. i am cat", [("hi", "."), ("i am cat", "")]),
        ("... !", []),
        (". a", [("a", "")]),
        ("x\x01y", [("x", ""), ("y", "")]),
    ],
)
def test_sentences_and_their_marks(text, expected):
    assert [(" ".join(said), mark) for said, mark in words.sentences(text)] == expected


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text("aB'.!?… \n“”—_’\x01"))
def test_the_quick_way_finds_the_same_words_as_the_pattern(text):
    whole = words.straight(text)
    assert words.words(text) == words._WORD.findall(whole.casefold())
    assert [word for said, _ in words.sentences(text) for word in said] == words._WORD.findall(whole)


def test_no_everyday_word_stands_twice_and_all_are_words_as_the_studio_counts_them():
    listed = [word for line in everyday._ROUNDED.split("\n") for word in line.split()[1:]]
    assert len(listed) == len(set(listed)) == len(everyday.RATES) > 300
    assert [word for word in listed if words.words(word) != [word]] == []
    assert 600_000 < sum(everyday.RATES.values()) < 1_000_000  # the commonest words make most of a million, not all of it
    assert min(everyday.RATES.values()) > everyday.ELSE
