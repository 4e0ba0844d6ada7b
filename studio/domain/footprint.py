"""How much memory, disk and time a lesson takes, from the numbers of a model's config alone.

What is kept for the way back is counted operation by operation from transformers' Gemma layer with the studio's own norms, adapters and loss. The loss
comes in tiles of some positions and some words of the vocabulary, so that beside everything else it hardly counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from studio.domain.machine import Machine, Speed
from studio.domain.training import Recipe

Verdict = Literal["fits", "tight", "does not fit"]
ALL = ("q", "k", "v", "o", "gate", "up", "down")
ATTENTION = ALL[:4]

TILES = {"cpu": 512 * 2048, "mps": 2048 * 16_384, "cuda": 2048 * 16_384}  # scores held at once
LARGEST_TABLE = 1 << 25  # of one conversation, under all heads, that attention holds at once
LOOKS = 1 << 19  # of one conversation, under all heads, that attention keeps
TILE_BYTES = 14  # bytes a score takes: raw, in full numbers, and as what is multiplied again
FOUR_BIT = 0.516  # bytes a weight takes in NF4 with double quantisation
LIBRARIES = {"cpu": 0.52e9, "mps": 0.8e9, "cuda": 0.6e9}  # what the libraries and the system's part for a card take before a model is there
ROOM = 0.75  # of the free memory: up to here a lesson fits, from here it is tight
# What the way back needs, times the holes between its pieces: a processor's memory is given out once and not moved together. Measured on the practice
# model and on Gemma 3 270M and 1B; the figure of a card is not.
HOLES = {"cpu": 1.28, "mps": 1.3, "cuda": 1.1}
COPIES = 2  # safe copies kept while learning


@dataclass(frozen=True)
class Shape:
    """The numbers of a config that decide memory and time. `extra`: further weights that are only held (eyes, ears, embeddings of layers)."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    mlp: int
    vocabulary: int
    tied: bool = True
    extra: int = 0
    eager: bool = False  # attention keeps its whole table (Gemma 2 bends it, which the quick way can't)

    @property
    def wide(self) -> int:
        """Width of the questions attention asks."""
        return self.heads * self.head

    @property
    def narrow(self) -> int:
        """Width of its keys and values."""
        return self.kv_heads * self.head

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Width in and out of the seven projections of a layer."""
        return {
            "q": (self.hidden, self.wide), "k": (self.hidden, self.narrow), "v": (self.hidden, self.narrow), "o": (self.wide, self.hidden),
            "gate": (self.hidden, self.mlp), "up": (self.hidden, self.mlp), "down": (self.mlp, self.hidden),
        }  # fmt: skip

    @property
    def body(self) -> int:
        """Weights of all projections."""
        return self.layers * sum(a * b for a, b in self.sizes().values())

    @property
    def embedding(self) -> int:
        """Weights of the table of words."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All weights that are held."""
        return self.body + self.embedding * (1 if self.tied else 2) + self.extra


@dataclass(frozen=True)
class Footprint:
    """Predicted bytes of one lesson: each part, the highest point, and the disk."""

    libraries: float
    weights: float
    adapter: float
    kept: float  # what the way back needs
    scores: float  # the loss
    disk: float

    @property
    def peak(self) -> float:
        """The most memory held at once."""
        return self.libraries + self.weights + self.adapter + self.kept + self.scores


def read(config: Mapping[str, Any], parameters: int = 0) -> Shape | None:
    """The shape in a `config.json`; None where it lacks a number. `parameters`: all weights there are, where it is known."""
    text = config.get("text_config")
    text = text if isinstance(text, Mapping) else config
    try:
        found = Shape(
            int(text["hidden_size"]), int(text["num_hidden_layers"]), int(text["num_attention_heads"]), int(text["num_key_value_heads"]),
            int(text["head_dim"]), int(text["intermediate_size"]), int(text["vocab_size"]), bool(text.get("tie_word_embeddings", True)),
            eager=text.get("model_type") == "gemma2",
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None
    return whole(found, parameters)


def whole(shape: Shape, parameters: int) -> Shape:
    """The shape with everything beyond its own weights counted as `extra`."""
    return replace(shape, extra=max(0, parameters - shape.parameters))


def targets(recipe: Recipe) -> tuple[str, ...]:
    """The projections a recipe teaches; for a list of one's own all seven are counted, the most there can be."""
    return ATTENTION if recipe.targets == "attention" else ALL


def adapter_size(shape: Shape, recipe: Recipe) -> int:
    """Numbers that are learned."""
    sizes = shape.sizes()
    chosen = [sizes[name] for name in targets(recipe)]
    return shape.layers * sum(recipe.rank * (a + b) + (b if recipe.dora else 0) for a, b in chosen)


def predict(shape: Shape, recipe: Recipe, machine: Machine, longest: int) -> Footprint:
    """What the lesson will take at most. `longest`: tokens of the longest conversation."""
    halves = recipe.dtype != "float32" and machine.halves(shape.parameters)
    length = min(longest, recipe.max_length)
    tokens = recipe.batch_size * length
    learned = adapter_size(shape, recipe)
    state = 2 if "8bit" in optimiser(recipe) else 8
    per_layer = layer(shape, recipe, halves)
    # In 4 bit only the borders between layers are kept, and one layer is gone through again at a time. One more is what a layer's way back takes.
    kept = shape.layers * 2 * shape.hidden + 2 * per_layer if recipe.four_bit else (shape.layers + 1) * per_layer
    return Footprint(
        LIBRARIES[machine.kind],
        weights(shape, recipe, halves),
        learned * (8 + state + (2 if halves else 0)) + (dora_work(shape, recipe) if recipe.dora else 0),
        HOLES[machine.kind] * tokens * (kept + looks(shape, recipe, halves, length)) + passing(shape, machine, halves, length),
        scores(shape, machine, recipe.batch_size * max(1, length - 1), halves),
        learned * 4 + COPIES * learned * (4 + state),
    )


def optimiser(recipe: Recipe) -> str:
    """The optimiser a recipe means: where it leaves the choice, the small one in 4 bit and the plain one else."""
    return recipe.optimiser if recipe.optimiser != "auto" else "adamw_8bit" if recipe.four_bit else "adamw"


def weights(shape: Shape, recipe: Recipe, halves: bool) -> float:
    """Bytes of the model as it is held."""
    if recipe.four_bit:
        return shape.body * FOUR_BIT + (shape.parameters - shape.body) * 2
    return shape.parameters * (2 if halves else 4)


def layer(shape: Shape, recipe: Recipe, halves: bool) -> float:
    """Bytes that one layer keeps of one token for the way back."""
    chosen, size, sizes = targets(recipe), 2 if halves else 4, shape.sizes()
    stream = (6 if "gate" in chosen else 5) * shape.hidden  # what goes into the four norms, and out of the first and third
    attention = (
        4 * shape.wide + 3 * shape.narrow
    )  # questions and keys before and after their turn, values, answers of each conversation and of all
    copied = 2 * shape.wide if shape.kv_heads > 1 else 0  # keys and values for every head
    mlp = (
        3 if "down" in chosen and (recipe.dropout or recipe.four_bit) else 2
    ) * shape.mlp  # gate, up, and their product for peft's own forward
    dropped = (6 if halves else 4) * sum(sizes[name][0] for name in chosen) if recipe.dropout else 0
    return size * (stream + attention + copied + mlp + recipe.rank * len(chosen)) + dropped


def looks(shape: Shape, recipe: Recipe, halves: bool, length: int) -> int:
    """Bytes a token's row of who may look at whom takes where attention keeps it: always where it is bent, else of short conversations."""
    short = shape.heads * length * length <= LOOKS
    table = shape.heads * ((8 if halves else 12) if shape.eager else (2 if halves else 4) if short else 0)
    return (1 if recipe.four_bit else shape.layers) * length * table


def passing(shape: Shape, machine: Machine, halves: bool, length: int) -> float:
    """Bytes of who looks at whom in one conversation on a processor's way back: three tables at once, up to the length from which PyTorch's own does it."""
    table = shape.heads * length * length
    return 3 * table * (2 if halves else 4) if machine.kind == "cpu" and table <= LARGEST_TABLE else 0


def dora_work(shape: Shape, recipe: Recipe) -> float:
    """Bytes that DoRA takes beside its adapter: the largest projection out of its 4 bits while it is measured, and every row's length twice."""
    sizes = [shape.sizes()[name] for name in targets(recipe)]
    return (2 * max(a * b for a, b in sizes) if recipe.four_bit else 0) + 8 * shape.layers * sum(b for _, b in sizes)


def scores(shape: Shape, machine: Machine, tokens: int, halves: bool) -> float:
    """Bytes of the loss where it is largest: a tile of scores, and what is kept of every token until the way back."""
    tile = min(TILES[machine.kind], tokens * shape.vocabulary)
    return tile * TILE_BYTES + tokens * shape.hidden * (10 if halves else 12)


def verdict(need: float, machine: Machine) -> Verdict:
    """Whether a lesson that needs so many bytes fits this machine."""
    if need > machine.free * 0.98:
        return "does not fit"
    return "fits" if need <= machine.free * ROOM else "tight"


LEARNED = 0.5  # of all tokens: the replies
PASSES = 14  # how often the loss reads or writes each score of a learned token, there and back
OVERHEAD = 2.1  # what is neither a product of matrices nor the loss: norms, attention, adapters, the optimiser
DORA = 1.15  # times as long, with rows measured once a step


def seconds(shape: Shape, recipe: Recipe, speed: Speed, halves: bool, tokens: float) -> float:
    """Estimated seconds for so many tokens, there and back, from the two-second measurement."""
    body = (6 if recipe.four_bit else 4) * shape.body + 6 * adapter_size(shape, recipe)
    learned = 1.0 if recipe.learn == "everything" else LEARNED
    fast = speed.matmul if halves else speed.matmul_full
    a_token = (body + 4 * learned * shape.embedding) / fast + learned * PASSES * 4 * shape.vocabulary / speed.stream
    return tokens * a_token * OVERHEAD * (DORA if recipe.dora else 1)
