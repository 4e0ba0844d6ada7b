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
    """gain ∘ (base + scale · B(Ax)), with gain None for 1, and base None for Wx. Saves what peft's path saves at most: x, Ax and, for DoRA, the result."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, base: Tensor | None, weight: Tensor | None, a: Tensor, b: Tensor, gain: Tensor | None, scale: float
    ) -> Tensor:
        flat, a16, b16 = x.reshape(-1, x.shape[-1]), a.to(x.dtype), b.to(x.dtype)
        inner = flat @ a16.T
        if base is None:
            out = (flat @ weight.T).addmm_(inner, b16.T, alpha=scale)  # type: ignore[union-attr]
        else:
            out = torch.addmm(base.reshape(-1, base.shape[-1]), inner, b16.T, alpha=scale)
        if gain is not None:
            out = out.mul_(gain.to(out.dtype))
        ctx.scale, ctx.dora, ctx.whole = scale, gain is not None, base is None
        ctx.save_for_backward(flat, inner, a, b, *((gain, out) if ctx.dora else ()), *((weight,) if ctx.whole else ()))
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, Tensor, Tensor, Tensor | None, None]:
        flat, inner, a, b, *more = ctx.saved_tensors
        outer, pull = grads[0].reshape(-1, grads[0].shape[-1]), None
        if ctx.dora:
            gain, out, *more = more
            pull = ((outer * out).sum(0, dtype=torch.float32) / gain).to(gain.dtype)
            outer = outer * gain.to(outer.dtype)
        back = (outer @ b.to(outer.dtype)).mul_(ctx.scale)
        for_b = (inner.T @ outer).mul_(ctx.scale).to(b.dtype).T  # this way round is the quicker one
        for_a = (back.T @ flat).to(a.dtype)
        for_x = None
        if ctx.needs_input_grad[0]:
            narrow = a.to(back.dtype)
            for_x = ((outer @ more[0]).addmm_(back, narrow) if ctx.whole else back @ narrow).view(*grads[0].shape[:-1], -1)
        return for_x, None if ctx.whole else outer.view(grads[0].shape), None, for_a, for_b, pull, None


class Norms:
    """Row norms of W + sBA of one layer (out,), in fp32; made anew only when A or B has changed.

    Outside any inference mode: what an answer was spoken with has to serve the next step too.
    """

    @torch.inference_mode(False)
    def __init__(self, layer: LoraLayer) -> None:
        weight = dequantize_module_weight(layer.get_base_layer())
        self.squares = torch.cat([rows.float().square().sum(1) for rows in weight.split(ROWS)])
        self.seen: list[tuple[Tensor, int]] = []
        self.norms = self.squares

    @torch.inference_mode(False)
    @torch.no_grad()
    def of(self, layer: LoraLayer, a: Tensor, b: Tensor, scale: float) -> Tensor:
        """The norms as they are now."""
        if [(id(one), version) for one, version in self.seen] != [(id(one), one._version) for one in (a, b)]:
            weight = dequantize_module_weight(layer.get_base_layer())
            long, tall = a.float(), b.float()
            cross = torch.cat([(rows @ a.to(rows.dtype).T).float() for rows in weight.split(ROWS)])
            squares = self.squares + 2 * scale * (cross * tall).sum(1) + scale * scale * ((tall @ (long @ long.T)) * tall).sum(1)
            self.norms, self.seen = squares.clamp(min=0).sqrt(), [(one, one._version) for one in (a, b)]
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
    weight = _dense(self.base_layer, x)
    result = self.base_layer(x) if weight is None else None
    with torch.autocast(x.device.type, enabled=False):
        return _LowRank.apply(x if result is None else x.to(result.dtype), result, weight, a, b, gain, scale)  # type: ignore[no-any-return, no-untyped-call]


def _dense(base: nn.Module, x: Tensor) -> Tensor | None:
    """The frozen weight of a layer that is a plain product in the numbers of its input; None for any other, such as one in 4 bit."""
    kind = x.device.type
    if type(base) is not nn.Linear or base.weight.requires_grad or base.weight.dtype != x.dtype:
        return None
    mixed = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) != x.dtype
    return None if mixed else base.weight


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


def forget(model: nn.Module) -> None:
    """Make the norms of DoRA anew at the next look, whatever PyTorch counts: to be called where something else writes into A or B."""
    for module in model.modules():
        for norms in module.__dict__.get("_norms", {}).values():
            norms.seen = []
