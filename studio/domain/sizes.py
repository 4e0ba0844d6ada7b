"""How large an exported file will be, known before it is made.

Bytes per weight are ggml's block sizes; which tensor gets which type in a file llama.cpp makes follows its `llama_tensor_get_type` (llama-quant.cpp).
"""

from collections.abc import Mapping
from math import prod
from typing import Any, Literal, get_args

from studio.domain import architecture
from studio.domain.architecture import Architecture

FileKind = Literal["F32", "BF16", "F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M"]
KINDS: tuple[FileKind, ...] = get_args(FileKind)
Kind = FileKind | Literal["adapter"]
ADAPTER: Literal["adapter"] = "adapter"  # what was learned alone, to be put onto its model elsewhere
MIXED: dict[FileKind, str] = {
    "Q6_K": "Q6_K",
    "Q5_K_M": "Q5_K",
    "Q4_K_M": "Q4_K",
}  # made by llama.cpp's own quantizer -> the type most of it gets
SMALL_MASTER = 2_000_000_000  # bytes; up to here an exact F32 file is made first and everything is measured on it

# type -> (weights in a block, bytes of a block)
_BLOCKS = {"F32": (1, 4), "F16": (1, 2), "BF16": (1, 2), "Q8_0": (32, 34), "Q5_0": (32, 22), "Q5_1": (32, 24),
           "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210)}  # fmt: skip
_FALLBACK = {
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
    "Q8_0": "F16",
    "Q5_0": "F16",
    "Q5_1": "F16",
}  # for rows that don't fill whole blocks
_KEPT = ("altup", "laurel", "per_layer_model_proj")  # not made smaller by llama.cpp's quantizer
_TOKEN = 26  # bytes a token takes in the file's own dictionary: length, about 10 letters, score, type
_HEADER = 8192


def of_config(config: Mapping[str, Any]) -> dict[FileKind, int]:
    """File kind -> estimated bytes for a model's `config.json`; raises StudioError where there is no export."""
    shape = architecture.read(config)
    return {kind: of(shape, shape.vocabulary, kind) for kind in KINDS}


def of(shape: Architecture, vocabulary: int, kind: FileKind) -> int:
    """Estimated bytes of the file for that many tokens."""
    tensors = shape.tensors(vocabulary)
    return _HEADER + _TOKEN * vocabulary + sum(_bytes(name, size, kind, shape) for name, size in tensors.items())


def stored_as(name: str, size: tuple[int, ...], kind: FileKind, shape: Architecture) -> str:
    """ggml's name for the type a tensor gets in a file of this kind."""
    if len(size) == 1 or "altup_correct_coef" in name or "altup_predict_coef" in name:  # a few numbers each: llama.cpp keeps them whole
        return "F32"
    chosen: str = _mixture(name, MIXED[kind], shape) if kind in MIXED else kind
    while size[-1] % _BLOCKS[chosen][0]:
        chosen = _FALLBACK[chosen]
    return chosen


def _mixture(name: str, usual: str, shape: Architecture) -> str:
    if name == ("token_embd.weight" if shape.tied else "output.weight"):
        return "Q6_K"
    if any(part in name for part in _KEPT):
        return "BF16"
    if "attn_v" in name or "ffn_down" in name:
        n, edge = int(name.split(".")[1]), shape.layers // 8
        generous = n < edge or n >= 7 * shape.layers // 8 or (n - edge) % 3 == 2
        return "Q6_K" if generous else usual
    return usual


def _bytes(name: str, size: tuple[int, ...], kind: FileKind, shape: Architecture) -> int:
    weights, width = _BLOCKS[stored_as(name, size, kind, shape)]
    return -(-prod(size) // weights * width // 32) * 32


def room(shape: Architecture, vocabulary: int, kind: Kind, engine: bool) -> int:
    """Bytes of free disk an export needs: the file, and the exact one it is made and measured from (for what was learned alone: its model)."""
    exact = of(shape, vocabulary, "F32")
    if kind == ADAPTER:
        return (exact if exact < SMALL_MASTER else of(shape, vocabulary, "BF16")) if engine else 0
    need = of(shape, vocabulary, kind)
    if not engine or kind == "F32":
        return need
    if exact < SMALL_MASTER:
        return need + exact
    return need + of(shape, vocabulary, "BF16") if kind in MIXED else need


def advice(shape: Architecture, vocabulary: int, kind: FileKind) -> str:
    """Why Balanced is the better choice than this smaller kind; empty where it is not. The small kinds work on 256 weights of a row at a time."""
    tensors = {name: size for name, size in shape.tensors(vocabulary).items() if len(size) > 1}
    whole = sum(prod(size) for size in tensors.values())
    odd = sum(prod(size) for size in tensors.values() if size[-1] % _BLOCKS["Q4_K"][0])
    if kind not in MIXED or odd * 2 < whole:
        return ""
    saved = 1 - of(shape, vocabulary, kind) / of(shape, vocabulary, "Q8_0")
    gain = f"is only {saved:.0%} smaller than Balanced, and" if saved >= 0.005 else "is no smaller than Balanced, and"
    return f"Balanced is better here: this model's rows ({shape.width} numbers) don't fit the small kind, so its file {gain} loses more."


def in_words(size: int) -> str:
    """A size as people say it: “4.1 GB”, “11 MB”."""
    if size >= 999_500_000:
        return f"{size / 1e9:.1f} GB"
    return f"{max(1, round(size / 1e6))} MB"
