"""The training step against its peers, side by side in fresh processes: tokens a second, processor seconds, peak memory, and equal losses.

    python tests/benchmarks/training_core.py [--rows train-270m,train-1b,dora] [--rounds 3] [--json FILE]

Peers: trl's `SFTTrainer` with its defaults, and transformers' `Trainer` tuned as well as it can be (bf16 weights, no checkpointing). All read the
same token ids in the same order, from the same random Gemma 3 and the same start of the adapter. Tokens are real ones, without padding; the first
step warms up and is not counted. A figure counts only when the losses are equal, and when nothing else used more than a tenth of the processors.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

SHAPES = {  # Gemma 3's own, from its configs
    "270m": {"hidden_size": 640, "num_hidden_layers": 18, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "intermediate_size": 2048, "sliding_window": 512},
    "1b": {"hidden_size": 1152, "num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "intermediate_size": 6912, "sliding_window": 512},
}  # fmt: skip
VOCABULARY = 262_144
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ROWS = {  # row -> shape, who is measured, counted steps, and the least ratio of ours to each peer
    "train-270m": ("270m", ("sft", "tuned", "ours"), 3, {"sft": 6.0, "tuned": 3.0}),
    "train-1b": ("1b", ("sft", "ours"), 2, {"sft": 4.0}),
    "dora": ("1b", ("peft-dora", "ours", "ours-dora"), 2, {}),
}
DORA_BARS = (1.25, 1000)  # step time against LoRA's, and MB more
CALM = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "8589934592"}  # as the studio starts its lessons


# ---------------------------------------------------------------- the material
def examples(count: int = 111, seed: int = 1) -> list[dict]:
    """Chats as characters have them: lognormal lengths of about 190 tokens, half of the tokens learned in stretches."""
    draw = random.Random(seed)
    out = []
    for _ in range(count):
        length = max(40, min(1024, round(draw.lognormvariate(5.1, 0.5))))
        ids = [2, *(draw.randrange(1000, VOCABULARY - 100) for _ in range(length - 1))]
        labels = [token if (n // 25) % 2 else -100 for n, token in enumerate(ids)]
        out.append({"input_ids": ids, "labels": labels})
    return out


def material(folder: Path, shape: str) -> None:
    """A random model in bf16, its examples, and the start of a LoRA and of a DoRA adapter."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    model = Gemma3ForCausalLM(
        Gemma3TextConfig(vocab_size=VOCABULARY, max_position_embeddings=2048, query_pre_attn_scalar=256, **SHAPES[shape])
    )
    model.save_pretrained(folder / "model")
    torch.set_default_dtype(torch.float32)
    for name, dora in (("lora", False), ("dora", True)):
        adapted = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, target_modules=ALL, use_dora=dora, task_type="CAUSAL_LM"))
        adapted.save_pretrained(folder / name)
        model = adapted.unload()
    (folder / "rows.json").write_text(json.dumps(examples()))


# ---------------------------------------------------------------- one measured process
def one(folder: Path, who: str, steps: int) -> dict:
    """Train `steps` and one more; returns what was measured in this process."""
    import torch
    from datasets import Dataset
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Trainer, TrainerCallback, TrainingArguments
    from trl import SFTConfig, SFTTrainer
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    from studio.engine import core

    torch.set_num_threads(2)
    rows = json.loads((folder / "rows.json").read_text())
    before = psutil.Process().memory_info().rss
    fast = who != "sft"
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.bfloat16 if fast else torch.float32)
    weights = 2 * sum(p.numel() for p in model.parameters())
    if who.startswith("ours"):
        model = core.with_learned_loss(model)
    adapted = PeftModel.from_pretrained(model, folder / ("dora" if who.endswith("dora") else "lora"), is_trainable=True)
    settings = {
        "output_dir": str(folder / "out"), "max_steps": steps + 1, "per_device_train_batch_size": 4, "learning_rate": 1e-4, "lr_scheduler_type": "constant",
        "logging_steps": 1, "save_strategy": "no", "report_to": [], "disable_tqdm": True, "use_cpu": True, "seed": 1, "train_sampling_strategy": "sequential",
    }  # fmt: skip
    clock: dict[str, list] = {"wall": [], "cpu": []}

    class Clock(TrainerCallback):
        def on_step_begin(self, *_, **__):
            clock["wall"].append(-time.perf_counter())
            clock["cpu"].append(-time.process_time())

        def on_step_end(self, *_, **__):
            clock["wall"][-1] += time.perf_counter()
            clock["cpu"][-1] += time.process_time()

    tokenizer = PreTrainedTokenizerFast.from_pretrained(HERE / "assets/practice-model")
    padded = DataCollatorForLanguageModeling(pad_token_id=0)
    data = Dataset.from_list(rows)
    if who == "tuned":
        arguments = TrainingArguments(**settings, bf16=True, gradient_checkpointing=False, remove_unused_columns=False)
        trainer = Trainer(model=adapted, args=arguments, train_dataset=data, data_collator=padded)
    else:
        more = {"bf16": True, "gradient_checkpointing": False} if fast else {}
        arguments = SFTConfig(**settings, **more, max_length=2048, dataset_kwargs={"skip_prepare_dataset": True})
        if who.startswith("ours"):
            trainer = core.CoreTrainer(model=core.quicken(adapted), args=arguments, train_dataset=data, data_collator=core.collator(adapted, 0), processing_class=tokenizer)  # fmt: skip
        else:
            trainer = SFTTrainer(model=adapted, args=arguments, train_dataset=data, data_collator=padded, processing_class=tokenizer)
    trainer.add_callback(Clock())
    trainer.train()
    tokens = sum(len(row["input_ids"]) for row in rows[4 : 4 * (steps + 1)])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "tokens_per_second": tokens / sum(clock["wall"][1:]), "cpu_seconds": sum(clock["cpu"][1:]), "step_seconds": sum(clock["wall"][1:]) / steps,
        "peak_mb": peak / 1e6, "over_imports": (peak - before) / weights, "losses": [line["loss"] for line in trainer.state.log_history if "loss" in line],
    }  # fmt: skip


class Neighbours:
    """How much of the processors others used while something ran, 0 to 1."""

    def __enter__(self) -> "Neighbours":
        self.total, self.began, self.own = psutil.cpu_times(), time.monotonic(), 0.0
        return self

    def __exit__(self, *_: object) -> None:
        now, seconds = psutil.cpu_times(), time.monotonic() - self.began
        busy = sum(getattr(now, name) - getattr(self.total, name) for name in ("user", "system", "nice"))
        self.share = max(0.0, busy - self.own) / (seconds * (os.cpu_count() or 1))


def run(folder: Path, who: str, steps: int) -> tuple[dict, float]:
    """One fresh process; its figures, and the share of the processors that others used meanwhile."""
    with Neighbours() as others:
        before = os.times()
        command = [sys.executable, __file__, "--one", who, "--folder", str(folder), "--steps", str(steps)]
        done = subprocess.run(command, env={**os.environ, **CALM, "OMP_NUM_THREADS": "2"}, capture_output=True, text=True, check=False)
        after = os.times()
        others.own = after.children_user - before.children_user + after.children_system - before.children_system
    if done.returncode:
        sys.exit(f"{who} did not finish:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1]), others.share


def measure(name: str, rounds: int) -> dict:
    """One row: all its parties, interleaved, `rounds` times; medians, ratios and whether each bar is met."""
    shape, parties, steps, bars = ROWS[name]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        subprocess.run([sys.executable, __file__, "--make", shape, "--folder", place], check=True)
        found: dict[str, list[dict]] = {who: [] for who in parties}
        loudest = 0.0
        for _ in range(rounds):
            for who in parties:
                figures, share = run(folder, who, steps)
                found[who].append(figures)
                loudest = max(loudest, share)
    middle = {who: {key: statistics.median(f[key] for f in each) for key in each[0] if key != "losses"} for who, each in found.items()}
    losses = {who: each[0]["losses"] for who, each in found.items()}
    apart = max(abs(a / b - 1) for who in parties for a, b in zip(losses[who], losses["ours"], strict=True))
    out: dict = {"row": name, "figures": middle, "losses_apart": apart, "others": loudest, "quiet": loudest <= 0.1, "equal": apart <= 0.003}
    if name == "dora":
        tax = middle["ours-dora"]["step_seconds"] / middle["ours"]["step_seconds"]
        more = middle["ours-dora"]["peak_mb"] - middle["ours"]["peak_mb"]
        out |= {"tax": tax, "more_mb": more, "met": tax <= DORA_BARS[0] and more <= DORA_BARS[1]}
    else:
        ratios = {who: middle["ours"]["tokens_per_second"] / middle[who]["tokens_per_second"] for who in bars}
        out |= {"ratios": ratios, "met": all(ratios[who] >= bar for who, bar in bars.items())}
    out["met"] = out["met"] and out["equal"] and out["quiet"]
    return out


def main() -> int:
    """Measure and print; 0 when every bar is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    for hidden in ("--one", "--make"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        material(given.folder, given.make)
        return 0
    if given.one:
        print(json.dumps(one(given.folder, given.one, given.steps)))
        return 0
    report = []
    for name in given.rows.split(","):
        report.append(measure(name, given.rounds))
        print(json.dumps(report[-1], indent=1), flush=True)
    if given.json:
        given.json.write_text(json.dumps(report, indent=1))
    return 0 if all(row["met"] for row in report) else 1


if __name__ == "__main__":
    sys.exit(main())
