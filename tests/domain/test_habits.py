"""Habits: what a character says again and again, and what it has from assistants."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain import assistantisms, habits, phrases
from studio.domain.conversation import Conversation, Turn
from studio.domain.words import words

NAMES = ("apple", "bean", "carrot", "date", "egg", "fig", "grape", "ham", "ice", "jam", "kale", "leek")


def talks(*replies):
    return [Conversation(f"{n:03}", f"Talk {n}", (Turn(f"{n}q", "user", "And?"), Turn(f"{n}a", "model", r))) for n, r in enumerate(replies)]


def plain(count):
    """Replies that have nothing in common but a little."""
    rng = random.Random(1)
    return [" ".join(rng.choice(NAMES) + str(rng.randrange(999)) for _ in range(8)) + "." for _ in range(count)]


def found(*replies):
    return [(f.kind, f.words, len(f.places)) for f in habits.read(talks(*replies))]


def test_plain_replies_have_no_habits():
    assert found(*plain(100)) == []
    assert found() == []


def test_an_opening_over_eight_in_a_hundred_is_a_habit():
    openings = ["Well, my DEAR", "well my dear,", "“Well”, my dear", "Well. My dear", "Well my dear!"]
    replies = [f"{openings[n % 5]} {text}" if n < 9 else text for n, text in enumerate(plain(100))]
    assert found(*replies) == [("start", "well my dear", 9)]
    (only,) = habits.read(talks(*replies))
    assert (only.severity, only.title, only.expert) == ("look", "Nine replies open with the same words", "9 % of 100 replies")
    assert only.places[0] == ("000", "Talk 0", 1)
    assert found(*replies[1:], "Hello.") == []  # eight of a hundred


def test_an_opening_needs_five_replies_however_few_there_are():
    assert found("Oh no, a", "Oh no, a", "Oh no, a", "Oh no, a") == []
    assert ("start", "oh no a", 5) in found(*["Oh no, a"] * 5)


def test_a_short_reply_is_an_opening_of_its_own():
    assert found(*(["Hm."] * 5 + plain(30))) == [("start", "hm", 5)]


def test_the_longest_phrase_is_told_and_a_shorter_one_only_where_it_stands_alone():
    rng = random.Random(2)
    texts = plain(100)
    for n in range(6):
        texts[n] = f"{texts[n]} You know what I mean, DEAR {texts[n + 20]}"
    for n in range(6, 14):
        texts[n] = f"{texts[n]} you know: what I mean {texts[n + 20]}"
    rng.shuffle(texts)
    assert found(*texts) == [("phrase", "you know what i mean dear", 6), ("phrase", "you know what i mean", 8)]


def test_a_phrase_needs_over_five_in_a_hundred_and_six():
    texts = plain(100)
    with_five = [f"{text} as true as rain" if n < 5 else text for n, text in enumerate(texts)]
    assert found(*with_five) == []
    assert found(*[f"{text} as true as rain {text}" if n < 6 else text for n, text in enumerate(texts)]) == [
        ("phrase", "as true as rain", 6)
    ]


def test_a_whole_reply_that_comes_again_is_one_habit_not_one_for_each_six_words():
    long = "In the green garden behind the old mill there sleeps a very small and very tired grey cat."
    assert found(*(f"{text} {long}" if n < 8 else text for n, text in enumerate(plain(90)))) == [
        ("phrase", "in the green garden behind the", 8)
    ]


def test_a_phrase_that_is_the_opening_is_told_once():
    texts = [f"Once upon a time there was {text}" if n < 20 else text for n, text in enumerate(plain(100))]
    assert found(*texts) == [("start", "once upon a", 20)]


def test_phrases_of_many_texts_are_the_same_whether_sampled_or_not(monkeypatch):
    rng = random.Random(3)
    texts = [[rng.randrange(60) for _ in range(20)] for _ in range(900)]
    for text in rng.sample(texts, 70):
        text[5:10] = [100, 101, 102, 103, 104]
    whole = phrases.shared(texts, 46)
    assert [(gram, len(homes)) for gram, homes in whole] == [((100, 101, 102, 103, 104), 70)]
    monkeypatch.setattr(phrases, "SAMPLE", 300)
    assert phrases.shared(texts, 46) == whole


@pytest.mark.parametrize(
    ("ending", "title"),
    [
        ("!", "Nearly every reply ends with an exclamation mark"),
        ("?”", "Nearly every reply ends with a question"),
        ("... ", "Nearly every reply ends with an ellipsis"),
        (", meow.", "Nearly every reply ends with the same word"),
    ],
)
def test_replies_that_all_end_the_same_way(ending, title):
    texts = [text[:-1] for text in plain(20)]
    (only,) = habits.read(talks(*(text + (ending if n < 17 else ".") for n, text in enumerate(texts))))
    assert (only.kind, only.title, only.expert, len(only.places)) == ("finish", title, "85 % of 20 replies", 17)
    assert habits.read(talks(*(text + (ending if n < 16 else ".") for n, text in enumerate(texts)))) == []


def test_a_full_stop_is_how_replies_end_and_few_replies_are_no_habit():
    assert found(*plain(40)) == []
    assert found(*(text[:-1] + "!" for text in plain(9))) == []


@pytest.mark.parametrize("text", assistantisms.EXAMPLES)
def test_every_phrase_of_an_assistant_is_heard(text):
    assert [kind for kind, _, _ in found(text)] == ["assistant"]
    assert [kind for kind, _, _ in found(text.upper().replace("'", "’"))] == ["assistant"]


def test_the_finding_names_the_phrases():
    (only,) = habits.read(talks("Hello, I am here to help.", "Feel free to ask.", "Yes."))
    assert (only.title, only.words) == ("Two replies sound like an assistant", "feel free to; i am here to help")


@pytest.mark.parametrize(
    "text",
    [
        "I am a Biscuit. I certainly am.",
        "Yes, certainly, if the tide allows.",
        "May I help you with the ladder?",
        "That is a good question.",
        "I feel free as a gull.",
        "She is the assistant cataloguer.",
        "I can't come to dinner.",
        "Of course. Sit down.",
        "I do not have that one yet.",
        "Is there anything else on the shelf?",
        "I am sorry for the mouse.",
        "Here is a sock. Here are some beans.",
        "I understand the sea.",
        "Help! I am glad to see you.",
        "As an aide I was late.",
    ],
)
def test_what_a_character_may_say(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "# Dinner\nIt is late.",
        "Three things:\n- ball\n- sock\n- dust",
        "Do this:\n1. Sit\n2. Stay",
        "It is **very** late.",
        "It is __very__ late.",
        "```\ndinner\n```",
        "See [the gate](gate.html).",
        "> dinner",
    ],
)
def test_marks_of_layout(text):
    assert found(text, *plain(3)) == [("layout", "", 1)]


@pytest.mark.parametrize("text", ["*wags her tail* Hello.", "Hello. [sighs]", "(looks away) No.", "You *are* late."])
def test_stage_directions(text):
    assert found(text, *plain(3)) == [("stage", "", 1)]


@pytest.mark.parametrize(
    "text",
    [
        "2 * 3 * 4 is many.",
        "What the d*mn. It is d*mn late.",
        "- You first.\nAnd then?",
        "Shelf 20. Then 1. and 3.",
        "#1 is me.",
        "I waited (it rained) all day.",
        "(It was mine.) Yes.",
        "[A] is a letter.",
        "snake_case_word and __init",
        "Well — no – never - I think.",
    ],
)
def test_marks_that_are_meant(text):
    assert found(text, *plain(3)) == []


def test_emoji_and_stage_directions_are_only_told_while_most_replies_have_none():
    (only,) = habits.read(talks("Yes 🐾", "No ❤️", *plain(8)))
    assert (only.kind, only.title, only.expert) == ("emoji", "Two replies hold emoji", "20 % of 10 replies")
    assert found(*(f"{text} 🐾" for text in plain(9)), "No.") == []
    assert found(*(f"*barks* {text}" for text in plain(9)), "No.") == []


def test_only_what_the_character_says_is_looked_at():
    visitor = Conversation("v", "Visitor", (Turn("1", "user", "As an AI, *sighs* **no** 🐾"), Turn("2", "model", "What?")))
    assert habits.read([visitor] * 6) != []  # six equal answers are an opening
    assert {f.kind for f in habits.read([visitor] * 6)} == {"start"}


def test_words_a_pattern_needs_are_words():
    assert all(words(word) == [word] for word in assistantisms.PATTERNS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text() | st.text("*_[]()#-`>1.! \n\u200d🐾a"), max_size=12))
def test_any_text_can_be_read(texts):
    conversations = talks(*texts)
    found = habits.read(conversations)
    assert {place[0] for finding in found for place in finding.places} <= {c.id for c in conversations}
    assert habits.read(conversations) == found


@pytest.mark.parametrize("piece", ["*", "[a", "**a", "- a\n", "1. a\n", "# ", "__", "a ", "(a", "`", "\n", "as an "])
def test_long_texts_of_one_sign_end(piece):
    began = time.process_time()
    found = habits.read(talks(piece * (60_000 // len(piece))))
    assert time.process_time() - began < 20, "the time grows with the square of the text"
    assert all(len(finding.places) <= 1 for finding in found), "there is one reply to point at"
