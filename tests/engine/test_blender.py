"""Blends of real adapters, held against what peft makes of the same ones."""

import json

import pytest
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from studio.domain.blend import Blend
from studio.domain.errors import StudioError
from studio.engine import blender, merger
from tests.engine import tiny


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.folder(tmp_path_factory.mktemp("base"), "gemma3", torch.float32)


@pytest.fixture(scope="module")
def voices(tmp_path_factory, base):
    """Three adapters of different ranks and strengths; the last is rank-stabilised, as the studio's own recipes are."""
    home = tmp_path_factory.mktemp("voices")
    shapes = {
        "first": {"r": 6, "lora_alpha": 10},
        "second": {"r": 4, "lora_alpha": 3},
        "steady": {"r": 8, "lora_alpha": 8, "use_rslora": True},
    }
    return {name: tiny.adapter(home / name, base, **shape) for name, shape in shapes.items()}


def made(folder, parents, weights, method="linear", **more):
    wanted = Blend(tuple(parent.name for parent in parents), weights, method, **more).checked()
    shares = list(blender.blend(parents, wanted, "practice", folder))
    assert shares[-1] == 1.0 and shares == sorted(shares)
    return folder


def by_peft(base, **adapters):
    """Each adapter's change to every matrix, as peft itself computes it; the model they are on."""
    loaded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    first, *rest = adapters
    model = PeftModel.from_pretrained(loaded, adapters[first], adapter_name=first)
    for name in rest:
        model.load_adapter(adapters[name], adapter_name=name)
    return model


def changes(model, name):
    return {at: part.get_delta_weight(name) for at, part in model.named_modules() if isinstance(part, LoraLayer) and name in part.lora_A}


def test_linear_is_the_weighted_sum_whatever_ranks_and_scales(tmp_path, base, voices):
    blended = made(tmp_path / "blend", [voices["first"], voices["steady"]], (0.7, 0.45))
    model = by_peft(base, one=voices["first"], two=voices["steady"], both=blended)
    one, two, both = (changes(model, name) for name in ("one", "two", "both"))
    assert len(both) == len(one) == 35
    assert max(float((both[at] - 0.7 * one[at] - 0.45 * two[at]).abs().max()) for at in both) < 1e-5
    assert json.loads((blended / "blend.json").read_text("utf-8")) == {"rank": 14, "kept": 1.0}


def test_ties_is_what_peft_makes_of_the_whole_matrices(tmp_path, base, voices):
    blended = made(tmp_path / "blend", [voices["first"], voices["second"]], (0.5, 0.5), "ties")
    model = by_peft(base, one=voices["first"], two=voices["second"], ours=blended)
    model.add_weighted_adapter(["one", "two"], [1.0, 1.0], "theirs", combination_type="ties_svd", svd_rank=10, density=0.5)
    ours, theirs = changes(model, "ours"), changes(model, "theirs")
    assert max(float((ours[at] - theirs[at]).abs().max()) for at in ours) < 1e-4
    assert 0.5 < json.loads((blended / "blend.json").read_text("utf-8"))["kept"] < 1


@pytest.mark.parametrize("method", ["dare_linear", "dare_ties"])
def test_dare_throws_the_same_dice_for_the_same_seed(tmp_path, voices, method):
    parents = [voices["first"], voices["steady"]]
    before = torch.get_rng_state()
    folders = [made(tmp_path / f"{n}", parents, (0.5, 0.5), method, seed=seed) for n, seed in enumerate((7, 7, 8))]
    same, again, other = (load_file(folder / "adapter_model.safetensors") for folder in folders)
    assert all(torch.equal(same[name], again[name]) for name in same)
    assert any(not torch.equal(same[name], other[name]) for name in same)
    assert all(weight.isfinite().all() for weight in same.values()) and any(weight.any() for weight in same.values())
    assert torch.equal(before, torch.get_rng_state()), "nobody else's dice are touched"


def test_the_randomised_decomposition_comes_as_near_as_the_full_one(monkeypatch, tmp_path, voices):
    parents = [voices["first"], voices["second"]]
    exact = made(tmp_path / "exact", parents, (0.5, 0.5), "ties")
    monkeypatch.setattr(blender, "EXACT", 0)
    quick = made(tmp_path / "quick", parents, (0.5, 0.5), "ties")
    kept = [json.loads((folder / "blend.json").read_text("utf-8"))["kept"] for folder in (exact, quick)]
    assert kept[1] == pytest.approx(kept[0], abs=0.002)


def test_a_blend_can_be_blended_and_exported_like_any_lesson(tmp_path, voices):
    inner = made(tmp_path / "inner", [voices["first"], voices["second"]], (0.5, 0.5))
    outer = made(tmp_path / "outer", [inner, voices["steady"]], (1.0, 1.0))
    parts = {name: merger.deltas(folder) for name, folder in {**voices, "outer": outer}.items()}
    for module, delta in parts["outer"].items():
        first, second, steady = (parts[name][module] for name in ("first", "second", "steady"))
        whole = 0.5 * first.scale * first.b @ first.a + 0.5 * second.scale * second.b @ second.a + steady.scale * steady.b @ steady.a
        assert torch.allclose(delta.scale * delta.b @ delta.a, whole, atol=1e-5)


def test_what_can_not_be_blended_is_refused_and_nothing_is_written(tmp_path, base, voices):
    sizes = tiny.adapter(tmp_path / "dora", base, use_dora=True)
    few = tiny.adapter(tmp_path / "few", base, target_modules=["q_proj", "v_proj"])
    wide = tiny.adapter(tmp_path / "wide", tiny.folder(tmp_path / "other", "gemma3", torch.float32, intermediate_size=128))
    for voice, sentence in ((sizes, "DoRA"), (few, "different parts"), (wide, "different models")):
        with pytest.raises(StudioError, match=sentence):
            made(tmp_path / "blend", [voices["first"], voice], (0.5, 0.5))
    assert not (tmp_path / "blend").exists()
