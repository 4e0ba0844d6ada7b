"""The bible's endpoints: what they answer, and what they store."""

import pytest

from studio.domain.conversation import Turn
from studio.domain.persona import Persona

SIX, THUNDER = "I am six.", "Thunder scares me."


@pytest.fixture
def persona(library):
    return library.create(Persona("Biscuit", visitor="Mia", voice=("Never an exclamation mark",), facts=(SIX, THUNDER)))


@pytest.fixture
def storm(library, persona):
    return library.add(persona, "The storm", [Turn("a", "user", "Does thunder scare you?"), Turn("b", "model", "Not at all!")])


def test_the_picture_says_what_is_shown_and_what_is_not(ask, persona, storm):
    seen = ask("coverage", id=persona)
    assert seen["statements"] == [{"text": SIX, "linked": [], "seeming": []}, {"text": THUNDER, "linked": [], "seeming": [storm]}]
    assert seen["conversations"] == 1
    assert seen["rules"] == [{"text": "Never an exclamation mark", "broken": [storm], "unsaid": ""}]
    assert seen["card"]["statement"] == SIX and seen["card"]["line"] == "How old are you?"


def test_another_idea_is_about_another_statement(ask, persona):
    assert {ask("coverage", id=persona, idea=n)["card"]["statement"] for n in (0, 1)} == {SIX, THUNDER}


def test_a_link_is_stored_and_seen(ask, persona, storm):
    assert ask("link", id=storm, base=1, shows=[THUNDER])["rev"] == 2
    assert ask("load", id=storm)["shows"] == [THUNDER]
    assert ask("coverage", id=persona)["statements"][1] == {"text": THUNDER, "linked": [storm], "seeming": []}


def test_a_link_on_an_older_version_brings_the_newer(ask, storm):
    ask("link", id=storm, base=1, shows=[SIX])
    answer = ask("link", id=storm, base=1, shows=[THUNDER])
    assert (answer["ok"], answer["error"], answer["rev"], answer["shows"]) == (False, "conflict", 2, [SIX])


def test_a_save_keeps_the_links(ask, storm):
    ask("link", id=storm, base=1, shows=[SIX])
    turns = ask("load", id=storm)["turns"]
    assert ask("save", id=storm, base=2, op="0" * 16, title="Changed", turns=turns)["ok"]
    assert ask("load", id=storm)["shows"] == [SIX]


def test_a_reworded_sheet_takes_the_links_along(ask, persona, storm):
    ask("link", id=storm, base=1, shows=[THUNDER])
    known = ask("character", id=persona)
    sheet = {key: known["sheet"][key] for key in ("description", "visitor", "voice", "system", "greeting")}
    ask("sheet", persona=persona, base_rev=known["rev"], sheet=sheet | {"facts": [SIX, "Thunder frightens me."]})
    assert ask("load", id=storm)["shows"] == ["Thunder frightens me."]


def test_a_scene_from_a_card_is_a_linked_conversation(ask, persona):
    made = ask("scene", persona=persona, title="How old Biscuit is", line="How old are you?", statement=SIX)["id"]
    loaded = ask("load", id=made)
    assert (loaded["title"], loaded["shows"], [t["text"] for t in loaded["turns"]]) == ("How old Biscuit is", [SIX], ["How old are you?"])


def test_titles_leave_out_what_is_gone(ask, library, storm):
    assert [row["title"] for row in ask("titles", ids=[storm, "nobody"])["rows"]] == ["The storm"]
    library.remove(storm)
    assert ask("titles", ids=[storm])["rows"] == []


def test_a_refusal_is_an_answer(ask, persona, storm):
    assert ask("link", id=storm, base=1, shows=["I can fly."])["message"].startswith("Not linked")
    assert ask("link", id="nobody", base=1, shows=[])["error"] == "missing"
    assert ask("coverage", id="nobody")["error"] == "missing"
    assert ask("coverage", id=persona, idea=-1)["error"] == "invalid"
