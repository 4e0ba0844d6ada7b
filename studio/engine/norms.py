"""Gemma's RMSNorm in one piece: the same numbers, without the five copies in full numbers that its operations keep one by one for the way back.

y = x / sqrt(mean(x²) + eps) · gain, with gain = 1 + weight in Gemma 1 to 3 and gain = weight (or 1) in Gemma 3n and 4. Only x and the root are kept.
"""

import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.gemma2.modeling_gemma2 import Gemma2RMSNorm
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.gemma3n.modeling_gemma3n import Gemma3nRMSNorm
from transformers.models.gemma4.modeling_gemma4 import Gemma4RMSNorm

SHIFTED = (GemmaRMSNorm, Gemma2RMSNorm, Gemma3RMSNorm)
DIRECT = (Gemma3nRMSNorm, Gemma4RMSNorm)
CACHED = 1 << 18  # numbers at a time: what is made of them in between stays in a processor's cache


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor | None, eps: float) -> Tensor:
        ctx.order = order = _order(x)
        lying = x.permute(order).contiguous()
        out, root = torch.empty_like(lying), lying.new_empty((*lying.shape[:-1], 1), dtype=torch.float32)
        for to, roots, rows in blocks(out, root, lying):
            full = rows.float()
            torch.rsqrt(full.square().mean(-1, keepdim=True).add_(eps), out=roots)
            full = full * roots
            to.copy_(full if gain is None else full.mul_(gain))
        ctx.save_for_backward(lying, root, *(() if gain is None else (gain,)))
        return _back(out, order)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        lying, root, *gain = ctx.saved_tensors
        for_x = torch.empty_like(lying)
        for to, roots, rows, outer in blocks(for_x, root, lying, grads[0].permute(ctx.order)):
            pull = outer.to(torch.float32, copy=True)  # then in place: products of short and full numbers take several times as long
            pull = pull.mul_(gain[0]) if gain else pull
            seen = rows.to(torch.float32, copy=True).mul_(roots)
            mean = (pull * seen).mean(-1, keepdim=True)
            to.copy_(pull.addcmul_(seen, mean, value=-1).mul_(roots))
        return _back(for_x, ctx.order), None, None


def _order(x: Tensor) -> list[int]:
    """Its dimensions as they lie in memory, but the last: heads lie inside their token, and what comes after counts on that."""
    last = x.dim() - 1
    return [*sorted(range(last), key=lambda n: -x.stride(n)), last]


def _back(made: Tensor, order: list[int]) -> Tensor:
    return made.permute([order.index(n) for n in range(len(order))])


def blocks(*wholes: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same rows of all, as many at a time as stay in a processor's cache; on a card, which wants all at once, all."""
    rows = max(1, CACHED // wholes[0].shape[-1]) if wholes[0].device.type == "cpu" else wholes[0].numel()
    return zip(*(whole.reshape(-1, whole.shape[-1]).split(rows) for whole in wholes), strict=True)


def _forward(self: Any, x: Tensor) -> Tensor:
    weight = getattr(self, "weight", None)
    if weight is not None and weight.requires_grad:
        return type(self).forward(self, x)  # type: ignore[no-any-return]
    gain = None if weight is None else weight.float() + (1.0 if isinstance(self, SHIFTED) else 0.0)
    return _Norm.apply(x, gain, self.eps)  # type: ignore[no-any-return, no-untyped-call]


def quicken(model: nn.Module) -> nn.Module:
    """The same model; its frozen norms compute as described above."""
    for module in model.modules():
        if isinstance(module, (*SHIFTED, *DIRECT)):
            module.forward = types.MethodType(_forward, module)
    return model
