"""The grammar of the practice text: what it expands to, how varied it is, and what it says of a wrong line."""

import math
import random

import pytest

from studio.domain import smalltalk
from studio.domain.errors import BadFile

TEXT = """# a note
system: You are Sam, a toad.
fruit = apples, pears, plums
day = Monday, Sunday

> (Do you like|How are) [fruit]?
< I like [fruit], but [fruit2] more.
> Shall we eat ( some|) on [day]?
< Yes, on [day].

> Bye.
< Bye, bye.
"""


def test_an_exchange_keeps_its_words_and_takes_a_second_one_for_a_second_slot() -> None:
    sketch, goodbye = smalltalk.read(TEXT, "toad.txt")
    seen = {tuple(sketch.expand(random.Random(n))) for n in range(400)}
    assert len(seen) == 2 * 3 * 2 * 2 * 2  # openings, fruit, other fruit, "some" or not, days
    for question, answer, plan, yes in seen:
        fruit = question.rstrip("?").split()[-1]
        first, second = answer.removeprefix("I like ").removesuffix(" more.").split(", but ")
        assert first == fruit != second
        assert "  " not in plan and plan.rstrip("?").split()[-1] == yes.removeprefix("Yes, on ").rstrip(".")
    assert goodbye.expand(random.Random(0)) == ["Bye.", "Bye, bye."]
    assert {sketch.system, goodbye.system} == {"You are Sam, a toad."}


def test_a_voice_keeps_what_its_system_text_says() -> None:
    text = """name = Tuft, Pim, Olla
age = two, three
system: (You are|This is) [name]. You are [age].

> Who are you, and who is [name2]?
< I am [name]! I am [age], and [name2] is my sister.
"""
    (sketch,) = smalltalk.read(text, "cubs.txt")
    assert sketch.voices == pytest.approx(math.log2(2 * 3 * 2))
    seen = set()
    for n in range(300):
        cast = sketch.cast(random.Random(n))
        question, answer = sketch.expand(random.Random(1000 + n), cast)
        name, age = cast.words["[name]"], cast.words["[age]"]
        sister = question.rstrip("?").split()[-1]
        assert cast.system in (f"You are {name}. You are {age}.", f"This is {name}. You are {age}.")
        assert answer == f"I am {name}! I am {age}, and {sister} is my sister." and sister != name
        seen.add((cast.system, question))
    assert len(seen) == 2 * 3 * 2 * 2
    with pytest.raises(BadFile, match="line 1: there is no list called tree"):
        smalltalk.read("system: You are a [tree].\n", "cubs.txt")


def test_variety_counts_the_choices_and_every_slot_once() -> None:
    sketch, goodbye = smalltalk.read(TEXT, "toad.txt")
    assert sketch.variety == pytest.approx(math.log2(2 * 3 * 3 * 2 * 2))
    assert goodbye.variety == sketch.voices == goodbye.voices == 0


def test_what_an_exchange_can_ask_is_known_without_expanding_it() -> None:
    sketch, goodbye = smalltalk.read(TEXT, "toad.txt")
    asked = {line for n in range(400) for line in sketch.expand(random.Random(n))[::2]}
    assert all(sketch.asks(line) for line in asked)
    assert sketch.asks("do you like PEARS") and goodbye.asks("bye!")
    assert not any(sketch.asks(line) for line in ("Do you like figs?", "I like pears, but plums more.", "Do you like", "Bye."))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("> Hello.\n", "line 2: an exchange has to end with an answer"),
        ("> Hello.\n> Again.\n", "line 2: expected a line beginning with <"),
        ("> A [tree]?\n< Yes.\n", "line 1: there is no list called tree"),
    ],
)
def test_a_wrong_line_is_named(text: str, sentence: str) -> None:
    with pytest.raises(BadFile, match=f"toad.txt, {sentence}"):
        smalltalk.read(text, "toad.txt")
