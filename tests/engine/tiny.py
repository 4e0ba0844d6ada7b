"""Tiny Gemmas with random weights, and nothing at its usual value: a forgotten key has to show.

Folders are what transformers itself writes (config, safetensors, tokenizer.json), so the exporter meets real files.
"""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3Config,
    Gemma3ForCausalLM,
    Gemma3ForConditionalGeneration,
    Gemma3nForCausalLM,
    Gemma3nTextConfig,
    Gemma3TextConfig,
    Gemma4ForCausalLM,
    Gemma4TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
)

from studio.domain import gemma

SPACE = "▁"
CONTROLS = [
    "<pad>",
    "<eos>",
    "<bos>",
    "<unk>",
    "<mask>",
    "[multimodal]",
    *(f"<unused{n}>" for n in range(8)),
    "<start_of_turn>",
    "<end_of_turn>",
]
RUNS = [mark * n for mark in ("\n", SPACE, "\t") for n in (2, 3, 4)]
TEXT = [
    "the quick brown fox jumps over the lazy dog and then the puppy says woof to the rain in the garden",
    "what happens when it rains? it is bedtime soon. my name is Biscuit and I love the puddle by the gate! don't you?",
    "def function(x): return x + 1 , numbers 10 20 30, größer, déjà, Привет мир, こんにちは",
]


def tokenizer() -> PreTrainedTokenizerFast:
    """A BPE of Gemma's shape: ▁ for spaces, byte fallback, control tokens first, runs of whitespace as added tokens, one gap-free list."""
    trainer = Tokenizer(models.BPE())
    trainer.normalizer = normalizers.Replace(" ", SPACE)
    trainer.pre_tokenizer = pre_tokenizers.Split(SPACE, "merged_with_next")
    trainer.train_from_iterator(TEXT * 3, trainers.BpeTrainer(vocab_size=400, show_progress=False))
    bytes_ = [f"<0x{n:02X}>" for n in range(256)]
    taken = [*CONTROLS, *RUNS, *bytes_]
    pieces = [p for p, _ in sorted(trainer.get_vocab().items(), key=lambda item: item[1]) if p not in taken]
    vocab = {piece: n for n, piece in enumerate([*taken, *pieces])}
    for mark in ("\n", "\t", SPACE):
        vocab.setdefault(mark, len(vocab))
    merges = _merges([*RUNS, *pieces], vocab)
    made = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Replace(" ", SPACE)
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    made.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens([AddedToken(c, normalized=False, special=True) for c in CONTROLS])
    made.add_tokens([AddedToken(run, normalized=False, special=False) for run in RUNS])
    fast = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>")
    fast.chat_template = gemma.chat_template(gemma.GEMMA2)  # folds the scene as Gemma 3's own template does
    return fast


def _merges(pieces: list[str], vocab: dict[str, int]) -> list[tuple[str, str]]:
    """Every way to make each piece from two others, in the order of the pieces: Gemma's own list is made so from its SentencePiece model."""
    splits = [(piece[:n], piece[n:]) for piece in pieces for n in range(1, len(piece))]
    return [pair for pair in splits if pair[0] in vocab and pair[1] in vocab]


_SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 512,
          "rms_norm_eps": 2e-2, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "tie_word_embeddings": True}  # fmt: skip


def model(family: str, vocab: int, **other: object) -> torch.nn.Module:
    """A random model; `vocab` rows in its embedding."""
    torch.manual_seed(11)
    if family == "gemma":
        made = GemmaForCausalLM(
            GemmaConfig(**_SIZES | {"vocab_size": vocab, "num_hidden_layers": 3, "rope_parameters": _rope(5e3)} | other)
        )
    elif family == "gemma2":
        sizes = {"vocab_size": vocab, "num_hidden_layers": 4, "sliding_window": 24, "query_pre_attn_scalar": 32, "attn_logit_softcapping": 7.0,
                 "final_logit_softcapping": 4.0, "layer_types": _pattern(4, 3), "rope_parameters": _rope(7e3)}  # fmt: skip
        made = Gemma2ForCausalLM(Gemma2Config(**_SIZES | sizes | other))
    elif family == "gemma3":
        made = Gemma3ForCausalLM(Gemma3TextConfig(**_gemma3(vocab) | other))
    elif family == "gemma3n":
        sizes = {"vocab_size": vocab, "vocab_size_per_layer_input": vocab, "num_hidden_layers": 5, "sliding_window": 16, "layer_types": _pattern(5, 3), "final_logit_softcapping": 5.0,
                 "hidden_size_per_layer_input": 8, "altup_num_inputs": 3, "num_kv_shared_layers": 2, "laurel_rank": 6, "activation_sparsity_pattern": [0.9, 0.0, 0.0, 0.0, 0.0]}  # fmt: skip
        made = Gemma3nForCausalLM(Gemma3nTextConfig(**_SIZES | sizes | other))
    elif family == "gemma4":
        sizes = {"vocab_size": vocab, "vocab_size_per_layer_input": vocab, "num_hidden_layers": 6, "sliding_window": 16, "layer_types": _pattern(6, 3), "final_logit_softcapping": 5.0,
                 "hidden_size_per_layer_input": 8, "num_kv_shared_layers": 3, "global_head_dim": 48}  # fmt: skip
        made = Gemma4ForCausalLM(Gemma4TextConfig(**_SIZES | sizes | other))
    else:
        vision = SiglipVisionConfig(
            hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14
        )
        made = Gemma3ForConditionalGeneration(
            Gemma3Config(text_config=Gemma3TextConfig(**_gemma3(vocab) | other), vision_config=vision, mm_tokens_per_image=4)
        )
    for name, weight in made.named_parameters():
        torch.nn.init.normal_(weight, std=0.3 if "norm" in name else 0.5 / weight.shape[-1] ** 0.5 if weight.ndim > 1 else 0.2)
    return made


def _gemma3(vocab: int) -> dict:
    return _SIZES | {
        "vocab_size": vocab, "num_hidden_layers": 5, "sliding_window": 16, "query_pre_attn_scalar": 32, "layer_types": _pattern(5, 3), "final_logit_softcapping": 6.0,
        "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5e5}, "sliding_attention": _rope(3e3)},
    }  # fmt: skip


def _rope(theta: float) -> dict:
    return {"rope_type": "default", "rope_theta": theta}


def _pattern(layers: int, period: int) -> list[str]:
    return ["sliding_attention" if (n + 1) % period else "full_attention" for n in range(layers)]


def folder(
    path: Path, family: str, dtype: torch.dtype = torch.bfloat16, shards: str = "60KB", extra_rows: int = 0, **other: object
) -> Path:
    """A model folder as transformers writes it, in several shards."""
    words = tokenizer()
    model(family, len(words) + extra_rows, **other).to(dtype).save_pretrained(path, max_shard_size=shards)
    words.save_pretrained(path)
    return path


def adapter(path: Path, base: Path, **config: object) -> Path:
    """A random adapter that changes every answer, saved by peft."""
    torch.manual_seed(5)
    loaded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    settings = {
        "r": 6,
        "lora_alpha": 10,
        "target_modules": r".*(?<!vision_model)\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)",
    } | config
    if "vision" in str(loaded.config.model_type) or hasattr(loaded.config, "vision_config"):
        settings["target_modules"] = r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
    wrapped = get_peft_model(loaded, LoraConfig(task_type="CAUSAL_LM", **settings))
    for name, weight in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.08)
        if "magnitude" in name:
            with torch.no_grad():
                weight.mul_(torch.rand_like(weight) * 0.6 + 0.7)
    wrapped.save_pretrained(path)
    return path
