"""The merged weights against peft's own merge, and the dictionary against the tokenizer it came from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from gguf import TokenType
from peft import PeftModel
from transformers import AutoModelForCausalLM

from studio.domain import gemma
from studio.domain.errors import BadFile, StudioError
from studio.domain.tensors import plain_name
from studio.engine import merger, vocabulary
from studio.engine.merger import Merger
from tests.engine import tiny
from tests.engine.zoo import ADAPTERS


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.folder(tmp_path_factory.mktemp("base"), "gemma3")


@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize("block", [merger.BLOCK, 4 * 64 * 5])
def test_merging_equals_peft(base, tmp_path, monkeypatch, kind, block):
    folder = tiny.adapter(tmp_path / "adapter", base, **ADAPTERS[kind])
    loaded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    wanted = PeftModel.from_pretrained(loaded, str(folder)).merge_and_unload(safe_merge=True).state_dict()
    monkeypatch.setattr(merger, "BLOCK", block)  # five rows at a time: rows must not know of each other
    with Merger(base, folder) as merged:
        for name in merged.names():
            rows = torch.cat(list(merged.rows(name, wanted[name].shape[0])))
            assert (rows - wanted[name]).abs().max() <= 1e-6, name


def test_what_makes_a_file_waits_for_neither_transformers_nor_peft():
    line = "import sys; from studio.engine import merger, planner, writer; print([m for m in ('transformers', 'peft', 'bitsandbytes') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", line], cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_names_are_found_below_every_prefix():
    assert plain_name("model.language_model.layers.0.mlp.up_proj.weight") == "model.layers.0.mlp.up_proj.weight"
    assert plain_name("language_model.model.norm.weight") == "model.norm.weight"
    assert plain_name("language_model.lm_head.weight") == "lm_head.weight"
    assert plain_name("model.vision_tower.embeddings.weight") is None
    assert plain_name("multi_modal_projector.weight") is None


def change(folder, **values):
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    (folder / "adapter_config.json").write_text(json.dumps(config | values), "utf-8")


def test_what_cannot_be_merged_is_refused_in_a_sentence(base, tmp_path):
    folder = tiny.adapter(tmp_path / "adapter", base)
    for values in (
        {"modules_to_save": ["lm_head"]},
        {"bias": "all"},
        {"init_lora_weights": "pissa"},
        {"peft_type": "LOHA"},
        {"lora_bias": True},
    ):
        original = (folder / "adapter_config.json").read_text("utf-8")
        change(folder, **values)
        with pytest.raises(StudioError, match="The conversations are safe"):
            Merger(base, folder)
        (folder / "adapter_config.json").write_text(original, "utf-8")
    change(folder, use_dora=True)
    with pytest.raises(BadFile, match="incomplete"):
        Merger(base, folder)


def test_an_adapter_of_another_model_is_refused(base, tmp_path):
    other = tiny.folder(tmp_path / "other", "gemma3", num_hidden_layers=6, layer_types=["full_attention"] * 6)
    with pytest.raises(StudioError, match="does not belong"):
        Merger(base, tiny.adapter(tmp_path / "adapter", other))
    wide = tiny.folder(tmp_path / "wide", "gemma3", intermediate_size=128)
    with pytest.raises(StudioError, match="does not fit"):
        Merger(base, tiny.adapter(tmp_path / "wide-adapter", wide))


def test_a_torn_shard_is_explained(base, tmp_path):
    torn = tmp_path / "torn"
    torn.mkdir()
    for file in base.iterdir():
        data = file.read_bytes()
        (torn / file.name).write_bytes(data[: len(data) // 2] if "00003" in file.name else data)
    with pytest.raises(BadFile, match="Fetch the model again"):
        Merger(torn, None)


def test_the_dictionary_has_scores_types_and_ids(base):
    found = vocabulary.read(base, gemma.GEMMA3)
    kinds = dict(zip(found.tokens, found.types, strict=True))
    assert kinds["<start_of_turn>"] is TokenType.CONTROL
    assert kinds["<unk>"] is TokenType.UNKNOWN
    assert kinds["<0x0A>"] is TokenType.BYTE
    assert kinds["\n\n"] is TokenType.USER_DEFINED
    assert kinds["▁▁"] is TokenType.NORMAL
    assert found.tokens[found.ids["eot"]] == "<end_of_turn>"
    assert [found.ids[name] for name in ("pad", "eos", "bos", "unk")] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t["model"].update(byte_fallback=False), "cuts words in another way"),
        (lambda t: t.update(normalizer=None), "cuts words in another way"),
        (lambda t: t["model"]["vocab"].pop("<0x41>"), "lacks letters"),
        (lambda t: t["added_tokens"].__delitem__(slice(0, None)), "would never stop"),
        (lambda t: t.pop("model"), "can't be read"),
    ],
)
def test_other_dictionaries_are_refused_in_a_sentence(base, tmp_path, change, words):
    value = json.loads((base / "tokenizer.json").read_text("utf-8"))
    change(value)
    (tmp_path / "tokenizer.json").write_text(json.dumps(value), "utf-8")
    with pytest.raises(StudioError, match=words):
        vocabulary.read(tmp_path, gemma.GEMMA3)
