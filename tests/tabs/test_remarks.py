"""What the checks say beside the lines of the open conversation: the same as in Prepare, and silenced with it."""

from dataclasses import replace

import pytest

from studio.domain.conversation import Turn
from studio.domain.errors import NotFound, StudioError
from studio.tabs import prepare, remarks
from studio.tabs.remarks import Hearing, Looking, Silencing
from tests.tabs import stage

MAIL = "Line 2 holds an e-mail address. Take it out, or make one up."


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


@pytest.fixture
def who(studio):
    return stage.character(studio.library)


def add(studio, who, title, *texts):
    turns = [Turn(f"t{n}", "model" if n % 2 else "user", text) for n, text in enumerate(texts)]
    return studio.library.add(who, title, turns)


def said(studio, who, made):
    return [(one["turn"], one["text"]) for one in remarks.look(studio, Looking(persona=who, id=made))["remarks"]]


def test_a_remark_stands_at_its_line_and_at_no_other_conversation(studio, who):
    mail = add(studio, who, "Mail", "Where do I write?", "To me@example.com or you@example.com.", "Thanks?", "Woof.")
    plain = add(studio, who, "Plain", "Where is it?", "Under the hedge.")
    assert said(studio, who, mail) == [("t1", MAIL)]
    assert said(studio, who, plain) == []


def test_a_rule_of_the_voice_is_said_the_moment_it_is_broken(studio, who):
    sheet = studio.library.character(who)
    studio.library.save_sheet(who, replace(sheet.persona, voice=('Never says "actually".',)), sheet.rev)
    made = add(studio, who, "Word", "Is it?", "It is.")
    assert said(studio, who, made) == []
    turns = [{"id": "t0", "role": "user", "text": "Is it?"}, {"id": "t1", "role": "model", "text": "Actually it is."}]
    assert studio.library.save(made, 1, "a" * 16, "Word", turns)["ok"]
    assert said(studio, who, made) == [("t1", "Line 2 has a word that Biscuit never says. Choose another.")]


def test_of_a_last_line_that_is_being_written_nothing_is_said(studio, who):
    asked, begun, gap = (
        add(studio, who, str(n), *texts)
        for n, texts in enumerate((("Who is there?",), ("And who are you?", ""), ("Hello?", "", "Well?", "Me.")))
    )
    assert said(studio, who, asked) == said(studio, who, begun) == []
    assert said(studio, who, gap) == [("t1", "Line 2 is empty. Fill it, or remove it.")]


def test_what_is_said_of_the_whole_conversation_stands_at_no_line(studio, who):
    first, second = (add(studio, who, "Twin", "Where is the ball?", "Under the hedge.") for _ in range(2))
    told = said(studio, who, first) + said(studio, who, second)
    assert told == [(None, "It appears more than once. Change one, or remove it.")]


def test_silence_is_the_one_of_prepare_and_needs_a_reason(studio, who):
    made = add(studio, who, "Mail", "Where do I write?", "To me@example.com, of course.")
    with pytest.raises(StudioError, match="Write why first"):
        remarks.silence(studio, Silencing(persona=who, check="email", reason=" "))
    assert remarks.silence(studio, Silencing(persona=who, check="email", reason="Made up.")) == {"ok": True}
    assert said(studio, who, made) == []
    assert prepare.consult(studio, who, None, None, who).quieted["choices"] == [("One line holds an e-mail address\nMade up.", "email")]
    assert remarks.hear(studio, Hearing(persona=who, check="email")) == {"ok": True}
    assert said(studio, who, made) == [("t1", MAIL)]


def test_what_has_to_be_mended_can_not_be_silenced(studio, who):
    made = add(studio, who, "Gap", "Hello?", "", "Well?", "Me.")
    (one,) = remarks.look(studio, Looking(persona=who, id=made))["remarks"]
    assert (one["check"], one["silent"]) == ("empty", False)
    with pytest.raises(StudioError, match="can't be silenced"):
        remarks.silence(studio, Silencing(persona=who, check="empty", reason="I like it."))


def test_a_conversation_that_is_gone_has_none_and_a_character_that_is_gone_is_missing(studio, who):
    assert said(studio, who, "gone") == []
    with pytest.raises(NotFound):
        remarks.look(studio, Looking(persona="gone", id="gone"))


def test_prepare_opens_at_the_finding_that_was_asked_for(studio, who):
    add(studio, who, "Mail", "Where do I write?", "To me@example.com, of course.")
    opened, above, which = prepare.open_at(studio, who, None, "email")
    assert (opened, which["value"]) == (who, "email") and "e-mail" not in above
    assert prepare.consult(studio, who, None, which["value"], opened).which["value"] == "email"
