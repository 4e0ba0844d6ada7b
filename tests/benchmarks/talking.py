"""How soon a character answers in a long talk, how quickly base and character take turns, and how quickly the quick voice speaks.

    python -m studio bench talking [--json FILE]
    python tests/benchmarks/talking.py [--only 270m,1b] [--rows first-token,decode] [--rounds 5] [--models FOLDER] [--json FILE]

`first-token`: the time to the first token of a turn after 1,000 tokens of talk, with what was read before kept, against transformers' `generate` wearing the
same adapter through peft, which reads all of it; `times_own`: against the app's own reading of all. `toggle`: from one voice to the other, both in memory. Gemma 3 shapes with random weights (time doesn't depend on values), an adapter of
rank 16 on all seven projections, both ways in turn in one process; medians. Before that, both ways have to give the same logits.

`decode`: an answer of 64 tokens, the prompt with it, by the quick voice (llama.cpp, Q8_0, the adapter beside it) against transformers' `generate` in bf16
wearing the same adapter through peft, and against the app's exact voice, in turn, all with all threads. The dictionary is filled up to the 262,144 words the head has, so that both score all
of them. It counts where the quick voice's logits, along the words `generate` said, are those of the same model in bf16 but for what Q8_0 rounds.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from peft import LoraConfig, PeftModel, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM, PreTrainedModel  # noqa: E402

from studio.domain.conversation import Turn  # noqa: E402
from studio.engine import loader, quickener  # noqa: E402
from studio.engine.generator import Speaker  # noqa: E402
from studio.engine.prefix import Prefix  # noqa: E402
from studio.engine.teller import Teller  # noqa: E402
from tests.benchmarks import training_fits  # noqa: E402
from tests.benchmarks.shared import quiet  # noqa: E402

HISTORY, TURN = 1000, 30  # tokens
TABLE = ("first-token-270m", "first-token-1b", "decode-270m", "decode-1b")
ANSWER = 64  # tokens
DECODE = {"270m": (2.0, 2.5), "1b": (2.5, 3.0)}  # gate and ambition against transformers' generate
ROUNDED = 1e-2  # squared error of the logits over their squared size: what Q8_0 may round
TIMES, SOON = (15.0, 20.0), {"270m": 60.0, "1b": 200.0}  # gate and ambition against reading all; ms, an ambition only
TOGGLE = (5.0, 1.0)  # ms
FAR = 1e-3  # the same of two ways through bf16, which leave 3e-4; one word of the thousand lost, or read twice, leaves 1.3e-2 or more
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
    peer = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16), learned).eval()
    generated(peer, history, 1)
    cold, own, warm, apart = [], [], [], []
    for _ in range(rounds):
        turn = history + [draw.randrange(300, 8000) for _ in range(TURN)]
        quick, found = first(speaker, kept, turn)
        slow, wanted = first(speaker, Prefix(speaker.config), turn)
        warm.append(quick)
        own.append(slow)
        cold.append(generated(peer, turn, 1)[0])
        apart.append(float((found - wanted).square().sum() / wanted.square().sum()))
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
        "times_own": statistics.median(own) / statistics.median(warm),
        "toggle_ms": 1000 * statistics.median(toggles),
        "nmse": max(apart),
    }
    figures = {key: round(value, 6) for key, value in figures.items()}
    bars = {
        "x generate, which reads all": bar(figures["times"], *TIMES, ">="),
        "ms to first token": bar(figures["first_ms"], figures["cold_ms"] / TIMES[0], SOON[name], "<="),
        "ms to toggle": bar(figures["toggle_ms"], *TOGGLE, "<="),
        "logits apart (nmse)": bar(figures["nmse"], FAR, FAR, "<="),
    }
    return {"row": f"first-token-{name}", "figures": figures, "bars": bars, "met": met(bars)}


def worded(folder: Path, made: Path) -> Path:
    """The same model with as many words in its dictionary as its head has rows; no text is ever split into the new ones."""
    made.mkdir(exist_ok=True)
    for file in folder.iterdir():
        if file.name != "tokenizer.json" and not (made / file.name).exists():
            os.link(file, made / file.name)
    words = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    there = len(words["model"]["vocab"])
    words["model"]["vocab"] |= {f"filler{n}": n for n in range(there, training_fits.WORDS["vocab_size"])}
    (made / "tokenizer.json").write_text(json.dumps(words), "utf-8")
    return made


def generated(model: PreTrainedModel, ids: list[int], count: int = ANSWER) -> tuple[float, list[int]]:
    """Seconds of transformers' own answer of `count` tokens, and that."""
    given = torch.tensor([ids])
    began = time.perf_counter()
    said = model.generate(
        given, attention_mask=torch.ones_like(given), max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0
    )
    return time.perf_counter() - began, said[0, len(ids) :].tolist()


def told(teller: Teller, learned: Path, question: Turn) -> tuple[float, int]:
    """Seconds of the quick voice's answer with nothing read before, and how many tokens it said."""
    memory, prompt = teller.memory(learned), len(teller.ids(teller._prompt([question], "")))
    memory.recalled([0])
    began = time.perf_counter()
    for _ in teller.speak(learned, [question], "", 0.0, lambda: False, ANSWER):
        continue
    return time.perf_counter() - began, len(memory.read) - prompt + 1


def exactly(speaker: Speaker, learned: Path, question: Turn, prompt: int) -> tuple[float, int]:
    """The same of the exact voice; `prompt`: how many tokens the question takes."""
    speaker._read.clear()
    began = time.perf_counter()
    for _ in speaker.speak(learned, [question], "", 0.0, lambda: False, ANSWER):
        continue
    return time.perf_counter() - began, len(next(iter(speaker._read.values())).read) - prompt + 1


@torch.inference_mode()
def apart(model: PreTrainedModel, teller: Teller, learned: Path, ids: list[int], said: list[int]) -> dict[str, float]:
    """How far the quick voice's logits are from the model's along one answer."""
    wanted = model(torch.tensor([ids + said])).logits[0, len(ids) - 1 : -1].float().numpy()
    memory = teller.memory(learned)
    memory.recalled([0])
    found = []
    for block in [ids, *([token] for token in said[:-1])]:
        memory.hear(block, lambda: False)
        found.append(memory.logits(teller._vocabulary).copy())
    seen = np.stack(found)
    likely = [torch.from_numpy(rows).log_softmax(-1) for rows in (wanted, seen)]
    return {
        "nmse": float(((wanted - seen) ** 2).sum() / (wanted**2).sum()),
        "kl": float((likely[0].exp() * (likely[0] - likely[1])).sum(-1).mean()),
        "top1": float((wanted.argmax(-1) == seen.argmax(-1)).mean()),
    }


def decode(name: str, place: Path, rounds: int) -> dict[str, Any]:
    """How quickly one model answers."""
    folder = worded(training_fits.folder(name, place), place / f"{name}-words")
    learned = adapter(folder, place / f"{name}-adapter")
    base, beside = place / f"{name}-quick.gguf", place / f"{name}-quick.lora.gguf"
    for old in (base, beside):
        old.unlink(missing_ok=True)
    making = time.perf_counter()
    for _ in quickener.make(folder, learned, base, beside):
        continue
    making = time.perf_counter() - making
    peer = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16), learned).eval()
    teller, speaker, rates = Teller(base), Speaker(folder), dict[str, list[float]](peer=[], exact=[], quick=[])
    for number in range(rounds + 1):
        question = Turn("0", "user", f"{number} puddles lie by the gate. What do you smell?")
        ids = teller.ids(teller._prompt([question], ""))
        seconds, said = generated(peer, ids)
        (exact, exactly_said), (quick, count) = exactly(speaker, learned, question, len(ids)), told(teller, beside, question)
        if number:  # the first time each is warming up
            rates["peer"].append(len(said) / seconds)
            rates["exact"].append(exactly_said / exact)
            rates["quick"].append(count / quick)
    toggles = []
    for number in range(20):
        began = time.perf_counter()
        teller.memory(None if number % 2 else beside)
        toggles.append(time.perf_counter() - began)
    figures = {kind: statistics.median(each) for kind, each in rates.items()} | {"toggle_ms": 1000 * statistics.median(toggles)}
    figures |= {"times": figures["quick"] / figures["peer"], "times_exact": figures["quick"] / figures["exact"], "making_s": making}
    figures |= apart(peer, teller, beside, ids, said)
    teller.close()
    figures = {key: round(value, 6) for key, value in figures.items()}
    bars = {
        "x generate": bar(figures["times"], *DECODE[name], ">="),
        "x the exact voice": bar(figures["times_exact"], *DECODE[name], ">="),
        "ms to toggle": bar(figures["toggle_ms"], *TOGGLE, "<="),
        "logits apart (nmse)": bar(figures["nmse"], ROUNDED, ROUNDED, "<="),
    }
    return {"row": f"decode-{name}", "figures": figures, "bars": bars, "met": met(bars)}


def met(bars: dict[str, dict[str, Any]]) -> bool:
    """Whether every gate is reached."""
    return all((b["measured"] >= b["gate"]) if b["sign"] == ">=" else (b["measured"] <= b["gate"]) for b in bars.values())


def bar(measured: float, gate: float, ambition: float, sign: str) -> dict[str, Any]:
    """One figure beside its bars."""
    return {"measured": measured, "gate": round(gate, 3), "ambition": ambition, "sign": sign}


def main() -> int:
    """Measure and print; 0 when the gates are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="270m,1b")
    parser.add_argument("--rows", default="first-token,decode")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path, help="a folder in which random models are kept for the next time")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if (share := quiet.disturbed()) > quiet.LOUD:
        sys.exit(f"Others use {share:.0%} of the processors. Nothing was measured. End them, and measure again.")
    with tempfile.TemporaryDirectory() as scratch:
        found, ways = [], {"first-token": measure, "decode": decode}
        for row in given.rows.split(","):
            for name in given.only.split(","):
                found.append(ways[row](name, given.models or Path(scratch), given.rounds))
                print(json.dumps(found[-1]), flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))
    return 0 if all(row["met"] for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
