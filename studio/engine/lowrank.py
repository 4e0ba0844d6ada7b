"""peft's LoRA and DoRA layers with their arithmetic done once: the same layer, weights and files, another forward.

peft's DoRA multiplies an identity matrix through the adapter and forms the dense product at every forward; here the norm of W + sBA comes from
‖W‖² + 2s·rowsum(WAᵀ ∘ B) + s²·rowsum(BAAᵀ ∘ B), once for each change of A or B. Its own forward stays for everything rarer: merged or switched
off adapters, several at once, dropout.
"""

import types
from typing import Any

import torch
from peft.tuners.lora.dora import DoraLinearLayer
from peft.tuners.lora.layer import Linear, LoraLayer
from peft.tuners.lora.variants import DoraLinearVariant
from peft.utils.integrations import dequantize_module_weight
from torch import Tensor, nn

ROWS = 1024  # of a weight at a time, so that no copy of it in fp32 is made


class _LowRank(torch.autograd.Function):
    """gain ∘ (base + scale · B(Ax)), with gain None for 1. Saves what peft's path saves at most: x, Ax and, for DoRA, the result."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, base: Tensor, a: Tensor, b: Tensor, gain: Tensor | None, scale: float) -> Tensor:
        flat, a16, b16 = x.reshape(-1, x.shape[-1]), a.to(x.dtype), b.to(x.dtype)
        inner = flat @ a16.T
        out = torch.addmm(base.reshape(-1, base.shape[-1]), inner, b16.T, alpha=scale)
        if gain is not None:
            out = out.mul_(gain.to(out.dtype))
        ctx.scale = scale
        ctx.save_for_backward(flat, inner, a, b, *(() if gain is None else (gain, out)))
        return out.view(base.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None, None]:
        flat, inner, a, b, *dora = ctx.saved_tensors
        outer = grads[0].reshape(-1, grads[0].shape[-1])
        pull = None
        if dora:
            gain, out = dora
            pull = (outer * out).sum(0, dtype=torch.float32) / gain
            outer = outer * gain.to(outer.dtype)
        back = (outer @ b.to(outer.dtype)).mul_(ctx.scale)
        for_b = (outer.T @ inner).mul_(ctx.scale).to(b.dtype)
        for_a = (back.T @ flat).to(a.dtype)
        for_x = (back @ a.to(back.dtype)).view(*grads[0].shape[:-1], -1)
        return for_x, outer.view(grads[0].shape), for_a, for_b, pull if pull is None else pull.to(gain.dtype), None


class Norms:
    """Row norms of W + sBA of one layer (out,), in fp32; made anew only when A or B has changed."""

    def __init__(self, layer: LoraLayer) -> None:
        weight = dequantize_module_weight(layer.get_base_layer())
        self.squares = torch.cat([rows.float().square().sum(1) for rows in weight.split(ROWS)])
        self.seen: tuple[int, ...] | None = None
        self.norms = self.squares

    @torch.no_grad()
    def of(self, layer: LoraLayer, a: Tensor, b: Tensor, scale: float) -> Tensor:
        """The norms as they are now."""
        version = (a.data_ptr(), a._version, b.data_ptr(), b._version)
        if version != self.seen:
            weight = dequantize_module_weight(layer.get_base_layer())
            wide, tall = a.float(), b.float()
            cross = torch.cat([(rows @ a.to(rows.dtype).T).float() for rows in weight.split(ROWS)])
            squares = self.squares + 2 * scale * (cross * tall).sum(1) + scale * scale * ((tall @ (wide @ wide.T)) * tall).sum(1)
            self.norms, self.seen = squares.clamp(min=0).sqrt(), version
        return self.norms


def _forward(self: Any, x: Tensor, *args: Any, **told: Any) -> Tensor:
    """One adapted layer, its input (..., in) to (..., out)."""
    names = [name for name in self.active_adapters if name in self.lora_A]
    if self.disable_adapters or self.merged or len(names) != 1 or args or told or not _plain(self, names[0]):
        return type(self).forward(self, x, *args, **told)  # type: ignore[no-any-return]
    (name,) = names
    a, b, scale = self.lora_A[name].weight, self.lora_B[name].weight, self.scaling[name]
    gain = None
    if name in self.lora_variant:
        norms = self.__dict__.setdefault("_norms", {})
        if name not in norms:
            norms[name] = Norms(self)
        magnitude = self.lora_magnitude_vector[name].weight
        gain = magnitude / norms[name].of(self, a, b, scale).to(magnitude.dtype)
    result = self.base_layer(x)
    with torch.autocast(x.device.type, enabled=False):
        return _LowRank.apply(x.to(result.dtype), result, a, b, gain, scale)  # type: ignore[no-any-return, no-untyped-call]


def _plain(layer: Any, name: str) -> bool:
    """Whether this adapter is one of the two kinds, on a layer without a bias, and drops nothing out."""
    variant = layer.lora_variant.get(name)
    drops = layer.training and not isinstance(layer.lora_dropout[name], nn.Identity)
    dora = variant is None or (isinstance(variant, DoraLinearVariant) and isinstance(layer.lora_magnitude_vector[name], DoraLinearLayer))
    return (
        dora and not drops and layer.lora_A[name].bias is None and layer.lora_B[name].bias is None and layer.get_base_layer().bias is None
    )


def quicken(model: nn.Module) -> nn.Module:
    """The same model; its adapted linear layers, dense or 4-bit, compute as described above."""
    for module in model.modules():
        if isinstance(module, LoraLayer) and (isinstance(module, Linear) or type(module).__name__ == "Linear4bit"):
            module.forward = types.MethodType(_forward, module)
    return model
