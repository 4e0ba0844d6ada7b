"""The training step against its peers, side by side in fresh processes: tokens a second, processor seconds, peak memory, and equal losses.

    python -m studio bench training-core [--json FILE]
    python tests/benchmarks/training_core.py [--rows train-270m,dora] [--rounds 3] [--keep FOLDER] [--minutes N]

Peers: trl's `SFTTrainer` with its defaults, and transformers' `Trainer` tuned as well as it can be (bf16 weights, no checkpointing, and glibc told to keep
large blocks, as the studio does: on Linux alone this makes them two to three times as quick; `sft-calm` is the first peer with the same). All read
Biscuit's 111 conversations in the same order, from the same random Gemma 3 and the same start of the adapter. Tokens are those of the
rows, without padding, though ours computes once what all of them begin with (`ours-apart` doesn't); the first step warms up and is not counted. A figure counts only when the losses
are equal, and when nothing else used more than a tenth of the processors. `--keep` keeps what was measured, and goes on from there.
"""

import argparse
import hashlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from studio.domain.machine import CALM  # noqa: E402
from tests.benchmarks.shared import quiet  # noqa: E402

TABLE = ("train-270m", "epoch-270m", "train-1b", "memory-1b", "dora")
EQUAL = 0.003  # losses of each step, relative
AGAIN = 3  # times a process that others disturbed is measured anew
# Seconds of one look at everything on the two cores they were set on, which multiply so many billion numbers a second.
HEADLINE, PACE = 40, 900
DEFAULTS = "sft"  # is started as everybody starts it; all others in the studio's surroundings
Figures = dict[str, dict[str, float]]  # party -> name -> median


@dataclass(frozen=True)
class Row:
    """Who is measured on which shape, over how many counted steps of how many rows, and what is made of the medians: (gate, ambition, sign) of each."""

    shape: str
    parties: tuple[str, ...]
    steps: int
    batch: int  # 8 is trl's own; 4 keeps its hour on 1B short
    bars: dict[str, tuple[float, float, str]]
    made: Callable[[Figures], dict[str, float]]
    once: tuple[str, ...] = ()  # measured in the first round only: its losses are what counts


def speeds(found: Figures) -> dict[str, float]:
    """How many times our tokens a second are those of each peer."""
    ours = found["ours"]["tokens_per_second"]
    return {f"x {who}": ours / each["tokens_per_second"] for who, each in found.items() if who in ("sft", "tuned", "sft-calm")}


def whole(found: Figures) -> dict[str, float]:
    """What one look at everything takes; what it would, were nothing but the matrix products quicker, at the headline's pace; and their share of it here."""
    ours = found["ours"]
    took, products = ours["seconds"], ours["products_seconds"]
    return {
        "seconds": took,
        f"seconds, products at {PACE} GF/s": took - products * (1 - ours["gflops"] / PACE),
        "share that is products": products / took,
    }


def tax(found: Figures) -> dict[str, float]:
    """What DoRA takes beside LoRA."""
    dora, lora = found["ours-dora"], found["ours"]
    return {"x LoRA's step": dora["step_seconds"] / lora["step_seconds"], "GB more": (dora["peak_mb"] - lora["peak_mb"]) / 1000}


ROWS = {
    "train-270m": Row("270m", ("sft", "tuned", "ours", "ours-apart", "sft-calm"), 2, 8, {"x sft": (6, 10, ">="), "x tuned": (3, 4, ">=")}, speeds, once=("ours-apart", "sft-calm")),
    "epoch-270m": Row("270m", ("ours",), 13, 8, {f"seconds, products at {PACE} GF/s": (HEADLINE, HEADLINE, "<="), "share that is products": (0.5, 0.7, ">=")}, whole),
    "train-1b": Row("1b", ("sft", "ours"), 1, 4, {"x sft": (4, 7, ">=")}, speeds),
    "memory-1b": Row("1b", ("ours",), 2, 4, {"x weights": (2, 1.4, "<=")}, lambda found: {"x weights": found["ours"]["over_imports"]}),
    "dora": Row("1b", ("peft-dora", "ours", "ours-dora"), 1, 4, {"x LoRA's step": (1.25, 1.1, "<="), "GB more": (1, 0.15, "<=")}, tax, once=("peft-dora",)),
}  # fmt: skip


def code() -> str:
    """A mark of all modules a party imports: what was measured by other code is measured again."""
    importlib.import_module("tests.benchmarks.shared.party")
    files = sorted(
        Path(str(module.__file__))
        for name, module in sys.modules.items()
        if name.startswith(("studio.", "tests.benchmarks.shared.")) and module.__file__
    )
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def run(folder: Path, who: str, row: Row) -> dict:
    """One fresh process; its figures, with the share of the processors that others used meanwhile as `others`."""
    with quiet.Neighbours() as others:
        before = os.times()
        command = [sys.executable, "-m", "tests.benchmarks.shared.party", str(folder), who, str(row.steps), str(row.batch)]
        calm = {} if who == DEFAULTS else CALM
        surroundings = {**os.environ, **calm, "OMP_NUM_THREADS": str(os.cpu_count()), "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, cwd=HERE, env=surroundings, capture_output=True, text=True, check=False)
        after = os.times()
        others.own = after.children_user - before.children_user + after.children_system - before.children_system
    if done.returncode:
        sys.exit(f"{who} did not finish:\n{done.stderr[-3000:]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "others": others.share}


def rounds(name: str, count: int, folder: Path, until: float) -> list[dict]:
    """What was measured of one row: `count` rounds of all its parties in turn, or as many as fit before `until`; a disturbed process counts as none."""
    row, kept, mark = ROWS[name], folder / f"{name}.jsonl", code()
    lines = [json.loads(line) for line in kept.read_text("utf-8").splitlines()] if kept.is_file() else []
    lines = [line for line in lines if line["code"] == mark]
    if not (folder / row.shape / "rows.json").is_file():
        subprocess.run(
            [sys.executable, "-c", f"import sys; from pathlib import Path; from tests.benchmarks.shared import material; material.make(Path(sys.argv[1]), {row.shape!r})", str(folder / row.shape)],
            cwd=HERE, check=True,
        )  # fmt: skip
    for number in range(count):
        for who in row.parties if not number else (who for who in row.parties if who not in row.once):
            if any((line["who"], line["round"]) == (who, number) for line in lines):
                continue
            if time.monotonic() > until:
                return lines
            tries = (run(folder / row.shape, who, row) for _ in range(AGAIN))
            figures = next((each for each in tries if each["others"] <= quiet.LOUD), None)
            if figures is None:
                sys.exit(f"Others used more than {quiet.LOUD:.0%} of the processors whenever {who} of {name} was measured. End them, and measure again.")  # fmt: skip
            lines.append({"who": who, "round": number, "code": mark, **figures})
            print(f"  {name}, round {number + 1}, {who}: {figures['tokens_per_second']:.0f} tokens/s, {figures['over_imports']:.2f} x weights", flush=True)  # fmt: skip
            with open(kept, "a", encoding="utf-8") as file:
                file.write(json.dumps(lines[-1]) + "\n")
    return lines


def judged(name: str, lines: list[dict], count: int) -> dict:
    """A row of the report: medians, what is made of them beside each bar, and whether all of it is reached."""
    row = ROWS[name]
    found: dict[str, list[dict]] = {who: [line for line in lines if line["who"] == who] for who in row.parties}
    if any(len(each) < (1 if who in row.once else count) for who, each in found.items()):
        return {"row": name, "met": False, "unfinished": {who: len(each) for who, each in found.items()}}
    middle = {who: {key: statistics.median(line[key] for line in each) for key in each[0] if key not in ("losses", "who", "round", "code")} for who, each in found.items()}  # fmt: skip
    apart = {who: max(abs(a / b - 1) for a, b in zip(each[0]["losses"], found[peer][0]["losses"], strict=True)) for who, each in found.items() if (peer := other(who, row)) in found}  # fmt: skip
    figures = row.made(middle)
    bars = {key: {"measured": figures[key], "gate": bar[0], "ambition": bar[1], "sign": bar[2]} for key, bar in row.bars.items()}
    reached = all(reaches(bar["measured"], bar["gate"], bar["sign"]) for bar in bars.values())
    equal = all(each <= EQUAL for each in apart.values())
    return {
        "row": name,
        "bars": bars,
        "figures": figures,
        "met": reached and equal,
        "equal": equal,
        "losses_apart": apart,
        "rounds": count,
        "medians": middle,
    }


def other(who: str, row: Row) -> str:
    """With whose losses a party's are compared."""
    return "peft-dora" if who == "ours-dora" else "sft" if "sft" in row.parties else ""


def reaches(measured: float, bar: float, sign: str) -> bool:
    """Whether a figure is on the right side of its bar."""
    return measured >= bar if sign == ">=" else measured <= bar


def main() -> int:
    """Measure and print; 0 when every gate is reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(TABLE))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a folder for what was measured so far")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no further process after so many minutes")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if (share := quiet.disturbed()) > quiet.LOUD:
        sys.exit(f"Others use {share:.0%} of the processors. Nothing was measured. End them, and measure again.")
    report, until = [], time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory() as place:
        folder = given.keep or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        for name in given.rows.split(","):
            lines = rounds(name, given.rounds, folder, until)
            report.append({**judged(name, lines, given.rounds), "processor": quiet.processor()})
            print(json.dumps(report[-1], indent=1), flush=True)
    if given.json:
        given.json.write_text(json.dumps(report, indent=1))
    return 0 if all(row["met"] for row in report) else 1


if __name__ == "__main__":
    sys.exit(main())
