"""Adds what was learned to the weights it was learned on, a few rows at a time, in float32.

Formulas: LoRA W + s B A with s = alpha / r, rsLoRA s = alpha / sqrt(r) (arXiv 2312.03732), DoRA m (W + s B A) / ||W + s B A|| with the norm over each
row (arXiv 2402.09353). Everything is local to a row, so rows can be merged in blocks of any size with the same result.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from studio.domain.errors import BadFile, StudioError
from studio.domain.tensors import plain_name

BLOCK = 4 * 1024 * 1024  # bytes of float32 rows held at once: what is done to them finds them in the processor's cache
_LEARNED = re.compile(r"^(?:base_model\.model\.)?(?P<module>.+)\.(?P<part>lora_A|lora_B|lora_magnitude_vector)(?:\.weight)?$")
Reader = Callable[[str, Any, int], Iterator[torch.Tensor]]
_FLOATS = {"F32", "F16", "BF16"}
# Fields of an adapter_config.json that change the model in ways the formulas above don't cover.
_UNKNOWN = ("fan_in_fan_out", "modules_to_save", "trainable_token_indices", "layer_replication", "lora_bias", "target_parameters", "megatron_config",
            "alora_invocation_tokens", "use_qalora", "use_bdlora", "arrow_config", "kasa_config", "velora_config", "monteclora_config")  # fmt: skip
_REBASED = ("pissa", "olora", "corda", "loftq", "lora_ga")  # starting points that also changed the base weights


@dataclass(frozen=True)
class Delta:
    """What was learned for one matrix: s B A, and for DoRA the length of each row."""

    a: torch.Tensor  # (rank, columns)
    b: torch.Tensor  # (rows, rank)
    scale: float
    magnitude: torch.Tensor | None = None  # (rows,)

    def onto(self, rows: torch.Tensor, start: int) -> torch.Tensor:
        """The merged rows that begin at row `start`, in float32, of rows in any numbers."""
        part = slice(start, start + rows.shape[0])
        merged = rows.to(torch.float32, copy=True).addmm_(self.b[part], self.a, alpha=self.scale)
        if self.magnitude is None:
            return merged
        return merged * (self.magnitude[part] / torch.linalg.norm(merged, dim=1))[:, None]


def deltas(folder: Path) -> dict[str, Delta]:
    """Name of a module in a text-only model -> what was learned for it; raises StudioError for adapters whose arithmetic is another."""
    return {_text_name(module): delta for module, delta in learned(folder).items()}


def learned(folder: Path) -> dict[str, Delta]:
    """Name of a module as the adapter has it -> what was learned for it; raises StudioError as `deltas` does."""
    with Lesson(folder) as lesson:
        return {module: lesson.delta(module) for module in lesson.modules}


class Lesson:
    """An open adapter, from which what was learned is read matrix by matrix. Use it in a `with`; raises StudioError where its arithmetic is another."""

    def __init__(self, folder: Path) -> None:
        try:
            self._config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
            self._file = safe_open(folder / "adapter_model.safetensors", "pt")
        except (OSError, ValueError, SafetensorError) as error:
            raise BadFile(
                f"What the character learned can't be read ({error}). The conversations are safe. Train again, then export."
            ) from error
        _check(self._config)
        self.modules: dict[str, dict[str, str]] = {}  # module -> part of its delta -> name in the file
        for name in self._file.keys():  # noqa: SIM118 (not a dict)
            match = _LEARNED.match(name)
            if not match:
                raise StudioError(
                    f"The character learned something the file can't keep ({name}). The conversations are safe. Train again with the studio's own recipe."
                )
            self.modules.setdefault(match["module"], {})[match["part"]] = name
        for module, parts in self.modules.items():
            if not {"lora_A", "lora_B", *(["lora_magnitude_vector"] if self._config.get("use_dora") else [])} <= set(parts):
                raise BadFile(f"What the character learned is incomplete ({module}). The conversations are safe. Train again, then export.")

    def __enter__(self) -> "Lesson":
        self._file.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.__exit__(kind, error, trace)

    def shape(self, module: str) -> tuple[int, int]:
        """(rows, columns) of the matrix it was learned for."""
        parts = self.modules[module]
        return self._file.get_slice(parts["lora_B"]).get_shape()[0], self._file.get_slice(parts["lora_A"]).get_shape()[1]

    def delta(self, module: str) -> Delta:
        """What was learned for a module."""
        found = {part: self._file.get_tensor(name).float() for part, name in self.modules[module].items()}
        rank = found["lora_A"].shape[0]
        pattern = self._config.get("alpha_pattern") or {}
        # As peft finds it: the first pattern that is the end of the module's name, from a point on.
        alpha = next((pattern[key] for key in pattern if re.match(rf"(.*\.)?({key})$", module)), self._config["lora_alpha"])
        scale = alpha / (sqrt(rank) if self._config.get("use_rslora") else rank)
        return Delta(found["lora_A"], found["lora_B"], float(scale), found.get("lora_magnitude_vector"))


def _text_name(module: str) -> str:
    name = plain_name(f"{module}.")
    if name is None:
        raise StudioError(
            f"The character learned in a part of the model the file leaves out ({module}). The conversations are safe. Train again, then export."
        )
    return name.rstrip(".")


def _check(config: Mapping[str, Any]) -> None:
    odd = [field for field in _UNKNOWN if config.get(field)]
    if config.get("peft_type") != "LORA":
        odd.append(str(config.get("peft_type")))
    if config.get("bias", "none") != "none":
        odd.append("bias")
    if str(config.get("init_lora_weights", True)).lower().startswith(_REBASED):
        odd.append(str(config["init_lora_weights"]))
    if odd:
        raise StudioError(
            f"The character learned in a way the export can't merge ({odd[0]}). The conversations are safe. Train again with the studio's own recipe."
        )


def blocks(name: str, window: Any, limit: int) -> Iterator[torch.Tensor]:
    """The first `limit` rows of a matrix in a safetensors file, as they lie there."""
    step = max(1, BLOCK // (4 * window.get_shape()[1]))
    for start in range(0, limit, step):
        yield window[start : min(start + step, limit)]


class Merger:
    """The merged model, tensor by tensor, without ever holding it. Use it in a `with`."""

    def __init__(self, model: Path, adapter: Path | None, read: Reader | None = None) -> None:
        """`read`: what gives the rows of the model's matrices, where they are not to be as its folder has them."""
        self._read = read or blocks
        self._open = ExitStack()
        self._lesson = self._open.enter_context(Lesson(adapter)) if adapter else None
        # name in a text-only model -> name in the adapter
        self._taught = {_text_name(module): module for module in self._lesson.modules} if self._lesson else {}
        self._made_of = [*_shards(model), *([adapter / "adapter_config.json", adapter / "adapter_model.safetensors"] if adapter else [])]
        self._homes: dict[str, tuple[Any, str]] = {}  # plain name -> (open shard, name in it)
        for shard in _shards(model):
            try:
                file = self._open.enter_context(safe_open(shard, "pt"))
            except (OSError, SafetensorError) as error:
                self._open.close()
                raise BadFile(
                    f"{shard.name} of the model can't be read ({error}). What was learned is safe. Fetch the model again."
                ) from error
            self._homes |= {plain: (file, name) for name in file.keys() if (plain := plain_name(name))}  # noqa: SIM118
        self._check_targets()

    def __enter__(self) -> "Merger":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    def _check_targets(self) -> None:
        for module, inner in self._taught.items():
            if f"{module}.weight" not in self._homes:
                raise StudioError(
                    f"What the character learned does not belong to this model ({module} is not in it). Choose the model it was trained on."
                )
            if self._lesson and self.shape(f"{module}.weight") != self._lesson.shape(inner):
                raise StudioError(
                    f"What the character learned does not fit this model ({module} has another size). Choose the model it was trained on."
                )

    def stamp(self) -> str:
        """Changes whenever a file does that the merged weights come from."""
        seen = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in self._made_of]
        return hashlib.sha256(repr((seen, self._read.__module__)).encode()).hexdigest()

    def names(self) -> set[str]:
        """The names of all weights of the text model."""
        return set(self._homes)

    def shape(self, name: str) -> tuple[int, ...]:
        """A weight's shape (rows, columns) or (length,)."""
        file, inner = self._homes[name]
        return tuple(file.get_slice(inner).get_shape())

    def rows(self, name: str, limit: int) -> Iterator[torch.Tensor]:
        """The first `limit` merged rows of a weight in blocks of float32; 1-D weights come whole."""
        return (block.float() for block in self.kept(name, limit))

    def kept(self, name: str, limit: int) -> Iterator[torch.Tensor]:
        """As `rows`, but where nothing was learned in the numbers the model's folder has."""
        file, inner = self._homes[name]
        window = file.get_slice(inner)
        if window.get_dtype() not in _FLOATS:
            raise StudioError(
                "This model folder holds weights that were already made small. Nothing was changed. Choose the model's original folder."
            )
        shape = window.get_shape()
        if len(shape) == 1:
            yield file.get_tensor(inner)
            return
        inner = self._taught.get(name.removesuffix(".weight"))
        delta = self._lesson.delta(inner) if self._lesson and inner else None
        start = 0
        for block in self._read(name, window, limit):
            yield delta.onto(block, start) if delta else block
            start += len(block)


def _shards(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.exists():
        try:
            names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (KeyError, ValueError, AttributeError) as error:
            raise BadFile(f"{index.name} of the model can't be read ({error}). What was learned is safe. Fetch the model again.") from error
        return [folder / Path(name).name for name in names]
    if not (folder / "model.safetensors").exists():
        raise BadFile("The model's folder has no weights (model.safetensors). What was learned is safe. Fetch the model again.")
    return [folder / "model.safetensors"]
