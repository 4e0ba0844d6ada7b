"""Adapted layers computed our way against peft's own: answers, gradients, and what happens when the adapter changes."""

import numpy
import pytest
import torch
from peft import LoraConfig, get_peft_model

from studio.engine.lowrank import answers, forget, quicken
from tests.engine import tiny

IDS = torch.tensor([[2, 40, 41, 42, 60, 61, 62, 63], [2, 80, 81, 82, 83, 84, 85, 86]])
KINDS = [{}, {"use_rslora": True}, {"use_dora": True}, {"use_dora": True, "use_rslora": True, "alpha_pattern": {"q_proj": 3}}]


def adapted(**kind):
    torch.manual_seed(2)
    model = get_peft_model(
        tiny.model("gemma3", 320), LoraConfig(**{"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **kind})
    )
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
        if "magnitude" in name:
            with torch.no_grad():
                parameter.mul_(torch.rand_like(parameter) + 0.5)
    return model.train()


def run(model):
    model.zero_grad()
    out = model(input_ids=IDS, labels=IDS)
    out.loss.backward()
    return out.logits.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_same(one, other, far=1e-4):
    assert (one[0] - other[0]).norm() <= far * one[0].norm()
    assert one[1].keys() == other[1].keys() and one[1]
    for name, gradient in one[1].items():
        assert (gradient - other[1][name]).norm() <= far * gradient.norm(), name


@pytest.mark.parametrize("kind", KINDS)
def test_answers_and_gradients_are_pefts_own(kind):
    model = adapted(**kind)
    wanted = run(model)
    assert any("magnitude" in name for name in wanted[1]) == ("use_dora" in kind)
    assert_same(wanted, run(quicken(model)))


@pytest.mark.parametrize("kind", KINDS)
def test_they_stay_so_after_steps_of_the_optimizer(kind):
    plain, quick = adapted(**kind), quicken(adapted(**kind))
    for model in (plain, quick):
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
        for _ in range(4):
            run(model)
            optimizer.step()
    assert_same(run(plain), run(quick), 1e-3)  # Adam makes rounding larger: it divides by what is almost nothing


def test_adapters_that_are_switched_off_or_merged_answer_as_pefts_do():
    model = adapted(use_dora=True)
    quick = quicken(adapted(use_dora=True))
    with torch.no_grad(), model.disable_adapter(), quick.disable_adapter():
        assert torch.equal(model(IDS).logits, quick(IDS).logits)
    wanted = model(IDS).logits
    model.merge_adapter()
    quick.merge_adapter()
    assert torch.allclose(quick(IDS).logits, wanted, atol=1e-4)
    quick.unmerge_adapter()
    assert torch.allclose(quick(IDS).logits, wanted, atol=1e-3)


def test_what_a_gain_learns_is_heard_in_bf16():
    torch.manual_seed(5)
    plain = torch.nn.Sequential(torch.nn.Linear(64, 256, bias=False))
    layer = get_peft_model(plain, LoraConfig(r=4, target_modules=["0"], use_dora=True)).base_model.model[0]
    gain = 0.98 + 0.04 * torch.rand(256)
    with torch.no_grad():
        layer.base_layer.weight.copy_(layer.base_layer.weight.bfloat16())
        layer.lora_magnitude_vector["default"].weight.copy_(layer.base_layer.weight.norm(dim=1) * gain)
    layer.base_layer.weight.data = layer.base_layer.weight.data.bfloat16()
    x = torch.randn(4000, 64).bfloat16()
    (heard,) = answers((layer,), x)
    base = x.float() @ layer.base_layer.weight.float().T
    off = (heard.float() * base).sum(0) / (base * base).sum(0) / gain - 1
    rounded = gain.bfloat16().float() / gain - 1
    assert off.square().mean().sqrt() < rounded.square().mean().sqrt() / 2, "bf16 tells 1 from 1.008, and a lesson learns less than that"


def test_an_answer_between_two_steps_changes_nothing():
    wanted, quick = run(adapted(use_dora=True)), quicken(adapted(use_dora=True))
    with torch.inference_mode():
        quick(IDS)
    assert_same(wanted, run(quick))


def test_norms_are_made_anew_for_an_optimiser_that_writes_past_pytorch():
    plain, quick = adapted(use_dora=True), quicken(adapted(use_dora=True))
    run(quick)
    for model in (plain, quick):
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                numpy.multiply(parameter.detach().numpy(), 3.0, out=parameter.detach().numpy())
    forget(quick)
    assert_same(run(plain), run(quick))


def test_dropout_is_left_to_peft():
    torch.manual_seed(4)
    wanted = run(adapted(lora_dropout=0.5))
    torch.manual_seed(4)
    assert_same(wanted, run(quicken(adapted(lora_dropout=0.5))))


def saved(model):
    """Shapes of what is kept for the way back, each piece of memory once."""
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.update({tensor.data_ptr(): tensor}) or tensor, lambda tensor: tensor):
        model(input_ids=IDS, labels=IDS)
    return [tuple(tensor.shape) for tensor in kept.values()]


def sizes(model):
    return [torch.Size(shape).numel() for shape in saved(model)]


def test_of_each_gate_only_what_goes_in_is_kept():
    model = adapted()
    layers = model.config.num_hidden_layers
    assert sizes(model).count(96 * IDS.numel()) == 4 * layers, "the gate, what it is bent to, what it is multiplied with, and the product"
    assert sizes(quicken(model)).count(96 * IDS.numel()) == 2 * layers


@pytest.mark.parametrize("where", [["q_proj", "v_proj"], ["k_proj", "gate_proj", "up_proj"], ["q_proj", "k_proj", "v_proj", "down_proj"]])
def test_layers_that_read_the_same_need_not_all_be_adapted(where):
    model = adapted(target_modules=where)
    wanted = run(model)
    assert_same(wanted, run(quicken(model)))
    with torch.no_grad():
        model(IDS)
    assert not any("_known" in module.__dict__ for module in model.modules()), "nothing is left over for another look"


def test_no_identity_is_multiplied_through():
    identity = (96, 96)  # of the widest input, and of nothing else in this model
    assert identity in saved(adapted(use_dora=True))
    assert identity not in saved(quicken(adapted(use_dora=True)))
