"""Writes a GGUF file: keys, dictionary and weights as llama.cpp expects them for Gemma 1, 2 and 3.

Never more than one block of rows is in memory. Attention needs no reordering for Gemma; norm weights are stored with the 1 that Gemma adds to them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, RopeScalingType

from studio.domain.architecture import Architecture
from studio.domain.errors import StudioError
from studio.domain.sizes import FileKind, stored_as
from studio.engine import vocabulary
from studio.engine.keeper import Keeper
from studio.engine.merger import Merger
from studio.engine.packer import packed
from studio.engine.vocabulary import Vocabulary

_ARCHITECTURES = {"gemma": gguf.MODEL_ARCH.GEMMA, "gemma2": gguf.MODEL_ARCH.GEMMA2, "gemma3": gguf.MODEL_ARCH.GEMMA3}
_FILE_TYPES = {
    "F32": LlamaFileType.ALL_F32,
    "F16": LlamaFileType.MOSTLY_F16,
    "BF16": LlamaFileType.MOSTLY_BF16,
    "Q8_0": LlamaFileType.MOSTLY_Q8_0,
}
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


def sources(plan: Plan, merger: Merger) -> dict[str, str]:
    """GGUF name -> name in the model folder. Raises StudioError unless the folder holds exactly what the file needs."""
    names = gguf.get_tensor_name_map(_ARCHITECTURES[plan.shape.family], plan.shape.layers)
    found: dict[str, str] = {}
    for name in merger.names():
        if plan.shape.tied and name == "lm_head.weight":
            continue
        target = names.get_name(name, try_suffixes=(".weight",))
        if target is None:
            raise StudioError(
                f"This model has a part ({name}) that the file has no place for. What was learned is safe. Choose one of Google's Gemma models."
            )
        found[target] = name
    wanted = plan.tensors()
    for target, size in wanted.items():
        if target not in found:
            raise StudioError(f"This model lacks a part ({target}). What was learned is safe. Fetch the model again.")
        _fits(target, size, merger.shape(found[target]))
    extra = set(found) - set(wanted)
    if extra:
        raise StudioError(
            f"This model has more parts ({min(extra)}) than its config.json tells. What was learned is safe. Fetch the model again."
        )
    return found


def _fits(target: str, wanted: tuple[int, ...], given: tuple[int, ...]) -> None:
    # Rows beyond the tokenizer's last token belong to no token and are cut; the other way round tokens would have no weights.
    words = target in ("token_embd.weight", "output.weight")
    if words and given[0] < wanted[0]:
        raise StudioError(
            f"The dictionary has {wanted[0]:,} tokens, but the model only knows {given[0]:,}. What was learned is safe. Fetch the model again."
        )
    if (given[1:] if words else given) != (wanted[1:] if words else wanted):
        raise StudioError(
            f"A part of this model ({target}) has another size than its config.json tells. What was learned is safe. Fetch the model again."
        )


def write(plan: Plan, merger: Merger, kind: FileKind, path: Path, progress: Progress) -> None:
    """Write the merged model to `path` and make sure it is on the disk, going on with what a killed run left there.

    `progress` hears a share from 0 to 1 and may raise to stop.
    """
    homes = sources(plan, merger)
    writer = GGUFWriter(None, plan.shape.family)
    _keys(writer, plan, kind)
    vocabulary.write(plan.vocabulary, writer)
    writer.add_chat_template(plan.template)
    for name, size in plan.tensors().items():
        stored = GGMLQuantizationType[stored_as(name, size, kind, plan.shape)]
        writer.add_tensor_info(name, size, np.dtype(np.float32), _stored_bytes(size, stored), raw_dtype=stored)
    with Keeper(path, head(writer, path), merger.stamp()) as keeper:
        _weights(keeper, plan, merger, kind, homes, progress)
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


def _weights(keeper: Keeper, plan: Plan, merger: Merger, kind: FileKind, homes: dict[str, str], progress: Progress) -> None:
    tensors = plan.tensors()
    total, done = sum(prod(size) for size in tensors.values()), 0
    for name, size in tensors.items():
        if name in keeper.whole:
            done += prod(size)
            continue
        stored = GGMLQuantizationType[stored_as(name, size, kind, plan.shape)]
        for block in blocks(merger, homes[name], size):
            keeper.put(packed(block, stored, name))
            done += block.size
            progress(done / total)
        keeper.end(name)


def blocks(merger: Merger, name: str, size: tuple[int, ...]) -> Iterator[np.ndarray]:
    """A weight's merged rows in float32, as llama.cpp wants them: Gemma's norms with their 1."""
    one = 1.0 if name.endswith("norm.weight") else 0.0
    for block in merger.rows(name, size[0]):
        yield block.numpy() + np.float32(one) if one else block.numpy()


def _keys(writer: GGUFWriter, plan: Plan, kind: FileKind) -> None:
    shape = plan.shape
    writer.add_type("model")
    writer.add_name(plan.name)
    writer.add_file_type(_FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.mlp)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_freq_base(shape.theta)
    if shape.family != "gemma":
        writer.add_sliding_window(shape.window)
        writer.add_sliding_window_pattern(list(shape.local))
    if shape.family == "gemma2" and shape.attention_cap is not None:
        writer.add_attn_logit_softcapping(shape.attention_cap)
    if shape.logit_cap is not None:
        writer.add_final_logit_softcapping(shape.logit_cap)
    if shape.family == "gemma3":
        writer.add_rope_freq_base_swa(shape.local_theta)
        if shape.rope_factor != 1.0:
            writer.add_rope_scaling_type(RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(shape.rope_factor)
