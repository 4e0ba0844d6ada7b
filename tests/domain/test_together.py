"""A lesson for several characters, as each of them sees it."""

import json

import pytest

from studio.domain import dataset, together
from studio.domain.conversation import Conversation, Turn
from studio.domain.errors import NotReady
from studio.domain.persona import Persona

NIB, MARLOW = Persona("Nib", system="You are a small dog."), Persona("Marlow", system="You keep a lighthouse.")
SPEC = {
    "persona_id": "n", "name": "Nib", "persona": NIB.to_dict(), "samples": ["Hello!"], "dataset": {"sha256": "x", "conversations": 30, "train": 27, "validation": 3},
    "company": [
        {"persona_id": "n", "name": "Nib", "persona": NIB.to_dict(), "samples": ["Hello!"], "dataset": {"conversations": 10, "train": 9, "validation": 1}},
        {"persona_id": "m", "name": "Marlow", "persona": MARLOW.to_dict(), "samples": ["Who are you?"], "dataset": {"conversations": 20, "train": 18, "validation": 2}},
    ],
}  # fmt: skip
EVENTS = [
    {"kind": "evaluation", "step": 0, "loss": 3.0, "each": {"n": 2.0, "m": 4.0}},
    {"kind": "sample", "step": 0, "persona": "n", "prompt": "Hello!", "text": "Woof."},
    {"kind": "sample", "step": 0, "persona": "m", "prompt": "Hello!", "text": "Ahoy."},
    {"kind": "step", "step": 1, "loss": 2.9},
    {"kind": "evaluation", "step": 4, "loss": 2.0, "each": {"n": 1.5, "m": 2.5}},
]


def test_characters_that_texts_tell_apart_may_learn_together():
    together.check([NIB, MARLOW])


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (Persona("Marlow", system="You are  a small dog.\n"), "Nib and Marlow have the same text"),
        (Persona("Marlow"), "Marlow has no text"),
    ],
)
def test_characters_that_nothing_tells_apart_are_refused_by_name(other, sentence):
    with pytest.raises(NotReady, match=sentence):
        together.check([NIB, other])


def test_each_sees_its_own_sheet_lines_counts_and_figures():
    seen = together.seen_by(SPEC, "m")
    assert (seen["name"], seen["samples"], seen["persona"]["system"]) == ("Marlow", ["Who are you?"], MARLOW.system)
    assert seen["dataset"] == {"sha256": "x", "conversations": 20, "train": 18, "validation": 2}
    assert together.company(together.beside(SPEC, "m")) == "with Nib"
    assert together.result_of({"steps": 4, "each": {"m": {"validation_nll_base": 4.0}}}, "m")["validation_nll_base"] == 4.0


def test_answers_are_told_apart_and_losses_are_own_where_they_are_asked_for():
    assert [e["text"] for e in together.heard_by(EVENTS, "m") if e["kind"] == "sample"] == ["Ahoy."]
    assert [e["loss"] for e in together.heard_by(EVENTS, "m") if e["kind"] == "evaluation"] == [3.0, 2.0]
    assert [e["loss"] for e in together.measured_on(EVENTS, "m") if e["kind"] == "evaluation"] == [4.0, 2.5]


def test_the_sentence_names_everybody_with_what_was_measured():
    assert together.told(SPEC, []) == "Nib and Marlow learn together."
    said = together.told(SPEC, EVENTS)
    assert "Nib 1.50, before learning 2.00; Marlow 2.50, before learning 4.00." in said
    assert together.told({**SPEC, "company": []}, EVENTS) == ""


def test_names_are_listed_as_people_say_them():
    assert together.listed(["Nib", "Marlow", "Quillfeather"]) == "Nib, Marlow and Quillfeather"
    assert together.company(()) == ""


def test_a_snapshot_says_whose_each_conversation_is_and_gives_each_its_own():
    def said(name):
        return Conversation(name, name, (Turn("a", "user", f"{name}?"), Turn("b", "model", f"{name}.")))

    parts = dataset.joined([dataset.Split((said("n1"), said("n2")), (said("n3"),)), dataset.Split((said("m1"),), (said("m2"),))])
    whose = {name: ("n", NIB.system) if name[0] == "n" else ("m", MARLOW.system) for name in ("n1", "n2", "n3", "m1", "m2")}
    text = dataset.snapshot(parts, whose=whose)
    assert {row["system"] for row in map(json.loads, text.splitlines()) if row["persona"] == "m"} == {MARLOW.system}
    own = dataset.from_snapshot(text, "m")
    assert [c.id for c in (*own.train, *own.validation)] == ["m1", "m2"]
    assert dataset.whose(text) == whose
    assert dataset.whose(dataset.snapshot(parts)) == {} and len(dataset.from_snapshot(dataset.snapshot(parts), "m").train) == 3
