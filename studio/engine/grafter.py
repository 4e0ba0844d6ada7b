"""Writes what was learned as files of their own: an adapter for llama.cpp, and the one peft reads, to be put onto the same model elsewhere.

GGUF layout (llama.cpp, llama-adapter.cpp): `general.type` adapter, `adapter.type` lora, `adapter.lora.alpha`; for each matrix `<name>.lora_a` (rank, columns) and
`<name>.lora_b` (rows, rank). llama.cpp computes W + alpha / rank B A and knows neither rsLoRA nor patterns, so what peft really multiplies by is folded into B.
"""

import json
import os
import shutil
from pathlib import Path

import gguf
import numpy as np
from gguf import GGUFWriter

from studio.domain.errors import StudioError
from studio.engine import merger
from studio.engine.merger import Delta
from studio.engine.writer import Plan

PEFT = "peft"  # the folder with peft's own files
_FILES = ("adapter_model.safetensors", "adapter_config.json", "chat_template.jinja")
_MERGE = "What was learned is safe. Choose Balanced instead: there it becomes part of the model."


def write(plan: Plan, adapter: Path, path: Path) -> None:
    """Write the adapter to `path` and make sure it is on the disk; raises StudioError for what can't be an adapter of llama.cpp."""
    learned, alpha = _named(plan, merger.deltas(adapter)), _alpha(adapter)
    writer = GGUFWriter(path, plan.shape.family)
    writer.add_type("adapter")
    writer.add_name(plan.name)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, delta in sorted(learned.items()):
        rank = delta.a.shape[0]
        writer.add_tensor(f"{name}.lora_a", np.ascontiguousarray(delta.a.numpy()))
        writer.add_tensor(f"{name}.lora_b", np.ascontiguousarray((delta.b * (delta.scale * rank / alpha)).numpy()))
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.flush()
        os.fsync(writer.fout[0].fileno())
    finally:
        writer.close()


def lay(adapter: Path, folder: Path, model: str) -> None:
    """Put peft's own files into `folder`; of where the model lies on this computer they say nothing, but what it is called: `model`."""
    folder.mkdir(exist_ok=True)
    for name in _FILES:
        if (adapter / name).is_file():
            shutil.copyfile(adapter / name, folder / name)
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    (folder / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": model}, indent=1) + "\n", "utf-8")


def _named(plan: Plan, deltas: dict[str, Delta]) -> dict[str, Delta]:
    """GGUF name -> what was learned for it."""
    names, there = gguf.get_tensor_name_map(gguf.MODEL_ARCH[plan.shape.family.upper()], plan.shape.layers), plan.tensors()
    found: dict[str, Delta] = {}
    for module, delta in deltas.items():
        target = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
        if delta.magnitude is not None:
            raise StudioError(f"The character learned with DoRA, which can't be a file of its own. {_MERGE}")
        if target is None or there.get(target) != (delta.b.shape[0], delta.a.shape[1]):
            raise StudioError(f"The character learned in a part ({module}) that a file of its own can't change. {_MERGE}")
        found[target] = delta
    return found


def _alpha(adapter: Path) -> float:
    """What the file calls alpha: the lesson's own, and 1 where that is none."""
    return float(json.loads((adapter / "adapter_config.json").read_text("utf-8")).get("lora_alpha") or 1)
