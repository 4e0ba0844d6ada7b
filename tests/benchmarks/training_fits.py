"""How near the predicted memory and time of a lesson come to what its real child process takes.

    python -m studio bench training-fits [--json FILE]
    python tests/benchmarks/training_fits.py [--only practice,270m,1b] [--models FOLDER]

Each case is a lesson of three steps on conversations of one length: the practice model, and Gemma 3 270M and 1B with random weights (memory and
time don't depend on values) beside the practice model's tokenizer. The child is the trainer itself, started as the studio starts it; its highest
memory is what the system counted (ru_maxrss).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from studio import settings  # noqa: E402
from studio.domain import footprint  # noqa: E402
from studio.domain.conversation import Turn  # noqa: E402
from studio.domain.persona import Persona  # noqa: E402
from studio.domain.training import Recipe  # noqa: E402
from studio.services import hardware, orders  # noqa: E402
from studio.services.studio import Studio, assemble  # noqa: E402

BAR = 0.15
CONFIGS = {
    "270m": {"hidden_size": 640, "num_hidden_layers": 18, "intermediate_size": 2048},
    "1b": {"hidden_size": 1152, "num_hidden_layers": 26, "intermediate_size": 6912},
}
WORDS = {"num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "vocab_size": 262_144, "max_position_embeddings": 32_768}


@dataclass(frozen=True)
class Case:
    """One lesson to be measured."""

    model: str
    batch: int
    length: int
    steps: int = 3  # the last one is followed by the test and the takes, so the second is timed
    dora: bool = False


CASES = (
    Case("practice", 4, 256),
    Case("practice", 8, 1024),
    Case("270m", 2, 128),
    Case("270m", 4, 256),
    Case("1b", 1, 128),
    Case("1b", 4, 192),
    Case("270m", 2, 256, dora=True),
)


def folder(model: str, place: Path) -> Path:
    """A model folder: config as published, random weights, the practice model's words.

    It is made in a process of its own: what the system counts of a child begins with what its parent held when it was started.
    """
    made = place / model
    if not (made / "tokenizer.json").is_file():
        subprocess.run([sys.executable, __file__, "--make", model, str(made)], check=True)
    return made


def make(model: str, made: Path) -> None:
    """Write such a folder."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    config = Gemma3TextConfig(**CONFIGS[model], **WORDS)
    torch.set_default_dtype(torch.bfloat16)
    Gemma3ForCausalLM(config).save_pretrained(made, max_shard_size="2GB")
    for name in ("chat_template.jinja", "tokenizer_config.json", "tokenizer.json"):
        shutil.copy(HERE / "assets" / "practice-model" / name, made / name)


def order(studio: Studio, case: Case, place: Path) -> Path:
    """A lesson's folder, with conversations that fill every row."""
    words = "the puddle by the gate is mine and the rain knows it well so I sit and wait for the wind to come and tell me a story " * 60
    who = studio.library.create(Persona("Long", system="You are a dog."))
    for n in range(12):
        turns = [Turn(f"a{n}", "user", f"{n}. {words[: case.length * 2]}"), Turn(f"b{n}", "model", words[: case.length * 4])]
        studio.library.add(who, f"Talk {n}", turns)
    model = "practice" if case.model == "practice" else studio.models.add_folder(str(folder(case.model, place)))
    recipe = Recipe(
        epochs=1, steps=case.steps, batch_size=case.batch, max_length=case.length, dora=case.dora, warmup_steps=0, validation=0.1
    )
    job = orders.order_lesson(studio.library, studio.models, who, model, None, recipe)
    spec = json.loads((job / "spec.json").read_text("utf-8"))
    (job / "spec.json").write_text(json.dumps({**spec, "samples": spec["samples"][:1]}), "utf-8")
    return job


def measured(studio: Studio, job: Path) -> tuple[float, float]:
    """(bytes at the highest point, seconds of the second step) of the real child."""
    with open(job / "log.txt", "ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "studio.engine.trainer", str(job)],
            cwd=HERE,
            env=studio.jobs._surroundings("train"),
            stdout=log,
            stderr=log,
        )
    _, code, used = os.wait4(child.pid, 0)
    if code:
        raise SystemExit(f"The lesson ended badly: {(job / 'log.txt').read_text('utf-8')[-1500:]}")
    events = [json.loads(line) for line in (job / "events.jsonl").read_text("utf-8").splitlines()]
    steps = [event["at"] for event in events if event["kind"] == "step"]
    return used.ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0), steps[1] - steps[0]


def run(case: Case, place: Path) -> dict[str, object]:
    """One case: what was predicted, what was measured, and how far apart they are."""
    with tempfile.TemporaryDirectory() as home:
        studio = assemble(settings.read(home=home, offline=True))
        try:
            job = order(studio, case, place)
            spec = json.loads((job / "spec.json").read_text("utf-8"))
            recipe, shape = Recipe(**spec["recipe"]), studio.models.shape(spec["model"])
            assert shape
            machine, speed = hardware.here(studio.library)[0], hardware.measure(studio.library, HERE)
            machine = replace(machine, bf16=speed.bf16)
            foreseen = footprint.predict(shape, recipe, machine, case.length)
            peak, seconds = measured(studio, job)
            halves = machine.halves(shape.parameters)
            thought = footprint.seconds(shape, recipe, speed, halves, case.batch * case.length)
        finally:
            studio.library.close()
    return {
        "case": f"{case.model} {case.batch} x {case.length}{' DoRA' if case.dora else ''}",
        "predicted_gb": round(foreseen.peak / 1e9, 2),
        "measured_gb": round(peak / 1e9, 2),
        "off": round(foreseen.peak / peak - 1, 3),
        "parts_gb": {name: round(value / 1e9, 2) for name, value in foreseen.__dict__.items()},
        "predicted_seconds": round(thought, 2),
        "measured_seconds": round(seconds, 2),
        "speed": {name: round(value / 1e9, 1) for name, value in speed.__dict__.items() if name in ("matmul", "matmul_full", "stream")},
    }


def results(only: set[str], place: Path) -> Iterator[dict[str, object]]:
    """Every case wanted, one after the other."""
    for number, case in enumerate(CASES):
        if not only or case.model in only or str(number) in only:
            began = time.monotonic()
            found = run(case, place)
            print(json.dumps(found), f"({time.monotonic() - began:.0f} s)", flush=True)
            yield found


def main() -> int:
    """Measure, print, and say whether every prediction of memory is within the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="", help="practice, 270m, 1b, or numbers of cases, with commas")
    parser.add_argument("--models", type=Path, help="a folder in which random models are kept for the next time")
    parser.add_argument("--make", nargs=2, metavar=("MODEL", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        make(given.make[0], Path(given.make[1]))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        found = list(results({name for name in given.only.split(",") if name}, given.models or Path(scratch)))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2), "utf-8")
    worst = max(abs(float(str(one["off"]))) for one in found)
    print(f"Worst prediction of memory: {worst:.0%} off (bar: {BAR:.0%}).")
    return 0 if worst <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
