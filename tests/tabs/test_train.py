"""Train shows a lesson from its folder, starts one, stops one, and sends only what has changed."""

from dataclasses import fields

import gradio as gr
import pytest

from studio.domain.errors import Busy, NotReady, StudioError
from studio.domain.training import Recipe
from studio.tabs import expert, form, lesson, train
from tests.tabs import stage
from tests.tabs.journals import LEARNING, RESULT, event, page, visible


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


# ---------------------------------------------------------------- before
def test_too_few_conversations_say_how_many_there_are(studio):
    shown = page(studio, stage.character(studio.library, 4))
    assert visible(shown) == ["empty"]
    assert shown["needs"]["value"] == "Biscuit needs at least 10 conversations. There are 4."
    assert shown["timer"]["active"] is False


def test_nobody_chosen_shows_nothing(studio):
    assert visible(page(studio, None)) == []


def test_a_written_character_can_be_taught(studio):
    shown = page(studio, stage.character(studio.library))
    assert visible(shown) == ["before"]
    assert shown["title"]["value"] == shown["teach"]["value"] == "Teach Biscuit"
    assert shown["teach"]["visible"] is True
    assert shown["back"]["visible"] is False


def test_the_practice_model_stands_first_and_says_what_it_is_for(studio):
    label, identifier = page(studio, stage.character(studio.library))["model"]["choices"][0]
    assert identifier == "practice"
    assert label.startswith("Practice model\nFor learning the studio, not for real characters. Fits: about ")


def test_a_model_that_is_not_here_can_be_fetched(studio):
    shown = page(studio, stage.character(studio.library), "gemma-3-1b")
    assert (shown["teach"]["visible"], shown["download"]["visible"]) == (False, True)
    assert "the only time the studio goes online" in shown["fetch_words"]["value"]
    train.download(studio, "gemma-3-1b")
    ((kind, folder),) = studio.jobs.started
    assert (kind, folder) == ("fetch", studio.library.model_folder("gemma-3-1b"))
    assert lesson.read_json(folder / "spec.json") == {
        "kind": "fetch",
        "model": "gemma-3-1b",
        "repo": "unsloth/gemma-3-1b-it",
        "revision": "main",
    }


def test_offline_nothing_is_fetched(library, tmp_path):
    studio = stage.studio(library, tmp_path, offline=True)
    assert page(studio, stage.character(library), "gemma-3-1b")["download"]["visible"] is False
    with pytest.raises(StudioError, match="started offline"):
        train.download(studio, "gemma-3-1b")
    assert studio.jobs.started == []


def test_times_are_promised_only_where_they_were_measured(studio):
    who = stage.character(studio.library)
    _, cards, promise = form.form(studio, who, None, "balanced", "")[:3]
    assert [label.split("\n")[0] for label, _ in cards["choices"]] == ["Quick try", "Balanced", "Patient"]
    assert "shows once learning has begun" in promise
    stage.lesson(studio, who, *LEARNING, event("done"), **RESULT)
    _, cards, promise = form.form(studio, who, None, "balanced", "")[:3]
    assert [label.split("\n")[0] for label, _ in cards["choices"]][1] == "Balanced, about five minutes"
    assert "earlier lessons on this computer" in promise


def test_every_field_of_a_recipe_has_its_words_and_nothing_else_does():
    assert list(expert.WORDS) == [field.name for field in fields(Recipe)]


def test_a_preset_fills_the_experts_fields_within_what_the_model_can_read(studio):
    who = stage.character(studio.library)
    values = form.form(studio, who, None, "patient", "")[5:]
    plan = expert.recipe(tuple(values))
    assert (plan.rank, plan.epochs) == (64, 12)
    assert plan.max_length <= 256
    assert form.form(studio, who, None, "patient", who)[5:] == [gr.skip()] * len(expert.WORDS), "what an expert changed stays"


def test_an_empty_or_wild_field_is_named_in_plain_words(studio):
    values = list(Recipe().to_dict().values())
    with pytest.raises(StudioError, match="“Passes” is empty"):
        expert.recipe((None, *values[1:]))
    with pytest.raises(StudioError, match="has to lie between"):
        expert.recipe((0, *values[1:]))


# ---------------------------------------------------------------- starting and stopping
def test_teaching_freezes_the_conversations_and_starts_one_job(studio):
    who = stage.character(studio.library)
    assert train.teach(studio, who, "practice", "quick", who, *Recipe(epochs=2).to_dict().values()) == ""
    ((kind, folder),) = studio.jobs.started
    spec = lesson.read_json(folder / "spec.json")
    assert kind == "train"
    assert (spec["preset"], spec["recipe"]["epochs"], spec["dataset"]["conversations"]) == ("quick", 2, 12)
    assert len((folder / "dataset.jsonl").read_text("utf-8").splitlines()) == 12
    assert len(spec["samples"]) == 3


def test_a_pace_chosen_a_moment_before_counts_although_the_fields_still_show_another(studio):
    who = stage.character(studio.library)
    known = form.recipes(studio, who, "practice")
    train.teach(studio, who, "practice", "quick", "", *expert.values(known["patient"]))
    ((_, folder),) = studio.jobs.started
    assert lesson.read_json(folder / "spec.json")["recipe"] == known["quick"].to_dict() != known["patient"].to_dict()


def test_a_press_before_the_page_has_said_which_model_teaches_the_one_it_is_about_to_say(studio):
    who = stage.character(studio.library)
    assert train.press(studio, [], who, None, "patient", "", *expert.values(Recipe())) == ""
    ((_, folder),) = studio.jobs.started
    spec = lesson.read_json(folder / "spec.json")
    assert spec["model"] == "practice" and spec["recipe"] == form.recipes(studio, who, "practice")["patient"].to_dict()


def test_a_second_press_is_answered_with_a_sentence_and_leaves_no_folder(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, alive=True)
    with pytest.raises(Busy, match="busy with other work"):
        train.teach(studio, who, "practice", "quick", who, *Recipe().to_dict().values())
    assert len(studio.library.adapters(who)) == 1


def test_stop_and_go_on_use_the_same_folder(studio):
    who = stage.character(studio.library)
    folder = stage.lesson(studio, who, *LEARNING, alive=True)
    assert page(studio, who)["stop"] == {"interactive": True, "value": "Stop and keep what is learned"}
    train.stop(studio, who)
    assert (folder / "stop").exists()
    assert page(studio, who)["stop"]["interactive"] is False
    train.go_on(studio, who)
    assert studio.jobs.started == [("train", folder)]


def test_a_lesson_goes_on_after_the_studio_was_moved(studio, tmp_path):
    who = stage.character(studio.library)
    folder = stage.lesson(studio, who, *LEARNING, event("paused", step=30))
    spec = lesson.read_json(folder / "spec.json")
    studio.library.write_json(folder / "spec.json", {**spec, "model_path": str(tmp_path / "an earlier folder" / "practice-model")})
    train.go_on(studio, who)
    assert lesson.read_json(folder / "spec.json") == spec and studio.jobs.started == [("train", folder)]
    studio.library.write_json(folder / "spec.json", {**spec, "model": "gone", "model_path": str(tmp_path / "gone")})
    with pytest.raises(NotReady, match="gone from the disk"):
        train.go_on(studio, who)
    assert studio.jobs.started == [("train", folder)], "nothing else was started"


def test_pause_is_asked_once(studio):
    who = stage.character(studio.library)
    folder = stage.lesson(studio, who, *LEARNING, alive=True)
    assert page(studio, who)["pause"] == {"interactive": True, "value": "Pause"}
    train.pause(studio, who)
    assert (folder / "pause").exists()
    assert page(studio, who)["pause"] == {"interactive": False, "value": "Pausing at the next step"}


def test_what_a_lesson_took_is_one_quiet_line_also_after_a_resume(studio):
    who = stage.character(studio.library)
    counted = {"tokens": 50_000, "energy_wh": 2.0}
    stage.lesson(studio, who, *LEARNING, event("done", step=40), **RESULT, **counted)
    assert "about 13 minutes here and 2 watt-hours" in page(studio, who)["strip"]["value"]
    again = [event("start", steps=40, epochs=8, from_step=20), event("step", step=40, epoch=8.0, loss=1.9), event("done", step=40)]
    stage.lesson(studio, who, *LEARNING, *again, **RESULT, **counted)
    said = page(studio, who)["strip"]["value"]
    assert "4 watt-hours. The same 100,000 tokens" in said, "half of the steps were counted"


def test_there_is_nothing_to_go_on_with_before_the_first_lesson(studio):
    with pytest.raises(NotReady):
        train.go_on(studio, stage.character(studio.library))


def test_the_tab_can_be_built(studio):
    with gr.Blocks():
        persona = gr.Radio([])
        with gr.Tabs():
            assert train.build(studio, persona) is None
