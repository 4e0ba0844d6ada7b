"""A search is ordered with what a lesson would learn from, and read from its folder."""

import json

import pytest

from studio.domain.errors import NotReady
from studio.domain.training import Recipe
from studio.services import searches
from studio.services.library import Library
from tests.tabs import stage

BASE = Recipe(epochs=4, learning_rate=2e-4, warmup_steps=1, max_length=64)


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


def order(studio, who, base=BASE):
    return searches.order(studio.library, studio.models, who, "practice", "balanced", base, 10)


def test_a_search_begins_with_the_recipe_and_holds_the_conversations(studio):
    who = stage.character(studio.library, 30)
    folder = order(studio, who)
    spec = json.loads((folder / "spec.json").read_text("utf-8"))
    assert (spec["kind"], spec["minutes"], spec["recipe"]) == ("search", 10, BASE.to_dict())
    assert spec["begin_with"][0] == {"push": 1.0, "rank": 16, "passes": 4}
    assert len((folder / "dataset.jsonl").read_text("utf-8").splitlines()) == 30
    assert folder in studio.library.job_folders() and studio.library.searches(who) == [folder]
    assert not studio.library.adapters(who), "no lesson is made of it"


def test_with_few_conversations_or_nothing_kept_back_it_is_refused_in_a_sentence(studio):
    few = stage.character(studio.library, 9)
    with pytest.raises(NotReady, match="needs at least 10 conversations"):
        order(studio, few)
    enough = stage.character(studio.library, 12, "Nib")
    with pytest.raises(NotReady, match="Kept back"):
        order(studio, enough, Recipe(validation=0.0, max_length=64))
    assert studio.library.searches(few) == studio.library.searches(enough) == []


def test_a_search_is_read_from_its_folder(studio):
    who = stage.character(studio.library, 30)
    assert searches.newest(studio.library, studio.jobs, who) is None
    folder = order(studio, who)
    assert searches.newest(studio.library, studio.jobs, who) is None, "it was not started"
    stage.searched(folder, ("finished", 2.5, 2e-4), ("running", None, 4e-4))
    found = searches.newest(studio.library, studio.jobs, who)
    assert (found.state, found.minutes, found.base, found.kept_back) == ("interrupted", 10, BASE, 3)
    assert [trial.state for trial in found.trials] == ["finished", "broken"], "nobody is teaching it any more"
    assert (found.phase, found.share) == ("Learning by recipe 2", 0.1)
    stage.searched(folder, ("running", None, 2e-4), alive=True)
    assert searches.newest(studio.library, studio.jobs, who).trials[0].state == "running"
    assert studio.jobs.running() == folder


def test_only_the_search_before_a_new_one_is_kept_and_none_of_anybody_who_is_gone(studio, tmp_path, monkeypatch):
    who, other = (stage.character(studio.library, 30, name) for name in ("Biscuit", "Nib"))
    first, second, theirs = order(studio, who), order(studio, who), order(studio, other)
    third = order(studio, who)
    assert studio.library.searches(who) == [third, second] and not first.exists()
    studio.library.delete(who)
    assert third.is_dir(), "a character in the bin comes back with all it had"
    studio.library.close()
    monkeypatch.setattr("studio.services.library.IN_BIN", -1)  # as if the days had passed
    Library(studio.library.home, tmp_path / "no-examples").close()
    assert not third.exists() and theirs.is_dir()
