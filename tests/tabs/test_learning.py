"""What Train shows of a lesson that runs or has run, read from its folder."""

import time
from dataclasses import replace

import gradio as gr
import pytest

from studio.domain.training import Recipe
from studio.tabs import lesson, pictures, train
from tests.tabs import stage
from tests.tabs.journals import LEARNING, NOW, RESULT, event, heard, page, visible


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


# ---------------------------------------------------------------- during
def test_a_running_lesson_tells_time_pass_and_reading(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, alive=True)
    shown = page(studio, who)
    assert visible(shown) == ["lesson"]
    assert shown["timer"]["active"] is True
    assert "<h1>Learning. 25 seconds left.</h1>" in shown["head"]["value"]
    assert "Pass 7 of 8" in shown["bar"]["value"]
    assert "Going well." in shown["chart"]["value"]
    assert "120 conversations a minute" in shown["strip"]["value"]
    assert "1.9 GB" in shown["strip"]["value"]
    assert (shown["running"]["visible"], shown["broken"]["visible"], shown["more"]["visible"]) == (True, False, False)


def test_the_voice_arrives_from_before_to_now(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, alive=True)
    shown = page(studio, who, question=1)
    takes = [(shown[n]["label"], shown[n]["value"]) for n in ("t0", "t1", "t2", "t3") if shown[n]["visible"]]
    assert takes == [
        ("Before learning", "Rain is water."),
        ("After pass 3", "Rain wakes the smells."),
        ("Pass 6, just now", "Rain is the SKY."),
    ]
    assert shown["ask"]["value"] != page(studio, who, question=0)["ask"]["value"]


def test_a_lesson_that_is_only_waking_up_says_its_phase(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, event("phase", text="Reading the model"), alive=True)
    shown = page(studio, who)
    assert "<h1>Getting ready.</h1>" in shown["head"]["value"]
    assert shown["words"] == {"value": "Reading the model.", "visible": True}
    assert shown["takes"]["visible"] is False


def test_nothing_is_sent_twice(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, alive=True)
    *first, shown = train.watch(studio, who, "practice", 0, "", {})
    assert len(first) == len(lesson.PARTS)
    *second, again = train.watch(studio, who, "practice", 0, "", shown)
    assert second == [gr.skip()] * len(lesson.PARTS)
    assert again == shown


def test_after_a_reload_everything_comes_back_from_the_disk(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, alive=True)
    first, reloaded = (train.watch(studio, who, None, 0, "", {})[:-1] for _ in range(2))
    assert first == reloaded


def test_another_characters_lesson_does_not_tick_here(studio):
    stage.lesson(studio, stage.character(studio.library), *LEARNING, alive=True)
    shown = page(studio, stage.character(studio.library, name="Marlow"))
    assert visible(shown) == ["before"]
    assert shown["timer"]["active"] is False


# ---------------------------------------------------------------- after
def test_first_words_are_those_of_the_version_that_was_kept(studio):
    who = stage.character(studio.library)
    late = [event("evaluation", step=40, epoch=8.0, loss=2.5), *heard(40, 8.0, "Rain rain rain rain.")]
    stage.lesson(studio, who, *LEARNING, *late, event("done", step=40, best_step=30), **RESULT)
    shown = page(studio, who)
    assert visible(shown) == ["debut", "lesson"]
    assert shown["first"]["value"] == shown["t3"]["value"] == "Rain is the SKY."
    assert shown["t3"]["label"] == "After pass 6, kept"
    assert shown["summary"]["value"] == "Biscuit has learned from 11 conversations, and answered one new one in the same voice."
    assert "Finished in about 13 minutes." in shown["head"]["value"]
    assert shown["kicker"]["value"] == f'<p class="kicker">First words, {time.strftime("%H:%M", time.localtime(NOW))}</p>'
    assert shown["timer"]["active"] is False


def test_a_lesson_that_ended_early_says_so_and_fills_no_bar_it_did_not_earn(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, event("done", step=30, best_step=30), **RESULT)
    shown = page(studio, who)
    assert "so learning ended in pass 7." in shown["head"]["value"] and "The best version was kept." in shown["head"]["value"]
    assert 'aria-valuenow="75"' in shown["bar"]["value"]
    again = stage.character(studio.library, name="Marlow")
    stage.lesson(studio, again, *LEARNING, event("done", step=40, best_step=30), **RESULT)
    assert "ended in" not in page(studio, again)["head"]["value"] and 'aria-valuenow="100"' in page(studio, again)["bar"]["value"]


def test_the_same_voice_is_claimed_only_where_it_was_measured(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, event("done"), **{**RESULT, "validation_nll_adapter": 3.2})
    assert page(studio, who)["summary"]["value"] == "Biscuit has learned from 11 conversations."


def test_a_stopped_lesson_can_go_on(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, event("stopped", step=30), **RESULT)
    shown = page(studio, who)
    assert "Learning stopped at pass 7. What was learned is kept." in shown["head"]["value"]
    assert shown["broken"]["visible"] is True


def test_a_paused_lesson_says_so_and_can_go_on(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, event("paused", step=30))
    shown = page(studio, who)
    assert "<h1>Paused.</h1>" in shown["head"]["value"] and "Pass 7 of 8 waits for you, at step 30 of 40." in shown["head"]["value"]
    assert (shown["broken"]["visible"], shown["on"]["value"]) == (True, "Go on")
    assert shown["timer"]["active"] is False


def test_what_the_lesson_notes_is_shown_while_it_runs(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, event("note", text="Memory ran short. Going on in smaller steps (2 of 4)."), alive=True)
    assert page(studio, who)["words"] == {"value": "Memory ran short. Going on in smaller steps (2 of 4).", "visible": True}


def test_all_the_curves_are_drawn_from_the_journal(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, alive=True)
    drawn = page(studio, who)["curves"]["value"]
    assert drawn.count("<figure") == 3, "surprise, speed and memory: nothing else was measured"
    assert "nan" not in drawn


def test_the_writers_own_lines_are_asked_before_any_other(studio):
    who = stage.character(studio.library)
    character = studio.library.character(who)
    studio.library.save_sheet(who, replace(character.persona, audition=("Do you like rain?", "Good night.")), character.rev)
    train.teach(studio, who, "practice", "quick", who, *Recipe(epochs=2).to_dict().values())
    ((_, folder),) = studio.jobs.started
    assert lesson.read_json(folder / "spec.json")["samples"] == ["Do you like rain?", "Good night."]


def test_a_lesson_stopped_before_anything_was_worth_keeping_does_not_claim_otherwise(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING[:1], event("stopped"))
    shown = page(studio, who)
    assert "What was learned is kept" not in shown["head"]["value"]
    assert visible(shown) == ["lesson"]


def test_a_failed_lesson_says_why(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, event("failed", message="The disk is full. Nothing you wrote is touched."))
    shown = page(studio, who)
    assert "<h1>Learning stopped at pass 7.</h1>" in shown["head"]["value"]
    assert shown["words"] == {"value": "The disk is full. Nothing you wrote is touched.", "visible": True}


def test_a_killed_lesson_is_interrupted_and_can_go_on(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING)
    shown = page(studio, who)
    assert shown["broken"]["visible"] is True
    assert "safe copy" in shown["words"]["value"]


def test_starting_over_shows_the_choices_and_the_way_back(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, event("done"), **RESULT)
    shown = page(studio, who, fresh=train.fresh(who) == who)
    assert visible(shown) == ["before"]
    assert shown["back"]["visible"] is True


def test_nothing_a_person_or_a_model_said_reaches_html(studio):
    hostile = "<img src=x onerror=alert(1)>${1+1}"
    who = stage.character(studio.library, name="<b>${7*7}</b>")
    events = [{**e, "text": hostile} if e["kind"] == "sample" else e for e in LEARNING]
    stage.lesson(studio, who, *events, event("done"), **RESULT)
    shown = page(studio, who)
    assert shown["first"]["value"] == hostile, "text stays text"
    for part in ("head", "bar", "chart", "curves", "strip", "picture", "kicker"):
        assert "onerror" not in shown[part]["value"]
        assert "${" not in shown[part]["value"]


# ---------------------------------------------------------------- pictures
def test_a_curve_without_numbers_is_an_empty_frame():
    assert "<path" not in pictures.curve((), (), 0, 0, None)
    assert "<path" not in pictures.curve((), ((0, float("nan")),), 10, 2, 0)


def test_a_curve_marks_the_newest_and_the_best():
    drawn = pictures.curve(((1, 3.0), (20, 1.0)), ((0, 3.0), (10, 2.0), (20, 2.5)), 20, 2, 10)
    assert drawn.count('class="dot"') == 1
    assert 'class="best" style="left:50.00%' in drawn
    assert "nan" not in drawn


def test_a_flat_curve_looks_flat():
    drawn = pictures.curve((), ((0, 2.0), (10, 2.001)), 10, 1, 0)
    heights = [float(point.split(",")[1]) for point in drawn.split('class="kept" d="M')[1].split('"')[0].split("L")]
    assert abs(heights[0] - heights[1]) < 2


@pytest.mark.parametrize(
    ("epoch", "epochs", "words"), [(0, 4, "Pass 1 of 4"), (2.5, 4, "Pass 3 of 4"), (9.2, 40, "Pass 10 of 40"), (0, 0, "Pass 1 of 1")]
)
def test_the_passes_bar_names_the_pass(epoch, epochs, words):
    assert words in pictures.passes(epoch, epochs)


@pytest.mark.parametrize("words", [[], [0], [5], [5, 5, 5], [1, 1000], list(range(100))])
def test_lengths_of_any_kind_can_be_drawn(words):
    assert pictures.lengths(words).count("<rect") <= pictures.BARS


def test_many_points_become_means():
    assert pictures.thin([(n, float(n % 2)) for n in range(100)], 10) == [(9 + 10 * n, 0.5) for n in range(10)]
