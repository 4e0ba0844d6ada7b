"""Files with one fault each: the certificate has to see every one. A test that can't fail proves nothing."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from gguf import GGUFReader, TokenType

from studio.domain import examination, gemma
from studio.domain.conversation import Turn
from studio.engine.answerer import Answerer
from studio.engine.certifier import Certifier
from tests.engine import tiny
from tests.engine.test_export import made, needs_engine

pytestmark = needs_engine


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    root = tmp_path_factory.mktemp("faults")
    base = tiny.folder(root / "base", "gemma3")
    return base, tiny.adapter(root / "adapter", base, use_rslora=True)


@pytest.fixture(scope="module")
def good(pair, tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    made(folder, pair, "F32", prompts=[])
    return folder / "biscuit-F32.gguf"


@pytest.fixture(scope="module")
def questions(pair):
    app = Answerer(*pair, gemma.GEMMA3, exact=True)
    kept = ((Turn("0", "user", "is it bedtime?"), Turn("1", "model", "the quick brown fox jumps over the puddle by the gate")),)
    return Certifier(app, gemma.GEMMA3, "You are Biscuit.", ("what happens when it rains?",), 512, 8, lambda: None, kept)


def faults(questions, path, kind="F32"):
    """The expert words of the checks that say no."""
    found = questions.examine(path, kind)
    return {check.expert for check in examination.checks(found, None) if check.ok is False}


def edited(good, tmp_path, change):
    path = tmp_path / "faulty.gguf"
    shutil.copy(good, path)
    reader = GGUFReader(path, "r+")
    change(reader)
    reader.data.flush()
    return path


def weight(reader, name):
    return next(tensor for tensor in reader.tensors if tensor.name == name).data


def setting(reader, key, value):
    field = reader.fields[key]
    field.parts[field.data[0]][0] = value


def norms_without_one(reader):
    for tensor in reader.tensors:
        if tensor.name.endswith("norm.weight"):
            tensor.data[:] -= 1


def keys_for_values(reader):
    keys, values = weight(reader, "blk.1.attn_k.weight"), weight(reader, "blk.1.attn_v.weight")
    keys[:], values[:] = values.copy(), keys.copy()


def queries_for_keys(reader):
    keys = weight(reader, "blk.1.attn_k.weight")
    queries = weight(reader, "blk.1.attn_q.weight")
    first = queries[: len(keys)].copy()
    queries[: len(keys)], keys[:] = keys.copy(), first


def wrong_scale(reader):
    for tensor in reader.tensors:
        if "attn_q_norm" in tensor.name:
            tensor.data[:] *= np.float32(2**-0.5)


CHANGES = {
    "norms without 1": norms_without_one,
    "keys and values exchanged in one layer": keys_for_values,
    "queries and keys exchanged in one layer": queries_for_keys,
    "another attention scale": wrong_scale,
    "rope factor forgotten": lambda r: setting(r, "gemma3.rope.scaling.factor", 1.0),
    "local rope base forgotten": lambda r: setting(r, "gemma3.rope.freq_base_swa", 10_000.0),
    "window too wide": lambda r: setting(r, "gemma3.attention.sliding_window", 512),
    "another epsilon": lambda r: setting(r, "gemma3.attention.layer_norm_rms_epsilon", 1e-6),
    "output cap forgotten": lambda r: setting(r, "gemma3.final_logit_softcapping", 30.0),
}


def test_the_good_file_has_no_fault(questions, good):
    assert faults(questions, good) == set()


@pytest.mark.parametrize("name", CHANGES)
def test_other_arithmetic_is_caught(questions, good, tmp_path, name):
    found = questions.examine(edited(good, tmp_path, CHANGES[name]), "F32")
    # Files that round are held to less, and still have to show it; the cap hardly touches the small logits of a tiny model.
    for kind in ("F32",) if name == "output cap forgotten" else ("F32", "F16", "BF16", "Q8_0"):
        assert "logits" in {check.expert for check in examination.checks(replace(found, kind=kind), None) if check.ok is False}, kind


def test_control_tokens_typed_as_letters_are_caught(questions, good, tmp_path):
    def letters(reader):
        field = reader.fields["tokenizer.ggml.token_type"]
        for n in field.data:
            if field.parts[n][0] == TokenType.CONTROL:
                field.parts[n][0] = TokenType.NORMAL

    assert {"token ids", "chat template"} <= faults(questions, edited(good, tmp_path, letters))


def test_a_missing_bos_rule_and_wrong_scores_are_caught(questions, good, tmp_path):
    (tmp_path / "a").mkdir()
    no_bos = edited(good, tmp_path / "a", lambda r: setting(r, "tokenizer.ggml.add_bos_token", 0))
    assert "chat template" in faults(questions, no_bos)

    def flat(reader):
        field = reader.fields["tokenizer.ggml.scores"]
        for n in field.data:
            field.parts[n][0] = 0.0

    assert "token ids" in faults(questions, edited(good, tmp_path, flat))


def test_an_adapter_merged_without_its_scale_is_caught(questions, pair, tmp_path):
    wrong = tmp_path / "adapter"
    shutil.copytree(pair[1], wrong)
    config = json.loads((wrong / "adapter_config.json").read_text("utf-8"))
    (wrong / "adapter_config.json").write_text(json.dumps(config | {"use_rslora": False}), "utf-8")
    made(tmp_path / "out", (pair[0], wrong), "F32", prompts=[])
    assert {"logits", "validation perplexity"} <= faults(questions, tmp_path / "out" / "biscuit-F32.gguf")


def test_another_markup_than_in_training_is_caught(questions, pair, tmp_path):
    other = tmp_path / "adapter"
    shutil.copytree(pair[1], other)
    (other / "chat_template.jinja").write_text(
        "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}", "utf-8"
    )
    made(tmp_path / "out", (pair[0], other), "F32", prompts=[])
    assert "chat template" in faults(questions, tmp_path / "out" / "biscuit-F32.gguf")


TURNS = "{% for m in messages if m['role'] != 'system' %}<start_of_turn>{{ 'user' if m['role'] == 'user' else 'model' }}\n{{ m['content'] }}<end_of_turn>\n{% endfor %}<start_of_turn>model\n"


@pytest.mark.parametrize(
    ("template", "bos"),
    [(TURNS, "none"), ("{{ bos_token }}{{ bos_token }}" + TURNS, "two"), ("{{ bos_token }}" + TURNS, "one")],
    ids=["no beginning", "two beginnings", "the scene left out"],
)
def test_beginnings_are_counted_and_a_lost_scene_is_seen(questions, pair, tmp_path, template, bos):
    other = tmp_path / "adapter"
    shutil.copytree(pair[1], other)
    (other / "chat_template.jinja").write_text(template, "utf-8")
    made(tmp_path / "out", (pair[0], other), "F32", prompts=[])
    found = questions.examine(tmp_path / "out" / "biscuit-F32.gguf", "F32")
    assert found.folded[0] == 0
    assert dict(zip(("none", "one", "two"), found.begun, strict=True))[bos] >= found.speakers[1]
    assert examination.checks(found, None)[1].ok is False
