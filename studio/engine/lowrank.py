"""peft's LoRA and DoRA layers with their arithmetic done once: the same layer, weights and files, another forward.

peft's DoRA multiplies an identity matrix through the adapter and forms the dense product at every forward; here the norm of W + sBA comes from
‖W‖² + 2s·rowsum(WAᵀ ∘ B) + s²·rowsum(BAAᵀ ∘ B), once for each change of A or B. Its own forward stays for everything rarer: merged or switched
off adapters, several at once, dropout.
"""

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from peft.tuners.lora.dora import DoraLinearLayer
from peft.tuners.lora.layer import Linear, LoraLayer
from peft.tuners.lora.variants import DoraLinearVariant
from peft.utils.integrations import dequantize_module_weight
from torch import Tensor, nn
from transformers.activations import GELUTanh
from transformers.models.gemma.modeling_gemma import GemmaMLP
from transformers.models.gemma2.modeling_gemma2 import Gemma2MLP
from transformers.models.gemma3.modeling_gemma3 import Gemma3MLP
from transformers.models.gemma4.modeling_gemma4 import Gemma4TextMLP

from studio.engine.gating import Gate, gate, ungate
from studio.engine.norms import blocks

ROWS = 1024  # of a weight at a time, so that no copy of it in fp32 is made
READERS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))  # of the same input, in the order they are called
GATED = (GemmaMLP, Gemma2MLP, Gemma3MLP, Gemma4TextMLP)


class Part(NamedTuple):
    """What one layer multiplies with: its `base` answer where that is no plain product with `weight`, A, B, and DoRA's gain, None for 1."""

    base: Tensor | None
    weight: Tensor | None
    a: Tensor
    b: Tensor
    gain: Tensor | None


class _LowRank(torch.autograd.Function):
    """gain ∘ (Wx + scale · B(Ax)) for one or several layers that read the same x, which is read once for all of their A.

    With `up`, what they read is gelu(x) ∘ up. Saves x and up, Ax and, for DoRA, the result, which is less than peft's path does.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, up: Tensor | None, scales: Sequence[float], *given: Tensor | None) -> tuple[Tensor, ...]:
        parts = _parts(given)
        flat = _rows(x, up)
        short = torch.cat([part.a for part in parts]).to(x.dtype)
        inner = (flat @ short.T).split([part.a.shape[0] for part in parts], 1)
        outs = []
        for part, narrow, scale in zip(parts, inner, scales, strict=True):
            wide = part.b.to(x.dtype).T
            base = flat @ part.weight.T if part.base is None else part.base.reshape(-1, part.base.shape[-1])  # type: ignore[union-attr]
            if part.gain is not None:
                outs.append(_stretched(base, part.gain, narrow @ wide, scale))
            else:
                outs.append(torch.addmm(base, narrow, wide, alpha=scale) if part.weight is None else base.addmm_(narrow, wide, alpha=scale))
        ctx.scales, ctx.count = scales, len(given)
        ctx.save_for_backward(x, up, *given, *inner, *(out for out, part in zip(outs, parts, strict=True) if part.gain is not None))
        return tuple(out.view(*x.shape[:-1], -1) for out in outs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, up, *saved = ctx.saved_tensors
        parts, saved = _parts(saved[: ctx.count]), saved[ctx.count :]
        inner, outs = saved[: len(parts)], iter(saved[len(parts) :])
        backs, found, for_x, for_up = [], [], None, None
        for part, narrow, scale, grad in zip(parts, inner, ctx.scales, grads, strict=True):
            outer, pull = grad.reshape(-1, grad.shape[-1]), None
            if part.gain is not None:
                pull = ((outer * next(outs)).sum(0, dtype=torch.float32) / part.gain).to(part.gain.dtype)
                outer = _stretched(outer, part.gain)
            backs.append((outer @ part.b.to(outer.dtype)).mul_(scale))
            for_b = (narrow.T @ outer).mul_(scale).to(part.b.dtype).T  # this way round is the quicker one
            if ctx.needs_input_grad[0] and part.weight is not None:
                for_x = outer @ part.weight if for_x is None else for_x.addmm_(outer, part.weight)
            found.append((None if part.base is None else outer.view(grad.shape), None, for_b, pull))
        back = torch.cat(backs, 1)
        if ctx.needs_input_grad[0]:
            short = torch.cat([part.a for part in parts]).to(back.dtype)
            for_x = back @ short if for_x is None else for_x.addmm_(back, short)
        for_x, read = None if for_x is None else for_x.view(x.shape), x
        if up is not None:
            for_x, for_up, read = (None, None, gate(x, up)) if for_x is None else ungate(x, up, for_x)
        for_a = (back.T @ read.reshape(-1, read.shape[-1])).to(parts[0].a.dtype).split([part.a.shape[0] for part in parts])
        return (
            for_x,
            for_up,
            None,
            *(one for a, (base, weight, b, pull) in zip(for_a, found, strict=True) for one in (base, weight, a, b, pull)),
        )


def _parts(given: Sequence[Tensor | None]) -> list[Part]:
    return [Part(*given[n : n + len(Part._fields)]) for n in range(0, len(given), len(Part._fields))]  # type: ignore[arg-type]


def _stretched(whole: Tensor, gain: Tensor, more: Tensor | None = None, scale: float = 1.0) -> Tensor:
    """(whole + scale · more) ∘ gain in the numbers of `whole` (rows, out), rounded once: most of what a gain learns is less than bf16 tells from 1."""
    made = torch.empty_like(whole)
    for out, rows, *beside in blocks(made, whole, *(() if more is None else (more,))):
        full = rows.to(torch.float32, copy=True)
        for each in beside:
            full.add_(each.float(), alpha=scale)
        out.copy_(full.mul_(gain))
    return made


def _rows(x: Tensor, up: Tensor | None) -> Tensor:
    return (x if up is None else gate(x, up)).reshape(-1, x.shape[-1])


def answers(layers: Sequence[Any], x: Tensor, up: Tensor | None = None) -> tuple[Tensor, ...] | None:
    """What these adapted layers answer to x, or to gelu(x) ∘ up; None where peft's own forward has to, or where the products are not plain ones."""
    parts = [_part(layer, x) for layer in layers]
    if any(part is None or (part.weight is None and (up is not None or len(layers) > 1)) for part in parts):
        return None
    base = parts[0].base  # type: ignore[union-attr]
    with torch.autocast(x.device.type, enabled=False):
        scales = [layer.scaling[_active(layer)] for layer in layers]
        return _LowRank.apply(x if base is None else x.to(base.dtype), up, scales, *(one for part in parts for one in part))  # type: ignore[no-any-return, no-untyped-call, union-attr]


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


def _active(layer: Any) -> str:
    """The one adapter that is switched on; empty where it is none, several, or merged."""
    names = [name for name in layer.active_adapters if name in layer.lora_A]
    return names[0] if len(names) == 1 and not layer.disable_adapters and not layer.merged else ""


def _part(layer: Any, x: Tensor) -> Part | None:
    """What this layer does to x; None where peft's own forward has to."""
    name = _active(layer)
    if not name or not _plain(layer, name):
        return None
    a, b, gain = layer.lora_A[name].weight, layer.lora_B[name].weight, None
    if name in layer.lora_variant:
        norms = layer.__dict__.setdefault("_norms", {})
        if name not in norms:
            norms[name] = Norms(layer)
        magnitude = layer.lora_magnitude_vector[name].weight
        gain = magnitude / norms[name].of(layer, a, b, layer.scaling[name]).to(magnitude.dtype)
    weight = _dense(layer.base_layer, x)
    return Part(layer.base_layer(x) if weight is None else None, weight, a, b, gain)


def _forward(self: Any, x: Tensor, *args: Any, **told: Any) -> Tensor:
    """One adapted layer, its input (..., in) to (..., out); the first of several that read the same x answers for the others too."""
    own: Callable[..., Tensor] = functools.partial(type(self).forward, self)
    if args or told:
        return own(x, *args, **told)
    read, known = self.__dict__.pop("_known", (None, None))
    if read is x:
        return known  # type: ignore[no-any-return]
    beside = self.__dict__.get("_beside", ())
    if beside and all(_dense(layer.base_layer, x) is not None for layer in (self, *beside)) and (found := answers((self, *beside), x)):
        for layer, answer in zip(beside, found[1:], strict=True):
            layer.__dict__["_known"] = (x, answer)
    else:
        found = answers((self,), x)
    return own(x) if found is None else found[0]


def _mlp(self: Any, x: Tensor) -> Tensor:
    """Gemma's gated layers; neither gelu(gate) nor its product with up is kept for the way back. Where there is none, they are the model's own."""
    if not torch.is_grad_enabled():
        return type(self).forward(self, x)  # type: ignore[no-any-return]
    gate_, up = self.gate_proj(x), self.up_proj(x)
    dense = isinstance(self.down_proj, LoraLayer) and _dense(self.down_proj.base_layer, gate_) is not None
    found = answers((self.down_proj,), gate_, up) if dense else None
    return self.down_proj(Gate.apply(gate_, up)) if found is None else found[0]  # type: ignore[no-any-return, no-untyped-call]


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
        for names in READERS:
            readers = [getattr(module, name, None) for name in names]
            if all(isinstance(one, Linear) for one in readers) and not getattr(module, "is_kv_shared_layer", False):
                readers[0].__dict__["_beside"] = tuple(readers[1:])
        if isinstance(module, GATED) and isinstance(module.act_fn, GELUTanh):
            module.forward = types.MethodType(_mlp, module)
    return model


def forget(model: nn.Module) -> None:
    """Make the norms of DoRA anew at the next look, whatever PyTorch counts: to be called where something else writes into A or B."""
    for module in model.modules():
        for norms in module.__dict__.get("_norms", {}).values():
            norms.seen = []
