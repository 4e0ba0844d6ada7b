"""One measured process: `python -m tests.benchmarks.shared.party FOLDER WHO STEPS [BATCH]` teaches and prints one line of figures.

WHO is `sft` or `sft-calm` (trl's `SFTTrainer` with its defaults: weights in fp32, bf16 by autocast, checkpointing), `tuned` (transformers' `Trainer` with bf16
weights and without checkpointing), `peft-dora` (`SFTTrainer`, tuned the same way), or `ours` and `ours-dora`. `-apart` after ours: nothing is shared
between rows. All take the same rows in the same order from the same start. The first step warms up and is not counted.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

import psutil
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Trainer, TrainerCallback, TrainingArguments
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from studio.engine import core, loader
from tests.benchmarks.shared.material import HERE


class Clock(TrainerCallback):
    """Wall and processor seconds of every step."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def on_step_begin(self, *_, **__) -> None:
        self.wall.append(-time.perf_counter())
        self.cpu.append(-time.process_time())

    def on_step_end(self, *_, **__) -> None:
        self.wall[-1] += time.perf_counter()
        self.cpu[-1] += time.process_time()


def build(folder: Path, who: str, settings: dict, rows: list[dict], rate: float = 1e-4) -> Trainer:
    """The trainer of one party, over its own freshly loaded model."""
    ours, plain = who.startswith("ours"), who.startswith("sft")
    model = loader.model(folder / "model") if ours else AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32 if plain else torch.bfloat16)  # fmt: skip
    model = core.with_learned_loss(model.to(torch.bfloat16)) if ours else model  # the small shape too, which the studio would hold in fp32
    adapted = PeftModel.from_pretrained(model, folder / ("dora" if "dora" in who else "lora"), is_trainable=True)
    settings = {
        "output_dir": str(folder / "out"), "learning_rate": rate, "lr_scheduler_type": "constant", "logging_steps": 1, "save_strategy": "no", "report_to": [],
        "disable_tqdm": True, "use_cpu": True, "seed": 1, "train_sampling_strategy": "sequential", **settings,
    }  # fmt: skip
    padded, data = DataCollatorForLanguageModeling(pad_token_id=0), Dataset.from_list(rows)
    if who == "tuned":
        arguments = TrainingArguments(**settings, bf16=True, gradient_checkpointing=False, remove_unused_columns=False)
        return Trainer(model=adapted, args=arguments, train_dataset=data, data_collator=padded)
    more = {} if plain else {"bf16": True, "gradient_checkpointing": False}
    arguments = SFTConfig(**settings, **more, max_length=1024, dataset_kwargs={"skip_prepare_dataset": True})
    told = {
        "args": arguments,
        "train_dataset": data,
        "processing_class": PreTrainedTokenizerFast.from_pretrained(HERE / "assets/practice-model"),
    }
    if ours:
        joined = core.collator(adapted, 0, share="apart" not in who)
        return core.CoreTrainer(model=core.quicken(adapted), data_collator=joined, **told)
    return SFTTrainer(model=adapted, data_collator=padded, **told)


def products(trainer: Trainer, rows: list[dict], batch: int) -> dict[str, float]:
    """Seconds that only the matrix products of one look at these rows take, at the best speed this processor shows in one of the model's own shape,
    and that speed in billions of operations a second.

    Of each token computed two products with every frozen matrix of the layers (forward, and back to what was read), of each learned one two with the head.
    """
    packs = [trainer.data_collator(rows[n : n + batch]) for n in range(0, len(rows), batch)]
    layers = sum(each.numel() for name, each in trainer.model.named_parameters() if name.endswith("base_layer.weight"))
    head = trainer.model.get_output_embeddings().weight
    computed, learned = sum(pack["input_ids"].numel() for pack in packs), sum(int((pack["labels"] != -100).sum()) for pack in packs)
    read, weight, best = torch.randn(1056, 2048).to(head.dtype), torch.randn(head.shape[1], 2048).to(head.dtype), 0.0
    for _ in range(100):
        began = time.perf_counter()
        read @ weight.T
        best = max(best, 2 * len(read) * weight.numel() / (time.perf_counter() - began))
    return {"products_seconds": 4 * (layers * computed + head.numel() * learned) / best, "gflops": best / 1e9}


def measure(folder: Path, who: str, steps: int, batch: int) -> dict:
    """Teach `steps` and one more; what was measured in this process."""
    torch.set_num_threads(os.cpu_count() or 1)
    rows = json.loads((folder / "rows.json").read_text("utf-8"))
    imports = psutil.Process().memory_info().rss
    trainer, clock = build(folder, who, {"max_steps": steps + 1, "per_device_train_batch_size": batch}, rows), Clock()
    loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    trainer.add_callback(clock)
    trainer.train()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    weights = 2 * sum(each.numel() for name, each in trainer.model.named_parameters() if "lora_" not in name)
    counted = [rows[n % len(rows)] for n in range(batch, batch * (steps + 1))]
    tokens = sum(len(row["input_ids"]) for row in counted)
    return {
        "tokens_per_second": tokens / sum(clock.wall[1:]), "cpu_seconds": sum(clock.cpu[1:]), "step_seconds": sum(clock.wall[1:]) / steps,
        "peak_mb": peak / 1e6, "over_imports": (peak - imports) / weights, "loading_over_imports": (loaded - imports) / weights,
        "seconds": sum(clock.wall), **(products(trainer, rows, batch) if who == "ours" else {}), "losses": [line["loss"] for line in trainer.state.log_history if "loss" in line],
    }  # fmt: skip


if __name__ == "__main__":
    place, party, count, *rest = sys.argv[1:]
    print(json.dumps(measure(Path(place), party, int(count), int(rest[0]) if rest else 4)))
