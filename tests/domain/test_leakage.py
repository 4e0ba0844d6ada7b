"""Leakage: what was kept back to test and was learned all the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain import leakage
from studio.domain.conversation import Conversation, Turn
from studio.domain.dataset import Split
from studio.domain.words import words

LONG = (
    "I think it wants to come in, and it smells of pennies and hot road, and it goes round and round the roof and stamps on it because it "
    "cannot find the door, so please do not tell it where the door is, or it will eat my dinner and my sock and all of the cheese."
)


def talk(identifier, *texts):
    return Conversation(identifier, f"Talk {identifier}", tuple(Turn(str(n), "model" if n % 2 else "user", t) for n, t in enumerate(texts)))


def leaks(train, validation):
    return [(f.kind, f.places) for f in leakage.read(Split(tuple(train), tuple(validation)))]


def test_parts_with_nothing_in_common():
    assert leaks([talk("a", "Hello?", "Yes."), talk("b", "Who?", "Me.")], [talk("c", "Hello?", "No."), talk("d", "What?", "Yes.")]) == []
    assert leaks([], []) == []


def test_the_same_words_are_the_same_whatever_case_punctuation_and_spaces():
    train = [talk("a", "First?", "One."), talk("b", "Are you a robot?", "No, I am a BISCUIT.")]
    found = leakage.read(Split(tuple(train), (talk("c", "are  you a robot", "no – i am a Biscuit!!"), talk("d", "Other", "Thing"))))
    assert [(f.kind, f.severity, f.places) for f in found] == [("leak", "look", (("c", "Talk c", 1), ("b", "Talk b", 1)))]
    assert found[0].title == "One answer stands in both parts, to the same line"


def test_the_same_answer_to_another_line_is_no_leak():
    assert leaks([talk("a", "Are you hungry?", LONG)], [talk("b", "What does thunder want?", LONG)]) == []


def test_an_answer_with_one_word_changed_is_nearly_the_same():
    found = leakage.read(Split((talk("a", "Why?", LONG),), (talk("b", "why", LONG.replace("pennies", "coins")),)))
    assert [(f.kind, f.places) for f in found] == [("near leak", (("b", "Talk b", 1), ("a", "Talk a", 1)))]
    assert found[0].title == "One answer nearly stands in both parts, to the same line"


def test_the_visitors_line_may_be_nearly_the_same_too():
    assert [kind for kind, _ in leaks([talk("a", LONG, LONG)], [talk("b", LONG.replace("sock", "shoe"), LONG)])] == ["near leak"]


@pytest.mark.parametrize(
    "other",
    [
        LONG.replace("pennies", "coins").replace("road", "street").replace("roof", "house").replace("door", "gate"),
        LONG + " " + LONG.upper()[: len(LONG) // 2],
        LONG[: len(LONG) * 3 // 4],
        "Something else.",
    ],
    ids=["many words", "longer", "shorter", "other"],
)
def test_sharing_too_little_is_no_leak(other):
    assert leaks([talk("a", "Why?", LONG)], [talk("b", "Why?", other)]) == []


def test_over_eighty_in_a_hundred_of_the_longer_one_is_nearly_the_same_and_eighty_is_not():
    words = [f"w{n}" for n in range(54)]  # 50 shingles
    shorter = " ".join(words[:45]), " ".join(words[:44])  # 41 and 40 of them
    assert [kind for kind, _ in leaks([talk("a", "Why?", " ".join(words))], [talk("b", "Why?", shorter[0])])] == ["near leak"]
    assert leaks([talk("a", "Why?", " ".join(words))], [talk("b", "Why?", shorter[1])]) == []


def test_short_answers_have_to_be_equal():
    assert leaks([talk("a", "Why?", "I am a dog.")], [talk("b", "Why?", "I am a cat.")]) == []


def test_every_exchange_of_a_conversation_is_looked_at_and_told_once_with_its_first_twin():
    train = [talk("a", "One?", "Yes.", "Two?", "No."), talk("b", "Two?", "No.")]
    validation = [talk("c", "Three?", "No.", "Two?", "No."), talk("d", "two", "no")]
    assert leaks(train, validation) == [("leak", (("c", "Talk c", 3), ("a", "Talk a", 3), ("d", "Talk d", 1)))]


def test_lines_without_an_answer_are_passed_over():
    odd = Conversation("o", "Odd", (Turn("1", "model", "Hello there"), Turn("2", "model", "Hello there"), Turn("3", "user", "Hi")))
    assert leaks([odd, talk("a")], [odd, talk("b", "Hi")]) == []
    assert leaks([talk("a", "?", "...")], [talk("b", "?", "...")]) == []  # an answer without words


def test_exact_leaks_are_found_among_very_many_equal_answers():
    train = [talk(f"t{n}", f"Question number {n} of the visitor?", "I do not know that, dear.") for n in range(300)]
    validation = [talk(f"v{n}", f"Question number {n + 200} of the visitor?", "I do not know that, dear.") for n in range(200)]
    ((kind, places),) = leaks(train, validation)
    assert kind == "leak"
    assert len(places) == 200  # a hundred exchanges and their twins


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=60)), max_size=6), st.data())
def test_any_copy_is_found_and_any_text_can_be_read(pairs, data):
    train = [talk(f"t{n}", *pair) for n, pair in enumerate(pairs)]
    copied = data.draw(st.sampled_from(pairs)) if pairs else ("", "")
    found = leaks(train, [talk("v", *copied)])
    assert bool(found) == bool(words(copied[1]))
