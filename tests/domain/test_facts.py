"""A fact of the sheet is held to every line, where a rule can tell."""

import json
from pathlib import Path

import pytest

from studio.domain import facts, persona
from studio.domain.conversation import Conversation, Turn, from_jsonl
from studio.domain.persona import Persona

PERSONAS = Path(__file__).resolve().parents[2] / "personas"
OWL = Persona(
    "Professor Quillfeather",
    visitor="Hattie",
    facts=(
        "He is a tawny owl and sixty-one years old.",
        "Hattie is ten, has card number 212, a brother Ned who is five, and a cat.",
        "The ladder has fourteen rungs, and the third one squeaks.",
        "He wears a red scarf.",
        "His rowing boat is grey.",
    ),
)


def bundled(name):
    sheet = persona.from_dict(json.loads((PERSONAS / name / "persona.json").read_text("utf-8")), name)
    return sheet, from_jsonl((PERSONAS / name / "conversations.jsonl").read_text("utf-8"), name, name)


def found(asked, answered, sheet=OWL):
    turns = (Turn("q", "user", asked), Turn("a", "model", answered))
    return [(f.words, [place[2] for place in f.places]) for f in facts.read([Conversation("x", "X", turns)], sheet)]


@pytest.mark.parametrize("name", ["biscuit", "marlow", "quillfeather"])
def test_the_bundled_characters_contradict_none_of_their_facts(name):
    sheet, conversations = bundled(name)
    assert facts.count(sheet) >= 2
    assert facts.read(conversations, sheet) == []


@pytest.mark.parametrize(
    ("asked", "answered", "fact"),
    [
        ("How old are you?", "I am fifty-nine.", 0),
        ("You are 62 years old!", "Quite.", 0),
        ("I'm eleven.", "Quite.", 1),
        ("And Ned?", "Ned is four, and jam is his trade.", 1),
        ("So?", "You are nine. Sit.", 1),
        ("So?", "The ladder has twelve rungs.", 2),
        ("So?", "My blue scarf is a good one.", 3),
        ("Your scarf is Blue.", "It is not.", 3),
        ("So?", "My boat is green.", 4),
    ],
)
def test_a_line_that_says_otherwise_is_found_with_its_fact(asked, answered, fact):
    ((words, _),) = found(asked, answered)
    assert words == OWL.facts[fact]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("I am ten. And you?", "I am sixty-one. Ned is five."),
        ("Are you one?", "I am one. I am two feet tall. I am three hours early."),
        ("Was I three?", "You were three. Ned will be six. Ned is five, and you are ten."),
        ("Their ladder has two ends?", "Two ladders have twelve rungs. My ladder has fourteen rungs, says Ned."),
        ("My scarf is blue.", "Your scarf is blue. My scarf is red. My boat is gray. A green boat went by."),
        ("Is Ned six?", "There is ten of everything. That is six. It is eleven."),
    ],
)
def test_what_is_true_or_about_something_else_is_left_alone(asked, answered):
    assert found(asked, answered) == []


def test_a_sheet_without_facts_a_rule_can_read_is_held_to_nothing():
    sheet = Persona("Ann", facts=("She likes the sea.", "Tom is five.", "Tom is six."))
    assert facts.count(sheet) == 0
    assert found("I am 99.", "Tom is seven.", sheet) == []


@pytest.mark.parametrize(
    ("said", "number"),
    [("4,112", 4112), ("a hundred and twelve", 112), ("seventy-four", 74), ("Nineteen", 19), ("one hundred", 100), ("7", 7)],
)
def test_numbers_in_words_and_figures_are_the_same(said, number):
    assert facts.value(said) == number
