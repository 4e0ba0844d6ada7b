"""A lesson that goes on from an earlier one reads what is new, enough of the old, and never what was kept back."""

import json

import pytest

from studio.domain import dataset
from studio.domain.conversation import Turn
from studio.domain.errors import NotReady
from studio.domain.replay import START
from studio.services import continuations
from tests.tabs import stage


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


@pytest.fixture
def taught(studio):
    """A character with forty conversations and a lesson that has learned them."""
    who = stage.character(studio.library, 40)
    folder = stage.lesson(studio, who, seconds=1.0)
    (folder / "adapter_config.json").write_text('{"r": 8}')
    return who, folder


def write(studio, who, *names):
    for name in names:
        studio.library.add(who, name, [Turn("a", "user", f"And {name}?"), Turn("b", "model", f"Oh, {name}.")])


def order(studio, who, old, everything=False):
    folder = continuations.order(studio.library, studio.models, who, old, everything)
    parts = dataset.from_snapshot((folder / "dataset.jsonl").read_text("utf-8"))
    return folder, json.loads((folder / "spec.json").read_text("utf-8")), parts


def titles(conversations):
    return {c.title for c in conversations}


def test_only_what_is_new_and_a_share_of_the_old_is_read(studio, taught):
    who, old = taught
    write(studio, who, "snow", "hail")
    folder, spec, parts = order(studio, who, old)
    assert {"snow", "hail"} <= titles(parts.train)
    assert len(parts.train) == 2 + 10 and spec["dataset"]["replayed"] == 10
    fresh = [json.loads(line) for line in (folder / "dataset.jsonl").read_text("utf-8").splitlines()]
    assert {row["title"] for row in fresh if row.get("new")} == {"snow", "hail"}
    assert (spec["continues"], spec["dataset"]["new"]) == (old.name, 2)
    assert (folder / START / "adapter_model.safetensors").read_bytes() == b"weights"


def test_what_was_kept_back_stays_kept_back(studio, taught):
    who, old = taught
    held = titles(dataset.from_snapshot((old / "dataset.jsonl").read_text("utf-8")).validation)
    write(studio, who, *(f"new {n}" for n in range(30)))
    for everything in (False, True):
        _, _, parts = order(studio, who, old, everything)
        assert held <= titles(parts.validation) and not held & titles(parts.train)


def test_with_all_every_conversation_is_read(studio, taught):
    who, old = taught
    write(studio, who, "snow")
    _, spec, parts = order(studio, who, old, everything=True)
    assert len(parts.train) + len(parts.validation) == 41 == spec["dataset"]["conversations"]


def test_a_changed_conversation_is_new(studio, taught):
    who, old = taught
    first = studio.library.conversations(who)[0]
    kept_back = {c.id for c in dataset.from_snapshot((old / "dataset.jsonl").read_text("utf-8")).validation}
    chosen = next(c for c in studio.library.conversations(who) if c.id not in kept_back)
    assert first
    studio.library.remove(chosen.id)
    write(studio, who, chosen.title)
    _, spec, parts = order(studio, who, old)
    assert spec["dataset"]["new"] == 1 and chosen.title in titles(parts.train)


def test_what_the_first_lesson_saw_is_not_new_to_the_third(studio, taught):
    who, old = taught
    write(studio, who, "snow")
    second, *_ = order(studio, who, old)
    (second / "adapter_model.safetensors").write_bytes(b"weights")
    (second / "adapter_config.json").write_text("{}")
    with pytest.raises(NotReady, match="nothing new"):
        order(studio, who, second)
    write(studio, who, "hail")
    _, spec, _ = order(studio, who, second)
    assert spec["dataset"]["new"] == 1


def test_there_has_to_be_something_to_go_on_from(studio, taught):
    who, old = taught
    with pytest.raises(NotReady, match="nothing new"):
        order(studio, who, old)
    (old / "adapter_model.safetensors").unlink()
    with pytest.raises(NotReady, match="kept nothing"):
        order(studio, who, old)
    assert len(studio.library.adapters(who)) == 1, "no empty folder is left"
