"""A lesson for several characters is ordered once, seen by each as its own, and let go by each alone."""

import json
import time

import pytest

from studio.domain import dataset
from studio.domain.conversation import Turn
from studio.domain.errors import NotReady
from studio.domain.persona import Persona
from studio.services import adapters, continuations, orders, runs
from studio.services.library import IN_BIN, Library
from tests.tabs import stage


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


def character(library, name, system, count=12, lines=()):
    who = library.create(Persona(name, visitor="Mia", system=system, audition=lines))
    for n in range(count):
        library.add(who, f"{name} {n}", [Turn("a", "user", f"Question {n}?"), Turn("b", "model", f"{name} says {n}.")])
    return who


@pytest.fixture
def cast(library):
    return character(library, "Nib", "You are a dog.", 20), character(library, "Marlow", "You keep a lighthouse.", 40, ("Who are you?",))


def order(studio, first, *others):
    recipe = orders.recipe_for(studio.library, studio.models, first, "practice", "quick", others)
    return orders.order_lesson(studio.library, studio.models, first, "practice", "quick", recipe, others)


def taught(studio, first, *others):
    """A finished lesson for these."""
    folder, at = order(studio, first, *others), time.time()
    each = ({first: 2.0, others[0]: 4.0}, {first: 1.9, others[0]: 1.0}, {first: 1.0, others[0]: 3.0})
    looks = [{"kind": "evaluation", "at": at, "step": n, "epoch": float(n), "loss": loss, "each": e} for n, (loss, e) in enumerate(zip((3.0, 1.5, 2.0), each, strict=True))]  # fmt: skip
    said = [{"kind": "sample", "at": at, "step": 1, "epoch": 1.0, "persona": others[0], "prompt": "Who are you?", "text": "The keeper."}]
    events = [
        looks[0],
        {"kind": "start", "at": at, "steps": 2, "epochs": 2, "from_step": 0},
        looks[1],
        *said,
        looks[2],
        {"kind": "done", "at": at},
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    (folder / "child.json").write_text(json.dumps({"pid": 1, "born": 1.0}))
    (folder / "result.json").write_text(json.dumps({"base_model": "practice", "seconds": 5.0, "steps": 2, "best_step": 1}))
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / "adapter_config.json").write_text("{}")
    return folder


def test_the_set_holds_everybody_and_keeps_a_share_of_each_back(studio, cast):
    nib, marlow = cast
    folder = order(studio, nib, marlow)
    text = (folder / "dataset.jsonl").read_text("utf-8")
    own = {who: dataset.from_snapshot(text, who) for who in cast}
    assert [len(own[who].train) + len(own[who].validation) for who in cast] == [20, 40]
    assert [len(own[who].validation) for who in cast] == [2, 4]
    for who in cast:
        alone = dataset.split(orders.teachable(studio.library, who), 0.1, 7)
        assert {c.id for c in own[who].validation} == {c.id for c in alone.validation}, "as in a lesson of its own"
    assert {system for _, system in dataset.whose(text).values()} == {"You are a dog.", "You keep a lighthouse."}
    assert json.loads((folder / "spec.json").read_text("utf-8"))["dataset"]["conversations"] == 60


def test_the_recipe_counts_with_all_of_them(studio, cast):
    alone, both = (orders.material(studio.library, studio.models, cast[0], "practice", others) for others in ((), cast[1:]))
    assert (alone.conversations, both.conversations) == (20, 60)


@pytest.mark.parametrize(("system", "count", "sentence"), [("You are a dog.", 12, "the same text"), ("", 12, "Echo has no text"), ("You are an echo.", 4, "Echo needs at least 10")])  # fmt: skip
def test_who_can_not_learn_along_is_told_why_and_nothing_is_left_behind(studio, cast, system, count, sentence):
    echo = character(studio.library, "Echo", system, count)
    recipe = orders.recipe_for(studio.library, studio.models, cast[0], "practice", "quick")
    with pytest.raises(NotReady, match=sentence):
        orders.order_lesson(studio.library, studio.models, cast[0], "practice", "quick", recipe, (echo,))
    assert studio.library.adapters(cast[0]) == []


def test_each_has_the_lesson_as_its_own_and_is_told_who_else_learned(studio, cast):
    nib, marlow = cast
    folder = taught(studio, nib, marlow)
    (first,), (other,) = (adapters.learned(studio.library, who) for who in cast)
    assert (other.folder, other.system, other.conversations, other.beside) == (folder, "You keep a lighthouse.", 40, ("Nib",))
    assert (first.system, first.beside) == ("You are a dog.", ("Marlow",))
    assert len(adapters.unheard(other, 9)) == 4
    run = runs.runs(studio.library, studio.jobs, marlow)[0]
    assert (run.best_step, run.best_loss, run.beside) == (1, 1.0, ("Nib",)), "its own loss, of the version that is best for all"
    assert run.takes == (("Who are you?", "The keeper."),)
    assert run.unseen == dataset.names(dataset.split(orders.teachable(studio.library, marlow), 0.1, 7).validation)


def test_an_export_and_a_lesson_that_goes_on_are_those_of_the_character_that_asks(studio, cast, tmp_path):
    nib, marlow = cast
    folder = taught(studio, nib, marlow)
    (tmp_path / "practice-model" / "config.json").write_bytes(
        (studio.settings.project / "assets" / "practice-model" / "config.json").read_bytes()
    )
    export = orders.order_export(studio.library, studio.models, folder, "F16", "keeper", marlow)
    spec = json.loads((export / "spec.json").read_text("utf-8"))
    assert (spec["persona_id"], spec["persona"]["system"]) == (marlow, "You keep a lighthouse.")
    studio.library.add(marlow, "new", [Turn("a", "user", "New?"), Turn("b", "model", "New.")])
    on = continuations.order(studio.library, studio.models, marlow, folder, False)
    spec = json.loads((on / "spec.json").read_text("utf-8"))
    assert (spec["persona_id"], spec["name"], spec["dataset"]["new"]) == (marlow, "Marlow", 1) and "company" not in spec
    assert studio.library.adapters(nib) == [folder] and on in studio.library.adapters(marlow)


def test_one_lets_the_lesson_go_and_the_other_keeps_it(studio, cast):
    nib, marlow = cast
    folder = taught(studio, nib, marlow)
    runs.delete(studio.library, studio.jobs, nib, folder.name)
    assert studio.library.adapters(nib) == [] and studio.library.adapters(marlow) == [folder]
    assert [run_id for run_id, *_ in runs.binned(studio.library, nib)] == [folder.name] and runs.binned(studio.library, marlow) == []
    runs.restore(studio.library, nib, folder.name)
    assert studio.library.adapters(nib) == [folder] and runs.binned(studio.library, nib) == []


def test_let_go_by_both_it_comes_back_for_whoever_wants_it(studio, cast):
    nib, marlow = cast
    folder = taught(studio, nib, marlow)
    for who in cast:
        runs.delete(studio.library, studio.jobs, who, folder.name)
    assert not folder.exists() and [len(runs.binned(studio.library, who)) for who in cast] == [1, 1]
    runs.restore(studio.library, nib, folder.name)
    assert studio.library.adapters(nib) == [folder] and studio.library.adapters(marlow) == []
    assert [len(runs.binned(studio.library, who)) for who in cast] == [0, 1]


def test_a_month_in_one_bin_takes_nothing_from_the_other(studio, cast, tmp_path):
    nib, marlow = cast
    folder = taught(studio, nib, marlow)
    studio.library.bin_lesson(folder, time.time() - IN_BIN - 60, nib)
    studio.library.close()
    again = Library(studio.library.home, tmp_path / "no-examples")
    assert runs.binned(again, nib) == [] and again.adapters(nib) == []
    assert again.adapters(marlow) == [folder]
    again.close()
