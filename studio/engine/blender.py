"""Makes one adapter of several, from their files alone.

Linear is exact: the factors stand side by side, so that B A of the blend is the weighted sum of the scaled B A of its parents, whatever their ranks and
scales. TIES and DARE need the whole matrices: peft's own arithmetic (`peft.utils.merge_utils`) runs on them, and the best adapter of the summed rank is
kept. The result has alpha = rank and plain scaling, so its scale is 1.

Not `add_weighted_adapter` of peft 0.21 itself: it takes `use_rslora` over from the first parent and so plays an rsLoRA blend sqrt(rank) times too loud;
its linear, ties and dare forms mix A and B apart, which also multiplies one lesson's A by another's B and needs equal ranks; its svd forms take
the full decomposition of every matrix, minutes to hours for a model of some billions; and all need the model in memory.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft.utils import merge_utils
from safetensors.torch import save_file

from studio.domain.blend import Blend, Method
from studio.domain.errors import StudioError
from studio.engine import copies
from studio.engine.merger import Delta, learned

EXACT = 512  # rows or columns up to which the full decomposition is quick
SPARE, ITERATIONS = 16, 4  # of the randomised one (arXiv 0909.4061)
DORA = (
    "One of these voices was learned with direction and size apart (DoRA), which can't be blended: its sizes belong to its own matrices. "
    "Nothing was changed. Choose voices learned without it."
)
ELSEWHERE = (
    "These voices were learned in different parts of the model, so they can't be blended. Nothing was changed. "
    "Choose voices with the same taught parts (Choices for experts)."
)
OTHER_MODEL = "These voices were learned on different models, so they can't be blended. Nothing was changed. Choose voices of one model."

Tensors = list[torch.Tensor]
RULES: Mapping[Method, Callable[[Tensors, torch.Tensor, float], torch.Tensor]] = {
    # The mean of those that agree: weights that sum to one then give a mean, as they do in the weighted sum.
    "ties": lambda changes, weights, kept: merge_utils.ties(changes, weights * len(changes), kept),
    "dare_linear": merge_utils.dare_linear,
    "dare_ties": lambda changes, weights, kept: merge_utils.dare_ties(changes, weights * len(changes), kept),
}


def blend(parents: Sequence[Path], wanted: Blend, model_id: str, folder: Path) -> Iterator[float]:
    """Write the blend's adapter and `blend.json` into a folder and yield the share that is done.

    `blend.json`: `rank`, and `kept`, the share of the blended change (squared) that this rank holds. Raises StudioError where these can't be blended.
    """
    voices = [learned(parent) for parent in parents]
    check(voices)
    rank = sum(max(delta.a.shape[0] for delta in voice.values()) for voice in voices)
    weights, whole, held = {}, 0.0, 0.0
    for n, module in enumerate(voices[0]):
        yield n / len(voices[0])
        a, b, all_of_it = factors([voice[module] for voice in voices], wanted, rank, wanted.seed + n)
        weights[f"base_model.model.{module}.lora_A.weight"], weights[f"base_model.model.{module}.lora_B.weight"] = a, b
        whole, held = whole + all_of_it, held + energy(a, b)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / copies.ADAPTER, metadata={"format": "pt"})
    copies.write(folder / copies.SETTINGS, json.dumps(settings(parents[0], rank, model_id), indent=1).encode())
    copies.write(folder / "blend.json", json.dumps({"rank": rank, "kept": round(min(1.0, held / whole), 4) if whole else 1.0}).encode())
    yield 1.0


def check(voices: Sequence[Mapping[str, Delta]]) -> None:
    """Raise StudioError unless these adapters change the same matrices by the same arithmetic."""
    if any(delta.magnitude is not None for voice in voices for delta in voice.values()):
        raise StudioError(DORA)
    if any(voice.keys() != voices[0].keys() for voice in voices):
        raise StudioError(ELSEWHERE)
    shapes = [{module: (delta.b.shape[0], delta.a.shape[1]) for module, delta in voice.items()} for voice in voices]
    if any(shape != shapes[0] for shape in shapes):
        raise StudioError(OTHER_MODEL)


def factors(deltas: Sequence[Delta], wanted: Blend, rank: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, float]:
    """The blend for one matrix: A (rank, columns), B (rows, rank), and the energy of the whole change it stands for; equal seeds, equal blends."""
    if wanted.method == "linear":
        a = torch.cat([weight * delta.scale * delta.a for weight, delta in zip(wanted.weights, deltas, strict=True)])
        a, b = padded(a, torch.cat([delta.b for delta in deltas], dim=1), rank)
        return a, b, energy(a, b)
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        changes = [delta.scale * (delta.b @ delta.a) for delta in deltas]
        change = RULES[wanted.method](changes, torch.tensor(wanted.weights), wanted.kept)
        return *nearest(change, rank), float(change.square().sum())


def nearest(change: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A and B of a rank whose product comes nearest to a matrix."""
    if min(change.shape) <= EXACT:
        u, s, vh = torch.linalg.svd(change, full_matrices=False)
    else:
        u, s, v = torch.svd_lowrank(change, q=min(rank + SPARE, *change.shape), niter=ITERATIONS)
        vh = v.T
    root = s[:rank].sqrt()
    return padded(root[:, None] * vh[:rank], u[:, :rank] * root, rank)


def padded(a: torch.Tensor, b: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A and B with so many empty rows and columns that they have this rank: every matrix of an adapter has the same."""
    more = rank - a.shape[0]
    return torch.nn.functional.pad(a, (0, 0, 0, more)).contiguous(), torch.nn.functional.pad(b, (0, more)).contiguous()


def energy(a: torch.Tensor, b: torch.Tensor) -> float:
    """The squared length of B A, without making it."""
    return float(((b.T @ b) * (a @ a.T)).sum())


def settings(parent: Path, rank: int, model_id: str) -> dict[str, Any]:
    """The blend's adapter_config.json: a parent's, with this rank and a scale of 1."""
    plain = {
        "r": rank,
        "lora_alpha": rank,
        "use_rslora": False,
        "use_dora": False,
        "lora_dropout": 0.0,
        "rank_pattern": {},
        "alpha_pattern": {},
    }
    kept = json.loads((parent / copies.SETTINGS).read_text("utf-8"))
    return kept | plain | {"base_model_name_or_path": model_id, "inference_mode": True}
