"""What happens between the steps of a lesson: the journal, honest evaluation, the best version, safe copies, and the ear for Stop and Pause."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import psutil
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from studio.domain import gemma
from studio.domain.conversation import Turn
from studio.engine import copies, ledger
from studio.engine.encoder import Row
from studio.engine.evaluator import surprises
from studio.engine.generator import answer, stop_ids
from studio.engine.material import Lesson
from studio.engine.meter import Meter
from studio.engine.prefix import Prefix
from studio.engine.reporter import Paused, Reporter, Stopped
from studio.engine.team import agreed, together

LONGEST_TAKE = 60  # tokens of a sample answer
WILD = 2.0  # times the loss at the beginning: a mean of RECENT steps beyond it is no learning any more
RECENT = 3
HIGH = 2.0  # nats; whatever the beginning was, less than WILD times this is not wild

Why = Literal["", "pause", "stop", "stale", "unstable", "behind"]


class Watch(TrainerCallback):
    """Sees every step of one run of the trainer; `why` says afterwards what ended it before its last step."""

    def __init__(self, lesson: Lesson, unseen: list[Row], per_epoch: int, resumed: copies.Copy | None, counted: Callable[[], int]) -> None:
        self.lesson, self.unseen, self.per_epoch, self.counted = lesson, unseen, per_epoch, counted
        self.groups: dict[str, list[Row]] = {}  # the unseen rows of each character
        for source, row in zip(lesson.validation, unseen, strict=True):
            self.groups.setdefault(source.persona, []).append(row)
        self.every = max(1, per_epoch // lesson.asked.evaluations_per_epoch)
        self.resumed = resumed
        self.scores = dict(resumed.scores) if resumed else {}
        self.try_longest: Callable[[], None] = lambda: None  # the trainer's, once there is one
        self.why: Why = ""
        self.busy = 0.0  # seconds inside steps: evaluation and saving do not count as learning speed
        self.peak = 0.0
        self.meter = Meter()
        self.began = 0.0
        self.surprises: list[float] = []  # training losses of this run

    # ---------------------------------------------------------------- before the first step
    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        reporter, first = self.lesson.reporter, self.resumed.step if self.resumed else 0
        reporter.phase("Trying the longest conversation")
        self.try_longest()
        heed(reporter)
        if self.resumed:
            self.keep_best()
        else:
            continued = self.lesson.spec.get("continues")
            reporter.phase("Listening to what it knows already" if continued else "Listening to the plain model")
            with contextlib.nullcontext() if continued else model.disable_adapter():
                self.evaluate(model, 0, 0.0)
        together()
        reporter.phase("Learning")
        epochs = -(-state.max_steps // self.per_epoch)
        reporter.say("start", steps=state.max_steps, epochs=epochs, from_step=first, every=self.every)

    @property
    def speaks(self) -> bool:
        """Whether this process, of those that share the lesson, is the one that measures and writes."""
        return self.lesson.reporter.speaks

    # ---------------------------------------------------------------- each step
    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.began = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any) -> None:
        self.busy += time.monotonic() - self.began
        self.meter.look()
        step = state.global_step
        asked = wanted(self.lesson.reporter)
        due = step % self.every == 0 or step == state.max_steps
        if due or asked == "stop":
            self.evaluate(model, step, state.epoch or 0.0)
            asked = agreed(asked or self.verdict())
        if asked:
            self.leave(control, asked)
        if asked != "unstable" and (due or asked or step % self.per_epoch == 0):
            control.should_save = True

    def leave(self, control: TrainerControl, why: Why) -> None:
        """End the run after this step."""
        self.why = self.why or why
        control.should_training_stop = True

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, float] | None = None, **kwargs: Any
    ) -> None:
        if not logs or "loss" not in logs:
            return
        facts = {k: logs[k] for k in ("loss", "learning_rate", "grad_norm") if k in logs}
        self.lesson.reporter.say("step", step=state.global_step, epoch=round(state.epoch or 0, 3), **facts, **self.measured())
        self.surprises.append(logs["loss"])
        if self.wild():  # every process sees the same loss, so all leave together
            control.should_save = False
            self.leave(control, "unstable")

    def wild(self) -> bool:
        """Whether the training loss is no number any more, or has been far above where it began for several steps."""
        if not math.isfinite(self.surprises[-1]):
            return True
        began = max(self.scores.get(0, 0.0), self.surprises[0], HIGH)
        return len(self.surprises) > RECENT and sum(self.surprises[-RECENT:]) / RECENT > WILD * began

    def verdict(self) -> Why:
        """What the measurements on unseen conversations say: `unstable`, `behind` others, `stale` (the last `patience` brought nothing better), or nothing."""
        losses = [loss for _, loss in sorted(self.scores.items())]
        if any(not math.isfinite(loss) for loss in losses):
            return "unstable"
        if self.lesson.hopeless(self.scores):
            return "behind"
        patience = self.lesson.asked.patience  # 0: none is ever enough
        if patience and len(losses) > 1 and len(losses) - 1 - losses.index(min(losses)) >= patience:
            return "stale"
        return ""

    # ---------------------------------------------------------------- measuring
    def measured(self) -> dict[str, float]:
        """Speed and memory as they are now; `free_mb` is what the machine had left, by which a later reader knows why a run was ended."""
        memory = psutil.Process().memory_info().rss / 1e6
        if torch.cuda.is_available():
            memory = torch.cuda.max_memory_reserved() / 1e6
        self.peak = max(self.peak, memory)
        speed = round(self.counted() / self.busy, 1) if self.busy else 0.0
        return {"tokens_per_second": speed, "memory_mb": round(memory), "free_mb": round(psutil.virtual_memory().available / 1e6)}

    def evaluate(self, model: Any, step: int, epoch: float) -> None:
        """Score the unseen conversations, and let the character say a few lines."""
        if self.unseen:
            self.scores[step], each = surprises(model, self.groups)
            more = {} if "" in each else {"each": each}
            self.lesson.reporter.say("evaluation", step=step, epoch=round(epoch, 3), loss=self.scores[step], **more)
        training_now = model.training
        model.eval()
        # Before the first step the plain model speaks, as Chat lets it speak: without the scene.
        for who, question, said in takes(self.lesson, model, bool(step or self.lesson.spec.get("continues"))):
            more = {"persona": who} if who else {}
            self.lesson.reporter.say("sample", step=step, epoch=round(epoch, 3), prompt=question, text=said, **more)
        model.train(training_now)

    # ---------------------------------------------------------------- safe copies
    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        together()  # every process has written its part
        if self.speaks:
            step, folder = state.global_step, self.lesson.folder
            made = copies.complete(folder, step, self.scores)
            if self.best(step) == step:
                copies.keep(folder, made, self.lesson.spec["model"])
            copies.rotate(folder, self.best(step))
            self.lesson.reporter.say("saved", step=step)
            ledger.record(folder)
        together()
        if not self.speaks:
            copies.sweep(self.lesson.folder)  # on a machine of its own, what it wrote or was sent

    def best(self, newest: int) -> int:
        """The step of the best version: the lowest loss on unseen conversations, else the newest."""
        return lowest(self.scores) if self.unseen else newest

    def keep_best(self) -> None:
        """After an interruption: the kept adapter is that of the best copy, whatever a killed predecessor left half done."""
        if self.resumed and self.speaks:
            best = copies.of_step(self.lesson.folder, self.best(self.resumed.step))
            if best:
                copies.keep(self.lesson.folder, best.path, self.lesson.spec["model"])


def wanted(reporter: Reporter) -> Why:
    """What the person wants."""
    return agreed("stop" if reporter.stopping else "pause" if reporter.pausing else "")


def heed(reporter: Reporter) -> None:
    """Leave the lesson when asked to."""
    asked = wanted(reporter)
    if asked:
        raise Paused if asked == "pause" else Stopped


def lowest(scores: Mapping[int, float]) -> int:
    """The step with the lowest loss, the first of equals; what is no number is the highest."""
    return min(scores, key=lambda step: (scores[step] if math.isfinite(scores[step]) else math.inf, step))


def takes(lesson: Lesson, model: Any, in_character: bool) -> Iterator[tuple[str, str, str]]:
    """The answers, greedy, of every character to its lines as the model stands now: (character, question, answer). In character: under its scene."""
    stops = stop_ids(lesson.tokenizer, lesson.dialect)
    for speaker in lesson.speakers:
        read = Prefix(model.config.get_text_config())  # the scene is the same for all lines
        for question in speaker.samples:
            text = gemma.prompt([Turn("", "user", question)], speaker.system if in_character else "", lesson.dialect)
            growing = answer(model, lesson.tokenizer, text, stops, 0.0, LONGEST_TAKE, lambda: agreed(lesson.reporter.leaving), read)
            said = "".join(list(growing)[-1:])
            if agreed(lesson.reporter.leaving):
                return  # an answer cut off in the middle is not one
            yield speaker.persona, question, said
