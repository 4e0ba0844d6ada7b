"""Makes the file that takes a character anywhere.

    python -m studio.engine.exporter FOLDER

`FOLDER/spec.json` says what to export. What happens is told line by line in `events.jsonl`; a file called `stop` ends it. Under its final name there is
only ever a finished, checked file: everything before that ends in `.part` and is removed by a stop, an error or the next run.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import transformers

from studio.domain import architecture, gemma, modelfile, sizes
from studio.domain.architecture import Architecture
from studio.domain.errors import BadFile, StudioError
from studio.domain.order import Order, from_dict
from studio.engine import certifier, documenter, loader, player, quantizer, vocabulary, writer
from studio.engine.answerer import Answerer
from studio.engine.certifier import Certifier, Examination
from studio.engine.merger import Merger
from studio.engine.reporter import Reporter, run
from studio.engine.writer import Plan

_MARGIN = 64_000_000  # bytes of disk left for everybody else
_LONG_ANSWER, _SHORT_ANSWER, _FEW = 80, 32, 3  # tokens, tokens, prompts: large models are asked less, or checking would outlast the export


@dataclass
class Phase:
    """A stretch of the export from share `start` to `end` of the whole, told at most twice a second. Call it with its own share; a stop is raised there."""

    reporter: Reporter
    text: str
    start: float
    end: float
    _told: float = 0.0

    def __post_init__(self) -> None:
        self.reporter.phase(self.text, self.start)

    def __call__(self, share: float) -> None:
        self.reporter.check()
        if time.monotonic() - self._told > 0.5:
            self._told = time.monotonic()
            self.reporter.phase(self.text, round(self.start + (self.end - self.start) * share, 4))


@dataclass(frozen=True)
class Exporter:
    """One export in its folder."""

    folder: Path
    order: Order
    reporter: Reporter
    log: IO[str]

    def run(self) -> None:
        """Make the file, measure it, and write `result.json` and `Modelfile` beside it."""
        began = time.monotonic()
        order = self.order
        self.reporter.phase(f"Reading what {order.persona.name} learned", 0.0)
        plan, dialect = plan_of(order.persona.name, order.model_path, order.adapter)
        self._check_room(plan.shape, len(plan.vocabulary))
        with ExitStack() as stack:
            stack.callback(self.clean)
            stack.enter_context(player.logged(self.log))
            merger = stack.enter_context(Merger(order.model_path, order.adapter))
            part, exact, found = self._make(plan, merger, dialect)
            made = self.folder / f"{order.name}-{order.file}.gguf"
            result = self._result(made, part.stat().st_size, exact, found)
            card = modelfile.of(order.persona, dialect, order.model, plan.shape.context)
            self.reporter.check()
            _write(self.folder / "Modelfile", card.render(made.name))
            os.replace(part, made)
            _write(
                self.folder / "result.json",
                json.dumps({**result, "seconds": round(time.monotonic() - began, 1)}, ensure_ascii=False, indent=1) + "\n",
            )
            documenter.lay(self.folder, dialect.folds_system)
        self.reporter.say("done", path=str(made), bytes=result["bytes"], seconds=round(time.monotonic() - began, 1))

    def _phase(self, text: str, start: float, end: float) -> Phase:
        return Phase(self.reporter, text, start, end)

    def clean(self) -> None:
        """Remove everything unfinished."""
        for part in self.folder.glob("*.part"):
            part.unlink(missing_ok=True)

    def _check_room(self, shape: Architecture, tokens: int) -> None:
        if self.order.file == "Q4_K_M":
            quantizer.need()
        need = sizes.room(shape, tokens, self.order.file, player.present()) + _MARGIN
        free = shutil.disk_usage(self.folder).free
        if free < need:
            raise StudioError(
                f"Not enough room: the file needs {sizes.in_words(need)}, {sizes.in_words(free)} is free. Make room, then export again."
            )

    def _make(self, plan: Plan, merger: Merger, dialect: gemma.Dialect) -> tuple[Path, Examination | None, Examination | None]:
        """(the file under its unfinished name, what was measured on the exact master, what was measured on the file)."""
        kind = self.order.file
        part = self.folder / f"{self.order.name}-{kind}.gguf.part"
        small = sizes.of(plan.shape, len(plan.vocabulary), "F32") < sizes.SMALL_MASTER
        name = self.order.persona.name
        if not player.present():
            writer.write(plan, merger, kind, part, self._phase(f"Merging what {name} learned", 0.05, 0.95))
            return part, None, None
        if kind == "F32" or (kind != "Q4_K_M" and not small):
            writer.write(plan, merger, kind, part, self._phase(f"Merging what {name} learned", 0.05, 0.5))
            found = self._certifier(plan, dialect, small, self._phase("Comparing the file with the app", 0.5, 1.0)).examine(part)
            return part, found if kind == "F32" else None, found
        master = self.folder / "master.gguf.part"
        writer.write(plan, merger, "F32" if small else "BF16", master, self._phase(f"Merging what {name} learned", 0.05, 0.35))
        questions = self._certifier(plan, dialect, small, self._phase("Comparing the file with the app", 0.35, 0.6))
        exact = questions.examine(master) if small else None
        smaller = self._phase("Making the file small", 0.6, 0.8)
        if kind == "Q4_K_M":
            quantizer.quantize(master, part, self.log, smaller)
        else:
            writer.write(plan, merger, kind, part, smaller)
        master.unlink()
        return part, exact, replace(questions, tick=_ticks(self._phase("Checking the file", 0.8, 1.0))).examine(part)

    def _certifier(self, plan: Plan, dialect: gemma.Dialect, small: bool, tell: Callable[[float], None]) -> Certifier:
        app = Answerer(self.order.model_path, self.order.adapter, dialect, exact=small)
        prompts = self.order.prompts if small else self.order.prompts[:_FEW]
        limit = _LONG_ANSWER if small else _SHORT_ANSWER
        return Certifier(app, dialect, self.order.persona.system, prompts, plan.shape.context, limit, _ticks(tell))

    def _result(self, made: Path, size: int, exact: Examination | None, found: Examination | None) -> dict[str, Any]:
        small = exact is not None
        checks = certifier.checks(self.order.file, found, exact, rounded=not small) if found else certifier.unchecked()
        counted = exact or found
        return {
            "path": str(made), "quantization": self.order.file, "bytes": size,
            "nmse_f32": exact.nmse if exact else None, "greedy_matches": counted.matches if counted else None,
            "greedy_prompts": len(counted.answers) if counted else None,
            "nmse_file": found.nmse if found else None, "file_matches": found.matches if found else None,
            "checks": [check.to_dict() for check in checks],
            "answers": [{"prompt": a.prompt, "app": a.app, "file": a.file, "stopped": a.stopped} for a in found.answers] if found else [],
        }  # fmt: skip


def _ticks(tell: Callable[[float], None]) -> Callable[[], None]:
    """A phase whose steps take unknown time: each tick goes a twentieth of what is left."""
    left = [1.0]

    def tick() -> None:
        left[0] *= 0.95
        tell(1 - left[0])

    return tick


def _config(folder: Path) -> dict[str, Any]:
    try:
        value = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(f"The model's config.json can't be read ({error}). What was learned is safe. Fetch the model again.") from error
    if not isinstance(value, dict):
        raise BadFile("The model's config.json does not hold a model. What was learned is safe. Fetch the model again.")
    return value


def plan_of(name: str, model: Path, adapter: Path | None) -> tuple[Plan, gemma.Dialect]:
    """Everything about the file but its weights; raises StudioError where a file can't be made of this model."""
    shape = architecture.read(_config(model))
    dialect = gemma.dialect_of(shape.family)
    return Plan(name, shape, vocabulary.read(model, dialect), template(model, adapter)), dialect


def template(model: Path, adapter: Path | None) -> str:
    """The markup the character was trained with: what lies beside what it learned, else what the studio trains this model with."""
    if adapter is not None and (adapter / "chat_template.jinja").exists():
        return (adapter / "chat_template.jinja").read_text("utf-8")
    given = loader.tokenizer(model).chat_template
    if not isinstance(given, str):
        raise BadFile(
            "The model's folder does not say how a talk is marked up (chat_template.jinja). What was learned is safe. Fetch the model again."
        )
    return given


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    with open(part, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def export(folder: Path, reporter: Reporter) -> None:
    """Make the file that `folder/spec.json` orders."""
    order = from_dict(_spec(folder), folder.parent)
    with open(folder / "log.txt", "a", encoding="utf-8") as log:
        job = Exporter(folder, order, reporter, log)
        job.clean()
        job.run()


def _spec(folder: Path) -> Any:
    try:
        return json.loads((folder / "spec.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(f"The order for this export can't be read ({error}). What was learned is safe. Start the export again.") from error


def main() -> None:
    """The command line."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        raise SystemExit("usage: python -m studio.engine.exporter FOLDER")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    run(export)


if __name__ == "__main__":
    main()
