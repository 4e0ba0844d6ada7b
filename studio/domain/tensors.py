"""What a safetensors file says it holds, read from its header alone and with suspicion, and whether an adapter belongs to a model.

Format: 8 bytes with the length of the header, little-endian; the header, a JSON object `{name: {"dtype", "shape", "data_offsets"}}`; then the numbers, without
gaps. Source: https://huggingface.co/docs/safetensors/index.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from studio.domain.errors import BadFile

LENGTH = 8  # bytes in front of the header
LONGEST = 100_000_000  # bytes of a header, the format's own limit
BYTES = {"F32": 4, "F16": 2, "BF16": 2}  # of a number in what the studio reads
_OTHERS = {"F64": 8, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "U32": 4, "U64": 8}
_LEARNED = re.compile(r"base_model\.model\.(?P<module>[\w.]+)\.(?P<part>lora_A|lora_B|lora_magnitude_vector)(?:\.weight)?")
_TEXT = (
    "model.layers.", "model.embed_tokens.", "model.norm.", "lm_head.", "model.embed_tokens_per_layer.", "model.per_layer_model_projection.",
    "model.per_layer_projection_norm.", "model.altup_projections.", "model.altup_unembed_projections.",
)  # fmt: skip
_ELSEWHERE = "It belongs to another model than it says."


class Tensor(NamedTuple):
    """One entry: the kind of its numbers, its shape, and where it begins and ends, in bytes after the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def header_length(first: bytes, size: int) -> int:
    """Bytes of the header of a file of so many bytes that begins with these eight; raises BadFile."""
    length = int.from_bytes(first, "little")
    if len(first) < LENGTH or not 2 <= length <= min(LONGEST, size - LENGTH):
        raise BadFile("Its weights are cut off or damaged.")
    return length


def read(header: bytes, size: int) -> dict[str, Tensor]:
    """The tensors by name; `size`: bytes that follow the header. Raises BadFile where the header is none, or says what is not so."""
    try:
        entries = json.loads(header, object_pairs_hook=_once)
        entries.pop("__metadata__", None)
        found = {name: _tensor(entry) for name, entry in entries.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadFile("Its weights are damaged: their list can't be read.") from error
    at = 0
    for tensor in sorted(found.values(), key=lambda tensor: (tensor.start, tensor.stop)):
        wide = BYTES.get(tensor.dtype) or _OTHERS.get(tensor.dtype, 0)
        if tensor.start != at or tensor.stop - at != math.prod(tensor.shape) * wide:
            raise BadFile("Its weights are damaged: their list does not fit them.")
        at = tensor.stop
    if at != size:
        raise BadFile("Its weights are cut off or damaged.")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _tensor(entry: Mapping[str, Any]) -> Tensor:
    shape, (start, stop) = tuple(entry["shape"]), entry["data_offsets"]
    if not all(type(number) is int and 0 <= number < 2**48 for number in (*shape, start, stop)):
        raise ValueError("no whole numbers")
    return Tensor(str(entry["dtype"]), shape, start, stop)


def plain_name(name: str) -> str | None:
    """A weight's or module's name in a text-only model; None for the parts that see or hear."""
    for prefix in ("model.language_model.", "language_model.model.", "language_model."):
        if name.startswith(prefix):
            return "model." + name.removeprefix(prefix) if not name.startswith("language_model.lm_head") else name.removeprefix(prefix)
    return name if name.startswith(_TEXT) else None


def learned(tensors: Mapping[str, Tensor], rank: int, dora: bool) -> dict[str, tuple[int, int]]:
    """The matrices an adapter was learned for, by their plain names, with their rows and columns; raises BadFile where it is not whole."""
    parts: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, tensor in tensors.items():
        match = _LEARNED.fullmatch(name)
        module = plain_name(f"{match['module']}.") if match else None
        if not match or not module or tensor.dtype not in BYTES:
            raise BadFile(f"Its weights hold something the studio does not learn ({name[:80]}).")
        parts.setdefault(module.rstrip("."), {})[match["part"]] = tensor.shape
    if not parts:
        raise BadFile("Its weights are empty.")
    return {module: _sides(module, found, rank, dora) for module, found in parts.items()}


def _sides(module: str, found: Mapping[str, tuple[int, ...]], rank: int, dora: bool) -> tuple[int, int]:
    a, b = found.get("lora_A", ()), found.get("lora_B", ())
    whole = len(a) == len(b) == 2 and a[0] == b[1] == rank and ("lora_magnitude_vector" in found) == dora
    if not whole or (dora and found["lora_magnitude_vector"] != (b[0],)):
        raise BadFile(f"Its weights are incomplete ({module}).")
    return b[0], a[1]


def check_belongs(adapter: Mapping[str, tuple[int, int]], base: Iterable[tuple[str, tuple[int, ...]]]) -> None:
    """Raises BadFile unless every matrix of an adapter is in the model, in the same size; `base`: names and shapes of the model's weights."""
    there = {plain: shape for name, shape in base if (plain := plain_name(name))}
    for module, sides in adapter.items():
        if f"{module}.weight" not in there:
            raise BadFile(f"{_ELSEWHERE} {module} is not in the model here.")
        if there[f"{module}.weight"] != sides:
            raise BadFile(f"{_ELSEWHERE} {module} has another size in the model here.")
