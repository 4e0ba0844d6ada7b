"""The fold in Train: a zip goes out with what is chosen, and what comes back is shown as the last lesson."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from studio.domain.errors import BadFile, NotReady
from studio.domain.training import Recipe
from studio.services import elsewhere
from studio.tabs import away, expert, form, lesson, past, train
from tests.services import parcels
from tests.tabs import stage
from tests.tabs.journals import page, visible


@pytest.fixture
def studio(library, tmp_path):
    studio = stage.studio(library, tmp_path)
    parcels.base(studio.models.practice)
    return studio


def brought(studio, who, tmp_path):
    sent = elsewhere.made(studio.library, studio.models, studio.settings, who, "practice", "quick")
    return away.bring_home(studio, str(parcels.packed(sent, tmp_path / "learned.zip")))


def recipe(path):
    return json.loads(zipfile.ZipFile(io.BytesIO(Path(path).read_bytes())).read("lesson/spec.json"))["recipe"]


def test_the_zip_follows_the_pace_or_what_an_expert_wrote(studio):
    who = stage.character(studio.library)
    known, own = form.recipes(studio, who, "practice"), Recipe(epochs=7, max_length=200)
    path = away.pack(studio, who, "practice", "patient", "", *expert.values(known["quick"]))
    assert Path(path).name == "biscuit-lesson.zip" and recipe(path) == known["patient"].to_dict()
    assert recipe(away.pack(studio, who, "practice", "patient", who, *expert.values(own))) == own.to_dict()
    with pytest.raises(NotReady, match="no character yet"):
        away.pack(studio, None, "practice", "quick", "")


def test_what_comes_back_is_the_lesson_on_the_page(studio, tmp_path):
    who = stage.character(studio.library)
    emptied, told, wants_new = brought(studio, who, tmp_path)
    assert (emptied, wants_new) == (None, "") and told["value"].startswith("Biscuit has learned from 12 conversations")
    shown = page(studio, who)
    assert "lesson" in visible(shown) and "Finished in" in shown["head"]["value"]
    assert " here" not in shown["strip"]["value"], "the time and energy of another machine are not told of this one"
    (row,) = past.listing(studio, past.Whose(persona=who))["rows"]
    assert row["differs"] == "on another machine" and row["state"] == "finished"


def test_the_pace_of_another_machine_promises_nothing_here(studio, tmp_path):
    who = stage.character(studio.library)
    brought(studio, who, tmp_path)
    assert form.measured_pace(studio, "practice") is None


def test_what_was_stopped_there_does_not_begin_anew_here(studio, tmp_path):
    who = stage.character(studio.library)
    brought(studio, who, tmp_path)
    with pytest.raises(NotReady, match="safe copies stayed there"):
        train.go_on(studio, who)
    assert studio.jobs.started == []


def test_a_refusal_is_a_sentence_and_no_drop_is_one_too(studio, tmp_path):
    (tmp_path / "learned.zip").write_bytes(b"x")
    with pytest.raises(BadFile, match="not a zip"):
        away.bring_home(studio, str(tmp_path / "learned.zip"))
    with pytest.raises(NotReady, match="Nothing was dropped"):
        away.bring_home(studio, None)
    assert lesson.newest(studio, stage.character(studio.library)) is None
