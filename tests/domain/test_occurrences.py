"""Looking for a text: every place, to the character, whatever its letters are made of; and nothing else is touched in replacing."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studio.domain.conversation import Conversation, Turn
from studio.domain.errors import StudioError
from studio.domain.occurrences import Wanted, excerpt, places, replaced, spans


def found(text, *wanted):
    return [text[start:end] for start, end in spans(text, Wanted(*wanted))]


def test_capitals_count_only_when_they_are_asked_to():
    assert found("Rain, rain, RAIN", "rain") == ["Rain", "rain", "RAIN"]
    assert found("Rain, rain, RAIN", "rain", True) == ["rain"]


@pytest.mark.parametrize(
    ("text", "wanted", "there"),
    [
        ("Die Straße, die STRASSE.", "strasse", ["Straße", "STRASSE"]),
        ("Die Straße", "STRAẞE", ["Straße"]),
        ("Straße", "s", ["S"]),  # no half of ß
        ("Straße", "as", []),
        ("İstanbul, istanbul", "istanbul", ["istanbul"]),  # İ is i with a dot, another letter
        ("xİy", "i\u0307", ["İ"]),
        ("xİyz", "yz", ["yz"]),
        ("ﬁne fine", "fine", ["ﬁne", "fine"]),
        ("café cafe\u0301 cafe", "café", ["café", "cafe\u0301"]),
        ("cafe\u0301 cafe", "cafe", ["cafe"]),  # no e without its accent
        ("ΟΔΟΣ οδος", "οδός", []),
        ("ΟΔΟΣ οδος οδοσ", "οδος", ["ΟΔΟΣ", "οδος", "οδοσ"]),
        ("한국", "한국", ["한국"]),
        (unicodedata.normalize("NFD", "한국"), "한국", [unicodedata.normalize("NFD", "한국")]),
        ("a 🐾 b 🐾", "🐾", ["🐾", "🐾"]),
        ("“Rain”—rain…", "rain", ["Rain", "rain"]),
    ],
)
def test_letters_are_compared_as_people_read_them(text, wanted, there):
    assert found(text, wanted) == there


def test_places_of_one_text_do_not_overlap():
    assert spans("aaaaa", Wanted("aa")) == [(0, 2), (2, 4)]


@pytest.mark.parametrize(
    ("text", "there"),
    [("Mia's Mia _Mia_ Mia-Sue", 4), ("Miau Lamia miaMia", 0), ("Mia2 2Mia", 0), ("éMia Mia\u0301x", 0), ("Mia", 1), ("“Mia”, (Mia)", 2)],
)
def test_a_whole_word_ends_at_an_apostrophe_but_not_inside_letters(text, there):
    assert len(spans(text, Wanted("Mia", whole=True))) == there


def test_whole_words_look_at_the_edges_of_what_is_looked_for():
    assert found("don't. dont", "n't.", False, True) == []
    assert found("Ha! Ha!Ha", "ha!", False, True) == ["Ha!", "Ha!"]


def test_nothing_cannot_be_looked_for():
    with pytest.raises(StudioError, match="Type a word first"):
        spans("anything", Wanted(""))


def spoken(title, *texts):
    turns = [Turn(f"t{n}", "model" if n % 2 else "user", text, ("Biscuit, the other.",)) for n, text in enumerate(texts)]
    return Conversation("c", title, tuple(turns), ("Biscuit",), "finished", ("Biscuit barks.",))


def test_only_the_chosen_places_of_title_and_lines_change():
    before = spoken("Biscuit", "biscuit and Biscuit", "None here.", "Biscuit")
    assert [(place.line, place.turn) for place in places(before, Wanted("biscuit"))] == [(0, ""), (1, "t0"), (1, "t0"), (3, "t2")]
    after = replaced(before, Wanted("biscuit"), "Rex", {0, 2, 3, 99})
    assert (after.title, *(turn.text for turn in after.turns)) == ("Rex", "biscuit and Rex", "None here.", "Rex")
    assert [turn.others for turn in after.turns] == [turn.others for turn in before.turns]
    assert (after.tags, after.flag, after.shows) == (before.tags, before.flag, before.shows)


def test_what_holds_the_text_itself_is_not_replaced_twice():
    assert replaced(spoken("", "a b a"), Wanted("a"), "aa", {0, 1}).turns[0].text == "aa b aa"


def test_an_excerpt_is_short_and_says_where_it_was_cut():
    text = "x" * 50 + "\nfound\n" + "y" * 50
    assert excerpt(text, 51, 56) == ("…" + "x" * 39 + " ", "found", " " + "y" * 39 + "…")
    assert excerpt("a b c", 2, 3) == ("a ", "b", " c")


LETTERS = st.text("sSßẞıiIİeéÉ\u0301\u0307\u0345αΐﬁfkKσςΣ’'_ a🐾", max_size=12)


def canonical(text, case):
    apart = unicodedata.normalize("NFD", text)
    return apart if case else unicodedata.normalize("NFD", apart.casefold())


def slowly(text, wanted, case):
    """Every stretch that reads the same, tried one by one."""
    ends = [n for n in range(len(text) + 1) if n in (0, len(text)) or not unicodedata.combining(text[n])]
    at, there = 0, []
    for start in ends:
        end = next((e for e in ends if e > start and canonical(text[start:e], case) == canonical(wanted, case)), None)
        if end is not None and start >= at:
            there.append((start, end))
            at = end
    return there


@given(LETTERS, LETTERS.filter(bool), st.booleans())
@example("\u0301a", "a", False)
@example("ßs", "ss", False)
def test_a_place_is_where_trying_every_stretch_finds_it(text, wanted, case):
    assert spans(text, Wanted(wanted, case)) == slowly(text, wanted, case)


@given(st.text("abcABC '", max_size=30), st.text("abc ", min_size=1, max_size=3), st.text(max_size=4), st.booleans())
def test_replacing_all_places_is_what_a_plain_replacement_does(text, wanted, other, case):
    numbers = range(len(places(spoken("", text), Wanted(wanted, case))))
    plain = re.sub(re.escape(wanted), lambda _: other, text, flags=0 if case else re.IGNORECASE)
    assert replaced(spoken("", text), Wanted(wanted, case), other, numbers).turns[0].text == plain
