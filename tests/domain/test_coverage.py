"""What is unwritten: claims about which conversations show a statement."""

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.domain import coverage, persona
from studio.domain.conversation import Conversation, Turn, from_jsonl
from studio.domain.persona import Persona

PERSONAS = Path(__file__).parents[2] / "personas"
THUNDER = "She is afraid of thunder and of the vacuum, which lives in the hall cupboard."
BISCUIT = Persona("Biscuit", visitor="Mia", facts=("Biscuit is six.", THUNDER, "She can count to five."))


def spoken(identifier, *texts, title="", shows=()):
    turns = tuple(Turn(f"t{n}", "model" if n % 2 else "user", text) for n, text in enumerate(texts))
    return Conversation(identifier, title, turns, shows=tuple(shows))


def seen(sheet, *conversations):
    return {one.statement: (one.linked, one.seeming) for one in coverage.read(sheet, conversations)}


def bundled(name):
    folder = PERSONAS / name
    sheet = persona.from_dict(json.loads((folder / "persona.json").read_text("utf-8")), name)
    return sheet, from_jsonl((folder / "conversations.jsonl").read_text("utf-8"), name, name)


def test_a_linked_conversation_shows_a_statement_whatever_it_says():
    assert seen(BISCUIT, spoken("a", "Hi.", "Hello.", shows=[THUNDER]))[THUNDER] == (("a",), ())


def test_what_is_linked_does_not_seem_as_well():
    storm = spoken("a", "Thunder!", "It lives in the hall cupboard, with the vacuum.", shows=[THUNDER])
    assert seen(BISCUIT, storm)[THUNDER] == (("a",), ())


def test_a_link_to_what_is_not_on_the_sheet_counts_for_nothing():
    assert set(seen(BISCUIT, spoken("a", "Hi.", "Hello.", shows=["She can fly."]))) == set(BISCUIT.facts)


def test_telling_words_in_one_line_seem_to_show_a_statement():
    assert seen(BISCUIT, spoken("a", "What was that?", "It was the vacuum in the hall cupboard."))[THUNDER] == ((), ("a",))


def test_the_same_words_scattered_over_a_conversation_do_not():
    apart = spoken("a", "Who is in the hall?", "Dad.", "Is there cake?", "Yes.", "Where?", "In the cupboard.")
    assert seen(BISCUIT, apart)[THUNDER] == ((), ())


def test_what_comes_back_three_times_is_what_a_conversation_is_about():
    storm = spoken("a", "There is thunder outside.", "I know.", "It is only thunder.", "What does thunder want?")
    assert seen(BISCUIT, storm)[THUNDER] == ((), ("a",))


def test_a_longer_word_holds_the_shorter():
    storm = spoken("a", "A thunderstorm is coming.", "I know.", "Thunderstorms pass.", "Do they? This thunderstorm looks in.")
    assert seen(BISCUIT, storm)[THUNDER] == ((), ("a",))


def test_the_names_of_character_and_visitor_tell_nothing():
    told = coverage.telling("Mia is Biscuit's best pencil.", coverage.names(Persona("Biscuit", visitor="Mia")))
    assert list(told) == ["best", "pencil"]


def test_the_words_of_one_name_count_as_one():
    parts = coverage.telling("He kept the Cold Hen light.")
    assert parts["cold"] == parts["hen"] != parts["light"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mends", "mending"),
        ("dropped", "drops"),
        ("cries", "cry"),
        ("smells", "smelled"),
        ("dances", "dancing"),
        ("bus", "bus"),
        ("glass", "glass"),
    ],
)
def test_forms_of_a_word_have_one_root(one, other):
    assert coverage.stem(one) == coverage.stem(other)


def test_other_words_keep_their_own_root():
    assert len({coverage.stem(word) for word in ("bed", "bee", "red", "ring", "rig", "sing", "this", "his")}) == 8


# Pairs read by eye: a statement by its beginning, a title, and whether the one shows the other.
READ = [
    ("biscuit", "She is afraid of thunder", "Thunder, and what it wants", True),
    ("biscuit", "She is afraid of thunder", "Why the vacuum is an enemy", True),
    ("biscuit", "Captain was", "Captain's bowl", True),
    ("biscuit", "She wears a red collar", "The name on the gold tag", True),
    ("biscuit", "She can count to five", "All the numbers there are", True),
    ("biscuit", "Grandma Jo", "Grandma in the telephone", True),
    ("biscuit", "Pickle", "Mr. Abbot's beans", True),
    ("biscuit", "Grandma Jo", "After the storm", False),
    ("biscuit", "Captain was", "The blue medicine", False),
    ("biscuit", "Her best friend", "Next to the sausage", False),
    ("biscuit", "Pickle", "The warm place moves", False),
    ("marlow", "He drinks black tea", "One spoon of honey", True),
    ("marlow", "His left knee", "The forecast hasn't got a knee", True),
    ("marlow", "The light gives", "Sleep on the harbor wall", True),
    ("marlow", "He kept the Cold Hen", "Grandad's oilskins", False),
    ("marlow", "The Cold Hen", "Warm bread on the wall", False),
    ("quillfeather", "The ladder has", "The Eleventh Rung", True),
    ("quillfeather", "His sister Augusta", "Five Marks from Augusta", True),
    ("quillfeather", "Miss Barley", "Knock on M", True),
    ("quillfeather", "The library has", "One Candle and a Bucket", True),
    ("quillfeather", "Miss Barley", "Five Marks from Augusta", False),
    ("quillfeather", "He has been writing", "The Whale in the Bath", False),
]


@pytest.mark.parametrize(("name", "beginning", "title", "shows"), READ)
def test_the_bundled_characters_are_read_as_a_person_reads_them(name, beginning, title, shows):
    sheet, conversations = bundled(name)
    (found,) = [one for one in coverage.read(sheet, conversations) if one.statement.startswith(beginning)]
    (meant,) = [c.id for c in conversations if c.title == title]
    assert (meant in found.seeming) is shows


TEXT = st.text(string.ascii_letters + " .,'’“”é—\n", max_size=60)


@given(st.lists(TEXT, max_size=6), st.lists(st.lists(TEXT, max_size=4), max_size=6), st.data())
def test_every_statement_is_answered_once_and_every_id_is_known(facts, talks, data):
    shows = [data.draw(st.lists(st.sampled_from(facts), max_size=3)) if facts else [] for _ in talks]
    conversations = [spoken(str(n), *texts, shows=links) for n, (texts, links) in enumerate(zip(talks, shows, strict=True))]
    found = coverage.read(Persona("Biscuit", facts=tuple(facts)), conversations)
    assert [one.statement for one in found] == list(dict.fromkeys(facts))
    for one in found:
        assert one.linked == tuple(c.id for c in conversations if one.statement in c.shows)
        assert not set(one.linked) & set(one.seeming) and one.count == len({*one.linked, *one.seeming})
        assert {*one.linked, *one.seeming} <= {c.id for c in conversations}
