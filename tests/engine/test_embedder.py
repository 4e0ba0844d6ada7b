"""EmbeddingGemma as the studio runs it, against a plain computation with transformers."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, Gemma3TextModel

from studio.engine import embedder
from tests.engine import tiny

TEXTS = ["the quick brown fox", "it is bedtime soon. my name is Biscuit and I love the puddle by the gate!", "what happens when it rains?"]


def folder(path):
    """A folder of EmbeddingGemma's shape with random weights."""
    words = tiny.tokenizer()
    torch.manual_seed(3)
    model = Gemma3TextModel(tiny.gemma3_config(len(words), use_bidirectional_attention=True, final_logit_softcapping=None))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(path)
    words.save_pretrained(path)
    for name, shape in (("2_Dense", (160, 64)), ("3_Dense", (64, 160))):
        (path / name).mkdir()
        save_file({"linear.weight": torch.randn(shape) / 8}, path / name / "model.safetensors")
        made = {"in_features": shape[1], "out_features": shape[0], "bias": False, "activation_function": embedder.LINEAR}
        (path / name / "config.json").write_text(json.dumps(made))
    return path


@torch.inference_mode()
def plain(path, text):
    """One text alone, without padding."""
    ids = AutoTokenizer.from_pretrained(path)(embedder.PROMPT + text, return_tensors="pt").input_ids
    model = Gemma3TextModel.from_pretrained(path, dtype=torch.float32).eval()
    mean = model(input_ids=ids).last_hidden_state[0].mean(0)
    for name in ("2_Dense", "3_Dense"):
        mean = load_file(path / name / "model.safetensors")["linear.weight"] @ mean
    return (mean / mean.norm()).numpy()


def test_vectors_are_those_of_a_plain_computation_whatever_stands_beside_them(tmp_path):
    made = embedder.Embedder(folder(tmp_path / "model")).vectors(TEXTS)
    for text, vector in zip(TEXTS, made, strict=True):
        assert np.abs(vector - plain(tmp_path / "model", text)).max() < 1e-5


def test_every_word_is_heard_by_the_words_before_it(tmp_path):
    model = embedder.Embedder(folder(tmp_path / "model"))
    ids = torch.tensor([model._tokenizer("the quick brown fox").input_ids], device=model._device)
    other = ids.clone()
    other[0, -1] += 1
    with torch.inference_mode():
        first, second = (model._model(input_ids=each).last_hidden_state[0, 0] for each in (ids, other))
    assert (first - second).abs().max() > 1e-4


def test_a_model_that_only_looks_back_is_refused(tmp_path):
    path = folder(tmp_path / "model")
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "use_bidirectional_attention": False}))
    with pytest.raises(ValueError, match="only looks back"):
        embedder.Embedder(path)
