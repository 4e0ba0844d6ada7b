"""Several conversations in one row: no padding is computed, and none sees another.

The attention is PyTorch's own, one conversation at a time, so that neither a square mask over the whole row is built nor its empty part multiplied.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, PretrainedConfig, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv

NAME = "conversations"  # of this attention, where transformers looks it up


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **told: Any,
) -> tuple[Tensor, None]:
    """Causal attention inside each conversation of a packed row.

    `query` (1, heads, tokens, size), `key` and `value` (1, kv heads, tokens, size); `told["cu_seq_lens_q"]` are the places where conversations
    begin, and the end. Returns (1, tokens, heads, size).
    """
    groups = query.shape[1] // key.shape[1]
    lengths = told["cu_seq_lens_q"].diff().tolist()
    pieces = zip(*(whole.split(lengths, dim=2) for whole in (query, key, value)), strict=True)
    out = []
    for q, k, v in pieces:
        band = window(q.shape[2], sliding_window, q.device) if sliding_window and q.shape[2] > sliding_window else None
        out.append(
            torch.nn.functional.scaled_dot_product_attention(
                q.contiguous(), repeat_kv(k, groups), repeat_kv(v, groups), band, dropout, is_causal=band is None, scale=scaling
            )
        )
    return torch.cat(out, 2).transpose(1, 2).contiguous(), None


def window(length: int, size: int, device: torch.device) -> Tensor:
    """Who sees whom in a sliding layer, (length, length): oneself and the `size` - 1 before."""
    places = torch.arange(length, device=device)
    back = places[:, None] - places
    return (back >= 0) & (back < size)


AttentionInterface.register(NAME, attend)


def suits(config: PretrainedConfig) -> bool:
    """Whether this attention is the model's own: Gemma 2 bends its scores, and PyTorch's attention can't."""
    return not getattr(config.get_text_config(), "attn_logit_softcapping", None)


@contextmanager
def packed(model: PreTrainedModel) -> Iterator[None]:
    """Inside, the model's attention reads packed rows; outside it is what it was."""
    text = model.config.get_text_config()
    before = text._attn_implementation
    text._attn_implementation = NAME
    try:
        yield
    finally:
        text._attn_implementation = before
