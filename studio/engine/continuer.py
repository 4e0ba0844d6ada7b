"""Lets a lesson begin where another one ended: its adapter's weights, in an adapter of the same shape."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peft import PeftModel
from peft.utils import set_peft_model_state_dict
from safetensors.torch import load_file

from studio.domain.errors import NotReady
from studio.domain.replay import START

SHAPE = ("r", "lora_alpha", "use_rslora", "use_dora")


def pick_up(model: PeftModel, folder: Path, spec: Mapping[str, Any]) -> bool:
    """Load the adapter this lesson continues; False where it begins from the plain model. Raises NotReady where the shapes differ."""
    if not spec.get("continues"):
        return False
    old = json.loads((folder / START / "adapter_config.json").read_text("utf-8"))
    now = model.peft_config["default"].to_dict()
    if any(old.get(name) != now[name] for name in SHAPE) or set(old["target_modules"]) != set(now["target_modules"]):
        raise NotReady(
            "The earlier lesson has another depth or strength, so this one can't go on from it. Nothing was lost. Start a new lesson."
        )
    weights = load_file(folder / START / "adapter_model.safetensors")
    loaded = set_peft_model_state_dict(model, weights)
    if loaded.unexpected_keys:
        raise NotReady(
            "The earlier lesson was learned on another model, so this one can't go on from it. Nothing was lost. Start a new lesson."
        )
    return True
