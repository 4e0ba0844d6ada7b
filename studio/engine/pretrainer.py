"""Makes the practice model: a small Gemma 3 trained from nothing on everyday talk, resumable, from a fixed seed.

    python -m studio.engine.pretrainer --corpus FOLDER [--work FOLDER] [--out assets/practice-model] [--steps N]

`FOLDER` holds the two conversation files the model card names (they are not part of this repository). What comes out is an ordinary
`Gemma3ForCausalLM` folder beside `recipe.json` and `curve.csv`.
"""

import argparse
import csv
import json
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

from studio.engine import curriculum
from studio.engine.curriculum import HERE, Batch, Recipe, Row, Texts

SAFE_EVERY = 400  # steps between safe copies, a multiple of WINDOW
TOLD_EVERY = 100  # steps between lines of the curve


def config_of(recipe: Recipe, vocab: int) -> Gemma3TextConfig:
    """Gemma 3's architecture at toy size: five local layers to one global, attention scale by head size, head tied to the embedding."""
    return Gemma3TextConfig(
        vocab_size=vocab,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.mlp,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=1,
        head_dim=recipe.hidden // recipe.heads,
        query_pre_attn_scalar=recipe.hidden // recipe.heads,
        sliding_window=recipe.window,
        layer_types=["full_attention" if (n + 1) % 6 == 0 else "sliding_attention" for n in range(recipe.layers)],
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    )


def drop(model: Gemma3ForCausalLM, share: float) -> None:
    """Dropout on the branches of every layer while training: Gemma itself has none, because it never reads a text twice."""

    def dropped(
        module: torch.nn.Module, _: object, out: torch.Tensor | tuple[torch.Tensor, ...]
    ) -> torch.Tensor | tuple[torch.Tensor, ...]:
        if isinstance(out, tuple):
            return torch.nn.functional.dropout(out[0], share, module.training), *out[1:]
        return torch.nn.functional.dropout(out, share, module.training)

    for layer in model.model.layers:
        layer.mlp.register_forward_hook(dropped)
        layer.self_attn.register_forward_hook(dropped)


def optimizers_of(recipe: Recipe, model: Gemma3ForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers (orthogonalised momentum; Jordan et al. 2024), AdamW for the embedding and the norms."""
    inner = [p for name, p in model.named_parameters() if p.ndim > 1 and "embed" not in name]
    embedding = [p for name, p in model.named_parameters() if p.ndim > 1 and "embed" in name]
    norms = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": embedding, "weight_decay": recipe.weight_decay}, {"params": norms, "weight_decay": 0.0}]
    return [
        # With its rate scaled to the size of an AdamW step, one rate serves both.
        torch.optim.Muon(inner, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True),
    ]


def rate(recipe: Recipe, step: int) -> float:
    """Learning rate at a step: linear warm-up, then a cosine to a fiftieth, and the same once more from the recipe's restart."""
    first = step < recipe.restart
    start, end = (0, min(recipe.restart, recipe.steps)) if first else (recipe.restart, recipe.steps)
    top, done = recipe.learning_rate if first else recipe.restart_rate, step - start
    if done < recipe.warmup:
        return top * (done + 1) / recipe.warmup
    return top * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - recipe.warmup) / max(1, end - start - recipe.warmup)))))


@torch.no_grad()
def surprise(model: Gemma3ForCausalLM, rows: list[Row]) -> float:
    """Mean negative log-likelihood per token (nats) over rows never learned."""
    model.eval()
    total = count = 0.0
    for n in range(0, len(rows), 16):
        batch = curriculum.collate(rows[n : n + 16])
        tokens = int((batch["labels"][:, 1:] != -100).sum())
        with torch.autocast("cpu", torch.bfloat16):
            total += float(model(**batch).loss) * tokens
        count += tokens
    model.train()
    return total / count


def save_state(path: Path, state: dict) -> None:
    """A checkpoint, complete or absent."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def resume(path: Path, model: Gemma3ForCausalLM, optimizers: list[torch.optim.Optimizer]) -> tuple[int, list[dict]]:
    """Bring back the last checkpoint: its step and the curve up to there, or 0 and an empty one where there is none."""
    if not path.exists():
        return 0, []
    state = torch.load(path, weights_only=True)  # our own file, written by save_state
    model.load_state_dict(state["model"])
    for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
    torch.set_rng_state(state["random"])
    return state["step"], state["curve"]


def publish(recipe: Recipe, model: Gemma3ForCausalLM, tokenizer: Tokenizer, out: Path) -> None:
    """The model folder as transformers, peft and the exporter read it: bf16 safetensors, tokenizer.json, config, chat template."""
    out.mkdir(parents=True, exist_ok=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        pad_token="<pad>",
        add_bos_token=True,
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(out)
    weights = {k: v.to(torch.bfloat16).contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    config = model.config
    config.dtype = torch.bfloat16
    config.architectures = ["Gemma3ForCausalLM"]
    config.save_pretrained(out)
    generation = {
        "bos_token_id": 2,
        "pad_token_id": 0,
        "eos_token_id": [1, 106],
        "do_sample": True,
        "temperature": 0.7,
        "top_k": 64,
        "top_p": 0.95,
    }
    (out / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n", "utf-8")


# The markup of Gemma 3 for plain text messages, written for this model.
TEMPLATE = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set lead = messages[0]['content'] + '\n\n' %}{% set turns = messages[1:] %}"
    "{% else %}{% set lead = '' %}{% set turns = messages %}{% endif %}{% for message in turns %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' + (lead if loop.first else '') + message['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


def reading(recipe: Recipe, folder: Path, work: Path) -> Texts:
    """The texts with their tokenizer, which is made once and kept in `work`."""
    texts, kept = Texts(recipe, folder), work / "tokenizer.json"
    if not kept.exists():
        curriculum.make_tokenizer(recipe, texts).save(str(kept))
    texts.tokenizer = Tokenizer.from_file(str(kept))
    return texts


def learn(recipe: Recipe, forward: Callable[..., Any], optimizers: list[torch.optim.Optimizer], batch: Batch, step: int) -> float:
    """One optimiser step. Returns the loss before it, in nats per learned token."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    for group in groups:
        group["lr"] = rate(recipe, step)
    with torch.autocast("cpu", torch.bfloat16):
        loss = forward(**batch).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_([parameter for group in groups for parameter in group["params"]], 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def pretrain(recipe: Recipe, folder: Path, work: Path, out: Path) -> None:
    """Train from nothing or from the last checkpoint in `work`; write `out` at the end. Prints the curve as it grows."""
    work.mkdir(parents=True, exist_ok=True)
    texts = reading(recipe, folder, work)
    assert texts.tokenizer is not None
    torch.manual_seed(recipe.seed)
    model = Gemma3ForCausalLM(config_of(recipe, texts.tokenizer.get_vocab_size()))
    drop(model, recipe.dropout)
    optimizers = optimizers_of(recipe, model)
    # A model this small spends its time on elementwise passes; where a C++ compiler is found, fusing them is 1.6 times as fast on two cores.
    forward = torch.compile(model, dynamic=True) if shutil.which("g++") or shutil.which("clang++") else model
    held, safe = texts.held(), work / "state.pt"
    step, curve = resume(safe, model, optimizers)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, from step {step} of {recipe.steps}", flush=True)
    model.train()
    since, tokens, losses = time.monotonic(), 0, []
    for rows in texts.batches(step):
        if step >= recipe.steps:
            break
        batch = curriculum.collate(rows)
        losses.append(learn(recipe, forward, optimizers, batch, step))
        tokens += int(batch["attention_mask"].sum())
        step += 1
        stop = step % SAFE_EVERY == 0 or step == recipe.steps
        if step % TOLD_EVERY == 0:
            line = {"step": step, "loss": sum(losses) / len(losses), "learning_rate": rate(recipe, step)}
            if stop:
                line |= {f"held_{name}": surprise(model, rows) for name, rows in held.items()}
            print(json.dumps(line | {"tokens_per_second": round(tokens / (time.monotonic() - since))}), flush=True)
            curve.append(line)
            since, tokens, losses = time.monotonic(), 0, []
        if stop:
            states = [optimizer.state_dict() for optimizer in optimizers]
            save_state(
                safe, {"model": model.state_dict(), "optimizers": states, "random": torch.get_rng_state(), "step": step, "curve": curve}
            )
    publish(recipe, model, texts.tokenizer, out)
    account(recipe, texts, curve, out)


def account(recipe: Recipe, texts: Texts, curve: list[dict], out: Path) -> None:
    """How the model was made, beside it: the curve as a table, and the recipe with the hash of its text."""
    with open(out / "curve.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["step", "loss", "learning_rate", "held_borrowed", "held_own"], lineterminator="\n")
        table.writeheader()
        table.writerows({k: round(v, 6) for k, v in line.items()} for line in curve)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe) | {"text_sha256": texts.digest()}, indent=2) + "\n", "utf-8")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=HERE / ".practice-work")
    parser.add_argument("--out", type=Path, default=HERE / "assets" / "practice-model")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    given = parser.parse_args()
    pretrain(Recipe(steps=given.steps), given.corpus, given.work, given.out)


if __name__ == "__main__":
    main()
