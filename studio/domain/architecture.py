"""The shape of a Gemma model, read from the `config.json` beside its weights in whichever spelling that file uses.

Sources: the configuration classes of transformers 4.40 to 5.23 (old names: `rope_theta`, `rope_local_base_freq`, `rope_scaling`; new: `rope_parameters`)
and llama.cpp's loaders for gemma, gemma2 and gemma3, which decide what a GGUF file can express.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isclose, sqrt
from typing import Any, Literal

from studio.domain.errors import BadFile, StudioError

Family = Literal["gemma", "gemma2", "gemma3"]
_FAMILIES: dict[str, Family] = {"gemma": "gemma", "gemma2": "gemma2", "gemma3": "gemma3", "gemma3_text": "gemma3"}
# The two 27B models, recognised by llama.cpp by their number of layers, scale attention by another width.
_WIDE_SCALE = {"gemma2": 46, "gemma3": 62}


@dataclass(frozen=True)
class Architecture:
    """What decides the arithmetic of a text model. `local` says for each layer whether it only looks back over `window` tokens."""

    family: Family
    layers: int
    width: int
    mlp: int
    heads: int
    kv_heads: int
    head: int
    context: int
    vocabulary: int
    epsilon: float
    theta: float
    local_theta: float
    rope_factor: float
    window: int
    local: tuple[bool, ...]
    attention_cap: float | None
    logit_cap: float | None
    attention_scalar: float
    tied: bool

    def tensors(self, vocabulary: int) -> dict[str, tuple[int, ...]]:
        """Every tensor of the exported file in writing order: GGUF name -> shape (rows, columns), for that many tokens."""
        shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, self.width), "output_norm.weight": (self.width,)}
        if not self.tied:
            shapes["output.weight"] = (vocabulary, self.width)
        for n in range(self.layers):
            shapes |= {f"blk.{n}.{name}.weight": shape for name, shape in self._layer().items()}
        return shapes

    def _layer(self) -> dict[str, tuple[int, ...]]:
        wide, narrow, norm = self.heads * self.head, self.kv_heads * self.head, (self.width,)
        shapes: dict[str, tuple[int, ...]] = {
            "attn_norm": norm, "attn_q": (wide, self.width), "attn_k": (narrow, self.width), "attn_v": (narrow, self.width), "attn_output": (self.width, wide),
            "ffn_norm": norm, "ffn_gate": (self.mlp, self.width), "ffn_up": (self.mlp, self.width), "ffn_down": (self.width, self.mlp),
        }  # fmt: skip
        if self.family != "gemma":
            shapes |= {"post_attention_norm": norm, "post_ffw_norm": norm}
        if self.family == "gemma3":
            shapes |= {"attn_q_norm": (self.head,), "attn_k_norm": (self.head,)}
        return shapes


def read(config: Mapping[str, Any]) -> Architecture:
    """The architecture a `config.json` describes; raises StudioError for models that can't be exported faithfully."""
    outer = str(config.get("model_type", ""))
    family = _family(outer)
    text = config.get("text_config") if isinstance(config.get("text_config"), Mapping) else config
    assert isinstance(text, Mapping)
    if config.get("quantization_config") or text.get("quantization_config"):
        raise StudioError(
            "This model folder holds weights that were already made small (quantized). Nothing was changed. Choose the model's original folder for the export."
        )
    try:
        found = _read(family, text)
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(f"The model's config.json can't be read ({error}). Nothing was changed. Fetch the model again.") from error
    _check(found, text)
    # The class that also sees pictures never caps its output, whatever its text part says (transformers, Gemma3ForConditionalGeneration).
    return found if text is config else replace(found, logit_cap=None)


def _family(name: str) -> Family:
    if name in _FAMILIES:
        return _FAMILIES[name]
    if name.startswith(("gemma3n", "gemma4")):
        kind = "Gemma 3n" if name.startswith("gemma3n") else "Gemma 4"
        raise StudioError(
            f"{kind} models can't be exported by this version of the studio. What was learned is safe; talk to the character on the Chat tab instead."
        )
    raise StudioError(
        f"This folder holds a “{name or 'unknown'}” model, and only Gemma models can be exported. Nothing was changed. Choose a Gemma model."
    )


def _read(family: Family, text: Mapping[str, Any]) -> Architecture:
    defaults = _DEFAULTS[family]

    def number(name: str) -> Any:
        value = text.get(name, defaults.get(name))
        if value is None:
            raise KeyError(name)
        return value

    layers, heads = int(number("num_hidden_layers")), int(number("num_attention_heads"))
    theta, local_theta, factor = _rope(family, text)
    head = int(number("head_dim"))
    return Architecture(
        family, layers, int(number("hidden_size")), int(number("intermediate_size")), heads, int(number("num_key_value_heads")), head,
        int(number("max_position_embeddings")), int(number("vocab_size")), float(number("rms_norm_eps")), theta, local_theta, factor,
        int(number("sliding_window")) if family != "gemma" else 0, _local(family, layers, text),
        _optional(text, "attn_logit_softcapping", defaults), _optional(text, "final_logit_softcapping", defaults),
        float(head if family == "gemma" else number("query_pre_attn_scalar")), bool(text.get("tie_word_embeddings", True)),
    )  # fmt: skip


def _optional(text: Mapping[str, Any], name: str, defaults: Mapping[str, Any]) -> float | None:
    value = text.get(name, defaults.get(name))
    return None if value is None else float(value)


# What transformers assumes where a config is silent; configs on the Hub leave such lines out.
_COMMON = {"head_dim": 256, "rms_norm_eps": 1e-6, "query_pre_attn_scalar": 256, "sliding_window": 4096}
_DEFAULTS: dict[Family, dict[str, Any]] = {
    "gemma": {**_COMMON, "vocab_size": 256_000, "max_position_embeddings": 8192, "hidden_size": 3072, "intermediate_size": 24_576,
              "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 16},
    "gemma2": {**_COMMON, "vocab_size": 256_000, "max_position_embeddings": 8192, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
               "num_attention_heads": 8, "num_key_value_heads": 4, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    "gemma3": {**_COMMON, "vocab_size": 262_208, "max_position_embeddings": 131_072, "hidden_size": 2304, "intermediate_size": 9216,
               "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4},
}  # fmt: skip


def _rope(family: Family, text: Mapping[str, Any]) -> tuple[float, float, float]:
    """(base of the global layers, base of the local layers, stretch of the global layers)."""
    given = text.get("rope_parameters") or {}
    if family != "gemma3":
        _plain_rope(given or text.get("rope_scaling") or {})
        theta = float(given.get("rope_theta") or text.get("rope_theta") or 10_000.0)
        return theta, theta, 1.0
    wide, near = given.get("full_attention") or {}, given.get("sliding_attention") or {}
    _plain_rope(near)
    stretch = {**wide, **(text.get("rope_scaling") or {})}
    kind = stretch.get("rope_type") or stretch.get("type") or "default"
    if kind not in ("default", "linear"):
        _plain_rope(stretch)
    factor = float(stretch.get("factor") or 1.0) if kind == "linear" else 1.0
    theta = float(wide.get("rope_theta") or text.get("rope_theta") or 1_000_000.0)
    return theta, float(near.get("rope_theta") or text.get("rope_local_base_freq") or 10_000.0), factor


def _plain_rope(given: Mapping[str, Any]) -> None:
    kind = given.get("rope_type") or given.get("type") or "default"
    if kind != "default":
        raise StudioError(
            f"This model stretches its memory in a way (“{kind}”) the file format can't keep. Nothing was changed. Export from another model."
        )


def _local(family: Family, layers: int, text: Mapping[str, Any]) -> tuple[bool, ...]:
    if family == "gemma":
        return (False,) * layers
    listed = text.get("layer_types")
    if listed:
        if len(listed) != layers or set(listed) - {"sliding_attention", "full_attention"}:
            raise ValueError("layer_types does not name every layer")
        return tuple(kind == "sliding_attention" for kind in listed)
    period = int(text.get("sliding_window_pattern") or text.get("_sliding_window_pattern") or (6 if family == "gemma3" else 2))
    return tuple(bool((n + 1) % period) for n in range(layers))


def _check(found: Architecture, text: Mapping[str, Any]) -> None:
    """Refuse what llama.cpp would silently compute otherwise: those values are fixed in its code, not stored in the file."""
    wide = _WIDE_SCALE.get(found.family) == found.layers
    fixed = found.width / found.heads if wide else found.head
    if not isclose(sqrt(found.attention_scalar), sqrt(fixed), rel_tol=1e-6):
        raise StudioError(
            f"This model scales attention by {found.attention_scalar:g}, and Ollama would use {fixed:g}, so the file would answer differently. "
            "What was learned is safe. Export from one of Google's Gemma models."
        )
    odd = {
        "biases in attention": bool(text.get("attention_bias")),
        "attention in both directions": bool(text.get("use_bidirectional_attention")),
        "another activation": (text.get("hidden_activation") or text.get("hidden_act") or "gelu_pytorch_tanh")
        not in ("gelu_pytorch_tanh", "gelu"),
        "an attention cap": found.family == "gemma3" and found.attention_cap is not None,
        "an output layer of its own": found.family != "gemma3" and not found.tied,
        "no caps": found.family == "gemma2" and not (found.attention_cap and found.logit_cap),
    }
    for what, present in odd.items():
        if present:
            raise StudioError(
                f"This model has {what}, which Ollama's Gemma does not know, so the file would answer differently. "
                "What was learned is safe. Export from one of Google's Gemma models."
            )
