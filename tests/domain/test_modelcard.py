"""The card that goes along with a file, and the terms it is handed on under."""

import json

import pytest

from studio.domain import catalogue, licences, modelcard, training
from studio.domain.persona import Persona

SHEET = Persona("Biscuit", description="A six-year-old puppy.", system="You are Biscuit. SECRET").to_dict()
RESULT = {
    "path": "C:\\Users\\Mia\\exports\\biscuit-1\\biscuit-Q8_0.gguf", "quantization": "Q8_0", "bytes": 6_000_000, "logits": {"nmse": 3e-4},
    "checks": [{"title": "It knows when to stop", "sentence": "no run-on replies in 10 tries", "expert": "stop token", "ok": True}],
}  # fmt: skip
LESSON = {
    "dataset": {"conversations": 111, "train": 94, "validation": 17, "sha256": "ab" * 32},
    "recipe": {**training.Recipe().to_dict(), "dora": True},
}


def card(model="gemma-3-1b", folds=True, sheet=SHEET, **changes):
    export = {
        "persona": sheet,
        "model": model,
        "model_path": "/home/mia/models/x",
        "name": "biscuit",
        "file": "Q8_0",
        "adapter": "/home/mia/a",
    }
    return modelcard.written(export, {**RESULT, **changes}, LESSON, {"validation_nll_base": 3.1, "validation_nll_adapter": 2.2}, folds)


def test_it_says_what_it_is_what_it_was_made_of_and_what_was_measured():
    text = card()
    for words in (
        "# Biscuit", "A six-year-old puppy. A character to talk with", "Gemma 3, 1B (google/gemma-3-1b-it), Gemma Terms of Use", "111 conversations, 17 kept back",
        "DoRA, rsLoRA, rank 16, alpha 16, epochs 3, learning rate 0.0002", "3.100, 2.200", "Q8\\_0, 6 MB", "3.0e-04", "✓ It knows when to stop: no run-on replies in 10 tries",
        "ollama create biscuit -f Modelfile\n    ollama run biscuit\n",
    ):  # fmt: skip
        assert words in text


@pytest.mark.parametrize("secret", ["/home", "Users", "Mia", "SECRET"])
def test_nothing_of_the_computer_or_the_conversations_is_in_it(secret):
    assert secret not in card()


@pytest.mark.parametrize("model", [model.id for model in catalogue.MODELS] + ["folder:/home/mia/own"])
def test_every_model_has_its_terms_with_all_they_ask_for(model):
    folds = "gemma-4" not in model
    text, licence = card(model, folds), licences.of(model, folds)
    listed = next((one.licence for one in catalogue.MODELS if one.id == model), "Gemma Terms of Use")
    assert licence.title == {"Apache 2.0": "Apache License 2.0", "see its card": "see PRACTICE-MODEL.md"}.get(listed, listed)
    assert text.startswith(f"---\nlicense: {licence.hub}\n") and ("base_model: google/" in text) == (
        "gemma" in model and "folder" not in model
    )
    notice = licence.notice("Biscuit", "Gemma")
    if licence is licences.GEMMA:
        assert notice.startswith("Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms\n")
        assert "It was changed" in notice and "prohibited_use_policy" in notice and "copy of the Gemma Terms of Use" in text
    assert ("--think=false" in text) == ("gemma-4" in model)


def test_a_name_cannot_break_out_of_its_line():
    text = card(sheet=Persona("Bi<script>\n# `x` | ![y](http://z)", description="---\nlicense: mit").to_dict())
    assert "<script>" not in text and "\n# \\`x" not in text and "![y]" not in text
    assert text.count("\nlicense:") == 1 and text.count("\n---") == 1
    json.dumps(text)


def test_a_file_without_a_lesson_has_a_card_too():
    export = {"persona": SHEET, "model": "practice", "model_path": "x", "name": "robin", "file": "F32", "adapter": None}
    text = modelcard.written(export, {**RESULT, "logits": None}, {}, {}, True)
    assert "Practice model" in text and "Examples" not in text and "Method" not in text
