"""Prepare reads everything once and says what it found."""

import json
from pathlib import Path

import gradio as gr
import pytest

from studio.domain.conversation import Turn
from studio.tabs import prepare
from tests.tabs import stage

NAMES = (
    "empty",
    "page",
    "head",
    "ticks",
    "show",
    "where",
    "numbers",
    "title",
    "conversation",
    "model",
    "panels",
    "onward",
    "gemma",
    "messages",
)


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


def titled(studio, who, title):
    """One conversation of a character."""
    return next(c for c in studio.library.conversations(who) if c.title == title)


def look(studio, who, model=None, conversation=None):
    return dict(zip(NAMES, prepare.look(studio, who, model, conversation), strict=True))


def test_a_character_without_conversations_shows_the_way_to_write(studio):
    for who in (None, stage.character(studio.library, 0)):
        page = look(studio, who)
        assert (page["empty"]["visible"], page["page"]["visible"]) == (True, False)


def test_good_conversations_are_ready_and_lead_to_train(studio):
    page = look(studio, stage.character(studio.library))
    assert "<h1>Ready.</h1>" in page["head"]
    assert page["show"]["visible"] is False
    assert (page["onward"]["visible"], page["onward"]["variant"]) == (True, "primary")
    assert page["title"] == "What Biscuit will learn, word for word"
    assert "11 to learn from, 1 kept back" in page["panels"]
    assert "<dd>12</dd>" in page["numbers"]


def test_a_conversation_without_an_answer_has_to_be_fixed_first(studio):
    who = stage.character(studio.library)
    bad = studio.library.add(who, "Dinner is late", [Turn("x", "user", "Where is it?")])
    page = look(studio, who)
    assert "Not ready yet: one thing to fix." in page["head"]
    assert page["ticks"].count('class="bad"') == 1
    assert (page["show"]["variant"], page["onward"]["variant"]) == ("primary", "secondary")
    shown = prepare.places(studio, who, None)
    assert shown["choices"] == [("Dinner is late\nIt has no answer from Biscuit at the end. Add one, or leave it out.", f"{bad}:0")]


def test_at_most_twelve_places_are_listed_and_the_rest_is_counted(studio):
    who = stage.character(studio.library)
    for n in range(15):
        studio.library.add(who, f"Draft {n}", [Turn("x", "user", f"Where is {n}?")])
    shown = prepare.places(studio, who, None)
    assert len(shown["choices"]) == 12
    assert shown["label"] == "The first 12 of 15. Choose one to open it."


def test_too_few_conversations_lead_back_to_write(studio):
    page = look(studio, stage.character(studio.library, 4))
    assert "There are four." in page["ticks"]
    assert page["onward"]["visible"] is False


def test_long_is_measured_with_the_model_and_its_length(studio):
    who = stage.character(studio.library)
    studio.library.add(who, "Long", [Turn("x", "user", "word " * 300), Turn("y", "model", "Yes.")])
    page = look(studio, who)
    assert "One conversation is long" in page["ticks"]
    assert "over 256 tokens" in page["ticks"]


def test_nothing_a_person_wrote_reaches_html(studio):
    hostile = "<img src=x onerror=alert(1)>${1+1}"
    who = stage.character(studio.library, name=hostile[:60])
    studio.library.add(who, hostile, [Turn("x", "user", hostile)])
    page = look(studio, who)
    for name in ("head", "ticks", "numbers", "panels"):
        assert "<img" not in page[name]
        assert "${" not in page[name]


def test_the_files_for_other_programs_hold_every_teachable_conversation(studio):
    who = stage.character(studio.library)
    studio.library.add(who, "Half", [Turn("x", "user", "Where is it?")])
    page = look(studio, who)
    assert page["gemma"]["value"].endswith("biscuit-gemma3.jsonl")
    marked_up = [json.loads(line) for line in Path(page["gemma"]["value"]).read_text("utf-8").splitlines()]
    assert len(marked_up) == 12
    assert "<bos><start_of_turn>user\nYou are a dog.\n\nQuestion 0?<end_of_turn>\n" in "".join(row["text"] for row in marked_up)
    messages = [json.loads(line) for line in Path(page["messages"]["value"]).read_text("utf-8").splitlines()]
    assert {"role": "assistant", "content": "Answer number 0."} in [row["messages"][1] for row in messages]


def test_the_reading_view_marks_what_the_character_says(studio):
    who = stage.character(studio.library)
    first = titled(studio, who, "Talk 0")
    view, length = prepare.marked(studio, who, None, first.id, False)
    assert view == [("Mia: Question 0?\n", None), ("Biscuit: ", None), ("Answer number 0.", "learned"), ("\n", None)]
    assert "of this is learned" in length


def test_the_exact_view_is_what_the_model_sees_mark_for_mark(studio):
    who = stage.character(studio.library)
    first = titled(studio, who, "Talk 0")
    view, length = prepare.marked(studio, who, None, first.id, True)
    whole = "<bos><start_of_turn>user\nYou are a dog.\n\nQuestion 0?<end_of_turn>\n<start_of_turn>model\nAnswer number 0.<end_of_turn>\n"
    assert "".join(text for text, _ in view) == whole
    assert [text for text, mark in view if mark] == ["Answer number 0.<end_of_turn>"]
    assert "3 of 11 tokens" in length, "three of the eleven words between blanks begin in the reply"


def test_a_conversation_that_is_gone_leaves_the_view_empty(studio):
    assert prepare.marked(studio, stage.character(studio.library), None, "gone", False) == ([], "")
    assert prepare.marked(studio, None, None, None, False) == ([], "")


def test_the_conversation_looked_at_stays_when_the_page_is_read_again(studio):
    who = stage.character(studio.library)
    third = studio.library.conversations(who)[2].id
    assert look(studio, who, conversation=third)["conversation"]["value"] == third
    assert look(studio, who, conversation="gone")["conversation"]["value"] == studio.library.conversations(who)[0].id


def test_without_any_model_the_page_still_stands(studio, tmp_path):
    (tmp_path / "practice-model" / "config.json").unlink()
    who = stage.character(studio.library)
    page = look(studio, who)
    assert "<h1>Ready.</h1>" in page["head"]
    assert page["gemma"]["interactive"] is False
    assert prepare.marked(studio, who, None, studio.library.conversations(who)[0].id, True) == ([], "")


def test_the_tab_can_be_built(studio):
    with gr.Blocks():
        persona = gr.Radio([])
        with gr.Tabs():
            assert prepare.build(studio, persona) is None
