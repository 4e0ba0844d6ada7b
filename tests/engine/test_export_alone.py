"""What was learned as a file of its own: put onto its model by llama.cpp it speaks as peft does."""

import json

import numpy as np
import pytest
import torch
from gguf import GGUFReader, GGUFWriter
from peft import PeftModel
from transformers import AutoModelForCausalLM

from studio.domain import certificate
from studio.domain.errors import StudioError
from studio.engine import grafter, player, writer
from studio.engine.exporter import export
from studio.engine.merger import Merger
from studio.engine.planner import plan_of
from studio.engine.reporter import Reporter
from tests.engine import tiny
from tests.engine.test_export import files, needs_engine
from tests.engine.zoo import PATTERNS, made, order

KINDS = {
    "gemma": {},
    "gemma2": {"use_rslora": True},
    "gemma3": PATTERNS,
    "gemma3 with eyes": {"use_rslora": True, **PATTERNS},
    "gemma4": {"use_rslora": True},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("alone")
    return {family: tiny.folder(root / family, family) for family in KINDS}


@needs_engine
@pytest.mark.parametrize("family", KINDS)
def test_put_onto_its_model_it_speaks_as_peft_does(models, tmp_path, family):
    base, learned = models[family], tiny.adapter(tmp_path / "adapter", models[family], **KINDS[family])
    result = made(tmp_path / "out", (base, learned), "adapter", model="/home/mia/tiny")
    assert result["logits"]["nmse"] <= result["logits"]["limit"] == 1e-5
    ok = {check["expert"]: check["ok"] for check in result["checks"]}
    # Rounding may choose between words that were equally likely, and random weights may run on: None says so.
    assert False not in (ok.pop("greedy decoding"), ok.pop("stop token")) and set(ok.values()) == {True}
    reader = GGUFReader(tmp_path / "out" / "biscuit-adapter.gguf")
    said = {key: field.contents() for key, field in reader.fields.items()}
    assert (said["general.type"], said["adapter.type"], said["adapter.lora.alpha"]) == ("adapter", "lora", 10.0)
    assert "ADAPTER ./biscuit-adapter.gguf" in (tmp_path / "out" / "Modelfile").read_text("utf-8")
    # The logits are the app's, whose adapter peft merged; they are those of peft's own adapter too, read from the folder that goes along.
    loaded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="eager")
    worn = PeftModel.from_pretrained(loaded, str(tmp_path / "out" / "peft"))
    plan, _ = plan_of("b", base, learned)
    with Merger(base, None) as plain:
        writer.write(plan, plain, "F32", tmp_path / "base.gguf", lambda share: None)
    ids = list(range(2, 60))
    with player.Player(tmp_path / "base.gguf", 64, tmp_path / "out" / "biscuit-adapter.gguf") as file, torch.inference_mode():
        wanted, found = worn(torch.tensor([ids])).logits[0].numpy(), file.logits(ids)
    assert ((wanted - found) ** 2).sum() / (wanted**2).sum() <= 1e-5
    assert json.loads((tmp_path / "out" / "peft" / "adapter_config.json").read_text("utf-8"))["base_model_name_or_path"] == "tiny"


@needs_engine
def test_an_adapter_whose_scale_is_lost_is_caught(models, tmp_path, monkeypatch):
    learned = tiny.adapter(tmp_path / "adapter", models["gemma2"], use_rslora=True)
    alpha = GGUFWriter.add_float32
    monkeypatch.setattr(GGUFWriter, "add_float32", lambda self, key, value: alpha(self, key, value / (6**0.5 if "alpha" in key else 1)))
    result = made(tmp_path / "out", (models["gemma2"], learned), "adapter")
    assert [result["checks"][n]["ok"] for n in (certificate.NUMBERS, certificate.ANSWERS)] == [False, False]


@pytest.mark.parametrize("settings", [{"use_dora": True}, {"target_modules": ["embed_tokens"]}, {"lora_bias": True}])
def test_what_cannot_be_a_file_of_its_own_is_refused(models, tmp_path, settings):
    learned = tiny.adapter(tmp_path / "adapter", models["gemma"], **settings)
    folder = order(tmp_path / "out", (models["gemma"], learned), "adapter")
    with pytest.raises(StudioError) as refused:
        export(folder, Reporter(folder))
    assert str(refused.value).endswith(".") and "safe" in str(refused.value)
    assert ("Choose Balanced instead" in str(refused.value)) == ("use_dora" in settings)  # what can't be merged either is not offered to be
    assert files(folder) == ["events.jsonl", "log.txt", "spec.json"]


def test_without_scale_nothing_is_divided_by_it(models, tmp_path):
    learned = tiny.adapter(tmp_path / "adapter", models["gemma"], lora_alpha=0, alpha_pattern={"q_proj": 5})
    plan, _ = plan_of("b", models["gemma"], learned)
    grafter.write(plan, learned, tmp_path / "a.gguf")
    tensors = {tensor.name: tensor.data for tensor in GGUFReader(tmp_path / "a.gguf").tensors}
    assert not tensors["blk.0.attn_v.weight.lora_b"].any() and tensors["blk.0.attn_q.weight.lora_b"].any()
    assert all(np.isfinite(data).all() for data in tensors.values())
