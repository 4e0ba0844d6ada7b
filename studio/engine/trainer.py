"""Teaches: `python -m studio.engine.trainer FOLDER` reads `spec.json` and `dataset.jsonl` there and leaves an adapter beside them.

Every evaluation leaves a safe copy (adapter, optimiser, random state, a manifest with hashes written last), so a killed lesson goes on where it was.
"""

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from datasets import Dataset
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, set_seed
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from studio.domain import dataset, gemma, persona, progress, training
from studio.domain.conversation import Conversation, Turn
from studio.domain.errors import NotReady
from studio.engine import knobs, loader
from studio.engine.encoder import Row, assert_own_markup, encode, everything
from studio.engine.evaluator import surprise
from studio.engine.generator import answer, stop_ids
from studio.engine.reporter import Reporter, Stopped, run

LONGEST_TAKE = 60  # tokens of a sample answer
KEPT_COPIES = 2


@dataclass
class Lesson:
    """Everything one run works with."""

    folder: Path
    reporter: Reporter
    spec: dict[str, Any]
    recipe: training.Recipe
    system: str
    model: Any
    tokenizer: Any
    dialect: gemma.Dialect
    train: list[Row]
    validation: list[Row]


# ---------------------------------------------------------------- files
def write(path: Path, content: bytes) -> None:
    """A file complete or absent: temporary name, fsync, rename."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def seal(copy: Path) -> None:
    """Mark a safe copy as complete: every file on disk, then the manifest that names them all."""
    names = sorted(p.name for p in copy.iterdir() if p.is_file() and p.name != "MANIFEST.json")
    for name in names:
        with open(copy / name, "rb+") as stream:
            os.fsync(stream.fileno())
    write(copy / "MANIFEST.json", json.dumps({name: digest(copy / name) for name in names}, indent=1).encode())


def intact(copy: Path) -> bool:
    """Whether a safe copy is whole."""
    manifest = copy / "MANIFEST.json"
    if not manifest.is_file():
        return False
    try:
        names = json.loads(manifest.read_text("utf-8"))
    except ValueError:
        return False
    return all((copy / name).is_file() and digest(copy / name) == sha for name, sha in names.items())


def safe_copies(folder: Path) -> list[Path]:
    """Safe copies in a lesson's folder, newest first, whole or not."""
    return sorted((folder / "checkpoints").glob("checkpoint-*"), key=lambda p: int(p.name.rsplit("-", 1)[1]), reverse=True)


# ---------------------------------------------------------------- what is learned
def rows_of(conversations: tuple[Conversation, ...], lesson_system: str, dialect: gemma.Dialect, tokenizer: Any, longest: int) -> list[Row]:
    """All training rows of these conversations; their markup is held against the model's own template first."""
    out = []
    for conversation in conversations:
        assert_own_markup(conversation.turns, lesson_system, dialect, tokenizer)
        out += [encode(row, dialect, tokenizer, longest) for row in gemma.rows(conversation.turns, lesson_system, dialect)]
    return [row for row in out if row.learned]


def prepare(folder: Path, reporter: Reporter) -> Lesson:
    """Read the spec, the frozen conversations and the model."""
    spec = json.loads((folder / "spec.json").read_text("utf-8"))
    text = (folder / "dataset.jsonl").read_text("utf-8")
    if hashlib.sha256(text.encode()).hexdigest() != spec["dataset"]["sha256"]:
        raise NotReady(
            "The conversations set aside for this lesson were changed on the disk. What you wrote in the studio is safe. Start the lesson over."
        )
    recipe = training.from_dict(spec["recipe"])
    parts = dataset.from_snapshot(text)
    if not parts.train:
        raise NotReady("There is nothing to learn from yet. Write at least one conversation that ends with the character.")
    reporter.phase("Reading the model")
    model_folder = Path(spec["model_path"])
    tokenizer = loader.tokenizer(model_folder)
    dialect = loader.dialect(model_folder, tokenizer)
    system = persona.from_dict(spec["persona"], "spec.json").system
    train = rows_of(parts.train, system, dialect, tokenizer, recipe.max_length)
    if recipe.learn == "everything":  # unseen conversations are scored by replies alone all the same, so that lessons can be compared
        train = [everything(row) for row in train]
    validation = rows_of(parts.validation, system, dialect, tokenizer, recipe.max_length)
    return Lesson(
        folder,
        reporter,
        spec,
        recipe,
        system,
        loader.model(model_folder, recipe.four_bit, recipe.dtype == "float32"),
        tokenizer,
        dialect,
        train,
        validation,
    )


def takes(lesson: Lesson, model: Any, system: str) -> list[tuple[str, str]]:
    """The answers, greedy, to the lesson's sample questions as the model stands now under a scene: (question, answer)."""
    out = []
    for question in lesson.spec["samples"]:
        text = gemma.prompt([Turn("", "user", question)], system, lesson.dialect)
        growing = answer(
            model, lesson.tokenizer, text, stop_ids(lesson.tokenizer, lesson.dialect), 0.0, LONGEST_TAKE, lambda: lesson.reporter.stopping
        )
        said = "".join(list(growing)[-1:])
        if lesson.reporter.stopping:
            break  # an answer cut off in the middle is not one
        out.append((question, said))
    return out


class Watch(TrainerCallback):
    """What happens between the steps: the journal, honest evaluation, the best version, safe copies, and the ear for Stop."""

    def __init__(self, lesson: Lesson, every: int, past: progress.Lesson, counted: Callable[[], int]) -> None:
        self.lesson, self.every, self.counted = lesson, every, counted
        self.scores = dict(past.unseen)
        self.busy = 0.0  # seconds inside steps: evaluation and saving do not count as learning speed
        self.peak = 0.0
        self.began = 0.0

    def measured(self) -> dict[str, float]:
        """Speed and memory as they are now."""
        memory = psutil.Process().memory_info().rss / 1e6
        if torch.cuda.is_available():
            memory = torch.cuda.max_memory_reserved() / 1e6
        self.peak = max(self.peak, memory)
        return {"tokens_per_second": round(self.counted() / self.busy, 1) if self.busy else 0.0, "memory_mb": round(memory)}

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.began = time.monotonic()

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, float] | None = None, **kwargs: Any
    ) -> None:
        if logs and "loss" in logs:
            facts = {k: logs[k] for k in ("loss", "learning_rate", "grad_norm") if k in logs}
            self.lesson.reporter.say("step", step=state.global_step, epoch=round(state.epoch or 0, 3), **facts, **self.measured())

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any) -> None:
        self.busy += time.monotonic() - self.began
        if state.global_step % self.every == 0 or state.global_step == state.max_steps:
            self.evaluate(model, state.global_step, state.epoch or 0.0)
            control.should_save = True
        if self.lesson.reporter.stopping or self.stale():
            control.should_save = True
            control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        copy = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        seal(copy)
        for old in safe_copies(self.lesson.folder)[KEPT_COPIES:]:
            shutil.rmtree(old)
        self.lesson.reporter.say("saved", step=state.global_step)

    def stale(self) -> bool:
        """Whether the last `patience` evaluations brought nothing better."""
        losses = [loss for _, loss in sorted(self.scores.items())]
        return (
            self.lesson.recipe.patience > 0
            and len(losses) > 1
            and len(losses) - 1 - losses.index(min(losses)) >= self.lesson.recipe.patience
        )

    def evaluate(self, model: Any, step: int, epoch: float) -> None:
        """Score the unseen conversations, keep the version if it is the best, and let the character say a few lines."""
        if self.lesson.validation:
            loss = surprise(model, self.lesson.validation)
            self.lesson.reporter.say("evaluation", step=step, epoch=round(epoch, 3), loss=loss)
            self.scores[step] = loss
            best = min(self.scores, key=lambda s: (self.scores[s], s))
        else:
            best = step  # nothing is kept back, so the newest version is the best known
        if step and best == step:
            keep(self.lesson, model)
        training_now = model.training
        model.eval()
        # Before the first step the plain model speaks, as Chat lets it speak: without the scene.
        for question, said in takes(self.lesson, model, self.lesson.system if step else ""):
            self.lesson.reporter.say("sample", step=step, epoch=round(epoch, 3), prompt=question, text=said)
        model.train(training_now)


def keep(lesson: Lesson, model: Any) -> None:
    """Write the adapter as it stands into the lesson's folder, complete or not at all."""
    config = model.peft_config["default"]
    config.base_model_name_or_path = lesson.spec["model"]  # the model's name; a path of this machine has no place in what is shared
    weights = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in get_peft_model_state_dict(model).items()}
    partial = lesson.folder / "adapter_model.safetensors.partial"
    save_file(weights, partial, metadata={"format": "pt"})
    with open(partial, "rb+") as stream:
        os.fsync(stream.fileno())
    settings = {k: sorted(v) if isinstance(v, set) else v for k, v in config.to_dict().items()} | {"inference_mode": True}
    write(lesson.folder / "adapter_config.json", json.dumps(settings, indent=1, default=str).encode())
    os.replace(partial, lesson.folder / "adapter_model.safetensors")


# ---------------------------------------------------------------- the lesson
def configure(lesson: Lesson) -> SFTConfig:
    """The recipe as trl reads it."""
    recipe, place = lesson.recipe, loader.device(loader.parameters(Path(lesson.spec["model_path"])), lesson.recipe.dtype == "float32")
    recipe.for_machine(place.name)
    return SFTConfig(
        output_dir=str(lesson.folder / "checkpoints"),
        num_train_epochs=recipe.epochs,
        max_steps=recipe.steps or -1,
        per_device_train_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        lr_scheduler_type=knobs.SCHEDULES[recipe.schedule],
        optim=knobs.optimiser(recipe),
        max_grad_norm=1.0,
        bf16=place.dtype is torch.bfloat16,
        fp16=False,
        use_cpu=place.name == "cpu",
        gradient_checkpointing=recipe.four_bit,
        max_length=recipe.max_length,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        logging_steps=1,
        logging_first_step=True,
        eval_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        seed=recipe.seed,
        data_seed=recipe.seed,
        dataloader_pin_memory=False,
    )


def teach(folder: Path, reporter: Reporter) -> None:
    """One lesson, from its spec to its adapter; goes on from the newest whole safe copy when there is one."""
    began = time.monotonic()
    past = progress.lesson(progress.read((folder / "events.jsonl").read_text("utf-8")))
    reporter.phase("Getting ready")
    lesson = prepare(folder, reporter)
    reporter.check()
    recipe = lesson.recipe
    set_seed(recipe.seed)
    resume = next((copy for copy in safe_copies(folder) if intact(copy)), None)
    for copy in safe_copies(folder):
        if not intact(copy):
            shutil.rmtree(copy)
    tokens = 0

    def collate(examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        nonlocal tokens
        tokens += sum(len(example["input_ids"]) for example in examples)
        return plain_collate(examples)

    plain_collate = DataCollatorForLanguageModeling(pad_token_id=lesson.tokenizer.pad_token_id)
    trainer = SFTTrainer(
        model=lesson.model,
        args=configure(lesson),
        train_dataset=Dataset.from_list([{"input_ids": row.ids, "labels": row.labels} for row in lesson.train]),
        data_collator=collate,
        processing_class=lesson.tokenizer,
        peft_config=knobs.adapter(recipe, lesson.model),
    )
    per_epoch = -(-len(lesson.train) // (recipe.batch_size * recipe.accumulation))
    watch = Watch(lesson, max(1, per_epoch // recipe.evaluations_per_epoch), past if resume else progress.Lesson(), lambda: tokens)
    trainer.add_callback(watch)
    if not resume:
        reporter.phase("Listening to the plain model")
        with trainer.model.disable_adapter():
            watch.evaluate(trainer.model, 0, 0.0)
    reporter.phase("Learning")
    first = int(resume.name.rsplit("-", 1)[1]) if resume else 0
    watch.scores = {step: loss for step, loss in watch.scores.items() if step <= first}
    steps = recipe.steps or per_epoch * recipe.epochs
    reporter.say("start", steps=steps, epochs=-(-steps // per_epoch), from_step=first)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    if not (folder / "adapter_model.safetensors").is_file():
        raise Stopped
    finish(lesson, watch, trainer.state.global_step, time.monotonic() - began, sum(row.learned for row in lesson.train))


def finish(lesson: Lesson, watch: Watch, steps: int, seconds: float, trained_tokens: int) -> None:
    """Write the measured result; a lesson that was stopped keeps what it learned and says so."""
    kept = {step: loss for step, loss in watch.scores.items() if step}
    best = min(kept, key=lambda s: (kept[s], s)) if kept else steps
    stopped = lesson.reporter.stopping
    result = {
        "base_model": lesson.spec["model"],
        "seconds": round(seconds, 1),
        "steps": steps,
        "best_step": best,
        "tokens_per_second": watch.measured()["tokens_per_second"],
        "peak_rss_mb": round(watch.peak),
        "validation_nll_base": watch.scores.get(0),
        "validation_nll_adapter": kept.get(best),
        "train_examples": len(lesson.train),
        "validation_examples": len(lesson.validation),
        "trained_tokens": trained_tokens,
        "finished": time.time(),
        "stopped": stopped,
    }
    write(lesson.folder / "result.json", json.dumps(result, indent=1).encode())
    if not stopped:  # a stopped lesson can go on from its safe copies
        shutil.rmtree(lesson.folder / "checkpoints", ignore_errors=True)
    lesson.reporter.say("stopped" if stopped else "done", step=steps, best_step=best)


def main() -> None:
    """The child process."""
    logging.basicConfig(level=logging.INFO)
    run(teach)


if __name__ == "__main__":
    main()
