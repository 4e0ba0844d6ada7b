"""What another machine would send back, made without one: the lesson of a zip, with weights, a journal and figures."""

import io
import json
import zipfile

import numpy as np
from safetensors.numpy import save, save_file

from tests.services.test_runs import DONE, journal

Q = "base_model.model.model.layers.0.self_attn.q_proj"
LEARNED = {f"{Q}.lora_A.weight": np.ones((8, 6), np.float32), f"{Q}.lora_B.weight": np.ones((4, 8), np.float32)}
SETTINGS = {
    "peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none", "r": 8, "lora_alpha": 8, "use_rslora": True, "use_dora": False, "target_modules": ["q_proj"],
    "base_model_name_or_path": "practice", "inference_mode": True, "auto_mapping": None, "rank_pattern": {}, "revision": None,
}  # fmt: skip
RESULT = {
    "base_model": "practice",
    "steps": 20,
    "seconds": 60.0,
    "finished": 1_700_000_000.0,
    "best_step": 20,
    "tokens": 100,
    "energy_wh": None,
}


def base(folder):
    """Gives a model folder the one matrix that was learned for."""
    save_file({"model.layers.0.self_attn.q_proj.weight": np.zeros((4, 6), np.float32)}, folder / "model.safetensors")


def settings(**changes):
    """An adapter_config.json with some of it changed."""
    return json.dumps({**SETTINGS, **changes})


def packed(sent, path, prefix="", **changes):
    """learned.zip for the zip that was sent, with some of it changed, left out (None) or added; returns its path."""
    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        lesson = {name: archive.read(f"lesson/{name}") for name in ("spec.json", "dataset.jsonl")}
    events = "".join(json.dumps(event) + "\n" for event in [*journal(2.5, 2.1), {**DONE, "step": 20, "best_step": 20}])
    entries = lesson | {
        "adapter_model.safetensors": save(LEARNED), "adapter_config.json": settings(), "result.json": json.dumps(RESULT), "events.jsonl": events,
        "metrics.csv": "step\n",
    } | changes  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            if content is not None:
                archive.writestr(f"{prefix}{name}", content)
    return path
