"""The choices for experts: every field of a recipe with its plain word, its expert word and one sentence."""

from dataclasses import fields
from typing import Any

import gradio as gr

from studio.domain.errors import StudioError
from studio.domain.training import Recipe

# Field of a recipe -> plain word, expert word, one sentence with the usual value and what the extremes do.
WORDS: dict[str, tuple[str, str, str]] = {
    "epochs": ("Passes", "epochs", "How often everything is read. Usually 2 to 8; fewer leave the voice faint, more repeat your own lines."),
    "batch_size": ("Read at once", "batch size", "Conversations looked at together. Usually 4; 1 needs the least memory, many learn little from a small set."),
    "accumulation": ("Looks before a step", "gradient accumulation", "Gathers several looks into one step. Usually 1; 4 where only one is read at once, more makes too few steps."),
    "learning_rate": ("Step size", "learning rate", "How far each step goes. Usually 0.0002, about 0.00001 for the practice model; too small learns nothing, too large breaks sentences."),
    "warmup_steps": ("Gentle first steps", "warm-up steps", "Steps that start small. Usually a tenth of all; none can jolt the model, too many leave no time to learn."),
    "rank": ("Depth", "rank", "How much of the model may change. 8 is light, 16 medium, 32 deep; too little misses the voice, too much memorises."),
    "alpha": ("Strength", "alpha", "How strongly the change counts. Usually the same as depth; small is faint, large overshoots."),
    "dropout": ("Forgetting on purpose", "dropout", "Leaves out a share while learning. Usually 0; 0.05 with few conversations, above 0.2 hardly anything sticks."),
    "rslora": ("Even strength at any depth", "rank-stabilised LoRA, rsLoRA", "Keeps the strength steady when depth grows. Usually on; off, great depth learns ever more weakly."),
    "dora": ("Direction and size apart", "DoRA", "Slower and larger, now and then better. Usually off."),
    "four_bit": ("Small memory", "4-bit NF4 with double quantisation, QLoRA", "Fits a large model on a small NVIDIA card, a little less exact. Usually off; refused without such a card."),
    "max_length": ("Longest conversation", "maximum length in tokens", "What is longer is cut off. Usually just above your longest; too short cuts answers, too long only costs memory."),
    "evaluations_per_epoch": ("Honest tests per pass", "evaluations per epoch", "How often the kept-back conversations are tried. Usually 1 or 2; more take time, fewer may miss the best version."),
    "patience": ("Patience", "early stopping", "Tests without a better version before the lesson ends. Usually 3; 1 may end too soon, 0 never ends early."),
    "validation": ("Kept back", "validation share", "The share kept back, to test honestly. Usually 0.1; 0 tests nothing, half leaves little to learn from."),
    "seed": ("Dice", "seed", "The same number gives the same lesson. Any number; another one deals the conversations out anew."),
    "targets": ("Taught parts", "target modules", "All seven, attention only, or a pattern of whole paths such as .*layers\\.\\d+\\.self_attn\\.(q|v)_proj. Usually all; few parts learn faintly, eyes and ears are never taught."),
    "schedule": ("How steps shrink", "schedule", "Steps grow smaller toward the end. Usually cosine; constant never calms down at the end."),
    "optimiser": ("Bookkeeping", "optimiser", "How steps are worked out. Usually auto; the 8-bit ones save memory and need an NVIDIA card."),
    "steps": ("Steps at most", "maximum steps", "Ends after so many steps instead of whole passes. Usually 0: as many as the passes take; very few only scratch the surface."),
    "learn": ("Learned words", "loss on replies or on everything", "Your character's replies, or the visitor's lines too. Usually replies; everything also teaches it to talk like the visitor."),
    "dtype": ("Numbers", "dtype", "Auto takes short numbers (bf16) where they are quick. Usually auto; full ones take twice the memory and are slower."),
    "packing": ("Without gaps", "packing", "Puts the conversations read at once end to end; none sees another. Usually on; off fills short ones up with empty places, which learns the same more slowly."),
}  # fmt: skip

# What is shown instead of a value of a choice.
SHOWN: dict[str, list[tuple[str, str]]] = {
    "targets": [("All seven", "all"), ("Attention only", "attention")],
    "schedule": [("Cosine", "cosine"), ("Linear", "linear"), ("Constant", "constant")],
    "optimiser": [("Auto", "auto"), ("AdamW", "adamw"), ("AdamW, 8-bit", "adamw_8bit"), ("AdamW, paged 8-bit", "paged_adamw_8bit")],
    "learn": [("Replies only", "replies"), ("Everything", "everything")],
    "dtype": [("Auto", "auto"), ("Full (float32)", "float32")],
}


def recipe(values: tuple[Any, ...]) -> Recipe:
    """The recipe in the form; raises StudioError for an empty field."""
    given = dict(zip(WORDS, values, strict=True))
    empty = next((name for name, value in given.items() if value is None or value == ""), None)
    if empty:
        raise StudioError(f"“{WORDS[empty][0]}” is empty. Nothing was started. Fill it in under Choices for experts.")
    kinds = {field.name: type(field.default) for field in fields(Recipe)}
    return Recipe(**{name: kinds[name](value) for name, value in given.items()}).checked()


def values(plan: Recipe) -> list[Any]:
    """What the fields show for a recipe, in their order."""
    return [getattr(plan, name) for name in WORDS]


def build() -> dict[str, Any]:
    """The fields, by name."""
    return {field.name: entry(field.name, field.default) for field in fields(Recipe)}


def entry(name: str, default: Any) -> Any:
    """The component for one field of a recipe."""
    plain, expert, sentence = WORDS[name]
    label, info = plain, f"{sentence} ({expert})"
    if name in SHOWN:
        own = name == "targets"
        return gr.Dropdown(SHOWN[name], value=default, label=label, info=info, allow_custom_value=own, interactive=True, min_width=200)
    if isinstance(default, bool):
        return gr.Checkbox(default, label=label, info=info, interactive=True)
    if isinstance(default, int):
        return gr.Number(default, label=label, info=info, precision=0, interactive=True, min_width=200)
    return gr.Number(default, label=label, info=info, interactive=True, min_width=200)
