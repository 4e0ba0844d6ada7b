"""The loss of the learned tokens alone, and its gradient in the same pass, without ever holding the logits.

A vocabulary of 262,144 makes the head the larger part of a small Gemma. Here only positions that carry a label are scored, over tiles of the
vocabulary that stay in the processor's cache: for each tile the softmax's sum and the gradient's weighted sum of rows are carried on with a running
maximum, as FlashAttention (Dao et al. 2022, arXiv 2205.14135) does over keys. Two matrix products a tile, which is as few as there can be.
"""

from typing import Any

import torch
from torch import Tensor

TILE, BLOCK = 4096, 1024  # rows of the vocabulary and positions at a time: 16 MB of scores, small beside any head
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
    """Summed loss of some positions, and its gradient with respect to `rows` (n, H), both in fp32; the second is empty where it isn't wanted.

    Sums run over all words but the label, which comes last: of what is nearly known by heart, the little that is missing would be lost in the rounding of
    a sum with it. Its score is the one the products gave, as for all others: one made apart could leave a loss below zero.
    """
    told = len(rows)
    rows = torch.nn.functional.pad(rows, (0, 0, 0, -told % EVEN))
    wanted = torch.nn.functional.pad(labels, (0, len(rows) - told))[:, None]
    count, width = rows.shape
    top = rows.new_full((count, 1), -torch.inf, dtype=torch.float32)
    rest, said, steep = torch.zeros_like(top), torch.zeros_like(top), torch.ones_like(top)
    mean = rows.new_zeros((count, width) if wants_gradient else (0,), dtype=torch.float32)
    size = TILE if rows.device.type == "cpu" else LARGE_TILE
    for number, tile in enumerate(weight.split(size)):
        scores, slope = _scores(rows @ tile.T, softcap)
        place = wanted - number * size
        here, place = (place >= 0) & (place < len(tile)), place.clamp(0, len(tile) - 1)
        said = torch.where(here, scores.gather(1, place), said)
        peak = torch.maximum(top, scores.amax(1, keepdim=True))
        shrink, shares = torch.exp(top - peak), scores.sub_(peak).exp_()
        shares.scatter_(1, place, shares.gather(1, place).masked_fill_(here, 0))
        rest.mul_(shrink).add_(shares.sum(1, keepdim=True))
        if wants_gradient:
            if slope is not None:
                steep, shares = torch.where(here, slope.gather(1, place), steep), shares.mul_(slope)
            mean.mul_(shrink).add_(shares.to(tile.dtype) @ tile)
        top = peak
    total = rest + torch.exp(said - top)
    loss = (top - said + total.log())[:told].sum()
    if wants_gradient:
        mean = mean[:told].sub_(weight[labels].float().mul_((rest * steep)[:told])).div_(total[:told])
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
