"""What lessons are computed with, and how fast it is, as found and measured on this computer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["cuda", "mps", "cpu"]
SMALL = 50_000_000  # parameters up to which a processor or an Apple chip computes with full numbers: they cost nothing there
# Surroundings of a process that computes: glibc gives memory back to the system after each large tensor and pays page faults for the next, a third of the
# time of a lesson on a processor, and more of its peers'. Other systems don't read this.
CALM = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "8589934592"}


@dataclass(frozen=True)
class Machine:
    """A graphics card, an Apple chip, or the processor. `memory` and `free` are bytes where the model will lie: on the card, else in the computer."""

    kind: Kind
    name: str
    memory: int
    free: int
    cores: int
    bf16: bool  # computes quickly with numbers of half the size
    disk: int
    capability: str = ""

    def halves(self, parameters: int) -> bool:
        """Whether a model of this size is held in numbers of half the size; the engine's loader decides alike."""
        return self.bf16 and (self.kind == "cuda" or parameters > SMALL)

    def in_words(self) -> str:
        """One line for a person: what it is, with its memory."""
        place = {"cuda": "graphics card", "mps": "Apple chip", "cpu": "processor"}[self.kind]
        cores = f", {self.cores} cores" if self.kind == "cpu" else ""
        return f"{self.name or place}{cores}, {self.memory / 1e9:.0f} GB memory"


@dataclass(frozen=True)
class Speed:
    """The two-second measurement: operations a second of products of matrices in the short and the full number format, bytes a second moved, and when."""

    matmul: float
    matmul_full: float
    stream: float
    bf16: bool
    measured: float

    def to_dict(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


def speed(value: Mapping[str, Any]) -> Speed | None:
    """The measurement that was kept; None where it can't be used and is to be made again."""
    try:
        found = Speed(
            float(value["matmul"]), float(value["matmul_full"]), float(value["stream"]), bool(value["bf16"]), float(value["measured"])
        )
    except (KeyError, TypeError, ValueError):
        return None
    return found if min(found.matmul, found.matmul_full, found.stream) > 0 else None
