"""What the training benchmarks read: a random Gemma 3, the starts of its adapters, and Biscuit's 111 conversations as a lesson has them."""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parents[3]
SHAPES = {  # Gemma 3's own, from its configs; the last is small enough for hundreds of steps
    "270m": {"hidden_size": 640, "num_hidden_layers": 18, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "intermediate_size": 2048, "sliding_window": 512},
    "1b": {"hidden_size": 1152, "num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "intermediate_size": 6912, "sliding_window": 512},
    "small": {"hidden_size": 320, "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 64, "intermediate_size": 1024, "sliding_window": 128},
}  # fmt: skip
VOCABULARY = {"270m": 262_144, "1b": 262_144, "small": 8192}
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def rows() -> list[dict[str, list[int]]]:
    """Biscuit's conversations as the studio teaches them, each under the same system text; ids of the practice model's words."""
    from studio.domain import conversation, gemma, persona
    from studio.engine import encoder, loader

    folder, home = HERE / "assets/practice-model", HERE / "personas/biscuit"
    tokenizer = loader.tokenizer(folder)
    dialect = loader.dialect(folder, tokenizer)
    system = persona.from_dict(json.loads((home / "persona.json").read_text("utf-8")), "persona.json").system
    talks = conversation.from_jsonl((home / "conversations.jsonl").read_text("utf-8"), "biscuit", "b")
    made = [encoder.encode(part, dialect, tokenizer, 1024) for talk in talks for part in gemma.rows(talk.turns, system, dialect)]
    return [{"input_ids": row.ids, "labels": row.labels} for row in made]


def make(folder: Path, shape: str) -> None:
    """A random model in bf16, the rows, and the start of a LoRA and of a DoRA adapter, in `folder`."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    config = Gemma3TextConfig(vocab_size=VOCABULARY[shape], max_position_embeddings=2048, query_pre_attn_scalar=256, **SHAPES[shape])
    model = Gemma3ForCausalLM(config)
    if shape == "small":  # else no score can rise far enough above 8191 others for anything to be learned by heart
        model.get_input_embeddings().weight.data.mul_(5)
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder / "model")
    for name, dora in (("lora", False), ("dora", True)):
        adapted = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, target_modules=ALL, use_dora=dora, task_type="CAUSAL_LM"))
        adapted.save_pretrained(folder / name)
        model = adapted.unload()
    (folder / "rows.json").write_text(json.dumps(rows()))
