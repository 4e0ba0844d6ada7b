"""Whether the quick training step learns what the plain one learns: without this no figure of speed counts.

    python -m studio bench training-equal [--json FILE]

Adapter gradients in fp32 against cross-entropy over full logits, conversation by conversation; the loss of each of 60 steps in bf16 against trl's
`SFTTrainer` and transformers' `Trainer`; the last loss of eight conversations learned by heart; and what the model says with the adapter merged into its
bf16 weights, as every file is made, beside what it says wearing it. The shape is a small Gemma 3 (six layers, 8192 words), so that 60 steps of all three take
two minutes; the rows are Biscuit's conversations.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

import torch  # noqa: E402
from peft import PeftModel  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from studio.engine import core, packing  # noqa: E402
from studio.engine.merger import Merger  # noqa: E402
from tests.benchmarks.shared import material, party  # noqa: E402

TABLE = ("equal-gradients", "equal-losses", "equal-by-heart", "equal-merged")
PEERS = ("sft", "tuned")
HEART, LOOKS = 8, 120  # conversations learned by heart, and how often they are looked at, at a rate that sinks to nothing


def gradients(folder: Path) -> float:
    """The farthest gradient of any adapter matrix from the plain one, relative, for LoRA and DoRA in fp32."""
    rows, worst = json.loads((folder / "rows.json").read_text("utf-8"))[:6], 0.0
    for kind in ("lora", "dora"):
        model = core.with_learned_loss(AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32))
        adapted = PeftModel.from_pretrained(model, folder / kind, is_trainable=True)
        torch.manual_seed(1)
        taught = {name: each for name, each in adapted.named_parameters() if each.requires_grad}
        for name, each in taught.items():
            if "lora_B" in name:
                torch.nn.init.normal_(each, std=0.02)  # zeros would hide the gradient of the other half
        total = torch.zeros(())
        for row in rows:
            logits = adapted(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1]
            total = total + torch.nn.functional.cross_entropy(logits, torch.tensor(row["labels"][1:]), reduction="sum")
        plain = torch.autograd.grad(total, list(taught.values()))
        batch = core.collator(model, 0)(rows)
        core.quicken(adapted)
        with packing.packed(model):
            ours = torch.autograd.grad(adapted(**batch, learned=True).loss, list(taught.values()))
        worst = max(worst, *(float((one - other).norm() / other.norm()) for one, other in zip(ours, plain, strict=True)))
    return worst


def taught(folder: Path, who: str, rows: list[dict], steps: int, batch: int, schedule: str = "constant") -> list[float]:
    """The loss of each step of one party."""
    settings = {"max_steps": steps, "per_device_train_batch_size": batch, "lr_scheduler_type": schedule}
    trainer = party.build(folder, who, settings, rows, 1e-3)
    trainer.train()
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def losses(folder: Path) -> float:
    """The farthest of our losses from a peer's, relative, over 60 steps: of a LoRA from both peers', of a DoRA from peft's own."""
    rows, worst = json.loads((folder / "rows.json").read_text("utf-8")), 0.0
    for who, peers in (("ours", PEERS), ("ours-dora", ("peft-dora",))):
        ours, *others = (taught(folder, each, rows, 60, 4) for each in (who, *peers))
        found = max(abs(a / b - 1) for other in others for a, b in zip(ours, other, strict=True))
        print(f"  losses, {who}: {found:.1e} apart", flush=True)
        worst = max(worst, found)
    return worst


def by_heart(folder: Path) -> float | None:
    """How far our last loss lies from a peer's, relative, after few conversations were looked at many times; None where they were not learned."""
    rows = sorted(json.loads((folder / "rows.json").read_text("utf-8")), key=lambda row: len(row["input_ids"]))[:HEART]
    ours, *peers = (taught(folder, who, rows, LOOKS, HEART, "linear") for who in ("ours", *PEERS))
    print(f"  by heart: {ours[0]:.2f} became {ours[-1]:.6f}, peers' {[round(peer[-1], 6) for peer in peers]}", flush=True)
    if ours[-1] > 0.01:
        return None
    return max(abs(ours[-1] / peer[-1] - 1) for peer in peers)


@torch.inference_mode()
def apart(one: torch.nn.Module, other: torch.nn.Module, rows: list[dict]) -> float:
    """Mean Kullback-Leibler divergence of what `other` expects next from what `one` does, in nats a position."""
    found = []
    for row in rows:
        first, second = (model(input_ids=torch.tensor([row["input_ids"]])).logits[0].double().log_softmax(-1) for model in (one, other))
        found.append((first.exp() * (first - second)).sum(-1))
    return float(torch.cat(found).mean())


def merged(folder: Path) -> float | None:
    """How far the merged model is from the one that wears the adapter, the farther of a LoRA and a DoRA of 60 steps, all computed in fp32; None where they taught nothing."""
    rows, worst = json.loads((folder / "rows.json").read_text("utf-8")), 0.0
    for who in ("ours", "ours-dora"):
        trainer = party.build(folder, who, {"max_steps": 60, "per_device_train_batch_size": 4}, rows, 1e-3)
        trainer.train()
        trainer.model.save_pretrained(folder / f"taught-{who}")
        base, whole, under = (AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32) for _ in range(3))
        worn = PeftModel.from_pretrained(under, folder / f"taught-{who}").eval()
        with Merger(folder / "model", folder / f"taught-{who}") as merger:
            weights = {name: torch.cat([*merger.rows(name, merger.shape(name)[0])]).bfloat16() for name in merger.names()}
        assert not whole.load_state_dict(weights, strict=False).unexpected_keys
        gained, lost = apart(worn, base, rows[:HEART]), apart(worn, whole, rows[:HEART])
        print(f"  merged, {who}: {gained:.2f} nats from the base, {lost:.1e} from what it was made of", flush=True)
        if gained < 0.1:
            return None
        worst = max(worst, lost)
    return worst


def main() -> int:
    """Measure and print; 0 when every gate is reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    given, report = parser.parse_args(), []
    with tempfile.TemporaryDirectory() as place:
        material.make(Path(place), "small")
        bars = ((gradients, 1e-4, "relative"), (losses, 0.003, "relative"), (by_heart, 0.01, "relative"), (merged, 1e-3, "nats a position"))
        for name, (found, bar, of) in zip(TABLE, bars, strict=True):
            measured = found(Path(place))
            shown = {"bars": {of: {"measured": measured, "gate": bar, "ambition": bar, "sign": "<="}}}
            told = {"reason": "too little was learned, so it says nothing"} if measured is None else shown
            report.append({"row": name, "met": measured is not None and measured <= bar, **told})
            print(json.dumps(report[-1]), flush=True)
    if given.json:
        given.json.write_text(json.dumps(report, indent=1))
    return 0 if all(row["met"] for row in report) else 1


if __name__ == "__main__":
    sys.exit(main())
