"""Several conversations in one row: no padding is computed, and none sees another.

The attention is PyTorch's own, one conversation at a time, so that neither a square mask over the whole row is built nor its empty part multiplied.
"""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, PretrainedConfig, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv

from studio.engine.encoder import IGNORED
from studio.engine.head import EVEN

NAME = "conversations"  # of this attention, where transformers looks it up
LEAST = 8  # tokens that all begin with, to be worth a place of their own
LARGEST = 1 << 25  # scores of one conversation that are held at once
KEPT = 1 << 19  # those that are kept for the way back: of a conversation of 360 tokens under four heads
plain = torch.nn.functional.scaled_dot_product_attention


def joined(examples: Sequence[dict[str, list[int]]], share: bool = True) -> dict[str, Any]:
    """Rows end to end as one: token ids, labels and places of each (1, tokens), and `lengths`: of what all begin with, then of what follows in each.

    A row ends with the last token something is learned after: the last learned one itself is only a label, as ever that of the place before it, whatever
    token stands there now. What all begin with (the scene, mostly) is there once, if `share`: nobody looks ahead, so it is the same for all, and its
    gradient is the sum of theirs. A row that learns nothing adds nothing and is left out. No row learns its first token. The last is filled up to a
    multiple of `EVEN` with at least one token that comes after all others, so that nobody sees it, and that isn't learned.
    """
    rows = [row for row in map(_ended, examples) if row[1]] or [(examples[0]["input_ids"][:1], [IGNORED])]
    first = beginning(rows) if share else 0
    pieces = [
        ([*range(first)], *(part[:first] for part in rows[0])),
        *(([*range(first, len(row[0]))], *(part[first:] for part in row)) for row in rows),
    ]
    spare = EVEN - sum(len(ids) for _, ids, _ in pieces) % EVEN
    at, ids, after = pieces[-1]
    pieces[-1] = ([*at, *range(at[-1] + 1, at[-1] + 1 + spare)], ids + [0] * spare, after + [IGNORED] * spare)
    places, ids, after = ([number for part in parts for number in part] for parts in zip(*pieces, strict=True))
    whole = {"position_ids": places, "input_ids": ids, "labels": [IGNORED, *after[:-1]]}
    return {**{name: torch.tensor([each]) for name, each in whole.items()}, "lengths": [len(ids) for _, ids, _ in pieces]}


def _ended(example: dict[str, list[int]]) -> tuple[list[int], list[int]]:
    """The tokens up to the last that something is learned after, and what is learned after each."""
    after = example["labels"][1:]
    while after and after[-1] == IGNORED:
        after = after[:-1]
    return example["input_ids"][: len(after)], after


def beginning(rows: Sequence[tuple[list[int], list[int]]]) -> int:
    """How many tokens all rows begin with, as far as none of them is learned, nor anything after them; 0 where it isn't worth the splitting."""
    if len(rows) < 2:
        return 0
    quiet = min(next(n for n, label in enumerate(after) if label != IGNORED) for _, after in rows)
    same = next((n for n, tokens in enumerate(zip(*(ids for ids, _ in rows), strict=False)) if len(set(tokens)) > 1), quiet)
    return found if (found := min(same, quiet)) >= LEAST else 0


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

    `query` (1, heads, tokens, size), `key` and `value` (1, kv heads, tokens, size); `told["lengths"]` as in `joined`.
    Returns (1, tokens, heads, size).
    """
    heads, out, kind = query.shape[1], [], query.device.type
    if torch.is_autocast_enabled(
        kind
    ):  # as PyTorch's own does; turning makes full numbers of questions and keys where the model has full weights
        query, key, value = (whole.to(torch.get_autocast_dtype(kind)) for whole in (query, key, value))
    queries, keys, values = (whole.split(told["lengths"], dim=2) for whole in (query, key, value))
    for number, (q, k, v) in enumerate(zip(queries, keys, values, strict=True)):
        if not q.shape[2]:
            continue
        if number and keys[0].shape[2]:
            k, v = torch.cat([keys[0], k], 2), torch.cat([values[0], v], 2)
        if q.device.type == "cpu" and not dropout and q.shape[2] * k.shape[2] * heads <= LARGEST:
            answer = _Attention.apply(q, k, v, sliding_window, q.shape[-1] ** -0.5 if scaling is None else scaling)  # type: ignore[no-untyped-call]
        else:
            seen = visible(q.shape[2], k.shape[2], sliding_window, q.device)
            answer = plain(q.contiguous(), wide(k, heads), wide(v, heads), seen, dropout, is_causal=seen is None, scale=scaling)
        out.append(answer.transpose(1, 2))
    return torch.cat(out, 1), None


class _Attention(torch.autograd.Function):
    """The attention of one conversation by plain products over all heads that share keys and values, softmax sums in fp32.

    PyTorch's own takes twice as long on a processor, most of it on the way back. Keeps questions, keys, values, and what each token looks at: no square
    larger than `KEPT`, else it is made anew on the way back.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, window: int | None, scale: float) -> Tensor:
        small = q.shape[1] * q.shape[2] * k.shape[2] <= KEPT
        hide = _hidden if small else _hidden.__wrapped__  # large ones are made anew on the way back, not kept for every layer
        ctx.scale, ctx.hidden = scale, functools.partial(hide, q.shape[2], k.shape[2], window, q.shape[1] // k.shape[1], q.dtype)
        hidden = ctx.hidden()
        looks = [_looks(rows, keys, hidden, scale) for rows, keys in zip(_grouped(q, k), k[0], strict=True)]
        ctx.save_for_backward(q, k, v, *(looks if small else ()))
        return _apart([look @ values for look, values in zip(looks, v[0], strict=True)], q)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        q, k, v, *kept = ctx.saved_tensors
        parts, hidden = [], None if kept else ctx.hidden()
        for n, (rows, out) in enumerate(zip(_grouped(q, k), _grouped(grads[0], k), strict=True)):
            look = kept[n] if kept else _looks(rows, k[0, n], hidden, ctx.scale)
            pull = torch._softmax_backward_data(out @ v[0, n].T, look, -1, look.dtype).mul_(ctx.scale)
            parts.append((pull @ k[0, n], pull.T @ rows, look.T @ out))
        for_q, for_k, for_v = zip(*parts, strict=True)
        return _apart(for_q, q), torch.stack(for_k)[None], torch.stack(for_v)[None], None, None


def _grouped(whole: Tensor, keys: Tensor) -> list[Tensor]:
    """Of (1, heads, tokens, size), for each head of `keys` those that share it, as (tokens * heads, size): laid out so by the projections, so mostly no copy."""
    return [part.transpose(0, 1).reshape(-1, whole.shape[-1]) for part in whole[0].chunk(keys.shape[1])]


def _apart(parts: Sequence[Tensor], like: Tensor) -> Tensor:
    """`_grouped` undone."""
    return torch.cat([part.view(like.shape[2], -1, like.shape[3]) for part in parts], 1).transpose(0, 1)[None]


def _looks(rows: Tensor, keys: Tensor, hidden: Tensor, scale: float) -> Tensor:
    """How much of its attention each row (tokens * heads, size) gives to each of the keys (there, size)."""
    return torch.addmm(hidden, rows, keys.T, alpha=scale).softmax(-1)


@functools.lru_cache(maxsize=32)
def _hidden(asking: int, there: int, size: int | None, heads: int, dtype: torch.dtype) -> Tensor:
    """What is added to the scores (asking * heads, there): nothing, or without end where a token is not seen. The same in every layer of a step."""
    seen = causal(asking, there, size, torch.device("cpu")).repeat_interleave(heads, 0)
    return torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, -torch.inf)


def wide(kept: Tensor, heads: int) -> Tensor:
    """Keys or values for every head."""
    return repeat_kv(kept, heads // kept.shape[1])


def visible(asking: int, there: int, size: int | None, device: torch.device) -> Tensor | None:
    """As `causal`, but None where that is what PyTorch means by causal."""
    return None if asking == there and (not size or there <= size) else causal(asking, there, size, device)


def causal(asking: int, there: int, size: int | None, device: torch.device) -> Tensor:
    """Which of the tokens that are there the last ones see, (asking, there): oneself and those before, in a sliding layer `size` - 1 of them."""
    places = torch.arange(there, device=device)
    back = places[there - asking :, None] - places
    return (back >= 0) & (back < (size or there))


AttentionInterface.register(NAME, attend)


def suits(config: PretrainedConfig) -> bool:
    """Whether this attention is the model's own: Gemma 2 bends its scores, which PyTorch's can't, and a model that encodes looks ahead."""
    text = config.get_text_config()
    return not getattr(text, "attn_logit_softcapping", None) and getattr(text, "use_bidirectional_attention", None) not in (True, "all")


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
