"""The door out: every form can be brought in again, and says what it leaves behind."""

import pytest

from studio.domain.conversation import Conversation, Turn
from studio.domain.errors import NotFound, NotReady
from studio.domain.formats import delivery, png, reading
from studio.domain.formats.delivery import WAYS, Whole
from studio.domain.persona import Persona

BISCUIT = Persona("Biscuit", "A puppy", "Mia", ("Short.",), ("She is six.",), "You are Biscuit.", "Woof.", "blue")


def talk(n, *texts, tags=("rain",)):
    turns = tuple(Turn(f"{n}{i}", "model" if i % 2 else "user", text) for i, text in enumerate(texts))
    return Conversation(str(n), f"Talk {n}", turns, tags)


TWO = [talk(1, "Come on.", "Not yet."), talk(2, "Look!", "At what?", "The sky.", "It is wet.")]
WHOLE = Whole(BISCUIT, TWO, png.plain(), ".png")


def said(conversations):
    return [[(turn.role, turn.text) for turn in c.turns] for c in conversations]


@pytest.mark.parametrize("key", [way.key for way in WAYS if way.key not in ("alpaca", "parquet")])
def test_what_is_taken_out_can_be_brought_in_again(key):
    way = delivery.way(key)
    found = reading.read(f"biscuit{way.ending}", delivery.taken(key, WHOLE), "Biscuit")
    assert said(found.conversations) == said(TWO)
    assert found.skipped == ()
    assert found.whole == (not way.talk)
    if found.whole:
        assert found.persona == BISCUIT
    if key in ("package", "card-v3-png", "card-v2-png"):
        assert found.picture == WHOLE.picture


LEFT = {
    "package": "",
    "card-v3-png": "The portrait is not a PNG, so the card has a plain picture.",
    "card-v2-json": "The portrait stays behind: this form has words only.",
    "messages": "Titles and tags have no place in this form and stay behind.",
    "sharegpt": "",
    "alpaca": "Alpaca holds one question with one answer: 1 of 2 conversations has other lines and was left out. "
    "Titles and tags have no place in this form and stay behind.",
    "csv": "The character sheet stays behind.",
    "script": "Tags have no place in this form and stay behind.",
}


@pytest.mark.parametrize(("key", "sentence"), LEFT.items())
def test_a_form_says_what_it_leaves_behind(key, sentence):
    assert delivery.way(key).left(Whole(BISCUIT, TWO, b"<svg/>", ".svg")) == sentence


def test_what_can_not_be_learned_is_left_out_of_learning_text_and_that_is_said():
    whole = Whole(BISCUIT, [*TWO, talk(3, "Nobody answers.")])
    assert delivery.taken("gemma4", whole) == delivery.taken("gemma4", Whole(BISCUIT, TWO))
    assert delivery.way("gemma4").left(whole).startswith("One conversation is left out: only what begins with the visitor")


@pytest.mark.parametrize("key", [way.key for way in WAYS if way.talk])
def test_without_conversations_there_is_nothing_to_take(key):
    with pytest.raises(NotReady, match="Biscuit has no conversations yet. Nothing was written."):
        delivery.taken(key, Whole(BISCUIT, []))


@pytest.mark.parametrize("key", ["alpaca", "gemma3"])
def test_a_form_that_can_hold_none_of_them_says_so(key):
    with pytest.raises(NotReady, match="^Nothing was written: this form can hold none of the conversations"):
        delivery.taken(key, Whole(BISCUIT, [talk(1, "Hello?")]))


@pytest.mark.parametrize("key", [way.key for way in WAYS if not way.talk])
def test_a_character_without_words_travels_too(key):
    found = reading.read("x", delivery.taken(key, Whole(BISCUIT, [])))
    assert (found.persona, found.conversations) == (BISCUIT, ())


def test_another_form_is_told_which_there_are():
    with pytest.raises(NotFound, match="There is no form called “docx”. Nothing was written. Choose one of package, card-v3-png"):
        delivery.way("docx")
