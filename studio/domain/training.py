"""What a lesson is decided by."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from studio.domain.errors import BadFile, StudioError

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

    def checked(self) -> "Recipe":
        """This recipe; raises StudioError naming the first field that can't be used."""
        limits: dict[str, tuple[float, float]] = {
            "epochs": (1, 200), "batch_size": (1, 64), "accumulation": (1, 256), "learning_rate": (1e-10, 1), "warmup_steps": (0, 10_000), "rank": (1, 512),
            "alpha": (1, 1024), "dropout": (0, 0.9), "max_length": (32, 131_072), "evaluations_per_epoch": (1, 50), "patience": (1, 100), "validation": (0, 0.5), "seed": (0, 2**31),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise StudioError(
                    f"“{name.replace('_', ' ')}” is {value:g}, but has to lie between {low:g} and {high:g}. Nothing was started."
                )
        return self

    def to_dict(self) -> dict[str, Any]:
        """As it stands in `spec.json`."""
        return asdict(self)


def from_dict(value: Mapping[str, Any]) -> Recipe:
    """The recipe in a `spec.json`; unknown or missing fields raise BadFile."""
    known = {f.name for f in fields(Recipe)}
    if set(value) != known:
        raise BadFile(f"The recipe of this lesson has the wrong fields ({', '.join(sorted(known ^ set(value)))}). Start a new lesson.")
    return Recipe(**value).checked()
