"""Writes a GGUF file: keys, dictionary and weights as llama.cpp expects them for Gemma 1 to 4.

Never more than one block of rows is in memory. Attention needs no reordering for Gemma; norm weights are stored with the 1 that Gemma 1 to 3 add to them.
"""

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from math import prod
from pathlib import Path
from statistics import NormalDist

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, RopeScalingType

from studio.domain import architecture
from studio.domain.architecture import Architecture
from studio.domain.errors import StudioError
from studio.domain.sizes import FileKind, stored_as
from studio.engine import vocabulary
from studio.engine.keeper import Keeper
from studio.engine.merger import Merger
from studio.engine.packer import packed
from studio.engine.vocabulary import Vocabulary

_ARCHITECTURES = {
    "gemma": gguf.MODEL_ARCH.GEMMA, "gemma2": gguf.MODEL_ARCH.GEMMA2, "gemma3": gguf.MODEL_ARCH.GEMMA3, "gemma3n": gguf.MODEL_ARCH.GEMMA3N,
    "gemma4": gguf.MODEL_ARCH.GEMMA4,
}  # fmt: skip
_FILE_TYPES = {
    "F32": LlamaFileType.ALL_F32,
    "F16": LlamaFileType.MOSTLY_F16,
    "BF16": LlamaFileType.MOSTLY_BF16,
    "Q8_0": LlamaFileType.MOSTLY_Q8_0,
}
_STACKED = re.compile(r"^(model\.altup_(?:unembed_)?projections)\.\d+\.")
_PER_LAYER = "per_layer_token_embd.weight"
_TURNING = "rope_freqs.weight"
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Plan:
    """Everything a file is made of, besides the numbers."""

    name: str
    shape: Architecture
    vocabulary: Vocabulary
    template: str

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """GGUF name -> shape, in writing order."""
        return self.shape.tensors(len(self.vocabulary))


def sources(plan: Plan, merger: Merger) -> dict[str, tuple[str, ...]]:
    """GGUF name -> names in the model folder, several where the file stacks them, none where it holds what follows from the config alone.

    Raises StudioError unless the folder holds exactly what the file needs.
    """
    names, wanted = gguf.get_tensor_name_map(_ARCHITECTURES[plan.shape.family], plan.shape.layers), plan.tensors()
    spare = {f"blk.{n}.{part}.weight" for n in range(plan.shape.layers) for part in plan.shape.unused(n)} - set(wanted)
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(merger.names()):
        if plan.shape.tied and name == "lm_head.weight":
            continue
        # Stacked weights lose their number; single numbers have no “.weight”.
        target = names.get_name(_STACKED.sub(r"\1.", name).removesuffix(".weight") + ".weight", try_suffixes=(".weight",))
        if target is None:
            raise StudioError(
                f"This model has a part ({name}) that the file has no place for. What was learned is safe. Choose one of Google's Gemma models."
            )
        if target not in spare:  # Google's folders still hold the keys and values that no layer of Gemma 4 looks at
            found[target] = (*found.get(target, ()), name)
    for target, size in wanted.items():
        if target not in found and _follows(target, plan.shape):
            found[target] = ()
        if target not in found:
            raise StudioError(f"This model lacks a part ({target}). What was learned is safe. Fetch the model again.")
        _fits(target, size, [merger.shape(name) for name in found[target]])
    extra = set(found) - set(wanted)
    if extra:
        raise StudioError(
            f"This model has more parts ({min(extra)}) than its config.json tells. What was learned is safe. Fetch the model again."
        )
    return found


def _follows(target: str, shape: Architecture) -> bool:
    """Whether a tensor needs no weights: which pairs turn, and keys and values that llama.cpp wants to see in Gemma 3n but never reads."""
    if target == _TURNING:
        return True
    block, layer, part, *_ = (*target.split("."), "", "")
    return shape.family == "gemma3n" and block == "blk" and part in shape.unused(int(layer))


def _fits(target: str, wanted: tuple[int, ...], given: list[tuple[int, ...]]) -> None:
    words = target in ("token_embd.weight", "output.weight", _PER_LAYER)
    if words and given[0][0] < wanted[0] and target != _PER_LAYER:
        raise StudioError(
            f"The dictionary has {wanted[0]:,} tokens, but the model only knows {given[0][0]:,}. What was learned is safe. Fetch the model again."
        )
    for size in given:
        found = (len(given), *size) if len(wanted) == 3 else size
        # Rows beyond the tokenizer's last token belong to no token and are cut.
        if found != wanted and not (words and found[1:] == wanted[1:]):
            raise StudioError(
                f"A part of this model ({target}) has another size than its config.json tells. What was learned is safe. Fetch the model again."
            )


def write(plan: Plan, merger: Merger, kind: FileKind, path: Path, progress: Progress) -> None:
    """Write the merged model to `path` and make sure it is on the disk, going on with what a killed run left there.

    `progress` hears a share from 0 to 1 and may raise to stop.
    """
    with closing(written(plan, merger, kind, path)) as shares:
        for share in shares:
            progress(share)


def written(plan: Plan, merger: Merger, kind: FileKind, path: Path) -> Generator[float, None, None]:
    """The same step by step: yields the share that is written; whoever stops listening closes it."""
    homes = sources(plan, merger)
    writer = GGUFWriter(None, plan.shape.family)
    _keys(writer, plan, kind)
    vocabulary.write(plan.vocabulary, writer)
    writer.add_chat_template(plan.template)
    for name, size in plan.tensors().items():
        stored = GGMLQuantizationType[stored_as(name, size, kind, plan.shape)]
        writer.add_tensor_info(name, size, np.dtype(np.float32), _stored_bytes(size, stored), raw_dtype=stored)
    with Keeper(path, head(writer, path), merger.stamp()) as keeper:
        yield from _weights(keeper, plan, merger, kind, homes)
        keeper.finish()


def head(writer: GGUFWriter, path: Path) -> Path:
    """Everything before the weights, written beside `path`."""
    made = path.with_suffix(".head.part")
    try:
        writer.write_header_to_file(made)
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        writer.write_padding(writer.fout[0], writer.fout[0].tell())
    finally:
        writer.close()
    return made


def _stored_bytes(size: tuple[int, ...], stored: GGMLQuantizationType) -> int:
    weights, width = gguf.GGML_QUANT_SIZES[stored]
    return prod(size) // weights * width


def _weights(keeper: Keeper, plan: Plan, merger: Merger, kind: FileKind, homes: dict[str, tuple[str, ...]]) -> Iterator[float]:
    tensors = plan.tensors()
    total, done = sum(prod(size) for size in tensors.values()), 0
    for name, size in tensors.items():
        if name in keeper.whole:
            done += prod(size)
            continue
        stored = GGMLQuantizationType[stored_as(name, size, kind, plan.shape)]
        for block in blocks(plan.shape, merger, name, homes[name], size):
            keeper.put(packed(block, stored, name))
            done += block.numel()
            yield done / total
        keeper.end(name)


def blocks(shape: Architecture, merger: Merger, target: str, names: tuple[str, ...], size: tuple[int, ...]) -> Iterator[torch.Tensor]:
    """A tensor's merged rows as llama.cpp wants them: the norms of Gemma 1 to 3 with their 1, stacked weights one after the other."""
    if not names:
        yield _turning(shape) if target == _TURNING else torch.zeros(size)
    for name in names:
        one = shape.adds_one and name.endswith("norm.weight")
        there, limit = merger.shape(name)[0], size[-2] if len(size) > 1 else size[0]
        for block in merger.kept(name, min(limit, there)):
            yield block.float() + 1 if one else block
        # Of tokens beyond its own table (pictures and sounds) Gemma 3n tells its layers what it tells them of token 0.
        for _ in range(there, limit):
            yield next(merger.kept(name, 1))


def _turning(shape: Architecture) -> torch.Tensor:
    """What the angle of each pair of Gemma 4's wide heads is divided by; the last pairs stand still."""
    return torch.where(torch.arange(shape.wide_head // 2) < shape.rotated, 1.0, 1e30)


def _keys(writer: GGUFWriter, plan: Plan, kind: FileKind) -> None:
    shape = plan.shape
    writer.add_type("model")
    writer.add_name(plan.name)
    writer.add_file_type(_FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(_one_or_each([shape.mlp_of(n) for n in range(shape.layers)]))
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(_one_or_each([shape.kv_heads_of(n) for n in range(shape.layers)]))
    writer.add_key_length(shape.wide_head)
    writer.add_value_length(shape.wide_head)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_freq_base(shape.theta)
    if shape.family != "gemma":
        writer.add_sliding_window(shape.window)
        writer.add_sliding_window_pattern(list(shape.local))
    if shape.family == "gemma2" and shape.attention_cap is not None:
        writer.add_attn_logit_softcapping(shape.attention_cap)
    if shape.logit_cap is not None or shape.family == "gemma4":  # llama.cpp caps a Gemma 4 that says nothing at 30
        writer.add_final_logit_softcapping(shape.logit_cap or 0.0)
    if shape.family not in ("gemma", "gemma2"):
        writer.add_rope_freq_base_swa(shape.local_theta)
        if shape.rope_factor != 1.0:
            writer.add_rope_scaling_type(RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(shape.rope_factor)
    if shape.family in ("gemma3n", "gemma4"):
        writer.add_shared_kv_layers(shape.reusing)
        writer.add_embedding_length_per_layer_input(shape.per_layer)
    if shape.family == "gemma3n":
        writer.add_altup_active_idx(0)
        writer.add_altup_num_inputs(architecture.ALTUP)
        # The cut lies so many standard deviations above the mean; none is cut where the share is 0.
        writer.add_activation_sparsity_scale([NormalDist().inv_cdf(share) if share else float("-inf") for share in shape.sparsity])
    if shape.family == "gemma4":
        writer.add_key_length_swa(shape.head)
        writer.add_value_length_swa(shape.head)
        writer.add_rope_dimension_count(shape.wide_head)
        writer.add_rope_dimension_count_swa(shape.head)


def _one_or_each(values: list[int]) -> int | list[int]:
    return values[0] if len(set(values)) == 1 else values
