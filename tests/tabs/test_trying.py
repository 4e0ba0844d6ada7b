"""The fold in which several recipes are tried says what was found, and the best is one press from being used."""

import pytest

from studio.domain.errors import Busy, NotReady
from studio.domain.training import Recipe
from studio.services import searches
from studio.tabs import expert, form, lesson, train, trying
from tests.tabs import stage

BASE = Recipe(epochs=4, learning_rate=2e-4, warmup_steps=1, max_length=64)


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


@pytest.fixture
def who(studio):
    return stage.character(studio.library, 30)


def searched(studio, who, *trials, **more):
    folder = searches.order(studio.library, studio.models, who, "practice", "balanced", BASE, 10)
    return stage.searched(folder, *trials, **more)


def shown(studio, who):
    return dict(zip(trying.PARTS, trying.seen(studio, who), strict=True))


def test_a_search_begins_with_the_pace_or_with_what_was_written(studio, who):
    values = expert.values(BASE)
    trying.start(studio, who, "practice", "balanced", "", 10, *values)
    trying.start(studio, who, "practice", "balanced", who, 30, *values)
    (_, by_pace), (kind, by_hand) = studio.jobs.started
    known = form.recipes(studio, who, "practice")["balanced"]
    assert kind == "search"
    assert studio.library.read_json(by_pace / "spec.json", {})["recipe"] == known.to_dict()
    assert studio.library.read_json(by_hand / "spec.json", {})["recipe"] == BASE.to_dict()
    assert studio.library.read_json(by_hand / "spec.json", {})["minutes"] == 30


def test_while_it_runs_it_can_be_stopped_and_no_lesson_is_begun(studio, who):
    folder = searched(studio, who, ("finished", 2.5, 2e-4), ("running", 2.4, 4e-4), alive=True)
    now = shown(studio, who)
    assert now["stop"]["visible"] and now["tick"]["active"] and not now["asked"]["visible"] and not now["use"]["visible"]
    assert "Learning by recipe 2." in now["bar"]["value"] and "learning now" in now["found"]["value"]
    assert trying.opened(studio, who)[0]["open"] is True
    stage.lesson(studio, who, seconds=1.0)
    assert lesson.page(studio, who, "practice", 0, False)["before"]["visible"], "a search is seen although there is an earlier lesson"
    with pytest.raises(Busy):
        train.teach(studio, who, "practice", "balanced", "")
    trying.stop(studio, who)
    assert (folder / "stop").exists() and shown(studio, who)["stop"]["interactive"] is False


def test_the_best_fills_the_form(studio, who):
    searched(studio, who, ("finished", 2.5, 2e-4), ("finished", 2.1, 4e-4), ("behind", 2.9, 1e-4), ended=["done"])
    now = shown(studio, who)
    assert now["use"]["visible"] and not now["tick"]["active"] and not now["on"]["visible"]
    said = now["found"]["value"]
    assert all(f"<td>{rate}</td>" in said for rate in ("0.0002", "0.0004", "0.0001")), "no exponent"
    assert "2.10 instead of 2.50" in said and said.count("<tr>") == 4 and said.count("<path") == 5
    assert "behind the others" in said and said.count("<em>best</em>") == said.count("<em>yours</em>") == 1
    model, edited, _, *values = trying.use(studio, who)
    assert (model, edited) == ("practice", who)
    assert expert.recipe(tuple(values)) == Recipe(**{**BASE.to_dict(), "learning_rate": 4e-4})


def test_when_nothing_is_better_nothing_is_offered(studio, who):
    assert shown(studio, who)["use"]["visible"] is False
    searched(studio, who, ("finished", 2.5, 2e-4), ("finished", 2.6, 4e-4), ended=["done"])
    now = shown(studio, who)
    assert "Nothing better was found." in now["found"]["value"] and not now["use"]["visible"]
    with pytest.raises(NotReady):
        trying.use(studio, who)


def test_an_interrupted_search_goes_on_in_its_own_folder(studio, who):
    folder = searched(studio, who, ("finished", 2.5, 2e-4), ("running", None, 4e-4))
    now = shown(studio, who)
    assert now["on"]["visible"] and "broken off" in now["found"]["value"] and "ended before its time" in now["found"]["value"]
    trying.go_on(studio, who)
    assert studio.jobs.started == [("search", folder)]


def test_the_times_are_told_in_lessons_once_the_computer_is_known(studio, who):
    values = expert.values(BASE)
    assert [label for label, _ in trying.offers(studio, who, "practice", "balanced", "", *values)["choices"]] == ["10 minutes", "30 minutes", "60 minutes"]  # fmt: skip
    stage.lesson(studio, who, seconds=60.0, steps=14)
    labels = [label for label, _ in trying.offers(studio, who, "practice", "balanced", who, *values)["choices"]]
    assert labels == ["10 minutes\nAbout 5 lessons", "30 minutes\nAbout 15 lessons", "60 minutes\nAbout 31 lessons"]
