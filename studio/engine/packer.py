"""Rows of numbers as the bytes of a GGUF tensor, computed by torch on all cores; bit for bit what gguf's own (slower) code gives."""

import numpy as np
import torch
from gguf import GGMLQuantizationType as Type

from studio.domain.errors import StudioError

_PLAIN = {Type.F32: torch.float32, Type.F16: torch.float16, Type.BF16: torch.bfloat16}
_ROW = 32  # weights in a block of Q8_0


def packed(rows: torch.Tensor, stored: Type, name: str) -> np.ndarray:
    """The bytes of these rows (uint8, flat); raises StudioError where the numbers of `name` don't fit."""
    # One number that is none makes the sum none.
    if not torch.isfinite(rows.sum(dtype=torch.float32)):
        _refuse(name)
    if stored is Type.Q8_0:
        return _eight(rows.float())
    made = rows.to(_PLAIN[stored])
    if stored is Type.F16 and made is not rows and not torch.isfinite(made.float().sum()):  # half precision ends at 65,504
        _refuse(name)
    return made.reshape(-1).view(torch.uint8).numpy()


def _eight(rows: torch.Tensor) -> np.ndarray:
    """ggml's `quantize_row_q8_0_ref`: of 32 weights the largest becomes 127; what lies half-way is rounded away from zero."""
    blocks = rows.reshape(-1, _ROW)
    scale = blocks.abs().amax(1, keepdim=True) / 127
    steps = blocks * torch.where(scale == 0, 0.0, 1 / scale)
    whole = steps.trunc()
    whole += (2 * (steps - whole)).trunc()
    return torch.cat([scale.to(torch.float16).view(torch.uint8), whole.to(torch.int8).view(torch.uint8)], 1).reshape(-1).numpy()


def _refuse(name: str) -> None:
    raise StudioError(f"The numbers in {name} are too large for this kind of file. What was learned is safe. Choose the Full file instead.")
