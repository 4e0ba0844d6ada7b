"""Gemma's gate: gelu(gate) ∘ up, forward and back, with the bend as a sigmoid, which a processor has in a quarter of a tanh's time.

gelu(x), in its tanh form, is x · sigmoid(2c(x + 0.044715 x³)) with c = sqrt(2/π): the same function, since (1 + tanh y) / 2 = sigmoid(2y).
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu

TWICE = 2 * math.sqrt(2 / math.pi)
CUBE = TWICE * 0.044715
ROWS = 64  # at a time on a processor, so that what is between stays in its cache; a card has a quick tanh, and wants all at once


def _share(x: Tensor, square: Tensor) -> Tensor:
    """Which share of x its gelu is."""
    return (square * CUBE).add_(TWICE).mul_(x).sigmoid_()


def gate(x: Tensor, up: Tensor) -> Tensor:
    """gelu(x) ∘ up, in the numbers of x."""
    if x.device.type != "cpu":
        return gelu(x, approximate="tanh") * up
    made = torch.empty_like(x)
    for out, rows, beside in zip(*(whole.view(-1, x.shape[-1]).split(ROWS) for whole in (made, x, up)), strict=True):
        full = rows.float()
        out.copy_(_share(full, full * full).mul_(full).mul_(beside.float()))
    return made


def ungate(x: Tensor, up: Tensor, pull: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of x and up from that of `gate(x, up)`."""
    if x.device.type != "cpu":
        return torch.ops.aten.gelu_backward(pull * up, x, approximate="tanh"), gelu(x, approximate="tanh") * pull
    for_x, for_up = torch.empty_like(x), torch.empty_like(up)
    wholes = (for_x, for_up, x, up, pull)
    for to_x, to_up, rows, beside, outer in zip(*(whole.reshape(-1, x.shape[-1]).split(ROWS) for whole in wholes), strict=True):
        full, outer = rows.float(), outer.float()
        square = full * full
        share = _share(full, square)
        to_up.copy_((full * share).mul_(outer))
        # d/dx of x·s(y) is s + x·s·(1 - s)·y'
        slope = square.mul_(3 * CUBE).add_(TWICE).mul_(full).mul_(1 - share).add_(1).mul_(share)
        to_x.copy_(slope.mul_(outer).mul_(beside.float()))
    return for_x, for_up


class Gate(torch.autograd.Function):
    """`gate`, of which only what goes in is kept for the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(x, up)
        return gate(x, up)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        return ungate(*ctx.saved_tensors, grads[0])
