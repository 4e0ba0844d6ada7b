"""What a graphics card carries: the recipe of the sources on a 12B Gemma within 16 GB, and the usual one in 4 bit on a 4B, beside trl with peft.

    python -m studio bench training-card [--json FILE]
    python tests/benchmarks/training_card.py [--only 12b,4b] [--steps 60] [--peer-steps 8] [--small]

The models are Gemma 3's own shapes with random weights (memory and speed don't depend on values; the loss has to be finite), written layer by
layer and read in 4 bit (NF4 with double quantisation). Each lesson is the real trainer in a process of its own, whose memory on the card is capped;
the peer is `SFTTrainer` with peft, with the same rows and recipe, and all of the card: where even that is too little, it has no speed. Every row is filled to its length, so that all tokens count. `--small` is the
same way on a processor with a tiny shape, without 4 bit, cap and bars: it shows that the measurement itself runs.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

import torch  # noqa: E402

from studio.domain import catalogue, progress  # noqa: E402
from studio.domain.conversation import Conversation, Turn  # noqa: E402
from studio.domain.footprint import Shape  # noqa: E402
from studio.domain.recipes import SOURCES  # noqa: E402
from studio.domain.training import Recipe  # noqa: E402
from tests.engine import lessons  # noqa: E402

TABLE = ("card-12b", "card-4b")
ENDLESS = 1e6  # gigabytes; no card has as many
SHARD = 2e9  # bytes of a file of weights
WORDS = "the puddle by the gate is mine and the rain knows it well so I sit and wait for the wind to come and tell me a story "
NO_CARD = "There is no NVIDIA card here, so nothing was measured. What the rows ask for stands in tests/benchmarks/training_card.py."


@dataclass(frozen=True)
class Case:
    """One lesson, the gigabytes it is capped to and should stay within (`hope`: the ambition), and how many times as quick as its peer it should be."""

    model: str
    shape: Shape
    recipe: Recipe
    cap: float
    bar: float
    hope: float
    times: float
    more_times: float


LONG = replace(SOURCES, epochs=1, evaluations_per_epoch=1, validation=0.0)
USUAL = replace(LONG, rank=16, alpha=16, dora=False, max_length=2048, batch_size=1, accumulation=4)
CASES = (
    Case("12b", catalogue.SHAPES["gemma-3-12b"], LONG, 16, 13.0, 11.0, 1.3, 1.8),
    Case("4b", catalogue.SHAPES["gemma-3-4b"], USUAL, 16, 5.5, 5.5, 1.3, 1.8),
)
SMALL = Case(
    "tiny",
    Shape(hidden=64, layers=2, heads=4, kv_heads=1, head=32, mlp=96, vocabulary=8192),
    replace(LONG, rank=8, alpha=4, max_length=64, four_bit=False, optimiser="adamw"),
    ENDLESS,
    ENDLESS,
    ENDLESS,
    0.0,
    0.0,
)


# ---------------------------------------------------------------- the material
def model(place: Path, shape: Shape) -> Path:
    """A folder of this shape with random weights in bf16, one file after the other, and the practice model's words."""
    from safetensors.torch import save_file
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    config = Gemma3TextConfig(
        hidden_size=shape.hidden, num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        head_dim=shape.head, intermediate_size=shape.mlp, vocab_size=shape.vocabulary, sliding_window=1024, max_position_embeddings=131_072,
        architectures=["Gemma3ForCausalLM"], dtype="bfloat16",
    )  # fmt: skip
    with torch.device("meta"):
        hollow = Gemma3ForCausalLM(config)
    config.save_pretrained(place)
    card = "cuda" if torch.cuda.is_available() else "cpu"
    index, part, size = {}, {}, 0
    for name, weight in hollow.named_parameters():  # the head is the embedding, and named once
        made = torch.zeros(weight.shape) if weight.ndim == 1 else torch.randn(weight.shape, device=card, dtype=torch.bfloat16) * 0.02
        part[name], size = made.to("cpu", torch.bfloat16), size + 2 * weight.numel()
        index[name] = f"model-{len(set(index.values())) + (size == 2 * weight.numel()):05d}.safetensors"
        if size > SHARD:
            save_file(part, place / index[name], {"format": "pt"})
            part, size = {}, 0
    if part:
        save_file(part, place / index[name], {"format": "pt"})
    (place / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}), "utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(lessons.PRACTICE / name, place / name)
    torch.cuda.empty_cache()  # the card belongs to the lessons
    return place


def order(place: Path, base: Path, recipe: Recipe) -> Path:
    """A lesson's folder whose conversations fill every row, as many as its steps read once."""
    text = WORDS * (1 + 6 * recipe.max_length // len(WORDS))
    talks = tuple(
        Conversation(
            f"c{n}", f"Talk {n}", (Turn(f"a{n}", "user", f"{n}. {text[: recipe.max_length]}"), Turn(f"b{n}", "model", text.strip()))
        )
        for n in range(recipe.steps * recipe.batch_size * recipe.accumulation)
    )
    return lessons.order(place, recipe, talks, (), (), model_path=str(base))


# ---------------------------------------------------------------- the processes
def capped(gigabytes: float) -> None:
    """Grant this process so much of the card and no more."""
    if torch.cuda.is_available():
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, gigabytes * 1e9 / whole))


def child(what: str, folder: Path, cap: float = ENDLESS) -> str:
    """Run one of the two in a process of its own; returns what it printed last, nothing where the peer ran out of memory."""
    with open(folder / "log.txt", "ab") as log:
        done = subprocess.run(
            [sys.executable, __file__, what, str(folder), "--cap", str(cap)], cwd=HERE, stdout=subprocess.PIPE, stderr=log, check=False
        )
        log.write(done.stdout)
    if done.returncode:
        said = (folder / "log.txt").read_text("utf-8", "replace")
        if what == "--peer" and "OutOfMemoryError" in said:
            return ""
        raise SystemExit(f"The lesson in a process of its own ended badly: {said[-2000:]}")
    return done.stdout.decode().strip().rpartition("\n")[2]


def ours(folder: Path, cap: float) -> dict[str, Any]:
    """What the trainer's own process took; it goes down its ladder where memory runs short, and that is told."""
    child("--teach", folder, cap)
    events = progress.read((folder / "events.jsonl").read_text("utf-8"))
    steps = [event for event in events if event["kind"] == "step"]
    result, kept = (json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("result", "recipe"))
    a_step = result["tokens"] / result["steps"]
    return {
        "steps": len(steps),
        "tokens_a_step": round(a_step),
        "finite": all(math.isfinite(event["loss"]) for event in steps),
        "gigabytes": round(result["peak_rss_mb"] / 1000, 2),
        "tokens_a_second": round(a_step * (len(steps) - 1) / (steps[-1]["at"] - steps[0]["at"])),
        "given_up": kept["given_up"],
    }


def peer(folder: Path) -> dict[str, Any]:
    """The same lesson by trl and peft as they come, in this process; told as `ours` is. It ends with an error where memory runs out."""
    import time

    import psutil
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    from studio.engine import knobs, loader
    from studio.engine.material import cut, prepare
    from studio.engine.reporter import Reporter

    lesson = prepare(folder, Reporter(folder))
    recipe, at = lesson.asked, []
    rows = [{"input_ids": row.ids, "labels": row.labels} for row in cut(lesson.train, recipe.max_length)]
    base = loader.model(lesson.model_path, recipe.four_bit)

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            at.append(time.perf_counter())

    settings = SFTConfig(
        output_dir=str(folder / "peer"), max_steps=recipe.steps, per_device_train_batch_size=recipe.batch_size, gradient_accumulation_steps=recipe.accumulation,
        learning_rate=recipe.learning_rate, warmup_steps=recipe.warmup_steps, lr_scheduler_type="cosine", optim=knobs.optimiser(recipe), bf16=base.dtype is torch.bfloat16,
        max_length=recipe.max_length, dataset_kwargs={"skip_prepare_dataset": True}, logging_steps=1, save_strategy="no", report_to=[], disable_tqdm=True, seed=recipe.seed,
        use_cpu=not torch.cuda.is_available(),
    )  # fmt: skip
    teacher = SFTTrainer(
        model=base, args=settings, train_dataset=Dataset.from_list(rows), processing_class=lesson.tokenizer, peft_config=knobs.adapter(recipe, base),
        data_collator=DataCollatorForLanguageModeling(pad_token_id=lesson.tokenizer.pad_token_id), callbacks=[Clock()],
    )  # fmt: skip
    teacher.train()
    taken = torch.cuda.max_memory_reserved() if torch.cuda.is_available() else psutil.Process().memory_info().rss
    read = sum(len(row["input_ids"]) for row in rows) / recipe.steps
    return {
        "finite": all(math.isfinite(line["loss"]) for line in teacher.state.log_history if "loss" in line),
        "gigabytes": round(taken / 1e9, 2),
        "tokens_a_second": round(read * (len(at) - 1) / (at[-1] - at[0])),
    }


# ---------------------------------------------------------------- a row
def measured(case: Case, steps: int, peer_steps: int) -> dict[str, Any]:
    """One row: what was taken, beside its bars and its peer."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        base = model(place / "model", case.shape)
        found = ours(order(place / "lesson", base, replace(case.recipe, steps=steps)), case.cap)
        said = child("--peer", order(place / "peer", base, replace(case.recipe, steps=peer_steps)))
    beside = json.loads(said) if said else None
    times = round(found["tokens_a_second"] / beside["tokens_a_second"], 2) if beside else None
    met = found["finite"] and not found["given_up"] and found["steps"] == steps and found["gigabytes"] <= case.bar
    met = met and (times is None or times >= case.times)
    bars = {"gigabytes": {"measured": found["gigabytes"], "gate": case.bar, "ambition": case.hope, "sign": "<="}}
    if times is not None:
        bars["x trl with peft"] = {"measured": times, "gate": case.times, "ambition": case.more_times, "sign": ">="}
    return {"row": f"card-{case.model}", **found, "peer": beside, "bars": bars, "met": met}


def results(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Every row that is wanted, printed as it comes."""
    wanted = {name for name in given.only.split(",") if name}
    for case in (SMALL,) if given.small else CASES:
        if not wanted or case.model in wanted:
            found = measured(case, given.steps, given.peer_steps)
            print(json.dumps(found), flush=True)
            yield found


def parser() -> argparse.ArgumentParser:
    """The command line; the last three are for the processes this one starts."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--json", type=Path)
    made.add_argument("--only", default="", help="12b, 4b, with commas")
    made.add_argument("--steps", type=int, default=60)
    made.add_argument("--peer-steps", type=int, default=8)
    made.add_argument("--small", action="store_true", help="a tiny shape on the processor, without bars")
    made.add_argument("--teach", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--cap", type=float, default=ENDLESS, help=argparse.SUPPRESS)
    return made


def main() -> int:
    """Measure and print; without a card say so."""
    given = parser().parse_args()
    if given.teach or given.peer:
        capped(given.cap)
    if given.teach:
        from studio.engine import trainer

        sys.argv = ["trainer", str(given.teach)]
        trainer.main()
        return 0
    if given.peer:
        print(json.dumps(peer(given.peer)))
        return 0
    found = [{"row": name, "met": False, "skipped": True, "reason": NO_CARD} for name in TABLE]
    if given.small or torch.cuda.is_available():
        found = list(results(given))
    else:
        print(NO_CARD)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0 if all(row["met"] or row.get("skipped") for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
