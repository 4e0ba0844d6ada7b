"""Whether exported files compute what was trained: every family of Gemma and every way its config can be written, each figure beside its bar.

    python -m studio bench export [--json FILE]

Models are tiny and random, with nothing at its usual value (tests/engine/zoo.py), so that a forgotten key shows. The judge is llama.cpp, set beside
transformers in float32: NMSE is the squared error of the logits over their squared size. Then files with one fault each, every one of which the
certificate has to refuse, every way of learning an adapter against peft's own arithmetic, and a lesson in 4 bit merged both ways. Ends with 1 where a bar is
missed.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from peft import PeftModel
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from studio.domain import examination, gemma  # noqa: E402
from studio.engine import loader, player  # noqa: E402
from studio.engine.answerer import Answerer  # noqa: E402
from studio.engine.certifier import Certifier, distance  # noqa: E402
from studio.engine.player import Player  # noqa: E402
from tests.engine import tiny, zoo  # noqa: E402

BARS = {"F32": 1e-5, "F16": 1e-4, "BF16": 1e-3}  # NMSE of a file of each kind; the models' own weights have 16 bits
PEFT = 1e-6
LENGTH = 400  # tokens, many windows long


class Line(NamedTuple):
    """One line of the report."""

    part: str
    name: str
    figures: dict[str, Any]
    ok: bool


# ---------------------------------------------------------------- what is measured
def certified(name: str, root: Path) -> Line:
    """A model exported as each kind of file; all that its certificate says."""
    pair, figures, ok, said, ended = zoo.ZOO[name].make(root / name), {}, True, [], []
    for kind, most in BARS.items():
        result = zoo.made(root / name / kind, pair, kind)
        words, speakers, numbers, answers, stop, _ = (check["ok"] for check in result["checks"])
        figures[kind] = result["logits"]["nmse"]
        said.append(f"{sum(answer['app'] == answer['file'] for answer in result['answers'])}/{len(result['answers'])}")
        ended.append({True: "yes", None: "-", False: "NO"}[stop])
        # Rounding may choose between two words that were equally likely, and random weights may run on: None says so, and is no fault.
        ok &= words and speakers and numbers and answers is not False and stop is not False
        ok &= result["logits"]["nmse"] <= most and result["master"]["nmse"] <= BARS["F32"]
    return Line("certificate", name, {**figures, "same answers": " ".join(said), "ends": " ".join(ended)}, bool(ok))


def refused(family: str, root: Path) -> list[Line]:
    """Files of a family with one fault each, and what the certificate says of them."""
    pair = zoo.Variant("gemma3", learned=zoo.ADAPTERS["rslora"]).make(root) if family == "gemma3" else zoo.ZOO[family].make(root)
    dialect = gemma.dialect_of(family)
    questions = Certifier(Answerer(*pair, dialect, exact=True), dialect, zoo.SYSTEM, tuple(zoo.PROMPTS[:1]), 512, 8, lambda: None)
    zoo.made(root / "good", pair, "F32", prompts=[])
    good, lines = root / "good" / "biscuit-F32.gguf", []
    changes = {**zoo.ARITHMETIC[family], "control tokens typed as letters": zoo.letters}
    if family == "gemma3":
        zoo.made(root / "unscaled", (pair[0], zoo.unscaled(pair[1], root / "forgotten")), "F32", prompts=[])
        lines.append(_verdict(family, "adapter without its scale", questions, root / "unscaled" / "biscuit-F32.gguf"))
        changes |= {"beginning forgotten": zoo.no_bos, "scores forgotten": zoo.flat}
    for name, change in changes.items():
        lines.append(_verdict(family, name, questions, zoo.faulty(good, root, change)))
    honest = _verdict(family, "none", questions, good)
    return [*lines, honest._replace(ok=not honest.ok)]


def _verdict(family: str, name: str, questions: Certifier, path: Path) -> Line:
    found = questions.examine(path, "F32")
    refusals = [check.expert for check in examination.checks(found, None) if check.ok is False]
    return Line(
        "fault",
        f"{family}: {name}",
        {"NMSE": found.distance.nmse if found.distance else None, "refused by": ", ".join(refusals) or "nothing"},
        bool(refusals),
    )


def learned(kind: str, root: Path) -> Line:
    """A file with an adapter in it against peft, which computes it beside the model."""
    base = tiny.folder(root / "base", "gemma3")
    adapter = tiny.adapter(root / "adapter", base, **zoo.ADAPTERS[kind])
    zoo.made(root / "out", (base, adapter), "F32", prompts=[])
    words = loader.tokenizer(base)
    ids = words(gemma.BOS + " ".join(tiny.TEXT) * 4, add_special_tokens=False)["input_ids"][:LENGTH]
    beside = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="eager"), str(adapter)
    ).eval()
    with torch.inference_mode():
        wanted = beside(torch.tensor([ids])).logits[0].numpy()
    with Player(root / "out" / "biscuit-F32.gguf", len(ids)) as file:
        found = file.logits(ids)
    nmse = float(np.sum((wanted - found) ** 2, dtype=np.float64) / np.sum(wanted**2, dtype=np.float64))
    return Line("adapter", kind, {"NMSE": nmse}, nmse <= PEFT)


def learned_small(kind: str, root: Path) -> Line:
    """Files of a lesson in 4 bit, merged into what it saw (weights rounded to bfloat16) and into the original weights, against what it computed itself."""
    base = tiny.folder(root / "base", "gemma3", intermediate_size=128)
    adapter = tiny.adapter(root / "adapter", base, **zoo.ADAPTERS[kind])
    ids = loader.tokenizer(base)(gemma.BOS + " ".join(tiny.TEXT) * 4, add_special_tokens=False)["input_ids"][:LENGTH]
    with torch.inference_mode():
        wanted, figures = zoo.in_four_bit(base, adapter)(torch.tensor([ids])).logits[0].numpy(), {}
    for name, four_bit in (("into what it saw", True), ("into the originals", False)):
        zoo.made(root / name, (base, adapter), "F32", prompts=[], four_bit=four_bit)
        with Player(root / name / "biscuit-F32.gguf", len(ids)) as file:
            figures[name] = distance(wanted, file.logits(ids)).nmse
    return Line("4 bit", kind, figures, figures["into what it saw"] <= BARS["BF16"])


# ---------------------------------------------------------------- the report
def measure(root: Path) -> list[Line]:
    """All lines, each told as soon as it is known."""
    lines: list[Line] = []

    def tell(*some: Line) -> None:
        for line in some:
            figures = "  ".join(
                f"{name} {value:.1e}" if isinstance(value, float) else f"{name} {value}" for name, value in line.figures.items()
            )
            print(f"{'ok  ' if line.ok else 'MISS'} {line.part:<12}{line.name:<48}{figures}", flush=True)
        lines.extend(some)

    for name in zoo.ZOO:
        tell(certified(name, root / "models"))
    for what, key, good in (("answer in F32 word for word alike", "same answers", "2/2"), ("end answers by themselves", "ends", "yes")):
        count, total = sum(line.figures[key].startswith(good) for line in lines if key in line.figures), len(zoo.ZOO)
        tell(Line("certificate", f"models that {what}", {"count": f"{count}/{total}"}, count > total // 2))
    for family in zoo.ARITHMETIC:
        (root / family).mkdir()
        tell(*refused(family, root / family))
    for kind in zoo.ADAPTERS:
        (root / kind).mkdir()
        tell(learned(kind, root / kind))
    for kind in ("lora", "rslora"):
        (root / f"small {kind}").mkdir()
        tell(learned_small(kind, root / f"small {kind}"))
    return lines


def main() -> None:
    """Measure, print, and say by the exit code whether every bar was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if not player.present():
        raise SystemExit("There is no judge here: llama.cpp is missing. Install it with: python -m pip install llama-cpp-python")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="persona-studio-") as scratch,
        open(Path(scratch) / "log.txt", "w", encoding="utf-8") as log,
        player.logged(log),
    ):
        lines = measure(Path(scratch))
    missed = [line for line in lines if not line.ok]
    print(f"{len(lines) - len(missed)} of {len(lines)} hold, bars: NMSE {BARS}, against peft {PEFT}. {time.monotonic() - began:.0f} s")
    if given.json:
        report = {"bars": BARS | {"peft": PEFT}, "ok": not missed, "lines": [line._asdict() for line in lines]}
        given.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    raise SystemExit(bool(missed))


if __name__ == "__main__":
    main()
