"""Train shows a lesson from its folder, starts one, stops one, and sends only what has changed."""

import time
from dataclasses import fields

import gradio as gr
import pytest

from studio.domain.errors import Busy, NotReady, StudioError
from studio.domain.training import Recipe
from studio.tabs import expert, form, lesson, pictures, train
from tests.tabs import stage

NOW = time.time()


def event(kind, at=0.0, **facts):
    return {"kind": kind, "at": NOW + at, **facts}


def heard(step, epoch, text):
    return [event("sample", step=step, epoch=epoch, prompt=f"Question {n}?", text=text) for n in range(12)]


LEARNING = [
    event("phase", -70, text="Listening to the plain model"),
    event("evaluation", -65, step=0, epoch=0.0, loss=3.0),
    *heard(0, 0.0, "Rain is water."),
    event("phase", -61, text="Learning"),
    event("start", -60, steps=40, epochs=8, from_step=0),
    *(event("step", -60 + 2 * n, step=n, epoch=n / 5, loss=3 - n / 30, tokens_per_second=400.0, memory_mb=1900) for n in range(1, 31)),
    event("evaluation", -30, step=15, epoch=3.0, loss=2.2),
    *heard(15, 3.0, "Rain wakes the smells."),
    event("evaluation", -1, step=30, epoch=6.0, loss=2.0),
    *heard(30, 6.0, "Rain is the SKY."),
    event("saved", -1, step=30),
]
RESULT = {
    "seconds": 780.0,
    "steps": 40,
    "best_step": 30,
    "tokens_per_second": 400.0,
    "peak_rss_mb": 1900,
    "validation_nll_base": 3.0,
    "validation_nll_adapter": 2.0,
}


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


def page(studio, who, model="practice", question=0, fresh=False):
    return lesson.page(studio, who, model, question, fresh)


def visible(shown):
    return [part for part in ("empty", "before", "debut", "lesson") if shown[part]["visible"]]


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
    assert train.teach(studio, who, "practice", "quick", *Recipe(epochs=2).to_dict().values()) == ""
    ((kind, folder),) = studio.jobs.started
    spec = lesson.read_json(folder / "spec.json")
    assert kind == "train"
    assert (spec["preset"], spec["recipe"]["epochs"], spec["dataset"]["conversations"]) == ("quick", 2, 12)
    assert len((folder / "dataset.jsonl").read_text("utf-8").splitlines()) == 12
    assert len(spec["samples"]) == 3


def test_a_second_press_is_answered_with_a_sentence_and_leaves_no_folder(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, alive=True)
    with pytest.raises(Busy, match="busy with other work"):
        train.teach(studio, who, "practice", "quick", *Recipe().to_dict().values())
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


def test_there_is_nothing_to_go_on_with_before_the_first_lesson(studio):
    with pytest.raises(NotReady):
        train.go_on(studio, stage.character(studio.library))


# ---------------------------------------------------------------- during
def test_a_running_lesson_tells_time_pass_and_reading(studio):
    who = stage.character(studio.library)
    stage.lesson(studio, who, *LEARNING, alive=True)
    shown = page(studio, who)
    assert visible(shown) == ["lesson"]
    assert shown["timer"]["active"] is True
    assert "<h1>Learning. 20 seconds left.</h1>" in shown["head"]["value"]
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
    for part in ("head", "bar", "chart", "strip", "picture", "kicker"):
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


def test_the_tab_can_be_built(studio):
    with gr.Blocks():
        persona = gr.Radio([])
        with gr.Tabs():
            assert train.build(studio, persona) is None
