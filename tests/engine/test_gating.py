"""Gemma's gate against PyTorch's own: the same numbers and gradients, also where many rows are read a few at a time."""

import pytest
import torch

from studio.engine.gating import Gate, gate, ungate
from studio.engine.norms import CACHED


def drawn(dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    return [(torch.randn(2, CACHED // 24 // 2 + 5, 24, generator=generator) * 4).to(dtype) for _ in range(3)]


@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 1e-6), (torch.bfloat16, 6e-3)])
def test_the_gate_and_its_gradients_are_those_of_gelu(dtype, far):
    x, up, pull = drawn(dtype)
    leaves = [each.to(torch.float32, copy=True).requires_grad_() for each in (x, up)]
    plain = torch.nn.functional.gelu(leaves[0], approximate="tanh") * leaves[1]
    wanted = [plain.detach(), *torch.autograd.grad(plain, leaves, pull.float())]
    inputs = [x.clone().requires_grad_(), up.clone().requires_grad_()]
    ours = Gate.apply(*inputs)
    for got, right in zip([ours.detach(), *torch.autograd.grad(ours, inputs, pull)], wanted, strict=True):
        assert got.dtype == dtype
        assert (got.float() - right).norm() <= far * right.norm()
    assert torch.equal(ungate(x, up, pull)[2], gate(x, up)), "its answer once more"
    assert all(torch.equal(now, before) for now, before in zip((x, up, pull), drawn(dtype), strict=True)), (
        "what is read is not written over"
    )


def test_numbers_far_out_stay_numbers():
    x = torch.tensor([[-3e4, -40.0, 0.0, 40.0, 3e4]])
    ones = torch.ones_like(x)
    assert gate(x, ones).tolist() == [[0.0, 0.0, 0.0, 40.0, 3e4]]
    assert ungate(x, ones, ones)[0].tolist() == [[0.0, 0.0, 0.5, 1.0, 1.0]]
