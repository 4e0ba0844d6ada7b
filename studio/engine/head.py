"""The loss of the learned tokens alone, and its gradient in the same pass, without ever holding the logits.

A vocabulary of 262,144 makes the head the larger part of a small Gemma. Here only positions that carry a label are scored, over tiles of the
vocabulary that stay in the processor's cache: for each tile the softmax's sum and the gradient's weighted sum of rows are carried on with a running
maximum, as FlashAttention (Dao et al. 2022, arXiv 2205.14135) does over keys. Two matrix products a tile, which is as few as there can be.
"""

from typing import Any

import torch
from torch import Tensor

TILE, BLOCK = 4096, 1024  # rows of the vocabulary and positions at a time: a tile of scores stays in a processor's cache
LARGE_TILE, LARGE_BLOCK = 16_384, 2048  # on a card, which wants much at once
EVEN = 16  # rows of a product are filled up to a multiple of it: one of 1054 takes a tenth longer than one of 1056


class _LearnedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor, softcap: float | None) -> Tensor:
        blocks = max(1, -(-len(labels) // (BLOCK if hidden.device.type == "cpu" else LARGE_BLOCK)))  # of one size: a short last one is slow
        with torch.autocast(hidden.device.type, enabled=False):
            parts = [
                _block(rows, weight, wanted, softcap, ctx.needs_input_grad[0])
                for rows, wanted in zip(hidden.to(weight.dtype).chunk(blocks), labels.chunk(blocks), strict=True)
            ]
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(torch.cat([gradient for _, gradient in parts]).to(hidden.dtype))
        return torch.stack([loss for loss, _ in parts]).sum()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0].to(gradient.dtype), None, None, None


def _block(rows: Tensor, weight: Tensor, labels: Tensor, softcap: float | None, wants_gradient: bool) -> tuple[Tensor, Tensor]:
    """Summed loss of some positions, and its gradient with respect to `rows` (n, H), both in fp32; the second is empty where it isn't wanted."""
    told = len(rows)
    rows = torch.nn.functional.pad(rows, (0, 0, 0, -told % EVEN))
    count, width = rows.shape
    top = rows.new_full((count, 1), -torch.inf, dtype=torch.float32)
    total, mean = torch.zeros_like(top), rows.new_zeros((count, width) if wants_gradient else (0,), dtype=torch.float32)
    for tile in weight.split(TILE if rows.device.type == "cpu" else LARGE_TILE):
        scores, slope = _scores(rows @ tile.T, softcap)
        peak = torch.maximum(top, scores.amax(1, keepdim=True))
        shrink, shares = torch.exp(top - peak), scores.sub_(peak).exp_()
        total.mul_(shrink).add_(shares.sum(1, keepdim=True))
        if wants_gradient:
            weighted = shares if slope is None else shares * slope
            mean.mul_(shrink).add_(weighted.to(tile.dtype) @ tile)
        top = peak
    rows, top, total, mean = (whole[:told] for whole in (rows, top, total, mean))
    own = weight[labels]
    said, slope = _scores((rows.float() * own.float()).sum(1, keepdim=True), softcap)
    loss = (top + total.log() - said).sum()
    if wants_gradient:
        mean.div_(total).sub_(own.float() if slope is None else own.float() * slope)
    return loss, mean


def _scores(raw: Tensor, softcap: float | None) -> tuple[Tensor, Tensor | None]:
    """Scores in fp32, and their slope against the raw ones where Gemma 2, 3n and 4 bend them: cap * tanh(raw / cap)."""
    scores = raw.float()
    if softcap is None:
        return scores, None
    bent = torch.tanh(scores / softcap)
    return softcap * bent, 1 - bent * bent


def learned_loss(hidden: Tensor, weight: Tensor, labels: Tensor, softcap: float | None = None) -> Tensor:
    """Summed negative log-likelihood in nats (a scalar, fp32) of `labels` (n,) after `hidden` (n, H) under a frozen head `weight` (V, H).

    Differentiable once, with respect to `hidden` only. Raises ValueError for a head that learns: its gradient is not made here.
    """
    if weight.requires_grad:
        raise ValueError("The head must be frozen.")
    return _LearnedLoss.apply(hidden, weight, labels, softcap)  # type: ignore[no-any-return, no-untyped-call]
