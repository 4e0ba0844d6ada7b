"""The Gemma models a writer can choose from, with what has to be known before one is fetched.

Sizes are bf16 weights in GB (parameters x 2 bytes), from the models' published configs. Gates: Google's own Gemma 2 and 3 pages ask for a
login and a click on the licence; `mirror` names an ungated copy of the same weights.
"""

from dataclasses import dataclass

from studio.domain.footprint import Shape, whole

PRACTICE = "practice"
EMBEDDER = "embeddinggemma-300m"


@dataclass(frozen=True)
class BaseModel:
    """One entry of the list. `parameters` counts the text part."""

    id: str
    title: str
    sentence: str
    repo: str = ""
    mirror: str = ""
    parameters: int = 0
    gigabytes: float = 0.0
    licence: str = "Gemma Terms of Use"
    gated: bool = True


MODELS: tuple[BaseModel, ...] = (
    BaseModel(PRACTICE, "Practice model", "For learning the studio, not for real characters.", parameters=5_577_728, gigabytes=0.011, licence="see its card", gated=False),
    BaseModel("gemma-3-270m", "Gemma 3, 270M", "Small and quick. A first real voice on any computer.", "google/gemma-3-270m-it", "unsloth/gemma-3-270m-it", 268_098_176, 0.54),
    BaseModel("gemma-3-1b", "Gemma 3, 1B", "The best start for most characters.", "google/gemma-3-1b-it", "unsloth/gemma-3-1b-it", 999_885_952, 2.0),
    BaseModel("gemma-2-2b", "Gemma 2, 2B", "An older model with a lively tone.", "google/gemma-2-2b-it", "unsloth/gemma-2-2b-it", 2_614_341_888, 5.2),
    BaseModel("gemma-3-4b", "Gemma 3, 4B", "Richer answers. Wants a graphics card with 8 GB or more.", "google/gemma-3-4b-it", "unsloth/gemma-3-4b-it", 3_880_099_328, 8.6),
    BaseModel("gemma-4-e2b", "Gemma 4, E2B", "New and thoughtful. Wants a graphics card with 10 GB.", "google/gemma-4-E2B-it", "unsloth/gemma-4-E2B-it", 5_100_000_000, 10.2, "Apache 2.0", False),
    BaseModel("gemma-4-e4b", "Gemma 4, E4B", "New, larger. Wants a graphics card with 12 GB.", "google/gemma-4-E4B-it", "unsloth/gemma-4-E4B-it", 8_000_000_000, 16.0, "Apache 2.0", False),
    BaseModel("gemma-2-9b", "Gemma 2, 9B", "Large. Wants a graphics card with 12 GB.", "google/gemma-2-9b-it", "unsloth/gemma-2-9b-it", 9_241_705_984, 18.5),
    BaseModel("gemma-3-12b", "Gemma 3, 12B", "Large and expressive. Wants a graphics card with 16 GB.", "google/gemma-3-12b-it", "unsloth/gemma-3-12b-it", 11_766_000_000, 24.4),
    BaseModel("gemma-4-12b", "Gemma 4, 12B", "The most able. Wants a graphics card with 16 GB.", "google/gemma-4-12B-it", "", 11_900_000_000, 23.8, "Apache 2.0", False),
)  # fmt: skip

# Teaches nobody: it reads conversations and says which are alike. https://huggingface.co/google/embeddinggemma-300m
EMBEDDING = BaseModel(EMBEDDER, "EmbeddingGemma", "Compares conversations by meaning. It can't be taught.", "google/embeddinggemma-300m", "unsloth/embeddinggemma-300m", 307_581_696, 1.2)  # fmt: skip

# Hidden size, layers, heads, heads of keys and values, head, MLP, vocabulary: from the published configs, so that what fits is known before anything
# is fetched. What the weights hold beyond these numbers (eyes, ears, Gemma 4's embeddings of layers) follows from their size.
SHAPES: dict[str, Shape] = {
    PRACTICE: Shape(256, 6, 4, 1, 64, 768, 4096),
    "gemma-3-270m": Shape(640, 18, 4, 1, 256, 2048, 262_144),
    "gemma-3-1b": Shape(1152, 26, 4, 1, 256, 6912, 262_144),
    "gemma-2-2b": Shape(2304, 26, 8, 4, 256, 9216, 256_000, eager=True),
    "gemma-3-4b": Shape(2560, 34, 8, 4, 256, 10_240, 262_208),
    "gemma-4-e2b": Shape(1536, 35, 8, 1, 256, 6144, 262_144),
    "gemma-4-e4b": Shape(2560, 42, 8, 2, 256, 10_240, 262_144),
    "gemma-2-9b": Shape(3584, 42, 16, 8, 256, 14_336, 256_000, eager=True),
    "gemma-3-12b": Shape(3840, 48, 16, 8, 256, 15_360, 262_208),
    "gemma-4-12b": Shape(3840, 48, 16, 8, 256, 15_360, 262_144),
}


def shape(model_id: str) -> Shape | None:
    """The shape of a model of the list, with all weights its files hold; None for any other."""
    found = SHAPES.get(model_id)
    model = next((model for model in MODELS if model.id == model_id), None)
    return whole(found, round(model.gigabytes * 5e8)) if found and model else None
