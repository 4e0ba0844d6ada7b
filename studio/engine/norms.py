"""Gemma's RMSNorm in one piece: the same numbers, without the five copies in full numbers that its operations keep one by one for the way back.

y = x / sqrt(mean(x²) + eps) · gain, with gain = 1 + weight in Gemma 1 to 3 and gain = weight (or 1) in Gemma 3n and 4. Only x and the root are kept.
"""

import types
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


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor | None, eps: float) -> Tensor:
        full = x.float()
        root = full.square().mean(-1, keepdim=True).add_(eps).rsqrt_()
        ctx.save_for_backward(x, root, *(() if gain is None else (gain,)))
        out = full * root
        return (out if gain is None else out.mul_(gain)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        x, root, *gain = ctx.saved_tensors
        pull = grads[0].to(torch.float32, copy=True)  # then in place: products of short and full numbers take several times as long
        pull = pull.mul_(gain[0]) if gain else pull
        seen = x.to(torch.float32, copy=True).mul_(root)
        mean = (pull * seen).mean(-1, keepdim=True)
        return pull.addcmul_(seen, mean, value=-1).mul_(root).to(x.dtype), None, None


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
