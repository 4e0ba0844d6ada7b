"""What a lesson gives up, and in which order, when memory runs short: first what costs time only, then what costs a little of the result."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from studio.domain import training
from studio.domain.errors import BadFile
from studio.domain.training import Recipe

KEPT_SHARE = 0.95  # of the tokens to be learned: no cut for memory's sake costs more
SHORTEST = 32  # tokens; what a recipe allows at least
DEEP, SHALLOW = 32, 8  # ranks: a deeper adapter comes down to the first at once, later by halves to the second


@dataclass(frozen=True)
class Plan:
    """How a lesson is really run: a recipe, and what is no choice of a person's."""

    recipe: Recipe
    checkpointing: bool = False  # activations are computed twice instead of kept

    @property
    def shape(self) -> tuple[int, bool, str]:
        """What the tensors of the adapter depend on; a safe copy fits only a plan of its own shape."""
        return self.recipe.rank, self.recipe.dora, self.recipe.targets

    def to_dict(self) -> dict[str, Any]:
        """As it stands under `used` in `recipe.json`."""
        return {**self.recipe.to_dict(), "checkpointing": self.checkpointing}


@dataclass(frozen=True)
class Lengths:
    """How long the training rows are, in tokens: the longest, and the length within which KEPT_SHARE of what is learned lies."""

    longest: int
    needed: int


@dataclass(frozen=True)
class Rung:
    """One step down: the plan after it, and the sentence that says so."""

    plan: Plan
    sentence: str


def plan(recipe: Recipe) -> Plan:
    """The plan a lesson begins with. A model in 4 bit is there because memory is short, so it recomputes from the beginning."""
    return Plan(recipe, checkpointing=recipe.four_bit)


def from_dict(value: Mapping[str, Any]) -> Plan:
    """The plan under `used` in a `recipe.json`; raises BadFile."""
    rest = dict(value)
    try:
        checkpointing = bool(rest.pop("checkpointing"))
    except KeyError as error:
        raise BadFile(f"The recipe this lesson was run with lacks “{error.args[0]}”. Start a new lesson.") from error
    return Plan(training.from_dict(rest), checkpointing)


def to_dict(asked: Recipe, used: Plan, sentences: Iterable[str]) -> dict[str, Any]:
    """What `recipe.json` in a lesson's folder holds: what was asked for, what was used, and what was given up on the way."""
    return {"asked": asdict(asked), "used": used.to_dict(), "given_up": list(sentences)}


def lengths(places: Iterable[tuple[int, Iterable[int]]]) -> Lengths:
    """Measure rows given as (length, positions of the learned tokens)."""
    longest, learned = 0, []
    for length, positions in places:
        longest = max(longest, length)
        learned += list(positions)
    learned.sort()
    last = learned[math.ceil(KEPT_SHARE * len(learned)) - 1] if learned else 0
    return Lengths(longest, min(longest, max(SHORTEST, -(-(last + 1) // 8) * 8)))


def lower(plan: Plan, lengths: Lengths) -> Rung | None:
    """The next step down, None at the bottom.

    Smaller batches and recomputing leave the result as it is: the gradient is still the mean over all learned tokens of the same conversations. Then
    rows are cut, as far as 95 % of what is learned stays. Only then the adapter becomes smaller.
    """
    return spare(plan, lengths) or _first(plan, lengths, _length, _depth, _plain, _attention, _shallow)


def spare(plan: Plan, lengths: Lengths) -> Rung | None:
    """The next of the steps down that leave the result as it is, None where all have been taken."""
    return _first(plan, lengths, _batch, _recompute)


def _first(plan: Plan, lengths: Lengths, *steps: Callable[[Plan, Lengths], Rung | None]) -> Rung | None:
    for step in steps:
        rung = step(plan, lengths)
        if rung:
            return Rung(rung.plan, f"This computer ran short of memory. Nothing was lost. {rung.sentence}")
    return None


def _batch(plan: Plan, lengths: Lengths) -> Rung | None:
    size = plan.recipe.batch_size
    if size == 1:
        return None
    factor = next(n for n in range(2, size + 1) if size % n == 0)
    recipe = replace(plan.recipe, batch_size=size // factor, accumulation=plan.recipe.accumulation * factor)
    at_once = "one conversation" if recipe.batch_size == 1 else f"{recipe.batch_size} conversations"
    return Rung(replace(plan, recipe=recipe), f"It now reads {at_once} at a time; what is learned stays the same.")


def _recompute(plan: Plan, lengths: Lengths) -> Rung | None:
    if plan.checkpointing:
        return None
    return Rung(
        replace(plan, checkpointing=True),
        "It now works things out twice instead of keeping them; slower, but what is learned stays the same.",
    )


def _length(plan: Plan, lengths: Lengths) -> Rung | None:
    now = min(plan.recipe.max_length, lengths.longest)
    shorter = max(now // 2, lengths.needed, SHORTEST)
    if shorter >= now:
        return None
    recipe = replace(plan.recipe, max_length=shorter)
    return Rung(
        replace(plan, recipe=recipe), f"It now reads the first {shorter} tokens of a conversation; the ends of the longest are left out."
    )


def _depth(plan: Plan, lengths: Lengths) -> Rung | None:
    return _ranked(plan, DEEP) if plan.recipe.rank > DEEP else None


def _shallow(plan: Plan, lengths: Lengths) -> Rung | None:
    return _ranked(plan, max(SHALLOW, plan.recipe.rank // 2)) if plan.recipe.rank > SHALLOW else None


def _ranked(plan: Plan, rank: int) -> Rung:
    share = rank / plan.recipe.rank
    alpha = max(1, round(plan.recipe.alpha * (math.sqrt(share) if plan.recipe.rslora else share)))  # it pulls as strongly as before
    recipe = replace(plan.recipe, rank=rank, alpha=alpha)
    return Rung(replace(plan, recipe=recipe), f"It begins again with less depth: rank {rank} instead of {plan.recipe.rank}.")


def _plain(plan: Plan, lengths: Lengths) -> Rung | None:
    if not plan.recipe.dora:
        return None
    return Rung(replace(plan, recipe=replace(plan.recipe, dora=False)), "It begins again without DoRA, in the plain way.")


def _attention(plan: Plan, lengths: Lengths) -> Rung | None:
    if plan.recipe.targets != "all":
        return None
    return Rung(replace(plan, recipe=replace(plan.recipe, targets="attention")), "It begins again and changes fewer parts of the model.")
