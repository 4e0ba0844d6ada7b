"""The weights that a lesson in 4 bit saw: a model's own, made small and large again by bitsandbytes, as on the card.

NF4 in blocks of 64 weights, in the order of the matrix, whose scales are made small too, in blocks of 256 around their mean (QLoRA, arXiv 2305.14314).
So all scales of a matrix have to be known before its first row is; the rest is done a few rows at a time. Lessons in 4 bit compute in bfloat16.
"""

from collections.abc import Iterator
from math import gcd
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from studio.domain.errors import NotReady
from studio.engine import merger

try:
    from bitsandbytes import functional
except (ImportError, OSError, RuntimeError):  # there is none for Intel Macs, or its library does not load on this machine
    functional = None

_BLOCK = 64  # weights that share a scale
_SCALES = 256  # scales that share a scale of their own


def need() -> None:
    """Raise NotReady where bitsandbytes is missing."""
    if functional is None:
        raise NotReady(
            "Merging into weights in 4 bit needs bitsandbytes, which is not on this computer. What was learned is safe. "
            "Switch off “merge into the 4-bit weights”, then make the file again."
        )


def blocks(name: str, window: Any, limit: int) -> Iterator[torch.Tensor]:
    """`merger.blocks`, but what the lesson saw: all matrices in 4 bit, but for tables of words and the head."""
    rows, columns = window.get_shape()
    if "embed_tokens" in name or name.startswith("lm_head"):
        yield from merger.blocks(name, window, limit)
        return
    unit = _BLOCK // gcd(_BLOCK, columns)  # so many rows are whole blocks
    step = max(1, merger.BLOCK // (4 * columns * unit)) * unit
    scales = _scales(torch.cat([_largest(window[n : min(n + step, rows)]) for n in range(0, rows, step)]))
    for start in range(0, limit, step):
        block = window[start : min(start + step, limit)]
        small, state = functional.quantize_4bit(_flat(block), blocksize=_BLOCK, quant_type="nf4")
        first = start * columns // _BLOCK
        state.absmax = scales[first : first + len(state.absmax)].contiguous()
        yield functional.dequantize_4bit(small, state).reshape(block.shape).float()


def _scales(largest: torch.Tensor) -> torch.Tensor:
    """The scale of every 64 weights, made small and large again as well."""
    middle = largest.mean()
    small, state = functional.quantize_blockwise(largest - middle, blocksize=_SCALES)
    return functional.dequantize_blockwise(small, state) + middle


def enlarged(model: PreTrainedModel) -> PreTrainedModel:
    """The model with every matrix that it holds in 4 bit as an ordinary one again."""
    for name, part in [(name, part) for name, part in model.named_modules() if type(part).__name__ == "Linear4bit"]:
        state, shape = part.weight.quant_state, part.weight.quant_state.shape
        state.shape = torch.Size((1, shape.numel()))  # the processor's code would begin a new block with every row
        plain = nn.Linear(shape[1], shape[0], bias=False, device="meta")
        plain.weight = nn.Parameter(functional.dequantize_4bit(part.weight.data, state).reshape(shape), requires_grad=False)
        model.set_submodule(name, plain)
    model.hf_quantizer.remove_quantization_config(model)
    return model


def _flat(rows: torch.Tensor) -> torch.Tensor:
    return rows.to(torch.bfloat16).reshape(1, -1)


def _largest(rows: torch.Tensor) -> torch.Tensor:
    flat = _flat(rows).float().abs()[0]
    return nn.functional.pad(flat, (0, -len(flat) % _BLOCK)).reshape(-1, _BLOCK).amax(1)
