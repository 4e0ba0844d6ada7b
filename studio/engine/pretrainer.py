"""Makes the practice model: a small Gemma 3 trained from nothing on everyday talk, resumable, from a fixed seed.

    python -m studio.engine.pretrainer --corpus FOLDER [--work FOLDER] [--out assets/practice-model] [--steps N]

`FOLDER` holds the two conversation files the model card names (they are not part of this repository). What comes out is an ordinary
`Gemma3ForCausalLM` folder beside `recipe.json` and `curve.csv`.
"""

import argparse
import csv
import hashlib
import itertools
import json
import math
import os
import random
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

from studio.domain import gemma, smalltalk
from studio.domain.conversation import Turn

HERE = Path(__file__).resolve().parents[2]
SPACE = "▁"
WIDTHS = (32, 48, 64, 96, 128, 160, 192, 256, 320)  # tokens; the lengths rows are padded to
WINDOW = 40  # steps whose rows are drawn together
SAFE_EVERY = 400  # steps between safe copies, a multiple of WINDOW
TOLD_EVERY = 100  # steps between lines of the curve
SAMPLE = 60_000  # conversations the vocabulary is made from


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the practice model. Token counts are per optimiser step."""

    seed: int = 7
    vocab: int = 4096
    hidden: int = 256
    layers: int = 6
    heads: int = 4
    mlp: int = 768
    window: int = 256
    longest: int = WIDTHS[-1]  # tokens in a row; longer conversations are cut at a visitor's turn
    batch_tokens: int = 4096
    steps: int = 7000
    warmup: int = 100
    learning_rate: float = 2.5e-3
    weight_decay: float = 0.1
    dropout: float = 0.1  # on what each attention and MLP adds; the text is small and is read many times
    own: float = 0.42  # share of rows written for this project in the neutral voice
    voices: float = 0.40  # share of rows in the other voices
    topical: float = 0.06  # share of rows from Topical-Chat; the rest is Synthetic-Persona-Chat


# ---------------------------------------------------------------- text
def controls() -> list[str]:
    """Gemma 3's first 107 pieces, at Gemma's own ids."""
    return [
        "<pad>",
        "<eos>",
        "<bos>",
        "<unk>",
        "<mask>",
        "[multimodal]",
        *(f"<unused{n}>" for n in range(99)),
        "<start_of_turn>",
        "<end_of_turn>",
    ]


def corpus(folder: Path, name: str) -> list[dict]:
    """The conversations of one file: `{"turns": [{"speaker", "text"}], "personas"?}`."""
    with open(folder / name, encoding="utf-8") as lines:
        # "[user 1's name]" is a hole the authors of the corpus left in; a model should not learn to say it.
        return [json.loads(line) for line in lines if line.strip() and "[user" not in line and "(user" not in line]


def sketches(folder: Path) -> list[smalltalk.Sketch]:
    """All practice exchanges of one folder."""
    return [s for file in sorted(folder.glob("*.txt")) for s in smalltalk.read(file.read_text("utf-8"), file.name)]


def tidy(text: str) -> str:
    """Corpus text with curly quotes, dashes and doubled spaces evened out: a small vocabulary has no room for look-alikes."""
    for old, new in (("’", "'"), ("‘", "'"), ("“", '"'), ("”", '"'), ("—", ", "), ("–", "-"), ("…", "...")):
        text = text.replace(old, new)
    return " ".join(text.split())


def borrowed(rng: random.Random, record: dict) -> tuple[list[Turn], str]:
    """A stretch of a corpus conversation in which one of the two speakers answers as the model, half of the time under its description."""
    answers = rng.choice("12")
    turns = [Turn("", "model" if t["speaker"] == answers else "user", tidy(t["text"])) for t in record["turns"]]
    starts = [n for n, t in enumerate(turns[:-1]) if t.role == "user"]
    # Beginnings of conversations are what a newcomer types first, so half of the stretches start there.
    first = starts[0] if rng.random() < 0.5 else rng.choice(starts)
    about = record.get("personas", {}).get(answers, [])
    system = "About you: " + " ".join(tidy(line) for line in about) if about and rng.random() < 0.5 else ""
    return turns[first:], system


def typed(rng: random.Random, line: str) -> str:
    """A visitor's line as people type it: now and then without capitals or without its last mark."""
    if rng.random() < 0.15:
        line = line.lower()
    return line.rstrip(".?!") or line if rng.random() < 0.15 else line


class Pool:
    """The practice exchanges of one voice. One that can be said in many ways is drawn more often than one that is always the same."""

    def __init__(self, sketches: list[smalltalk.Sketch]) -> None:
        self.sketches = sketches
        self.weights = list(itertools.accumulate(1 + s.variety for s in sketches))
        # A system text with open places is many voices: some sixty bits of them, in the texts there are.
        self.share = 1 + sketches[0].voices / 10

    def draw(self, rng: random.Random) -> smalltalk.Sketch:
        """One exchange, by its variety."""
        return rng.choices(self.sketches, cum_weights=self.weights)[0]


def written(rng: random.Random, sketch: smalltalk.Sketch, pool: Pool) -> tuple[list[Turn], str]:
    """A practice exchange; now and then several of the same voice in a row, so that the model has seen a subject change."""
    cast = sketch.cast(rng)
    lines = sketch.expand(rng, cast)
    while rng.random() < 0.35 and len(lines) < 8:
        lines += pool.draw(rng).expand(rng, cast)
    turns = [Turn("", "model", line) if n % 2 else Turn("", "user", typed(rng, line)) for n, line in enumerate(lines)]
    return turns, retold(rng, cast.system)


def retold(rng: random.Random, system: str) -> str:
    """A system text, half of the time with its sentences after the first in another order: it is to be read, not known by heart."""
    first, *others = re.split(r"(?<=[.!?]) ", system)
    if rng.random() < 0.5:
        rng.shuffle(others)
    return " ".join([first, *others])


Row = tuple[list[int], list[int]]  # token ids; the same with -100 where nothing is learned


class Texts:
    """An endless, seeded stream of rows (token ids), mixed by the recipe's shares."""

    def __init__(self, recipe: Recipe, folder: Path, tokenizer: Tokenizer | None = None) -> None:
        self.recipe, self.tokenizer, self.end = recipe, tokenizer, controls().index("<end_of_turn>")
        self.persona = corpus(folder, "synthetic-persona-chat.jsonl")
        self.topical = corpus(folder, "topical-chat.jsonl")
        own = sketches(HERE / "assets/practice-text/neutral")
        voices: dict[str, list[smalltalk.Sketch]] = {}
        for sketch in sketches(HERE / "assets/practice-text/voices"):
            voices.setdefault(sketch.system, []).append(sketch)
        self.pools = [Pool(of) for _, of in sorted(voices.items())]
        # These are never learned: they measure.
        self.held_borrowed, self.held_own = self.persona[-60:], Pool(own[::25])
        self.persona, self.topical = self.persona[:-60], self.topical[:-60]
        self.own = Pool([s for n, s in enumerate(own) if n % 25])

    def digest(self) -> str:
        """A hash over all text in use, kept in the recipe file."""
        parts = (self.persona, self.topical, *([asdict(s) for s in pool.sketches] for pool in (self.own, *self.pools)))
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def draw(self, rng: random.Random) -> tuple[list[Turn], str, bool]:
        """One conversation, its system text, and whether the visitor's side is learned too."""
        share = rng.random()
        if share < self.recipe.own:
            return *written(rng, self.own.draw(rng), self.own), False
        if share < self.recipe.own + self.recipe.voices:
            pool = rng.choices(self.pools, [pool.share for pool in self.pools])[0]
            return *written(rng, pool.draw(rng), pool), False
        records = self.topical if share > 1 - self.recipe.topical else self.persona
        return *borrowed(rng, rng.choice(records)), True

    def encode(self, turns: list[Turn], system: str, everything: bool) -> Row:
        """One row, cut to the recipe's length at the end of a turn where possible.

        Both sides of a borrowed conversation are good English and are learned. Of the practice exchanges only the answers are: the same few
        system texts and sloppy questions come back thousands of times and would be known by heart.
        """
        assert self.tokenizer is not None
        parts = gemma.segments(turns, system, gemma.GEMMA3)
        found = self.tokenizer.encode("".join(s.text for s in parts), add_special_tokens=False)
        ids, labels = found.ids, list(found.ids)
        # A turn ends with its mark and a newline; the control tokens keep the tokens of one turn apart from the next.
        ends = [n + 2 for n, token in enumerate(ids) if token == self.end][1:]
        cut = max((end for end in ends if end <= self.recipe.longest), default=self.recipe.longest)
        if not everything:
            spans, at = [], 0
            for part in parts:
                spans += [(at, at + len(part.text))] if part.learned else []
                at += len(part.text)
            labels = [
                token if any(a <= start < b for a, b in spans) else -100 for token, (start, _) in zip(ids, found.offsets, strict=True)
            ]
        return ids[:cut], labels[:cut]

    def batches(self, start: int) -> Iterator[list[Row]]:
        """Batches from step `start` (a multiple of WINDOW) on, rows of like length together. The same for every start.

        A batch has one of a few shapes: with any other number of rows every step would ask the allocator and the matrix kernels for
        something new, and half of the time would go into finding it.
        """
        for window in itertools.count(start // WINDOW):
            rng = random.Random(f"{self.recipe.seed}:{window}")
            waiting: dict[int, list[Row]] = {width: [] for width in WIDTHS}
            full: list[list[Row]] = []
            while len(full) < WINDOW:
                row = self.encode(*self.draw(rng))
                width = next(w for w in WIDTHS if w >= min(len(row[0]), WIDTHS[-1]))
                waiting[width].append(row)
                if len(waiting[width]) == self.recipe.batch_tokens // width:
                    full.append(waiting[width])
                    waiting[width] = []
            # Short rows fill their batches early and long ones late.
            rng.shuffle(full)
            yield from full


def make_tokenizer(recipe: Recipe, texts: Texts) -> Tokenizer:
    """A SentencePiece-style BPE with byte fallback and Gemma's control tokens, in Gemma 3's own tokenizer.json shape."""
    rng = random.Random(recipe.seed)
    lines: list[str] = []
    for _ in range(SAMPLE):
        turns, system, _ = texts.draw(rng)
        lines += [t.text for t in turns] + [system]
    trainer = Tokenizer(models.BPE())
    trainer.normalizer = normalizers.Replace(" ", SPACE)
    trainer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(SPACE, "merged_with_next"), pre_tokenizers.Split(Regex(r"[.,!?;:\"()]+|\d"), "isolated")]
    )
    seeds = [chr(n) for n in range(33, 127)] + [SPACE, *"éèáíóúñüöäç£€°’‘“”–—…"]
    taken = [*controls(), "\n", *(f"<0x{n:02X}>" for n in range(256))]
    trainer.train_from_iterator(
        lines,
        trainers.BpeTrainer(
            vocab_size=recipe.vocab - len(taken), initial_alphabet=seeds, limit_alphabet=len(seeds), min_frequency=4, show_progress=False
        ),
    )
    learned = json.loads(trainer.to_str())["model"]
    pieces = [p for p, _ in sorted(learned["vocab"].items(), key=lambda item: item[1]) if p not in taken]
    vocab = {piece: n for n, piece in enumerate([*taken, *pieces])}
    # Every way to make a piece from two others, in the order of the pieces, as in Gemma's own file: llama.cpp merges by pieces, not by a list.
    splits = [(piece[:n], piece[n:]) for piece in pieces for n in range(1, len(piece))]
    merges = [pair for pair in splits if pair[0] in vocab and pair[1] in vocab]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(c, normalized=False, special=True) for c in controls()])
    return tokenizer


# ---------------------------------------------------------------- model
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


def collate(rows: list[Row]) -> dict[str, torch.Tensor]:
    """Right-padded ids, mask and labels, each (rows, width); see WIDTHS."""
    longest = max(len(ids) for ids, _ in rows)
    width = next(w for w in WIDTHS if w >= longest)
    return {
        "input_ids": torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows]),
        "labels": torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in rows]),
    }


def rate(recipe: Recipe, step: int) -> float:
    """Learning rate at a step: linear warm-up, then a cosine to a fiftieth."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


@torch.no_grad()
def surprise(model: Gemma3ForCausalLM, rows: list[Row]) -> float:
    """Mean negative log-likelihood per token (nats) over rows never learned."""
    model.eval()
    total = count = 0.0
    for n in range(0, len(rows), 16):
        batch = collate(rows[n : n + 16])
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


def pretrain(recipe: Recipe, folder: Path, work: Path, out: Path) -> None:
    """Train from nothing or from the last safe copy in `work`; write `out` at the end. Prints the curve as it grows."""
    work.mkdir(parents=True, exist_ok=True)
    texts = Texts(recipe, folder)
    kept = work / "tokenizer.json"
    if not kept.exists():
        make_tokenizer(recipe, texts).save(str(kept))
    texts.tokenizer = tokenizer = Tokenizer.from_file(str(kept))
    torch.manual_seed(recipe.seed)
    model = Gemma3ForCausalLM(config_of(recipe, tokenizer.get_vocab_size()))
    drop(model, recipe.dropout)
    optimizers = optimizers_of(recipe, model)
    # A model this small spends its time on elementwise passes; where a C++ compiler is found, fusing them is 1.6 times as fast on two cores.
    forward = torch.compile(model, dynamic=True) if shutil.which("g++") or shutil.which("clang++") else model
    rng = random.Random(0)
    held = {
        "borrowed": [texts.encode(*borrowed(rng, r), True) for r in texts.held_borrowed],
        "own": [texts.encode(*written(rng, s, texts.held_own), False) for s in texts.held_own.sketches],
    }
    step, curve = 0, []
    safe = work / "state.pt"
    if safe.exists():
        state = torch.load(safe, weights_only=True)  # our own file, written by save_state
        model.load_state_dict(state["model"])
        for optimizer, kept_state in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept_state)
        torch.set_rng_state(state["random"])
        step, curve = state["step"], state["curve"]
    print(
        f"{sum(p.numel() for p in model.parameters()):,} parameters, {tokenizer.get_vocab_size()} pieces, from step {step} of {recipe.steps}",
        flush=True,
    )
    model.train()
    since, tokens, losses = time.monotonic(), 0, []
    for rows in texts.batches(step):
        if step >= recipe.steps:
            break
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = rate(recipe, step)
        batch = collate(rows)
        with torch.autocast("cpu", torch.bfloat16):
            loss = forward(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        tokens += int(batch["attention_mask"].sum())
        losses.append(float(loss.detach()))
        if step % TOLD_EVERY == 0:
            line = {"step": step, "loss": sum(losses) / len(losses), "learning_rate": rate(recipe, step)}
            if step % SAFE_EVERY == 0 or step == recipe.steps:
                line |= {f"held_{name}": surprise(model, rows) for name, rows in held.items()}
            print(json.dumps(line | {"tokens_per_second": round(tokens / (time.monotonic() - since))}), flush=True)
            curve.append(line)
            since, tokens, losses = time.monotonic(), 0, []
        if step % SAFE_EVERY == 0 or step == recipe.steps:
            save_state(
                safe,
                {
                    "model": model.state_dict(),
                    "optimizers": [o.state_dict() for o in optimizers],
                    "random": torch.get_rng_state(),
                    "step": step,
                    "curve": curve,
                },
            )
    publish(recipe, model, tokenizer, out)
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
