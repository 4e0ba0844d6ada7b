"""How soon a character answers in a long talk, and how quickly base and character take turns.

    python -m studio bench talking [--json FILE]
    python tests/benchmarks/talking.py [--only 270m,1b] [--rounds 5] [--models FOLDER] [--json FILE]

`first-token`: the time to the first token of a turn after 1,000 tokens of talk, with what was read before kept, against the same turn read from the
beginning. `toggle`: from one voice to the other, both in memory. Gemma 3 shapes with random weights (time doesn't depend on values), an adapter of
rank 16 on all seven projections, both ways in turn in one process; medians. Before that, both ways have to give the same logits.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402

from studio.engine import loader  # noqa: E402
from studio.engine.generator import Speaker  # noqa: E402
from studio.engine.prefix import Prefix  # noqa: E402
from tests.benchmarks import training_fits  # noqa: E402
from tests.benchmarks.shared import quiet  # noqa: E402

HISTORY, TURN = 1000, 30  # tokens
TABLE = ("first-token-270m", "first-token-1b")
TIMES, SOON = (15.0, 20.0), {"270m": 60.0, "1b": 200.0}  # gate and ambition against reading all; ms, an ambition only
TOGGLE = (5.0, 1.0)  # ms
FAR = 0.02  # of the largest logit: what bf16 may round apart
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def adapter(model: Path, place: Path) -> Path:
    """A random adapter for a model folder."""
    made = get_peft_model(
        loader.model(model), LoraConfig(r=16, lora_alpha=16, target_modules=ALL, init_lora_weights=False, task_type="CAUSAL_LM")
    )
    made.save_pretrained(place / "pip-1")
    return place / "pip-1"


@torch.inference_mode()
def first(speaker: Speaker, prefix: Prefix, ids: list[int]) -> tuple[float, torch.Tensor]:
    """Seconds to the logits of the first token, and those."""
    began = time.perf_counter()
    new = ids[prefix.trimmed(ids) :]
    logits = speaker.model(input_ids=torch.tensor([new]), past_key_values=prefix.cache, use_cache=True, logits_to_keep=1).logits[0, -1]
    token = int(logits.argmax())
    seconds = time.perf_counter() - began
    prefix.has_read(new)
    assert token >= 0
    return seconds, logits.float()


def measure(name: str, place: Path, rounds: int) -> dict[str, Any]:
    """One model's figures."""
    folder = training_fits.folder(name, place)
    learned = adapter(folder, place / f"{name}-adapter")
    speaker = Speaker(folder)
    character = speaker._wear(learned)
    draw = random.Random(0)
    history, kept = [draw.randrange(300, 8000) for _ in range(HISTORY)], Prefix(speaker.config)
    speaker._turn_to(character)
    first(speaker, kept, history)
    cold, warm, apart = [], [], []
    for _ in range(rounds):
        turn = history + [draw.randrange(300, 8000) for _ in range(TURN)]
        quick, found = first(speaker, kept, turn)
        slow, wanted = first(speaker, Prefix(speaker.config), turn)
        warm.append(quick)
        cold.append(slow)
        apart.append(float((found - wanted).abs().max() / wanted.abs().max()))
        first(speaker, kept, history[:-1] + [7])  # and back, as when an answer is asked for again
    toggles = []
    for number in range(20):
        began = time.perf_counter()
        speaker._turn_to("" if number % 2 else character)
        toggles.append(time.perf_counter() - began)
    figures = {
        "first_ms": 1000 * statistics.median(warm),
        "cold_ms": 1000 * statistics.median(cold),
        "times": statistics.median(cold) / statistics.median(warm),
        "toggle_ms": 1000 * statistics.median(toggles),
        "logits_apart": max(apart),
    }
    figures = {key: round(value, 4) for key, value in figures.items()}
    bars = {
        "x reading all": bar(figures["times"], *TIMES, ">="),
        "ms to first token": bar(figures["first_ms"], figures["cold_ms"] / TIMES[0], SOON[name], "<="),
        "ms to toggle": bar(figures["toggle_ms"], *TOGGLE, "<="),
        "logits apart": bar(figures["logits_apart"], FAR, FAR, "<="),
    }
    met = all((b["measured"] >= b["gate"]) if b["sign"] == ">=" else (b["measured"] <= b["gate"]) for b in bars.values())
    return {"row": f"first-token-{name}", "figures": figures, "bars": bars, "met": met}


def bar(measured: float, gate: float, ambition: float, sign: str) -> dict[str, Any]:
    """One figure beside its bars."""
    return {"measured": measured, "gate": round(gate, 3), "ambition": ambition, "sign": sign}


def main() -> int:
    """Measure and print; 0 when the gates are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="270m,1b")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path, help="a folder in which random models are kept for the next time")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if (share := quiet.disturbed()) > quiet.LOUD:
        sys.exit(f"Others use {share:.0%} of the processors. Nothing was measured. End them, and measure again.")
    with tempfile.TemporaryDirectory() as scratch:
        found = []
        for name in given.only.split(","):
            found.append(measure(name, given.models or Path(scratch), given.rounds))
            print(json.dumps(found[-1]), flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))
    return 0 if all(row["met"] for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
