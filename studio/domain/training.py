"""What a lesson is decided by."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from studio.domain.errors import BadFile, StudioError

# What can be chosen by name.
WHERE = ("all", "attention")
CHOICES: dict[str, tuple[str, ...]] = {
    "schedule": ("cosine", "linear", "constant"),
    "optimiser": ("auto", "adamw", "adamw_8bit", "paged_adamw_8bit"),
    "learn": ("replies", "everything"),
    "dtype": ("auto", "float32"),
}
LATER = {"targets", "schedule", "optimiser", "steps", "learn", "dtype", "packing"}  # fields that lessons of earlier versions don't have
Preset = Literal["quick", "balanced", "patient"]


@dataclass(frozen=True)
class Recipe:
    """The knobs of one training run. Lengths in tokens, rates per optimiser step; defaults are the usual values for about a hundred conversations."""

    epochs: int = 3
    batch_size: int = 4
    accumulation: int = 1
    learning_rate: float = 2e-4
    warmup_steps: int = 5
    rank: int = 16
    alpha: int = 16
    dropout: float = 0.0
    rslora: bool = True
    dora: bool = False
    four_bit: bool = False
    max_length: int = 1024
    evaluations_per_epoch: int = 1
    patience: int = 2  # evaluations without a better validation loss before the lesson ends
    validation: float = 0.1  # share of conversations kept back
    seed: int = 7
    targets: str = "all"  # all, attention, or a pattern for whole paths of modules
    schedule: str = "cosine"
    optimiser: str = "auto"  # auto: the small one in 4 bit, the plain one else
    steps: int = 0  # 0: as many as the passes take
    learn: str = "replies"
    dtype: str = "auto"
    packing: bool = True  # conversations of one look end to end, instead of filled up to the longest

    def checked(self) -> "Recipe":
        """This recipe; raises StudioError naming the first field that can't be used."""
        limits: dict[str, tuple[float, float]] = {
            "epochs": (1, 200), "batch_size": (1, 64), "accumulation": (1, 256), "learning_rate": (1e-10, 1), "warmup_steps": (0, 10_000), "rank": (1, 512),
            "alpha": (1, 1024), "dropout": (0, 0.9), "max_length": (32, 131_072), "evaluations_per_epoch": (1, 50), "patience": (0, 100), "validation": (0, 0.5), "seed": (0, 2**31),
            "steps": (0, 100_000),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise StudioError(
                    f"“{name.replace('_', ' ')}” is {value:g}, but has to lie between {low:g} and {high:g}. Nothing was started."
                )
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise StudioError(f"“{name}” is “{getattr(self, name)}”, but has to be one of {', '.join(choices)}. Nothing was started.")
        self._check_targets()
        return self

    def _check_targets(self) -> None:
        if self.targets in WHERE:
            return
        try:
            re.compile(self.targets)
        except re.error as error:
            raise StudioError(f"The pattern for the taught parts can't be read ({error}). Write it anew, or choose all seven.") from error
        if not self.targets.strip():
            raise StudioError("The pattern for the taught parts is empty. Write one, or choose all seven.")

    def for_machine(self, kind: str) -> "Recipe":
        """This recipe; raises StudioError with the reason where this kind of machine (cuda, mps, cpu) can't carry it out."""
        if self.four_bit and kind != "cuda":
            raise StudioError(
                "Learning in 4 bit needs an NVIDIA card. Nothing was started. Switch “Small memory” off under Choices for experts."
            )
        if "8bit" in self.optimiser and kind != "cuda":
            raise StudioError("The 8-bit optimisers need an NVIDIA card. Nothing was started. Choose “adamw” under Choices for experts.")
        if self.four_bit and self.dtype == "float32":
            raise StudioError("A model in 4 bit is not held in full numbers too. Nothing was started. Choose one of the two.")
        return self

    def to_dict(self) -> dict[str, Any]:
        """As it stands in `spec.json`."""
        return asdict(self)


def from_dict(value: Mapping[str, Any]) -> Recipe:
    """The recipe in a `spec.json`; unknown or missing fields raise BadFile. Fields of later versions may be missing."""
    known = {f.name for f in fields(Recipe)}
    wrong = (set(value) - known) | (known - LATER - set(value))
    if wrong:
        raise BadFile(f"The recipe of this lesson has the wrong fields ({', '.join(sorted(wrong))}). Start a new lesson.")
    return Recipe(**value).checked()
