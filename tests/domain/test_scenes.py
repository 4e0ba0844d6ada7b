"""The card for the next scene: grammatical by rule, quoted where no rule is sure, and the same for the same sheet."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.domain import coverage, persona, retelling, scenes
from studio.domain.conversation import Conversation, Turn, from_jsonl
from studio.domain.coverage import Shown
from studio.domain.persona import Persona

PERSONAS = Path(__file__).parents[2] / "personas"
BISCUIT = Persona("Biscuit", visitor="Mia", system="She lives with Mum. She is brave.")


def text(statement, sheet=BISCUIT, turn=0, count=0):
    return scenes.card(sheet, [Shown(statement, tuple(map(str, range(count))))], [], turn).text


@pytest.mark.parametrize(
    ("statement", "clause"),
    [
        ("I am six.", "Biscuit is six"),
        ("I'm afraid of the dark", "Biscuit is afraid of the dark"),
        ("I have never seen the sea.", "Biscuit has never seen the sea"),
        ("I don't like baths.", "Biscuit doesn't like baths"),
        ("I always carry my red sock.", "Biscuit always carries her red sock"),
        ("I kept the light for forty years.", "Biscuit kept the light for forty years"),
        ("My best friend is Button.", "Biscuit's best friend is Button"),
        ("Thunder scares me.", "thunder scares Biscuit"),
        ("She can count to five.", "Biscuit can count to five"),
        ("Her girl is Mia.", "Biscuit's girl is Mia"),
        ("Mum is a nurse.", "Mum is a nurse"),
        ("The ladder squeaks.", "the ladder squeaks"),
        ("There are seven rules: the first is quiet.", "there are seven rules"),
        ("I need glasses.", "Biscuit needs glasses"),
        ("I feed the gulls.", "Biscuit feeds the gulls"),
        ("I go to school.", "Biscuit goes to school"),
        ("I tried it once.", "Biscuit tried it once"),
    ],
)
def test_a_statement_is_said_again_in_the_third_person(statement, clause):
    assert [one.clause for one in retelling.retold(statement, BISCUIT)] == [clause]


@pytest.mark.parametrize(
    "statement",
    [
        "I run and hide.",
        "Loves toast",
        "Afraid of storms",
        "A blue heeler puppy",
        "We live in a mill.",
        "Who am I?",
        "Never sleeps",
        "I read books all night.",
        "I put salt on everything.",
        "Seven cats live here.",
        "My shoes are too big, and I like it.",
        "Coffee keeps me and my cat awake.",
        "",
        "I",
        "6",
    ],
)
def test_what_no_rule_is_sure_of_is_not_turned(statement):
    assert retelling.retold(statement, BISCUIT) == ()


def test_what_is_not_turned_is_quoted():
    assert text("I run and hide.").startswith("No scene shows this yet: “I run and hide”. ")


def test_a_later_sentence_about_somebody_else_is_not_said_of_the_character():
    told = retelling.retold("Captain was the family's dog. His blue bowl is on the shelf.", BISCUIT)
    assert [one.clause for one in told] == ["Captain was the family's dog"]


def test_a_fear_is_met():
    assert (
        text("She is afraid of thunder.")
        == "Nobody has seen Biscuit afraid of thunder yet. Mia hears a storm coming. What does Biscuit do?"
    )


def test_what_scares_the_character_is_met_too():
    assert text("Thunder scares me.").endswith(" that thunder scares Biscuit. Mia hears a storm coming. What does Biscuit do?")


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        ("I used to be a pirate.", ""),
        ("I work as a night watchman.", ""),
        ("I was a baker.", ""),
        ("On Fridays the ladder squeaks.", "the ladder"),
        ("I wash my hands ten times a day.", "Biscuit's hands"),
        ("I carry the lamp out every night.", "the lamp"),
        ("Mum lost her keys.", "Mum"),
        ("I miss my father.", "Biscuit's father"),
    ],
)
def test_one_can_ask_about_a_thing_and_not_about_what_somebody_is(statement, subject):
    (told,) = retelling.retold(statement, BISCUIT)
    assert scenes.topic(told, BISCUIT) == subject


def test_without_knowing_he_or_she_nothing_is_said_with_my():
    assert retelling.retold("I miss my father.", Persona("Otto")) == ()


def test_a_question_that_is_plain_is_the_first_line():
    assert scenes.card(BISCUIT, [Shown("I am six.")], []).line == "How old are you?"
    assert scenes.card(BISCUIT, [Shown("She can count to five.")], []).line == "Can you count to five?"
    assert scenes.card(BISCUIT, [Shown("Mum is a nurse.")], []).line == ""


def test_what_was_shown_before_is_counted():
    assert text("Mum is a nurse.", count=1).startswith("Only one scene shows that Mum is a nurse. ")
    assert text("Mum is a nurse.", count=14).startswith("14 scenes show that Mum is a nurse. ")


def test_the_emptiest_statements_come_first_and_another_idea_is_about_another():
    shown = [Shown(f"Number {n} is here.", tuple("x" * n)) for n in range(9)]
    ideas = [scenes.card(BISCUIT, shown, [], turn).statement for turn in range(scenes.IDEAS)]
    assert ideas == [one.statement for one in shown[: scenes.IDEAS]]


def test_the_same_idea_is_the_same_card():
    shown = [Shown("Mum is a nurse."), Shown("I am six.")]
    assert scenes.card(BISCUIT, shown, [], 3) == scenes.card(BISCUIT, shown, [], 3)
    assert len({text("Mum is a nurse.", turn=turn) for turn in range(12)}) > 3


def test_there_is_no_card_without_a_statement():
    assert scenes.card(BISCUIT, [], []) is None


def test_a_word_written_small_elsewhere_begins_small():
    talk = Conversation("a", "", (Turn("t", "user", "He likes butter most."),))
    card = scenes.card(Persona("Pim"), [Shown("Butter makes him dance.")], [talk])
    assert " butter makes him dance" in card.text
    assert " Butter makes him dance" in scenes.card(Persona("Pim"), [Shown("Butter makes him dance.")], []).text


@pytest.mark.parametrize("name", ["biscuit", "marlow", "quillfeather"])
def test_every_statement_of_the_bundled_characters_can_be_turned(name):
    folder = PERSONAS / name
    sheet = persona.from_dict(json.loads((folder / "persona.json").read_text("utf-8")), name)
    conversations = from_jsonl((folder / "conversations.jsonl").read_text("utf-8"), name, name)
    for one in coverage.read(sheet, conversations):
        for turn in range(4):
            card = scenes.card(sheet, [one], conversations, turn)
            assert re.fullmatch(r"[A-Z][^“]+[.] [A-Z][^“]+[.] [A-Z][^“]+\?", card.text), card.text
            assert card.title[0].isupper() and len(card.title) <= scenes.LONGEST_TITLE


@given(st.text(max_size=80), st.text(min_size=1, max_size=20), st.integers(0, 50))
def test_any_statement_gets_a_card(statement, name, turn):
    card = scenes.card(Persona(name, visitor="Mia"), [Shown(statement)], [], turn)
    assert card.statement == statement and card.text.endswith("?") and len(card.title) <= scenes.LONGEST_TITLE
