"""Gemma's gate: gelu(gate) ∘ up, forward and back, with the bend as a sigmoid, which a processor has in a quarter of a tanh's time.

gelu(x), in its tanh form, is x · sigmoid(2c(x + 0.044715 x³)) with c = sqrt(2/π): the same function, since (1 + tanh y) / 2 = sigmoid(2y).
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu

from studio.engine.norms import blocks

TWICE, CUBE = 2 * math.sqrt(2 / math.pi), 0.044715


def _share(x: Tensor, square: Tensor) -> Tensor:
    """Which share of x its gelu is."""
    return torch.addcmul(x, x, square, value=CUBE).mul_(TWICE).sigmoid_()


def gate(x: Tensor, up: Tensor) -> Tensor:
    """gelu(x) ∘ up, in the numbers of x."""
    if x.device.type != "cpu":
        return gelu(x, approximate="tanh") * up
    made = torch.empty_like(x)
    for out, rows, beside in blocks(made, x, up):
        full = rows.float()
        out.copy_(_share(full, full * full).mul_(full).mul_(beside.float()))
    return made


def ungate(x: Tensor, up: Tensor, pull: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x and up from that of `gate(x, up)`, and its answer once more."""
    if x.device.type != "cpu":
        bent = gelu(x, approximate="tanh")
        return torch.ops.aten.gelu_backward(pull * up, x, approximate="tanh"), bent * pull, bent * up
    for_x, for_up, made = torch.empty_like(x), torch.empty_like(up), torch.empty_like(x)
    for to_x, to_up, out, rows, beside, outer in blocks(for_x, for_up, made, x, up, pull):
        full, beside, outer = rows.to(torch.float32, copy=True), beside.float(), outer.float()
        square = full * full
        share = _share(full, square)
        bent = full.mul_(share)
        to_up.copy_(bent * outer)
        # d/dx of x·s(y) is s + x·s·(1 - s)·y'
        steep = square.mul_(3 * CUBE * TWICE).add_(TWICE).mul_(bent)
        to_x.copy_(torch.addcmul(steep, steep, share, value=-1).add_(share).mul_(outer).mul_(beside))
        out.copy_(bent.mul_(beside))
    return for_x, for_up, made


class Gate(torch.autograd.Function):
    """`gate`, of which only what goes in is kept for the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(x, up)
        return gate(x, up)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        return ungate(*ctx.saved_tensors, grads[0])[:2]
