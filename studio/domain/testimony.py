"""What a lesson from another machine says of itself, held to what a lesson can say: the settings of its adapter, its journal, its figures."""

from collections.abc import Mapping
from typing import Any

from studio.domain import measures, progress
from studio.domain.errors import BadFile

# What an adapter's settings may say, and how. Whatever else they say is left out where it is empty, and refused where it would change the model.
_SETTINGS: dict[str, tuple[type, ...]] = {
    "r": (int,), "lora_alpha": (int, float), "lora_dropout": (int, float), "use_rslora": (bool,), "use_dora": (bool,), "target_modules": (list, str),
    "exclude_modules": (list, str, type(None)), "base_model_name_or_path": (str,),
}  # fmt: skip
_NEEDED = ("r", "lora_alpha", "target_modules", "base_model_name_or_path")
_FIXED = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none"}
_CHANGING = (
    "modules_to_save", "rank_pattern", "alpha_pattern", "trainable_token_indices", "layer_replication", "lora_bias", "target_parameters", "auto_mapping", "fan_in_fan_out",
    "layers_to_transform", "megatron_config", "alora_invocation_tokens", "use_qalora", "use_bdlora", "arrow_config", "kasa_config", "velora_config", "monteclora_config",
)  # fmt: skip
# What an event of a journal has to hold beside its moment; events of other kinds are left out.
_EVENTS: dict[str, dict[str, tuple[type, ...]]] = {
    "phase": {"text": (str,)}, "note": {"text": (str,)}, "start": {"steps": (int,), "epochs": (int,)}, "step": {"step": (int,), "loss": (int, float)},
    "evaluation": {"step": (int,), "loss": (int, float)}, "sample": {"step": (int,), "epoch": (int, float), "prompt": (str,), "text": (str,)},
    "saved": {"step": (int,)}, "done": {"step": (int,)}, "stopped": {"step": (int,)},
}  # fmt: skip
_FIGURES = ("steps", "seconds", "finished")  # without which a result is none
_LONGEST = 20_000  # characters of a text
NOT_ENDED = "The lesson in it has not come to its end. Let it finish on the other machine first."


def settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an adapter with nothing in them that is not known; raises BadFile naming the first that can't be had."""
    odd = [name for name in _CHANGING if given.get(name)]
    odd += [name for name, value in _FIXED.items() if given.get(name, value) != value]
    odd += [name for name, kinds in _SETTINGS.items() if name in given and type(given[name]) not in kinds]
    odd += ["init_lora_weights"] if given.get("init_lora_weights", True) is not True else []
    odd += [name for name in _NEEDED if name not in given]
    if odd:
        raise BadFile(f"adapter_config.json in it asks for something the studio does not know ({odd[0]}).")
    return {name: given[name] for name in _SETTINGS if name in given} | _FIXED | {"inference_mode": True}


def journal(text: str) -> list[dict[str, Any]]:
    """The events of a lesson that has come to its end, each as the pages expect it; raises BadFile."""
    try:
        events = [event for event in progress.read(text) if str(event["kind"]) in _EVENTS]
        kept = [{name: value for name, value in event.items() if _plain(value)} for event in events]
        if any(type(event.get(name)) not in kinds for event in kept for name, kinds in _needs(event)):
            raise TypeError("an event lacks what it needs")
        progress.lesson(kept), measures.table(kept)
    except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
        raise BadFile("events.jsonl in it can't be read.") from error
    if not kept or kept[-1]["kind"] not in ("done", "stopped"):
        raise BadFile(NOT_ENDED)
    return kept


def figures(given: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a result; raises BadFile where it has none."""
    if any(type(given.get(name)) not in (int, float) for name in _FIGURES):
        raise BadFile("result.json in it can't be read.")
    return {name: value for name, value in given.items() if _plain(value)}


def _needs(event: Mapping[str, Any]) -> list[tuple[str, tuple[type, ...]]]:
    return [("at", (int, float)), *_EVENTS[event["kind"]].items()]


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= _LONGEST)
