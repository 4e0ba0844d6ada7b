"""Tiny Gemmas with random weights, and nothing at its usual value: a forgotten key has to show.

Folders are what transformers itself writes (config, safetensors, tokenizer.json), so the exporter meets real files.
"""

from collections.abc import Callable
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
    Gemma4Config,
    Gemma4ForCausalLM,
    Gemma4ForConditionalGeneration,
    Gemma4TextConfig,
    Gemma4UnifiedConfig,
    Gemma4UnifiedForConditionalGeneration,
    Gemma4UnifiedTextConfig,
    Gemma4UnifiedVisionConfig,
    Gemma4VisionConfig,
    GemmaConfig,
    GemmaForCausalLM,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
)

from studio.domain import gemma

SPACE = "▁"
CONTROLS = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "[multimodal]", *(f"<unused{n}>" for n in range(8))]
TURNS = {"gemma4": ["<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|tool_response>"]}
RUNS = [mark * n for mark in ("\n", SPACE, "\t") for n in (2, 3, 4)]
TEXT = [
    "the quick brown fox jumps over the lazy dog and then the puppy says woof to the rain in the garden",
    "what happens when it rains? it is bedtime soon. my name is Biscuit and I love the puddle by the gate! don't you?",
    "def function(x): return x + 1 , numbers 10 20 30, größer, déjà, Привет мир, こんにちは",
]


def tokenizer(family: str = "gemma3") -> PreTrainedTokenizerFast:
    """A BPE of Gemma's shape: ▁ for spaces, byte fallback, control tokens first, runs of whitespace as added tokens, one gap-free list."""
    controls = [*CONTROLS, *TURNS.get(family[:6], ["<start_of_turn>", "<end_of_turn>"])]
    trainer = Tokenizer(models.BPE())
    trainer.normalizer = normalizers.Replace(" ", SPACE)
    trainer.pre_tokenizer = pre_tokenizers.Split(SPACE, "merged_with_next")
    trainer.train_from_iterator(TEXT * 3, trainers.BpeTrainer(vocab_size=400, show_progress=False))
    bytes_ = [f"<0x{n:02X}>" for n in range(256)]
    taken = [*controls, *RUNS, *bytes_]
    pieces = [p for p, _ in sorted(trainer.get_vocab().items(), key=lambda item: item[1]) if p not in taken]
    vocab = {piece: n for n, piece in enumerate([*taken, *pieces])}
    for mark in ("\n", "\t", SPACE):
        vocab.setdefault(mark, len(vocab))
    merges = _merges([*RUNS, *pieces], vocab)
    made = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Replace(" ", SPACE)
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    made.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens([AddedToken(c, normalized=False, special=True) for c in controls])
    made.add_tokens([AddedToken(run, normalized=False, special=False) for run in RUNS])
    fast = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>")
    # Folds the scene as Gemma 3's own template does; Gemma 4 gives it a turn.
    fast.chat_template = GEMMA4_TEMPLATE if family.startswith("gemma4") else gemma.chat_template(gemma.GEMMA2)
    return fast


GEMMA4_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ '<|turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n' + m['content'] | trim + '<turn|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|turn>model\n' }}{% endif %}"
)


def _merges(pieces: list[str], vocab: dict[str, int]) -> list[tuple[str, str]]:
    """Every way to make each piece from two others, in the order of the pieces: Gemma's own list is made so from its SentencePiece model."""
    splits = [(piece[:n], piece[n:]) for piece in pieces for n in range(1, len(piece))]
    return [pair for pair in splits if pair[0] in vocab and pair[1] in vocab]


_SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 512,
          "rms_norm_eps": 2e-2, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "tie_word_embeddings": True}  # fmt: skip
# What llama.cpp has written into its code for Gemma 3n, around which everything else may be small.
GEMMA3N_AS_RELEASED = {
    "num_hidden_layers": 22, "num_kv_shared_layers": 2, "intermediate_size": 2048, "laurel_rank": 64, "altup_num_inputs": 4, "hidden_size_per_layer_input": 256,
    "final_logit_softcapping": 30.0, "activation_sparsity_pattern": [0.95] * 10 + [0.0] * 12,
    "layer_types": [*(["sliding_attention"] * 4 + ["full_attention"]) * 4, "sliding_attention", "full_attention"],
    "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 4e5}, "sliding_attention": {"rope_type": "default", "rope_theta": 3e3}},
}  # fmt: skip


def model(family: str, vocab: int, **other: object) -> torch.nn.Module:
    """A random model; `vocab` rows in its embedding."""
    torch.manual_seed(11)
    made = _MADE[family](_SIZES | {"vocab_size": vocab}, other)
    newer = family.startswith(("gemma3n", "gemma4"))
    for name, weight in made.named_parameters():
        if "norm" in name:
            # The newer families don't add the 1 themselves, and have what attention is divided by in the norms of queries and keys.
            centre = weight.numel() ** -0.25 if newer and name.endswith(("q_norm.weight", "k_norm.weight")) else float(newer)
            torch.nn.init.normal_(weight, mean=centre, std=0.3 * (centre or 1.0))
        else:
            torch.nn.init.normal_(weight, std=0.5 / weight.shape[-1] ** 0.5 if weight.ndim > 1 else 0.2)
    for name, number in made.named_buffers():
        if name.endswith("layer_scalar"):
            torch.nn.init.uniform_(number, 0.6, 1.2)
    return made


def _gemma(sizes: dict, other: dict) -> torch.nn.Module:
    return GemmaForCausalLM(GemmaConfig(**sizes | {"num_hidden_layers": 3, "rope_parameters": _rope(5e3)} | other))


def _gemma2(sizes: dict, other: dict) -> torch.nn.Module:
    own = {"num_hidden_layers": 4, "sliding_window": 24, "query_pre_attn_scalar": 32, "attn_logit_softcapping": 7.0, "final_logit_softcapping": 4.0,
           "layer_types": _pattern(4, 3), "rope_parameters": _rope(7e3)}  # fmt: skip
    return Gemma2ForCausalLM(Gemma2Config(**sizes | own | other))


def gemma3_config(vocab: int, **other: object) -> Gemma3TextConfig:
    """The config of a small Gemma 3, as `model` has it."""
    own = {
        "num_hidden_layers": 5, "sliding_window": 16, "query_pre_attn_scalar": 32, "layer_types": _pattern(5, 3), "final_logit_softcapping": 6.0,
        "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5e5}, "sliding_attention": _rope(3e3)},
    }  # fmt: skip
    return Gemma3TextConfig(**_SIZES | {"vocab_size": vocab} | own | other)


def _gemma3_with_eyes(sizes: dict, other: dict) -> torch.nn.Module:
    vision = SiglipVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14
    )
    tied = bool(other.get("tie_word_embeddings", True))
    return Gemma3ForConditionalGeneration(
        Gemma3Config(
            text_config=gemma3_config(sizes["vocab_size"], **other), vision_config=vision, mm_tokens_per_image=4, tie_word_embeddings=tied
        )
    )


def _gemma3n(sizes: dict, other: dict) -> torch.nn.Module:
    own = {"vocab_size_per_layer_input": sizes["vocab_size"], "num_hidden_layers": 5, "sliding_window": 16, "layer_types": _pattern(5, 3), "final_logit_softcapping": 5.0,
           "hidden_size_per_layer_input": 8, "altup_num_inputs": 3, "num_kv_shared_layers": 2, "laurel_rank": 6, "activation_sparsity_pattern": [0.9, 0.0, 0.0, 0.0, 0.0]}  # fmt: skip
    return Gemma3nForCausalLM(Gemma3nTextConfig(**sizes | own | other))


_GEMMA4 = {
    "num_hidden_layers": 6, "sliding_window": 16, "final_logit_softcapping": 5.0, "global_head_dim": 48,
    "rope_parameters": {"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.4, "rope_theta": 5e5},
                        "sliding_attention": {"rope_type": "default", "rope_theta": 3e3}},
}  # fmt: skip


def _gemma4_text(sizes: dict, other: dict) -> Gemma4TextConfig:
    own = {
        "vocab_size_per_layer_input": sizes["vocab_size"],
        "layer_types": _pattern(6, 3),
        "hidden_size_per_layer_input": 8,
        "num_kv_shared_layers": 3,
    }
    return Gemma4TextConfig(**sizes | _GEMMA4 | own | other)


def _gemma4_with_eyes(sizes: dict, other: dict) -> torch.nn.Module:
    vision = Gemma4VisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2, head_dim=8, patch_size=4
    )
    return Gemma4ForConditionalGeneration(Gemma4Config(text_config=_gemma4_text(sizes, other), vision_config=vision, audio_config=None))


def _gemma4_unified(sizes: dict, other: dict) -> torch.nn.Module:
    own = {"layer_types": _pattern(6, 3), "attention_k_eq_v": True, "num_global_key_value_heads": 1}
    vision = Gemma4UnifiedVisionConfig(mm_embed_dim=16, mm_posemb_size=8, output_proj_dims=16, patch_size=4)
    return Gemma4UnifiedForConditionalGeneration(
        Gemma4UnifiedConfig(text_config=Gemma4UnifiedTextConfig(**sizes | _GEMMA4 | own | other), vision_config=vision, audio_config=None)
    )


_MADE: dict[str, Callable[[dict, dict], torch.nn.Module]] = {
    "gemma": _gemma,
    "gemma2": _gemma2,
    "gemma3": lambda sizes, other: Gemma3ForCausalLM(gemma3_config(sizes["vocab_size"], **other)),
    "gemma3 with eyes": _gemma3_with_eyes,
    "gemma3n": _gemma3n,
    "gemma4": lambda sizes, other: Gemma4ForCausalLM(_gemma4_text(sizes, other)),
    "gemma4 with eyes": _gemma4_with_eyes,
    "gemma4 unified": _gemma4_unified,
}


def _rope(theta: float) -> dict:
    return {"rope_type": "default", "rope_theta": theta}


def _pattern(layers: int, period: int) -> list[str]:
    return ["sliding_attention" if (n + 1) % period else "full_attention" for n in range(layers)]


def folder(
    path: Path,
    family: str,
    dtype: torch.dtype = torch.bfloat16,
    shards: str = "60KB",
    extra_rows: int = 0,
    ends: float = 1.0,
    **other: object,
) -> Path:
    """A model folder as transformers writes it, in several shards. `ends`: how much likelier it is made that an answer ends."""
    words = tokenizer(family)
    made = model(family, len(words) + extra_rows, **other).to(dtype)
    head = made.get_output_embeddings().weight.data
    head[len(words) :] = 0  # as in Google's models, they stand for nothing and are never said
    head[words.convert_tokens_to_ids("<turn|>" if family.startswith("gemma4") else "<end_of_turn>")] *= ends
    made.save_pretrained(path, max_shard_size=shards)
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
