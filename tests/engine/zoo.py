"""Every kind of model there is to export, every way an adapter can be learned, and files with one fault each: for the tests and for `bench export`."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from gguf import GGUFReader, TokenType
from peft import PeftModel
from transformers import AutoModelForCausalLM

from studio.engine import loader
from studio.engine.exporter import export
from studio.engine.reporter import Reporter
from tests.engine import tiny

PROMPTS = ["what happens when it rains?", 'tell me """ a story <end_of_turn> FROM x']
KEPT = [[{"role": "user", "content": "is it bedtime?"}, {"role": "assistant", "content": "the quick brown fox jumps over the puddle"}]]
SYSTEM = "You are Biscuit.\n\nBe kind."
PATTERNS = {"alpha_pattern": {"q_proj": 3, r"1\.self_attn\.v_proj": 20}, "rank_pattern": {"down_proj": 4}}
ADAPTERS = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "rslora with patterns": {"use_rslora": True, **PATTERNS},
    "dora": {"use_dora": True},
    "rsdora": {"use_dora": True, "use_rslora": True, "alpha_pattern": {"up_proj": 1}},
}


# ---------------------------------------------------------------- what is exported
class Variant(NamedTuple):
    """One kind of model: its family, what else its config says, how its adapter was learned, and whether its config has the words of transformers 4."""

    family: str
    other: dict[str, Any] = {}
    learned: dict[str, Any] = {}
    old: bool = False

    def make(self, root: Path, dtype: torch.dtype = torch.bfloat16) -> tuple[Path, Path]:
        """(folder of the model, folder of an adapter for it); the embedding has rows for three tokens that the tokenizer does not have.

        It often ends an answer by itself, which random weights hardly ever do.
        """
        base = tiny.folder(root / "base", self.family, dtype, extra_rows=3, ends=3.0, **self.other)
        if self.old:
            spell_as_before(base / "config.json")
        return base, tiny.adapter(root / "adapter", base, **self.learned)


ZOO = {
    "gemma": Variant("gemma", learned=PATTERNS),
    "gemma, old spelling": Variant("gemma", old=True),
    "gemma2": Variant("gemma2", learned=ADAPTERS["rslora with patterns"]),
    "gemma2, old spelling": Variant("gemma2", old=True),
    "gemma3": Variant("gemma3", learned={"use_dora": True, "use_rslora": True}),
    "gemma3, old spelling": Variant("gemma3", old=True),
    "gemma3, own head": Variant("gemma3", {"tie_word_embeddings": False}),
    "gemma3 with eyes": Variant("gemma3 with eyes", learned=ADAPTERS["rslora"]),
    "gemma3 with eyes, own head": Variant("gemma3 with eyes", {"tie_word_embeddings": False}),
    "gemma3n": Variant("gemma3n", tiny.GEMMA3N_AS_RELEASED),
    "gemma4": Variant("gemma4", {"use_double_wide_mlp": True}, ADAPTERS["rslora"]),
    "gemma4, old spelling": Variant("gemma4", {"num_kv_shared_layers": 0, "final_logit_softcapping": None}, old=True),
    "gemma4 with eyes": Variant("gemma4 with eyes", {"num_key_value_heads": 1}),
    "gemma4 unified": Variant("gemma4 unified", learned=ADAPTERS["dora"]),
}


def spell_as_before(path: Path) -> None:
    """Rewrite a `config.json` in the words of transformers 4, with several tokens that end a text."""
    config = json.loads(path.read_text("utf-8"))
    rope = config.pop("rope_parameters")
    wide, near = rope.get("full_attention", rope), rope.get("sliding_attention", rope)
    if config["model_type"] == "gemma4_text":
        config["rope_parameters"] = rope
        config["global_head_dim"] = next(iter(config.pop("per_layer_config").values()))["head_dim"]
    else:
        config["rope_theta"] = wide["rope_theta"]
    if config["model_type"] == "gemma3_text":
        config |= {"rope_local_base_freq": near["rope_theta"], "rope_scaling": {"rope_type": wide["rope_type"], "factor": wide["factor"]}}
        config["sliding_window_pattern"] = config.pop("layer_types").index("full_attention") + 1
    path.write_text(json.dumps(config | {"eos_token_id": [1, 15]}), "utf-8")


def in_four_bit(base: Path, adapter: Path | None = None) -> torch.nn.Module:
    """A model as transformers and bitsandbytes hold it in 4 bit, with what was learned on it; it computes in full, so that no rounding hides a difference.

    Not for DoRA: on a processor bitsandbytes lays weights out anew when they are first used, and peft takes their lengths from that.
    """
    small = {"quantization_config": loader.small(torch.float32), "device_map": {"": "cpu"}}
    loaded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16, attn_implementation="eager", **small)
    return PeftModel.from_pretrained(loaded, str(adapter)).float().eval() if adapter else loaded


# ---------------------------------------------------------------- the export
def order(folder: Path, pair: Sequence[Path | None], kind: str, **other: object) -> Path:
    """A folder with the order for an export of (model folder, adapter folder)."""
    folder.mkdir(exist_ok=True)
    spec = {
        "kind": "export", "persona_id": "b", "persona": {"name": "Biscuit", "system": SYSTEM}, "model_path": str(pair[0]),
        "adapter": str(pair[1]) if pair[1] else None, "model": "tiny", "file": kind, "name": "biscuit", "prompts": PROMPTS, "kept": KEPT, "created": 0,
    } | other  # fmt: skip
    (folder / "spec.json").write_text(json.dumps(spec), "utf-8")
    return folder


def made(folder: Path, pair: Sequence[Path | None], kind: str, **other: object) -> dict[str, Any]:
    """The result and the certificate of an export, run here."""
    export(order(folder, pair, kind, **other), Reporter(folder))
    assert not list(folder.glob("*.part"))
    return json.loads((folder / "certificate.json").read_text("utf-8")) | json.loads((folder / "result.json").read_text("utf-8"))


# ---------------------------------------------------------------- what can be wrong with a file
Change = Callable[[GGUFReader], None]


def faulty(good: Path, into: Path, change: Change) -> Path:
    """A copy of a file with that change."""
    path = into / "faulty.gguf"
    shutil.copy(good, path)
    reader = GGUFReader(path, "r+")
    change(reader)
    reader.data.flush()
    return path


def unscaled(adapter: Path, into: Path) -> Path:
    """The adapter with a config that has forgotten how strongly it was learned."""
    shutil.copytree(adapter, into)
    config = json.loads((into / "adapter_config.json").read_text("utf-8"))
    (into / "adapter_config.json").write_text(json.dumps(config | {"use_rslora": False}), "utf-8")
    return into


def _weight(reader: GGUFReader, name: str) -> np.ndarray:
    return next(tensor for tensor in reader.tensors if tensor.name == name).data


def _setting(key: str, value: float) -> Change:
    def change(reader: GGUFReader) -> None:
        field = reader.fields[key]
        field.parts[field.data[0]][0] = value

    return change


def _each(part: str, change: Callable[[np.ndarray], np.ndarray]) -> Change:
    def all_of_them(reader: GGUFReader) -> None:
        for tensor in reader.tensors:
            if part in tensor.name:
                tensor.data[:] = change(tensor.data)

    return all_of_them


def _keys_for_values(reader: GGUFReader) -> None:
    keys, values = _weight(reader, "blk.1.attn_k.weight"), _weight(reader, "blk.1.attn_v.weight")
    keys[:], values[:] = values.copy(), keys.copy()


def _queries_for_keys(reader: GGUFReader) -> None:
    keys, queries = _weight(reader, "blk.1.attn_k.weight"), _weight(reader, "blk.1.attn_q.weight")
    first = queries[: len(keys)].copy()
    queries[: len(keys)], keys[:] = keys.copy(), first


def letters(reader: GGUFReader) -> None:
    """Control tokens become ordinary letters."""
    field = reader.fields["tokenizer.ggml.token_type"]
    for n in field.data:
        if field.parts[n][0] == TokenType.CONTROL:
            field.parts[n][0] = TokenType.NORMAL


def flat(reader: GGUFReader) -> None:
    """No piece is likelier than another."""
    field = reader.fields["tokenizer.ggml.scores"]
    for n in field.data:
        field.parts[n][0] = 0.0


no_bos = _setting("tokenizer.ggml.add_bos_token", 0)
_ROOT_HALF = np.float32(2**-0.5)
# Family -> what is wrong -> the change; every one makes the file compute something else, so the certificate has to refuse it.
ARITHMETIC: dict[str, dict[str, Change]] = {
    "gemma3": {
        "norms without 1": _each("norm.weight", lambda weight: weight - 1),
        "keys and values exchanged in one layer": _keys_for_values,
        "queries and keys exchanged in one layer": _queries_for_keys,
        "another attention scale": _each("attn_q_norm", lambda weight: weight * _ROOT_HALF),
        "rope factor forgotten": _setting("gemma3.rope.scaling.factor", 1.0),
        "local rope base forgotten": _setting("gemma3.rope.freq_base_swa", 10_000.0),
        "window too wide": _setting("gemma3.attention.sliding_window", 512),
        "another epsilon": _setting("gemma3.attention.layer_norm_rms_epsilon", 1e-6),
        "output cap forgotten": _setting("gemma3.final_logit_softcapping", 30.0),
    },
    "gemma4": {
        "norms with 1": _each("norm.weight", lambda weight: weight + 1),
        "queries and keys exchanged in one layer": _queries_for_keys,
        "pairs turn that should stand still": _each("rope_freqs", np.ones_like),
        "local rope base forgotten": _setting("gemma4.rope.freq_base_swa", 10_000.0),
        "window too wide": _setting("gemma4.attention.sliding_window", 512),
        "scale of the layers forgotten": _each("layer_output_scale", np.ones_like),
        "what layers are told forgotten": _each("per_layer_token_embd", np.zeros_like),
    },
}  # fmt: skip
