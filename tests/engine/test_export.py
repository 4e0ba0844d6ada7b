"""Tiny Gemmas with random weights go through the whole export and are measured with the real llama.cpp."""

import hashlib
import json
import os
import shutil

import pytest
import torch
from gguf import GGUFReader
from safetensors.torch import load_file, save_file

from studio.domain import architecture, certificate, sizes
from studio.engine import player, writer
from studio.engine.exporter import export
from studio.engine.merger import Merger
from studio.engine.planner import plan_of
from studio.engine.reporter import Reporter, Stopped
from tests.engine import tiny
from tests.engine.zoo import PROMPTS, ZOO, made, order

needs_engine = pytest.mark.skipif(not (player.present() or os.environ.get("CI")), reason="llama-cpp-python is not installed")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """(model folder, adapter folder) of a variant, made once."""
    root, ready = tmp_path_factory.mktemp("models"), {}

    def find(name):
        if name not in ready:
            ready[name] = ZOO[name].make(root / name)
        return ready[name]

    return find


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@needs_engine
@pytest.mark.parametrize("variant", ZOO)
def test_the_exact_file_computes_what_the_app_computes(models, variant, tmp_path):
    prompts = PROMPTS[: 1 if variant == "gemma3n" else 2]  # its twenty-two layers take their time
    result = made(tmp_path, models(variant), "F32", prompts=prompts)
    assert result["logits"]["nmse"] <= result["logits"]["limit"] == 1e-5
    assert result["tokens"]["matched"] == result["tokens"]["texts"] > 500
    assert result["prompts"]["matched"] == result["prompts"]["prompts"] == 2 * result["prompts"]["folded"]["matched"]
    assert result["prompts"]["bos"] == {"none": 0, "one": 2 * result["prompts"]["prompts"], "two": 0}
    assert result["character"]["perplexity_file"] == pytest.approx(result["character"]["perplexity_app"], rel=1e-3)
    ok = {check["title"]: check["ok"] for check in result["checks"]}
    assert list(ok) == [title for title, _ in certificate.TITLES[: certificate.OLLAMA]]
    assert ok.pop(certificate.TITLES[certificate.STOP][0]) in (True, None)  # random weights may never end an answer
    # Word for word, but where random weights find two words equally likely: then the last digit chooses, on each processor in its own way.
    parted = [answer for answer in result["answers"] if (answer["app"], answer["ended"]) != (answer["file"], answer["stopped"])]
    assert all(answer["tie"] for answer in parted)
    assert ok.pop(certificate.TITLES[certificate.ANSWERS][0]) is (None if parted else True)
    assert set(ok.values()) == {True}
    assert [answer["prompt"] for answer in result["answers"]] == prompts
    assert hashlib.sha256((tmp_path / result["file"]).read_bytes()).hexdigest() == result["sha256"]
    assert (tmp_path / "biscuit-F32.gguf").stat().st_size == result["bytes"]
    assert "FROM ./biscuit-F32.gguf" in (tmp_path / "Modelfile").read_text("utf-8")


def as_google_keeps_it(base, into, rows):
    """The same model inside one that also sees: keys and values for layers that use none, and a short table of what layers are told."""
    config = json.loads((base / "config.json").read_text("utf-8"))
    weights = {name: weight for shard in base.glob("*.safetensors") for name, weight in load_file(shard).items()}
    for layer in range(config["num_hidden_layers"] - config["num_kv_shared_layers"], config["num_hidden_layers"]):
        for part in ("k_proj", "v_proj", "k_norm"):
            weights[f"model.layers.{layer}.self_attn.{part}.weight"] = weights[f"model.layers.0.self_attn.{part}.weight"].clone()
    table = "model.embed_tokens_per_layer.weight"
    weights[table] = weights[table][:rows].clone()
    inside = {name.replace("model.", "model.language_model.", 1): weight for name, weight in weights.items()}
    into.mkdir()
    save_file(
        inside | {"model.vision_tower.weight": torch.ones(2, 2), "model.embed_audio.weight": torch.ones(2, 2)}, into / "model.safetensors"
    )
    (into / "config.json").write_text(
        json.dumps({"model_type": config["model_type"].removesuffix("_text"), "text_config": config}), "utf-8"
    )
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(base / name, into / name)
    return into


@pytest.mark.parametrize("family", ["gemma3n", "gemma4"])
def test_a_folder_as_google_keeps_it_gives_the_same_file(models, family, tmp_path):
    base, words = models(family)[0], len(tiny.tokenizer(family))
    rows = words - 5 if family == "gemma3n" else words + 3
    files = []
    for folder in (base, as_google_keeps_it(base, tmp_path / "google", rows)):
        plan, _ = plan_of("Biscuit", folder, None)
        with Merger(folder, None) as merger:
            writer.write(plan, merger, "BF16", tmp_path / "made.gguf", lambda share: None)
        tensors = {tensor.name: tensor.data.copy() for tensor in GGUFReader(tmp_path / "made.gguf").tensors}
        files.append((plan.shape, tensors))
    (shape, ours), (other, google) = files
    assert shape == other and set(ours) == set(google)
    table = "per_layer_token_embd.weight"
    if family == "gemma3n":  # what the table has no row for is told what token 0 is told, as transformers does
        assert (google[table][rows:] == google[table][0]).all() and (google[table][:rows] == ours[table][:rows]).all()
        google[table] = ours[table]
    unread = {f"blk.{n}.{part}.weight" for n in (20, 21) for part in ("attn_k", "attn_v", "attn_k_norm")} if family == "gemma3n" else set()
    assert all((ours[name] == google[name]).all() for name in set(ours) - unread)


@needs_engine
@pytest.mark.parametrize(
    ("kind", "limit"), [("F16", 1e-4), ("BF16", 1e-3), ("Q8_0", 5e-3), ("Q6_K", 5e-3), ("Q5_K_M", 2e-2), ("Q4_K_M", 0.1)]
)
def test_smaller_files_are_measured_and_sized_and_claim_no_more_than_is_true(models, kind, limit, tmp_path):
    result = made(tmp_path, models("gemma2"), kind)
    assert (result["master"]["kind"], result["master"]["nmse"] <= 1e-5) == ("F32", True)
    assert result["logits"]["nmse"] <= min(limit, result["logits"]["limit"])
    assert result["logits"]["kl"] <= result["logits"]["limit_kl"]
    assert result["checks"][certificate.NUMBERS]["ok"] is True
    assert result["character"]["tokens"] > 5
    same = sum(answer["app"] == answer["file"] for answer in result["answers"])
    assert (result["checks"][certificate.ANSWERS]["ok"] is True) == (same == len(PROMPTS))
    shape = architecture.read(json.loads((models("gemma2")[0] / "config.json").read_text("utf-8")))
    # A tiny file is mostly its dictionary and keys, so a few kilobytes are many percent.
    assert abs(sizes.of(shape, len(tiny.tokenizer()), kind) - result["bytes"]) < 8000


@needs_engine
def test_the_plain_model_can_be_exported_too_and_the_terminal_stays_quiet(models, tmp_path, capfd):
    capfd.readouterr()
    assert made(tmp_path, (models("gemma")[0], None), "F32")["logits"]["nmse"] <= 1e-5
    said = capfd.readouterr()
    assert "llama" not in said.err + said.out
    assert "llama" in (tmp_path / "log.txt").read_text("utf-8")


def test_a_stop_leaves_nothing_behind(models, tmp_path):
    folder = order(tmp_path, models("gemma"), "F16")
    reporter = Reporter(folder)
    (folder / "stop").touch()
    (folder / "biscuit-F16.gguf.part").write_bytes(b"left over from a killed run")
    with pytest.raises(Stopped):
        export(folder, reporter)
    assert files(folder) == ["events.jsonl", "log.txt", "spec.json", "stop"]
