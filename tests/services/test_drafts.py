"""Drafts: who writes them, that they differ, and that nothing else is stopped or waited for."""

import time
from dataclasses import replace

import pytest

from studio.domain.conversation import Turn
from studio.domain.errors import Busy, NotFound, NotReady
from studio.services.drafts import PRACTICE, Drafts
from studio.services.voice import Voice
from tests.tabs import stage

ASKED = [Turn("0", "user", "Is it dinner?")]


class Speaker:
    """A voice with a list of answers, said word by word; it writes down what it was asked."""

    def __init__(self, *answers):
        self.answers, self.heard, self.said = list(answers), [], []

    def speak(self, model, adapter, turns, system, temperature):
        self.heard.append((model, adapter, [turn.text for turn in turns], system, temperature))
        words = self.answers.pop(0).split()
        for n in range(1, len(words) + 1):
            self.said.append(words[n - 1])
            yield " ".join(words[:n])

    def busy(self):
        return False


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


def drafts(studio, voice):
    return Drafts(studio.library, studio.models, studio.jobs, voice)


def test_before_the_first_lesson_the_plain_model_writes_and_knows_the_sheet(studio):
    who, voice = stage.character(studio.library), Speaker("It is.")
    pen = drafts(studio, voice).pen(who)
    assert pen.adapter is None and "has not learned to talk yet" in pen.about and pen.caution == PRACTICE
    assert drafts(studio, voice).draft(who, ASKED) == "It is."
    assert voice.heard == [(studio.models.path("practice"), None, ["Is it dinner?"], "You are a dog.", 0.8)]


def test_a_character_that_was_taught_writes_as_it_was_taught(studio):
    who, voice = stage.character(studio.library, 30), Speaker("It is.")
    folder = stage.lesson(studio, who, {"kind": "done", "at": 1.0}, finished=time.time())
    sheet = studio.library.character(who)
    studio.library.save_sheet(who, replace(sheet.persona, system="You are a cat."), sheet.rev)
    assert drafts(studio, voice).pen(who).about == "Biscuit writes, as taught last."
    drafts(studio, voice).draft(who, ASKED)
    assert voice.heard[0][1] == folder and voice.heard[0][3] == "You are a dog."


def test_the_same_answer_is_asked_for_again_at_a_higher_temperature(studio):
    who, voice = stage.character(studio.library), Speaker("It is.", "It is.", "Not yet.")
    assert drafts(studio, voice).draft(who, ASKED, ["It is."]) == "Not yet."
    assert [heard[4] for heard in voice.heard] == pytest.approx([0.8, 1.05, 1.3])


def test_where_no_other_answer_comes_a_sentence_says_so(studio):
    with pytest.raises(NotReady, match="No other answer came"):
        drafts(studio, Speaker("", "It is.", "It is.")).draft(stage.character(studio.library), ASKED, ["It is."])


def test_a_stopped_draft_ends_at_the_next_word_and_keeps_what_it_has(studio):
    who, voice = stage.character(studio.library), Speaker("One two three four.")
    table = drafts(studio, voice)
    table.stop("mine")
    assert table.draft(who, ASKED, ticket="mine") == "One"
    assert voice.said == ["One"]
    voice.answers.append("One two three four.")
    assert table.draft(who, ASKED, ticket="another") == "One two three four.", "only the draft of that name"


def test_while_a_lesson_runs_nothing_is_asked(studio):
    who, voice = stage.character(studio.library, 30), Speaker()
    stage.lesson(studio, who, {"kind": "start", "at": 1.0}, alive=True)
    with pytest.raises(Busy, match="A lesson is running"):
        drafts(studio, voice).draft(who, ASKED)
    assert voice.heard == []


def test_while_somebody_else_is_answered_nothing_waits(studio):
    who, voice = stage.character(studio.library), Voice()
    with voice._lock, pytest.raises(Busy, match="Another answer is being spoken"):
        drafts(studio, voice).draft(who, ASKED)


def test_empty_lines_are_not_put_to_the_model(studio):
    voice = Speaker("It is.")
    drafts(studio, voice).draft(stage.character(studio.library), [Turn("0", "model", "  "), *ASKED])
    assert voice.heard[0][2] == ["Is it dinner?"]


def test_without_a_model_it_says_what_to_do(studio, tmp_path):
    who = stage.character(studio.library)
    (tmp_path / "practice-model" / "config.json").unlink()
    with pytest.raises(NotReady, match="can't be used yet"):
        drafts(studio, Speaker()).pen(who)
    with pytest.raises(NotFound):
        drafts(studio, Speaker()).pen("nobody")
