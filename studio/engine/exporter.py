"""Makes the file that takes a character anywhere.

    python -m studio.engine.exporter FOLDER

`FOLDER/spec.json` says what to export. What happens is told line by line in `events.jsonl`; a file called `stop` ends it. Under its final name there is
only ever a finished, checked file: everything before that ends in `.part` and is removed by a stop or an error. What a killed run left is gone on with.
"""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import transformers

from studio.domain import examination, gemma, licences, modelfile, sizes
from studio.domain.architecture import Architecture
from studio.domain.errors import BadFile, StudioError
from studio.domain.examination import Examination
from studio.domain.order import Order, from_dict
from studio.engine import documenter, fourbit, grafter, player, quantizer, writer
from studio.engine.answerer import Answerer
from studio.engine.certifier import Certifier
from studio.engine.merger import Merger
from studio.engine.planner import plan_of
from studio.engine.reporter import Reporter, run
from studio.engine.writer import Plan

_MARGIN = 64_000_000  # bytes of disk left for everybody else
# Tokens of an answer, and of kept conversations: of large models less is heard, or checking would outlast the export.
_LONG_ANSWER, _SHORT_ANSWER, _MUCH, _LITTLE = 80, 32, 8192, 1536
_MADE_WITH = ("gguf", "torch", "transformers", "peft")


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
        """Make the file, measure it, and write `result.json`, `certificate.json` and `Modelfile` beside it."""
        began = time.monotonic()
        order = self.order
        self.reporter.phase(f"Reading what {order.persona.name} learned", 0.0)
        with ExitStack() as stack:
            stack.callback(self.clean)
            stack.enter_context(player.logged(self.log))
            plan, dialect = plan_of(order.persona.name, order.model_path, order.adapter)
            self._check_room(plan.shape, len(plan.vocabulary))
            merger = stack.enter_context(Merger(order.model_path, order.adapter, fourbit.blocks if order.four_bit else None))
            part, master, found = self._make(plan, merger, dialect)
            made = self.folder / f"{order.name}-{order.file}.gguf"
            size = part.stat().st_size
            proof = self._proof(made.name, part, master, found)
            card = modelfile.of(order.persona, dialect, order.model, plan.shape.context)
            self.reporter.check()
            if order.file == sizes.ADAPTER and order.adapter:
                grafter.lay(order.adapter, self.folder / grafter.PEFT, licences.base_name(order.model)[1] or Path(order.model).name)
                documenter.put(self.folder / "Modelfile", card.render("base.gguf", made.name).encode())
            else:
                documenter.put(self.folder / "Modelfile", card.render(made.name).encode())
            documenter.put(self.folder / "certificate.json", _lines(proof))
            os.replace(part, made)
            result = {"path": str(made), "quantization": order.file, "bytes": size, "seconds": round(time.monotonic() - began, 1)}
            documenter.put(self.folder / "result.json", _lines(result))
            documenter.lay(self.folder, dialect.folds_system)
        self.reporter.say("done", path=str(made), bytes=size, seconds=result["seconds"])

    def _phase(self, text: str, start: float, end: float) -> Phase:
        return Phase(self.reporter, text, start, end)

    def clean(self) -> None:
        """Remove everything unfinished."""
        for part in self.folder.glob("*.part"):
            part.unlink(missing_ok=True)

    def _check_room(self, shape: Architecture, tokens: int) -> None:
        quantizer.need(self.order.file)
        if self.order.four_bit:
            fourbit.need()
        need = sizes.room(shape, tokens, self.order.file, player.present()) + _MARGIN
        free = shutil.disk_usage(self.folder).free + sum(part.stat().st_size for part in self.folder.glob("*.part"))
        if free < need:
            raise StudioError(
                f"Not enough room: the file needs {sizes.in_words(need)}, {sizes.in_words(free)} is free. Make room, then export again."
            )

    def _make(self, plan: Plan, merger: Merger, dialect: gemma.Dialect) -> tuple[Path, Examination | None, Examination | None]:
        """(the file under its unfinished name, what was measured on the master it was made from, what was measured on the file)."""
        kind = self.order.file
        part = self.folder / f"{self.order.name}-{kind}.gguf.part"
        small = sizes.of(plan.shape, len(plan.vocabulary), "F32") < sizes.SMALL_MASTER
        if kind == sizes.ADAPTER:
            return part, *self._alone(plan, dialect, part, small)
        merging, comparing = f"Merging what {self.order.persona.name} learned", "Comparing the file with the app"
        if not player.present():
            writer.write(plan, merger, kind, part, self._phase(merging, 0.05, 0.95))
            return part, None, None
        if kind == "F32" or (kind not in sizes.MIXED and not small):
            writer.write(plan, merger, kind, part, self._phase(merging, 0.05, 0.5))
            found = self._certifier(plan, dialect, small, self._phase(comparing, 0.5, 1.0)).examine(part, kind)
            return part, found if kind == "F32" else None, found
        exact: sizes.FileKind = "F32" if small else "BF16"
        master = self.folder / "master.gguf.part"
        writer.write(plan, merger, exact, master, self._phase(merging, 0.05, 0.35))
        questions = self._certifier(plan, dialect, small, self._phase(comparing, 0.35, 0.6))
        first = questions.examine(master, exact)
        smaller = self._phase("Making the file small", 0.6, 0.8)
        if kind in sizes.MIXED:
            quantizer.quantize(master, part, kind, self.log, smaller)
        else:
            writer.write(plan, merger, kind, part, smaller)
        master.unlink()
        return part, first, replace(questions, tick=_ticks(self._phase("Checking the file", 0.8, 1.0))).examine(part, kind)

    def _alone(self, plan: Plan, dialect: gemma.Dialect, part: Path, small: bool) -> tuple[Examination | None, Examination | None]:
        """What was learned as a file of its own, and what was measured on it, put onto the model it learned on."""
        order = self.order
        exact: sizes.FileKind = "F32" if small else "BF16"
        assert order.adapter is not None  # an order for it without one is refused
        grafter.write(plan, order.adapter, part)
        if not player.present():
            return None, None
        base = self.folder / "base.gguf.part"
        with Merger(order.model_path, None) as plain:
            writer.write(plan, plain, exact, base, self._phase("Writing the model to try it on", 0.05, 0.5))
        questions = self._certifier(plan, dialect, small, self._phase("Comparing the file with the app", 0.5, 1.0))
        # Beside a model in half precision its rounding is measured too.
        found = questions.examine(base, sizes.ADAPTER if small else exact, part)
        base.unlink()
        return None, found

    def _certifier(self, plan: Plan, dialect: gemma.Dialect, small: bool, tell: Callable[[float], None]) -> Certifier:
        order = self.order
        app = Answerer(order.model_path, order.adapter, dialect, exact=small, four_bit=order.four_bit)
        longest, much = (_LONG_ANSWER, _MUCH) if small else (_SHORT_ANSWER, _LITTLE)
        return Certifier(
            app, dialect, order.persona.system, order.prompts, plan.shape.context, longest, _ticks(tell), order.kept, much, app.fits()
        )

    def _proof(self, name: str, made: Path, master: Examination | None, found: Examination | None) -> dict[str, Any]:
        """`certificate.json` for a file that will be called `name`."""
        order = self.order
        rows = examination.checks(found, master) if found else examination.unchecked()
        with open(made, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        about = {
            "file": name, "bytes": made.stat().st_size, "sha256": digest, "persona": order.persona.name, "model": order.model,
            "adapter": order.adapter.name if order.adapter else None, "merged_into": order.merged_into, "made_with": {part: version(part) for part in _MADE_WITH} | {"llama_cpp": player.VERSION},
        }  # fmt: skip
        return examination.record(order.file, found, master, about, rows)


def _lines(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def _ticks(tell: Callable[[float], None]) -> Callable[[], None]:
    """A phase whose steps take unknown time: each tick goes a twentieth of what is left."""
    left = [1.0]

    def tick() -> None:
        left[0] *= 0.95
        tell(1 - left[0])

    return tick


def export(folder: Path, reporter: Reporter) -> None:
    """Make the file that `folder/spec.json` orders."""
    order = from_dict(_spec(folder), folder.parent)
    with open(folder / "log.txt", "a", encoding="utf-8") as log:
        Exporter(folder, order, reporter, log).run()


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
