"""A recipe in the words of the libraries that carry it out."""

import re
from typing import Any

from peft import LoraConfig

from studio.domain import footprint, training
from studio.domain.errors import NotReady

ATTENTION_AND_MLP = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TOWERS = r".*(vision|audio).*"
EXAMPLE = r".*layers\.\d+\.self_attn\.(q|v)_proj"
SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}
OPTIMISERS = {"adamw": "adamw_torch_fused", "adamw_8bit": "adamw_8bit", "paged_adamw_8bit": "paged_adamw_8bit"}


def optimiser(recipe: training.Recipe) -> str:
    """trl's name of the optimiser."""
    return OPTIMISERS[footprint.optimiser(recipe)]


def adapter(recipe: training.Recipe, model: Any) -> LoraConfig:
    """The adapter a recipe asks for: projections of the language model, and nothing of the eyes and ears a larger Gemma has beside it."""
    towers = any(re.match(TOWERS, name) for name, _ in model.named_modules())
    where: str | list[str] | None = {"all": ATTENTION_AND_MLP, "attention": ATTENTION_AND_MLP[:4]}.get(recipe.targets) or taught(
        recipe.targets, model
    )
    return LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, lora_dropout=recipe.dropout, use_rslora=recipe.rslora, use_dora=recipe.dora,
        target_modules=where, exclude_modules=TOWERS if towers else None, bias="none", task_type="CAUSAL_LM",
    )  # fmt: skip


def taught(pattern: str, model: Any) -> str:
    """A pattern for whole paths of modules; raises NotReady unless it names projections of the language model, and only those."""
    names = [name for name, _ in model.named_modules() if re.fullmatch(pattern, name)]
    wrong = [name for name in names if re.match(TOWERS, name) or name.rsplit(".", 1)[-1] not in ATTENTION_AND_MLP]
    if not names or wrong:
        found = f"also names {wrong[0]}, which is not taught" if wrong else "names nothing in this model"
        raise NotReady(f"The pattern for the taught parts {found}. Nothing was learned. Write whole paths, such as {EXAMPLE}.")
    return pattern
