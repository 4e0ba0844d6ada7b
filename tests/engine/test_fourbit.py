"""Merging into what a lesson in 4 bit saw of a model."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from studio.engine import fourbit, merger
from studio.engine.merger import Merger
from tests.engine import tiny
from tests.engine.test_export import made, needs_engine
from tests.engine.zoo import ADAPTERS, in_four_bit


@pytest.mark.parametrize("family", ["gemma3", "gemma3n", "gemma4 with eyes"])
def test_the_weights_are_those_that_transformers_and_bitsandbytes_hold(tmp_path, monkeypatch, family):
    base = tiny.folder(tmp_path, family, intermediate_size=128)
    wanted = {merger.plain_name(name): weight for name, weight in fourbit.enlarged(in_four_bit(base)).state_dict().items()}
    monkeypatch.setattr(merger, "BLOCK", 4 * 64 * 5)  # pieces of a matrix must know the scales of all of it
    changed = 0
    with Merger(base, None) as own, Merger(base, None, fourbit.blocks) as seen:
        assert own.stamp() != seen.stamp(), "what was begun with one is not gone on with by the other"
        for name in seen.names():
            rows = torch.cat(list(seen.rows(name, seen.shape(name)[0])))
            assert torch.equal(rows, wanted[name].float()), name
            changed += not torch.equal(rows, torch.cat(list(own.rows(name, own.shape(name)[0]))))
    assert changed >= 7 * 3


@pytest.mark.parametrize("kind", ["lora", "rslora"])
def test_the_merged_model_computes_what_the_lesson_did(tmp_path, kind):
    """Up to the rounding to bfloat16, which this processor's lesson leaves out and that on a card does not."""
    base = tiny.folder(tmp_path / "base", "gemma3", intermediate_size=128)
    adapter = tiny.adapter(tmp_path / "adapter", base, **ADAPTERS[kind])
    taught = in_four_bit(base, adapter)
    answers = {}
    ids = torch.tensor([[2, *range(40, 90)]])
    with torch.inference_mode():
        wanted = taught(ids).logits
        for name, read in (("seen", fourbit.blocks), ("own", None)):
            plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="eager").eval()
            with Merger(base, adapter, read) as merged:
                weights = {key: torch.cat(list(merged.rows(key, merged.shape(key)[0]))) for key in merged.names()}
            plain.load_state_dict(weights, strict=False)
            answers[name] = float(((plain(ids).logits - wanted) ** 2).sum() / (wanted**2).sum())
    assert answers["seen"] <= 5e-4 < 5e-2 < answers["own"], answers


@needs_engine
def test_a_file_of_it_is_certified_against_the_same_merge_and_says_so(tmp_path):
    base = tiny.folder(tmp_path / "base", "gemma3")
    pair = base, tiny.adapter(tmp_path / "adapter", base)
    found = made(tmp_path / "seen", (base, tiny.adapter(tmp_path / "dora", base, **ADAPTERS["rsdora"])), "F32", four_bit=True)
    assert found["merged_into"] == "nf4" and found["logits"]["nmse"] <= 1e-5
    assert [check["ok"] for check in found["checks"][:3]] == [True] * 3
    assert "those of 4 bit (NF4), made large again" in (tmp_path / "seen" / "README.md").read_text()
    usual = made(tmp_path / "usual", pair, "F32", prompts=[])
    assert usual["merged_into"] == "original" and usual["sha256"] != found["sha256"]
    alone = made(tmp_path / "alone", pair, "adapter", four_bit=True, prompts=[])
    assert alone["merged_into"] is None
    assert json.loads((tmp_path / "alone" / "certificate.json").read_text())["logits"]["nmse"] <= 1e-5
