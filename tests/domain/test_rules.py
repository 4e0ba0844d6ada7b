"""The rules of a voice: each found where it is broken, and nowhere else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain import rules
from studio.domain.conversation import Conversation, Turn
from studio.domain.rules import VoiceRules


def talks(*replies):
    return [Conversation(f"{n}", f"Talk {n}", (Turn("q", "user", "Don't!! utterly"), Turn("a", "model", r))) for n, r in enumerate(replies)]


def broken(given_rules, *replies):
    return [(f.kind, tuple(place[0] for place in f.places)) for f in rules.read(talks(*replies), given_rules)]


def test_without_rules_nothing_is_broken():
    assert broken(VoiceRules(), "Anything, don't you think!!!") == []


@pytest.mark.parametrize(
    ("given_rules", "good", "bad", "kind", "title", "sentence"),
    [
        (VoiceRules(longest_sentence=4), "I am a dog. I am a dog.", "I am a good dog.", "sentence",
         "One reply has a sentence that is too long", "Your rule is at most four words."),
        (VoiceRules(longest_reply=1), "Dinner?", "Is it dinner?", "reply", "One reply is too long", "Your rule is at most one word."),
        (VoiceRules(forbidden=("As it WERE", "utterly")), "As it was, utter nonsense.", "It is, as it were, dinner.", "forbidden",
         "One reply has a word you ruled out", "Your character would learn to say it."),
        (VoiceRules(no_contractions=True), "Mia's dogs' dinner is at six o'clock, ma'am.", "I don’t know.", "contraction",
         "One reply has a shortened word", "Your rule is that every word is said whole."),
        (VoiceRules(exclamations=0), "No.", "No!", "exclamation", "One reply has too many exclamation marks", "Your rule is none at all."),
        (VoiceRules(exclamations=1), "No!", "No! No!", "exclamation",
         "One reply has too many exclamation marks", "Your rule is at most one in a reply."),
        (VoiceRules(capitals=1), "I am GLAD, I am. I. A B C.", "I AM very GLAD.", "capital",
         "One reply has too many words in capitals", "Your rule is at most one in a reply."),
    ],
    ids=["sentence", "reply", "forbidden", "contraction", "no exclamation", "one exclamation", "capitals"],
)  # fmt: skip
def test_each_rule(given_rules, good, bad, kind, title, sentence):
    assert broken(given_rules, good) == []
    (only,) = rules.read(talks(good, bad), given_rules)
    assert (only.kind, only.severity, only.title, only.sentence) == (kind, "look", title, sentence)
    assert only.places == (("1", "Talk 1", 1),)


@pytest.mark.parametrize(
    "word", ["don't", "can't", "i'm", "you're", "they've", "he'll", "she'd", "it's", "that's", "what's", "let's", "ain't", "gonna", "y'all"]
)
def test_contractions(word):
    assert rules.is_contraction(word)


@pytest.mark.parametrize("word", ["mia's", "dog's", "o'clock", "ma'am", "cannot", "d'etre", "rock'n'roll", "its", "lets"])
def test_no_contractions(word):
    assert not rules.is_contraction(word)


def test_favourites_that_are_never_said_are_named_once():
    (only,) = rules.read(
        talks("I wag my tail.", "A good dog, me."), VoiceRules(favourites=("wag", "Good dog", "sniff", "many  moons", "…"))
    )
    assert (only.kind, only.title, only.words, only.places) == ("unused", "Two favourite words are never said", "sniff, many  moons", ())


HARD = (
    "The municipality anticipates considerable infrastructural deterioration, particularly regarding drainage and electricity, "
    "before the approaching precipitation deteriorates the overall situation considerably further."
)


def test_one_reply_far_above_the_reading_age_is_found_among_easy_ones():
    easy = ["I see the cat. The cat sees me. We sit on the mat and we look at the sun."] * 20
    (only,) = rules.read(talks(*easy, HARD), VoiceRules(reading_age=8))
    assert (only.kind, only.title, only.places) == ("age", "One reply reads much older than your rule", (("20", "Talk 20", 1),))
    assert only.sentence == "Your rule is at most 8 years."


def test_a_short_hard_reply_is_too_short_to_tell():
    assert broken(VoiceRules(reading_age=8), "Infrastructural deterioration.") == []


def test_a_voice_that_reads_too_old_all_in_all_is_said_with_its_age():
    text = "My brother walked slowly over the bridge because the river was dangerous and he wanted to be careful with the basket."
    (only,) = rules.read(talks(*[text] * 6), VoiceRules(reading_age=10))
    assert only.title.startswith("All in all, the replies read at 1")
    assert only.places == ()  # no single one of them stands out


def test_rules_together_come_in_their_order():
    every = VoiceRules(1, 1, 5, ("dog",), ("cat",), True, 0)
    assert [kind for kind, _ in broken(every, "It's my dog!")] == ["sentence", "reply", "forbidden", "contraction", "exclamation", "unused"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), max_size=5), st.lists(st.text(max_size=9), max_size=3))
def test_any_text_and_any_word_can_be_ruled(texts, listed):
    conversations = talks(*texts)
    found = rules.read(conversations, VoiceRules(3, 9, 7.5, tuple(listed), tuple(listed), True, 1))
    assert {place[0] for finding in found for place in finding.places} <= {c.id for c in conversations}
    assert rules.read(conversations, VoiceRules()) == [], "where nothing is ruled, nothing is broken"
