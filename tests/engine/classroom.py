"""Lessons for tests: a folder as the studio orders one, taught here or in processes of its own."""

import hashlib
import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from studio.domain import dataset, progress
from studio.domain.conversation import Conversation, Turn
from studio.domain.persona import Persona
from studio.domain.training import Recipe
from studio.engine import trainer
from studio.engine.reporter import Again, Reporter

PROJECT = Path(__file__).resolve().parents[2]
PRACTICE = PROJECT / "assets" / "practice-model"
RECIPE = Recipe(epochs=3, batch_size=4, learning_rate=1e-3, rank=8, alpha=8, max_length=256, warmup_steps=1, patience=100)


def counting(count: int, first: int = 0) -> list[Conversation]:
    """Conversations of very different lengths, with a snail that counts."""
    made = []
    for n in range(first, first + count):
        reply = " ".join([f"I saw {n} leaves and one wet stone. I counted them twice."] * (1 + n % 5))
        turns = (Turn("a", "user", f"What did you see on day {n}?"), Turn("b", "model", reply))
        made.append(Conversation(f"c{n}", f"Day {n}", turns))
    return made


def lay_out(folder: Path, model: Path = PRACTICE, train: int = 22, unseen: int = 2, recipe: Recipe = RECIPE, **changes: object) -> Path:
    """A lesson's folder, ready to be taught."""
    folder.mkdir(parents=True)
    parts = dataset.Split(tuple(counting(train)), tuple(counting(unseen, 1000)))
    text = dataset.snapshot(parts)
    spec = {
        "kind": "train", "persona_id": "pip", "persona": Persona("Pip", system="You are Pip, a snail who counts everything.").to_dict(), "model": "practice",
        "model_path": str(model), "recipe": replace(recipe, **changes).to_dict(), "samples": ["What did you see?"],
        "dataset": {"sha256": hashlib.sha256(text.encode()).hexdigest(), "train": train, "validation": unseen},
    }  # fmt: skip
    (folder / "dataset.jsonl").write_text(text, "utf-8")
    (folder / "spec.json").write_text(json.dumps(spec), "utf-8")
    return folder


def teach(folder: Path) -> Path:
    """Teach a folder in this process, as often as it wants to begin again."""
    while True:
        with suppress(Again):
            trainer.teach(folder, Reporter(folder))
            return folder


def journal(folder: Path, kind: str) -> list[dict]:
    """The events of a kind so far."""
    file = folder / "events.jsonl"
    return [event for event in progress.read(file.read_text("utf-8") if file.is_file() else "") if event["kind"] == kind]


def story(folder: Path) -> progress.Lesson:
    """The journal as one picture."""
    return progress.lesson(progress.read((folder / "events.jsonl").read_text("utf-8")))


def losses(folder: Path) -> list[float]:
    """The training loss of each step."""
    return [loss for _, loss in story(folder).learned]


def adapter(folder: Path) -> str:
    """The hash of the adapter that was kept."""
    return hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()


def used(folder: Path) -> dict:
    """The plan the lesson is run by."""
    return json.loads((folder / "recipe.json").read_text("utf-8"))["used"]


@contextmanager
def at_each_forward(act):
    """Call `act()` before every forward pass of a whole model that is being taught."""
    hook = register_module_forward_pre_hook(lambda module, given: act() if module.training and hasattr(module, "lm_head") else None)
    try:
        yield
    finally:
        hook.remove()


def run_out_of_memory() -> None:
    """Ask the allocator for more than any machine has: it refuses as it does when memory runs out."""
    torch.empty(1 << 46, dtype=torch.float64)


def child(folder: Path, processes: int = 1, *launch: str) -> subprocess.Popen:
    """Teach a folder in a process of its own, or in several that share it, as `accelerate launch` starts them."""
    alone = [sys.executable, "-m", "studio.engine.trainer", str(folder)]
    usual = ("--mixed_precision", "no", "--dynamo_backend", "no")
    where = launch or ("--num_machines", "1", "--main_process_port", "0")
    shared = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        *(() if "--use_fsdp" in launch else ("--multi_gpu",)),
        "--num_processes",
        str(processes),
        *usual,
        *where,
        *alone[1:],
    ]
    quiet = {**os.environ, "HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with open(folder / "log.txt", "ab") as log:
        return subprocess.Popen(alone if processes == 1 else shared, cwd=PROJECT, env=quiet, stdout=log, stderr=log)
