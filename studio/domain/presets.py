"""Three recipes in plain words, computed from what there is to learn: never constants that fit one size only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from studio.domain import footprint
from studio.domain.footprint import Shape
from studio.domain.machine import SMALL, Machine, Speed
from studio.domain.training import Preset, Recipe

TITLES: dict[Preset, str] = {"quick": "Quick try", "balanced": "Balanced", "patient": "Patient"}
SENTENCES: dict[Preset, str] = {"quick": "A first taste.", "balanced": "Our choice.", "patient": "For many conversations."}

# Learning rate times optimiser steps, for models too small to know much English. Measured on the practice model: further on, the loss on unseen
# replies still falls, but every second sentence breaks, because what it knew is written over by lines it can't make sense of.
DRIFT: dict[Preset, float] = {"quick": 1.35e-3, "balanced": 1.8e-3, "patient": 2.7e-3}


@dataclass(frozen=True)
class Material:
    """What there is to learn: counts of training conversations and the longest of them in tokens, and the size of the model in parameters."""

    conversations: int
    longest: int
    parameters: int
    accelerated: bool = False  # a GPU or Apple chip is there
    typical: int = 0  # tokens of a row when a few are filled up to the longest of them; 0 where it was not counted


def typical(lengths: Sequence[int], together: int) -> int:
    """Mean tokens of a row when so many conversations are read together, each filled up to the longest."""
    groups = [lengths[n : n + together] for n in range(0, len(lengths), together)]
    return round(sum(max(group) * len(group) for group in groups) / max(1, len(lengths)))


def steps_per_epoch(material: Material, recipe: Recipe) -> int:
    """Optimiser steps in one pass over the training conversations."""
    return max(1, math.ceil(material.conversations / (recipe.batch_size * recipe.accumulation)))


def total_steps(material: Material, recipe: Recipe) -> int:
    """Optimiser steps of the whole lesson, if it is not ended early."""
    return recipe.steps or recipe.epochs * steps_per_epoch(material, recipe)


def recipe(preset: Preset, material: Material) -> Recipe:
    """The recipe a preset means for this material.

    Few conversations want small batches (many steps), many want larger ones. Warm-up ends within a tenth of the lesson. A model of some million
    parameters is led as far as DRIFT allows, over however many steps there are.
    """
    batch = 4 if material.conversations < 400 else 8
    small = material.parameters < SMALL
    rank = {"quick": 8, "balanced": 16, "patient": 32}[preset] * (2 if small else 1)
    # About this many looks at each conversation; the best version by unseen conversations is kept, so more looks cost time, not quality.
    passes = {"quick": 2, "balanced": 4, "patient": 8}[preset]
    if small:
        passes = passes * 3 // 2  # small steps, many of them: fewer sentences break on the way
    if material.conversations > 1000:
        passes = max(1, passes // 2)
    steps = passes * math.ceil(material.conversations / batch)
    rate = min(2e-4, max(2e-6, DRIFT[preset] / steps)) if small else 3e-4 if material.parameters < 600_000_000 else 2e-4
    length = 2 ** math.ceil(math.log2(max(64, material.longest)))
    plan = Recipe(
        epochs=passes,
        batch_size=1 if material.accelerated and material.parameters > 2e9 else batch,
        accumulation=batch if material.accelerated and material.parameters > 2e9 else 1,
        learning_rate=float(f"{rate:.3g}"),  # as a person would type it
        rank=rank,
        alpha=rank,
        max_length=min(length, 4096),
        evaluations_per_epoch=2 if material.conversations < 400 else 4,
        patience={"quick": 2, "balanced": 3, "patient": 5}[preset],
    )
    warm = max(1, min(20, total_steps(material, plan) // 10))
    return Recipe(**{**plan.to_dict(), "warmup_steps": warm})


FEW = 50  # conversations up to which a voice is easily learned by heart
START = 15.0  # seconds a lesson takes before its first step


def fitted(plan: Recipe, shape: Shape, machine: Machine, longest: int) -> Recipe:
    """The recipe as this machine can carry it out: reading fewer at once, with the same step, while it would be tight; then in 4 bit on a card."""
    for candidate in (plan, replace(plan, four_bit=True)) if machine.kind == "cuda" else (plan,):
        while True:
            found = footprint.verdict(footprint.predict(shape, candidate, machine, longest).peak, machine)
            if found == "fits" or candidate.batch_size == 1:
                break
            half = candidate.batch_size // 2
            candidate = replace(candidate, batch_size=half, accumulation=candidate.accumulation * (candidate.batch_size // half))
        if found != "does not fit":
            return candidate
    return plan


def learned(material: Material, plan: Recipe) -> Material:
    """What is left to learn from when a recipe has kept its share back."""
    return replace(material, conversations=max(1, material.conversations - round(material.conversations * plan.validation)))


def sentence(preset: Preset, plan: Recipe, material: Material) -> str:
    """What a preset will do, in one sentence after the one that says whom it is for."""
    steps = total_steps(learned(material, plan), plan)
    times = "once" if plan.epochs == 1 else "twice" if plan.epochs == 2 else f"{plan.epochs} times"
    small = " in 4 bit" if plan.four_bit else ""
    return f"{SENTENCES[preset]} Reads every conversation {times}{small}, in {steps} step{'' if steps == 1 else 's'}."


def caution(conversations: int) -> str:
    """What has to be said before so few conversations are taught; empty where there are enough."""
    if conversations > FEW:
        return ""
    return f"With only {conversations} conversations a model easily learns them by heart instead of the voice. Quick try is safest; writing more helps most."


def estimate(plan: Recipe, material: Material, shape: Shape, machine: Machine, speed: Speed) -> float:
    """Seconds the whole lesson will take, from the two-second measurement alone."""
    row = min(plan.max_length, material.typical or material.longest)
    kept_back = round(material.conversations * plan.validation)
    looks = total_steps(learned(material, plan), plan) * plan.batch_size * plan.accumulation
    tests = plan.epochs * plan.evaluations_per_epoch * kept_back
    halves = plan.dtype != "float32" and machine.halves(shape.parameters)
    return START + footprint.seconds(shape, plan, speed, halves, (looks + tests / 3) * row)
