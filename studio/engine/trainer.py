"""Teaches: `python -m studio.engine.trainer FOLDER` reads `spec.json` and `dataset.jsonl` there and leaves an adapter beside them.

A lesson that is killed, paused or short of memory goes on from its newest whole safe copy; what it gave up for want of memory stands in `recipe.json`.
Several processes may share a lesson (`torchrun --nproc_per_node 2 -m studio.engine.trainer FOLDER`), on several machines with a folder each; they learn what one would.
"""

import json
import logging
import shutil
import time
import traceback
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import set_seed
from trl import SFTConfig, SFTTrainer

from studio.domain import ladder, progress
from studio.domain.errors import NotReady, StudioError
from studio.engine import continuer, copies, core, knobs, ledger, loader, parts, team
from studio.engine.encoder import Row
from studio.engine.material import Lesson, cut, filled, losses, prepare
from studio.engine.reporter import Again, Reporter, run
from studio.engine.shortage import short_of_memory
from studio.engine.watch import Watch, heed, lowest

UNSTABLE = "Learning became unsteady and was ended at step {step}. Lower the step size (learning rate), now {rate:g}, to {lower:g}, and teach again."

DIFFERENT = "The folders of this lesson are not the same on all machines. Nothing was started. Copy the first machine's folder to the others and start again."


# ---------------------------------------------------------------- the trainer
def configure(lesson: Lesson, plan: ladder.Plan) -> SFTConfig:
    """The plan as trl reads it, for this process' share of each batch."""
    recipe = plan.recipe
    place = loader.device(loader.parameters(lesson.model_path), recipe.dtype == "float32")
    recipe.for_machine(place.name)
    batch, accumulation = share(recipe.batch_size, recipe.accumulation, team.size())
    config = (parts.Config if lesson.in_parts else SFTConfig)(
        output_dir=str(copies.being_written(lesson.folder)),
        num_train_epochs=recipe.epochs,
        max_steps=recipe.steps or -1,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulation,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        lr_scheduler_type=knobs.SCHEDULES[recipe.schedule],
        optim=knobs.optimiser(recipe),
        max_grad_norm=1.0,
        bf16=place.dtype is torch.bfloat16,
        fp16=False,
        use_cpu=place.name == "cpu",
        gradient_checkpointing=plan.checkpointing,
        max_length=recipe.max_length,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        logging_steps=1,
        logging_first_step=True,
        logging_nan_inf_filter=False,  # a loss that is no number has to be seen
        eval_strategy="no",
        save_strategy="no",
        report_to=ledger.watchers(lesson.folder),
        disable_tqdm=True,
        seed=recipe.seed,
        data_seed=recipe.seed,
        dataloader_pin_memory=False,
    )
    config._n_gpu = min(1, config.n_gpu)  # one process teaches on one card, else its batch would be multiplied
    return config


def share(batch: int, accumulation: int, processes: int) -> tuple[int, int]:
    """Batch and accumulation of one of several processes, so that together they read what one alone would read in a step."""
    whole = batch * accumulation
    if whole % processes:
        raise StudioError(
            f"{processes} processes can't share {whole} conversations a step evenly. Nothing was started. Use fewer processes."
        )
    alone = whole // processes
    batch = max(n for n in range(1, max(1, batch // processes) + 1) if alone % n == 0)
    return batch, alone // batch


class Collator:
    """Makes batches, and counts the tokens it has put into them."""

    def __init__(self, model: Any, padding: int, packing: bool) -> None:
        self.tokens = 0
        self._plain = core.collator(model, padding, packing=packing)

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """One batch."""
        self.tokens += sum(len(example["input_ids"]) for example in examples)
        return self._plain(examples)


def build(lesson: Lesson, plan: ladder.Plan, model: Any, resumed: copies.Copy | None) -> tuple[SFTTrainer, Watch]:
    """The trainer for a plan and a freshly loaded model, and the watch over it."""
    recipe = plan.recipe
    set_seed(recipe.seed)
    group = recipe.batch_size * recipe.accumulation
    rows = cut(lesson.train, recipe.max_length)
    collator = Collator(model, lesson.tokenizer.pad_token_id, recipe.packing)
    watch = Watch(lesson, cut(lesson.validation, lesson.asked.max_length), -(-len(rows) // group), resumed, lambda: collator.tokens)
    trainer = core.trainer(
        model,
        args=configure(lesson, plan),
        train_dataset=Dataset.from_list([_example(row) for row in filled(rows, group, lesson.tokenizer.bos_token_id)]),
        data_collator=collator,
        processing_class=lesson.tokenizer,
        peft_config=knobs.adapter(recipe, model),
        callbacks=[watch],
    )
    continuer.pick_up(trainer.model, lesson.folder, lesson.spec)
    if lesson.in_parts:
        parts.lay_out(trainer)
    watch.try_longest = lambda: try_longest(trainer, rows, recipe.packing)
    return trainer, watch


def _example(row: Row) -> dict[str, list[int]]:
    return {"input_ids": row.ids, "labels": row.labels}


def try_longest(trainer: SFTTrainer, rows: list[Row], packing: bool) -> None:
    """Run the longest rows forward and backward once, as a batch, and forget the gradients: what does not fit fails now and not in an hour."""
    unshared = core.collator(trainer.model, trainer.processing_class.pad_token_id, share=False, packing=packing)
    longest = sorted(rows, key=lambda row: -len(row.ids))[: trainer.args.per_device_train_batch_size]
    batch = unshared([_example(row) for row in longest])
    with trainer.accelerator.no_sync(trainer.model_wrapped):
        trainer.training_step(trainer.model_wrapped, batch, torch.tensor(sum(row.learned for row in longest)))
    trainer.model.zero_grad()
    trainer._metrics["train"].clear()
    trainer._total_train_tokens = 0
    set_seed(trainer.args.seed)  # chance used up here must not change the lesson


# ---------------------------------------------------------------- the ladder
class Steps:
    """The plan of a lesson as it stands in its folder, and the way down from it."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson, self.file = lesson, lesson.folder / "recipe.json"
        self.plan, self.sentences = ladder.plan(lesson.asked), []
        if self.file.is_file():
            kept = json.loads(self.file.read_text("utf-8"))
            self.plan, self.sentences = ladder.from_dict(kept["used"]), list(kept["given_up"])
        elif lesson.reporter.speaks:
            self.write()

    def write(self) -> None:
        """Keep the plan in the folder."""
        kept = ladder.to_dict(self.lesson.asked, self.plan, self.sentences)
        copies.write(self.file, json.dumps(kept, indent=1, ensure_ascii=False).encode())

    def agree(self) -> None:
        """Go by the plan of whoever gave up most: each machine may have a folder of its own, and only one of them may have been short of memory."""
        plan, sentences = max(team.gathered((self.plan, self.sentences)), key=lambda kept: len(kept[1]))
        if plan.shape != self.plan.shape:
            copies.forget(self.lesson.folder)
        if plan != self.plan:
            self.plan, self.sentences = plan, sentences
            self.write()

    def down(self) -> bool:
        """Take the next step down and say so; False at the bottom. Safe copies that don't fit the smaller adapter are removed first."""
        rung = ladder.lower(self.plan, self.lesson.lengths)
        if rung is None:
            return False
        if rung.plan.shape != self.plan.shape:
            copies.forget(self.lesson.folder)
        self.plan = rung.plan
        self.sentences.append(rung.sentence)
        self.write()
        self.lesson.reporter.say("note", text=rung.sentence, why="memory")
        return True


def announce_cuts(lesson: Lesson, plan: ladder.Plan) -> None:
    """Say which conversations are longer than the plan reads."""
    shortened = losses(lesson.train, plan.recipe.max_length)
    if shortened:
        lost = sum(entry["lost"] for entry in shortened)
        count = len(shortened)
        these = "1 conversation is" if count == 1 else f"{count} conversations are"
        text = f"{these} longer than {plan.recipe.max_length} tokens; {lost} tokens at the end are not learned."
        lesson.reporter.say("note", text=text, why="length", cut=shortened)


def teach(folder: Path, reporter: Reporter) -> None:
    """One lesson, from its spec to its adapter; goes on from the newest whole safe copy when there is one, with less when memory runs short."""
    began = time.monotonic()
    reporter.phase("Getting ready")
    lesson = prepare(folder, reporter)
    lesson.in_parts = team.take_wish()
    team.meet()
    if len(set(team.gathered(lesson.word))) > 1:
        raise NotReady(DIFFERENT)
    heed(reporter)
    steps, asked_lower = Steps(lesson), folder / "lower"
    if asked_lower.exists() and reporter.speaks:  # the system ended the run before for want of memory
        steps.down()
        asked_lower.unlink()
    steps.agree()
    if not attempt(lesson, steps.plan, began):
        # Of several processes the others wait for this one: all end, and their launcher starts them again by the lower plan.
        if steps.down() and team.size() == 1:
            raise Again
        raise MemoryError
    team.part()


def attempt(lesson: Lesson, plan: ladder.Plan, began: float) -> bool:
    """Run the lesson by this plan to its end; False when memory ran short."""
    announce_cuts(lesson, plan)
    resumed = copies.of_first(lesson.folder)
    model = loader.model(
        lesson.model_path, plan.recipe.four_bit, plan.recipe.dtype == "float32", lesson.in_parts
    )  # if memory is too short even for this, no smaller plan helps
    try:
        trainer, watch = build(lesson, plan, model, resumed)
        trainer.train(resume_from_checkpoint=str(resumed.path) if resumed else None)
        finish(lesson, plan, trainer, watch, time.monotonic() - began)
    except (RuntimeError, MemoryError, OSError) as error:
        if not short_of_memory(error):
            raise
        traceback.print_exc()
        return False
    return True


# ---------------------------------------------------------------- the end
def finish(lesson: Lesson, plan: ladder.Plan, trainer: SFTTrainer, watch: Watch, seconds: float) -> None:
    """Write the measured result; a lesson that was stopped or paused keeps what it learned and says so."""
    steps, reporter = trainer.state.global_step, lesson.reporter
    if not reporter.speaks:
        return
    if watch.why == "pause":
        reporter.say("paused", step=steps)
        return
    ended = "stopped" if watch.why in ("stop", "unstable") else "done"
    facts: dict[str, Any] = {"why": watch.why} if watch.why else {}
    if watch.why == "unstable":
        rate = plan.recipe.learning_rate
        facts["message"] = UNSTABLE.format(step=steps, rate=rate, lower=rate / 10)
        reporter.say("note", text=facts["message"], why="unstable")
    kept = (lesson.folder / copies.ADAPTER).is_file()
    if kept:
        result = measured(lesson, plan, watch, steps) | {"seconds": round(seconds, 1), "stopped": ended == "stopped"}
        copies.write(lesson.folder / "result.json", json.dumps(result, indent=1).encode())
        facts["best_step"] = result["best_step"]
    elif ended == "done":
        ended = "stopped"
    reporter.say(ended, step=steps, **facts)
    ledger.record(lesson.folder)
    if ended == "done":  # any other can go on from its safe copies
        for path in (lesson.folder / "checkpoints", copies.being_written(lesson.folder)):
            shutil.rmtree(path, ignore_errors=True)


def measured(lesson: Lesson, plan: ladder.Plan, watch: Watch, steps: int) -> dict[str, Any]:
    """The figures of `result.json`."""
    kept = {step: loss for step, loss in watch.scores.items() if step}
    best = lowest(kept) if kept else steps
    return {
        "base_model": lesson.spec["model"],
        "steps": steps,
        "best_step": best,
        "tokens_per_second": watch.measured()["tokens_per_second"],
        "peak_rss_mb": round(watch.peak),
        "validation_nll_base": watch.scores.get(0),
        "validation_nll_adapter": kept.get(best),
        "train_examples": len(lesson.train),
        "validation_examples": len(lesson.validation),
        "trained_tokens": sum(row.learned for row in cut(lesson.train, plan.recipe.max_length)),
        "tokens": watch.counted(),  # read since the last start, as is the energy
        "energy_wh": watch.meter.watt_hours(),
        "finished": time.time(),
        **({"each": measured_each(lesson, best)} if lesson.whose else {}),
    }


def measured_each(lesson: Lesson, best: int) -> dict[str, dict[str, Any]]:
    """The figures of every character of a lesson for several, as the journal has them: before learning, and of the version that is kept."""
    events = progress.read((lesson.folder / "events.jsonl").read_text("utf-8"))
    looks = {event["step"]: event["each"] for event in events if event["kind"] == "evaluation" and "each" in event}
    return {
        speaker.persona: {
            "validation_nll_base": looks.get(0, {}).get(speaker.persona),
            "validation_nll_adapter": looks.get(best, {}).get(speaker.persona),
            "train_examples": sum(source.persona == speaker.persona for source in lesson.train),
            "validation_examples": sum(source.persona == speaker.persona for source in lesson.validation),
        }
        for speaker in lesson.speakers
    }


def main() -> None:
    """The child process."""
    logging.basicConfig(level=logging.INFO)
    run(teach)


if __name__ == "__main__":
    main()
