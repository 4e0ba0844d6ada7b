"""A blend of several adapters: which, how strongly each, and by which rule.

Rules, on the change each lesson made to a matrix: linear is the weighted sum; TIES (arXiv 2306.01708) keeps the largest part of each, lets the stronger
sum decide the sign of every number and takes the mean of those that agree; DARE (arXiv 2311.03099) keeps a random part of each, made stronger by as much,
before one or the other.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from studio.domain.errors import StudioError

KIND = "blend"  # in the spec of what is kept
Method = Literal["linear", "ties", "dare_linear", "dare_ties"]
TITLES: dict[Method, str] = {
    "linear": "Mix",
    "ties": "Agree",
    "dare_linear": "Thin out, then mix",
    "dare_ties": "Thin out, then agree",
}
SENTENCES: dict[Method, str] = {
    "linear": "Adds what each has learned, as strongly as its slider says. (linear)",
    "ties": "Keeps the stronger half of each, and where they pull apart, the side that pulls harder. (TIES)",
    "dare_linear": "Keeps a random half of each at double strength, so that they meet less often, and adds. (DARE, linear)",
    "dare_ties": "Keeps a random half of each at double strength, and where they pull apart, the side that pulls harder. (DARE, TIES)",
}
MOST = 4  # voices
STRONGEST = 1.5
SEED = 7


@dataclass(frozen=True)
class Blend:
    """What is blended: names of lessons, the weight of each, the rule, the share of each change that TIES and DARE keep, and their dice."""

    parents: tuple[str, ...]
    weights: tuple[float, ...]
    method: Method = "linear"
    kept: float = 0.5
    seed: int = SEED

    def checked(self) -> "Blend":
        """This blend; raises StudioError where it can't be made."""
        if not 2 <= len(set(self.parents)) == len(self.parents) <= MOST:
            raise StudioError(f"A blend takes two to {MOST} voices. Nothing was changed. Choose some above.")
        strong = [weight for weight in self.weights if math.isfinite(weight) and 0 < weight <= STRONGEST]
        if len(self.weights) != len(self.parents) or len(strong) < len(self.weights):
            raise StudioError(f"Each voice of a blend has a strength above 0, up to {STRONGEST:g}. Nothing was changed. Move the sliders.")
        if self.method not in get_args(Method):
            raise StudioError("This way to blend is not known. Nothing was changed. Choose one of the four.")
        return self

    def to_dict(self) -> dict[str, Any]:
        """As it stands in `spec.json`."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def told(spec: Mapping[str, Any]) -> str:
    """What a kept blend is made of: “blend of Nib 0.5 and Marlow 0.5 (linear)”."""
    recipe = spec["recipe"]
    parts = [f"{name} {weight:g}" for name, weight in zip(recipe["names"], recipe["weights"], strict=True)]
    return f"blend of {', '.join(parts[:-1])} and {parts[-1]} ({recipe['method'].replace('_', ' ')})"
