"""Two characters learn in one lesson, each under its own text, and are measured apart."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch

from studio.domain import dataset, together
from studio.domain.conversation import Conversation, Turn
from studio.engine import loader, material
from studio.engine.evaluator import surprise
from studio.engine.reporter import Reporter
from tests.engine import classroom, tiny

TEXTS = {"pip": "You are Pip, a snail who counts everything.", "nib": "You are Nib, a small dog who barks at the rain."}
REPLIES = {"pip": "I saw {n} leaves and one wet stone.", "nib": "Woof! I bark at the rain in the garden, {n} times."}


def talks(who, first, count):
    return tuple(
        Conversation(
            f"{who}{n}", f"{who} {n}", (Turn("a", "user", f"What did you see on day {n}?"), Turn("b", "model", REPLIES[who].format(n=n)))
        )
        for n in range(first, first + count)
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.folder(tmp_path_factory.mktemp("model"), "gemma3", torch.float32)


def lay_out(folder, model, members, **changes):
    """A lesson's folder for these characters."""
    folder.mkdir(parents=True)
    own = {who: dataset.Split(talks(who, 0, 8), talks(who, 100, 2)) for who in members}
    parts = dataset.joined(own.values())
    whose = {c.id: (who, TEXTS[who]) for who in members for c in (*own[who].train, *own[who].validation)}
    text = dataset.snapshot(parts, whose=whose if len(members) > 1 else None)
    company = [
        {"persona_id": who, "name": who.title(), "persona": {"name": who.title(), "system": TEXTS[who]}, "samples": ["Hello!"]}
        for who in members
    ]
    recipe = replace(classroom.RECIPE, epochs=1, **changes)
    spec = {
        "kind": "train", **company[0], "model": "practice", "model_path": str(model), "recipe": recipe.to_dict(), "company": company if len(members) > 1 else [],
        "dataset": {"sha256": hashlib.sha256(text.encode()).hexdigest(), "train": len(parts.train), "validation": len(parts.validation)},
    }  # fmt: skip
    (folder / "dataset.jsonl").write_text(text, "utf-8")
    (folder / "spec.json").write_text(json.dumps(spec), "utf-8")
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory, model):
    return classroom.teach(lay_out(tmp_path_factory.mktemp("lessons") / "shared", model, ["pip", "nib"]))


def test_every_row_stands_under_the_text_of_its_own_character(tmp_path, model):
    folder = lay_out(tmp_path / "lesson", model, ["pip", "nib"])
    lesson = material.prepare(folder, Reporter(folder))
    for source in (*lesson.train, *lesson.validation):
        text = lesson.tokenizer.decode(source.row.ids)
        assert {who for who in TEXTS if TEXTS[who] in text} == {source.persona} == {source.identifier.rstrip("0123456789")}


def test_each_is_measured_and_heard_apart(shared):
    looks = classroom.journal(shared, "evaluation")
    assert len(looks) == 2 and all(set(look["each"]) == set(TEXTS) for look in looks)
    assert all(min(look["each"].values()) < look["loss"] < max(look["each"].values()) for look in looks)
    heard = [(take["persona"], take["step"]) for take in classroom.journal(shared, "sample")]
    assert set(heard) == {(who, look["step"]) for who in TEXTS for look in looks}
    result = json.loads((shared / "result.json").read_text("utf-8"))
    for who in TEXTS:
        own = together.result_of(result, who)
        assert own["validation_nll_base"] == looks[0]["each"][who] > own["validation_nll_adapter"]
        assert (own["train_examples"], own["validation_examples"]) == (8, 2)
    assert result["train_examples"] == 16


def test_what_is_told_of_each_is_what_a_lesson_of_its_own_would_tell(tmp_path, model, shared):
    before, plain = classroom.journal(shared, "evaluation")[0]["each"], loader.model(model)
    for who in TEXTS:
        folder = lay_out(tmp_path / who, model, [who])
        lesson = material.prepare(folder, Reporter(folder))
        assert surprise(plain, material.cut(lesson.validation, 256)) == pytest.approx(before[who], abs=1e-5)


def test_a_lesson_for_several_goes_on_after_a_pause_with_all_its_figures(tmp_path, model, shared):
    folder = lay_out(tmp_path / "lesson", model, ["pip", "nib"])

    def rest():
        if len(classroom.losses(folder)) == 1:
            (folder / "pause").touch()

    with classroom.at_each_forward(rest):
        classroom.teach(folder)
    classroom.teach(folder)
    each = [json.loads((at / "result.json").read_text("utf-8"))["each"] for at in (folder, shared)]
    assert each[0] == each[1] and classroom.adapter(folder) == classroom.adapter(shared)
