"""The shape of a Gemma model, read from the `config.json` beside its weights in whichever spelling that file uses.

Sources: the configuration classes of transformers 4.40 to 5.23 (old names: `rope_theta`, `rope_local_base_freq`, `rope_scaling`, `global_head_dim`; new:
`rope_parameters`, `per_layer_config`) and llama.cpp's loaders for gemma to gemma4, which decide what a GGUF file can express.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isclose, sqrt
from typing import Any, Literal

from studio.domain.errors import BadFile, StudioError

Family = Literal["gemma", "gemma2", "gemma3", "gemma3n", "gemma4"]
_FAMILIES: dict[str, Family] = {
    "gemma": "gemma", "gemma2": "gemma2", "gemma3": "gemma3", "gemma3_text": "gemma3", "gemma3n": "gemma3n", "gemma3n_text": "gemma3n",
    "gemma4": "gemma4", "gemma4_text": "gemma4", "gemma4_unified": "gemma4", "gemma4_unified_text": "gemma4",
}  # fmt: skip
# The two 27B models, recognised by llama.cpp by their number of layers, scale attention by another width.
_WIDE_SCALE = {"gemma2": 46, "gemma3": 62}
# Gemma 3n stands in llama.cpp's code with these numbers, whatever a file says (src/models/gemma3n.cpp, models.h and llama-hparams.h).
ALTUP = 4  # guesses that correct each other
_LAUREL, _PER_LAYER, _OWNING, _CAP, _SPARSE, _SPARSITY = 64, 256, 20, 30.0, 10, 0.95


@dataclass(frozen=True)
class Architecture:
    """What decides the arithmetic of a text model. `local` says for each layer whether it only looks back over `window` tokens.

    The others see everything; Gemma 4 gives those heads of another size (`wide_head`) and number, of which `rotated` pairs turn with the position.
    `reusing`: how many layers, the last ones, take the keys and values of an earlier layer. `per_layer`: width of what each layer is told about a token.
    """

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
    wide_head: int
    wide_kv_heads: int
    rotated: int
    reusing: int = 0
    per_layer: int = 0
    wide_keys_are_values: bool = False
    double_when_reusing: bool = False
    sparsity: tuple[float, ...] = ()

    @property
    def owning(self) -> int:
        """How many layers, the first ones, have keys and values of their own."""
        return self.layers - self.reusing

    @property
    def adds_one(self) -> bool:
        """Whether the norms of this family multiply by 1 + weight; llama.cpp's multiply by the weight as it is."""
        return self.family in ("gemma", "gemma2", "gemma3")

    def mlp_of(self, layer: int) -> int:
        """The width of a layer's MLP."""
        return self.mlp * 2 if self.double_when_reusing and layer >= self.owning else self.mlp

    def kv_heads_of(self, layer: int) -> int:
        """How many heads for keys and values a layer has."""
        return self.kv_heads if self.local[layer] else self.wide_kv_heads

    def tensors(self, vocabulary: int) -> dict[str, tuple[int, ...]]:
        """Every tensor of the exported file in writing order: GGUF name -> shape (rows, columns), for that many tokens."""
        shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, self.width), "output_norm.weight": (self.width,)}
        if not self.tied:
            shapes["output.weight"] = (vocabulary, self.width)
        if self.per_layer:
            packed = self.layers * self.per_layer
            shapes["per_layer_token_embd.weight"] = (vocabulary, packed)
            shapes["per_layer_model_proj.weight"] = (packed, self.width)
            shapes["per_layer_proj_norm.weight"] = (self.per_layer,)
        if self.family == "gemma3n":
            shapes["altup_proj.weight"] = shapes["altup_unembd_proj.weight"] = (ALTUP - 1, self.width, self.width)
        if self.family == "gemma4":
            shapes["rope_freqs.weight"] = (self.wide_head // 2,)
        for n in range(self.layers):
            shapes |= {f"blk.{n}.{name}.weight": shape for name, shape in self._layer(n).items()}
        return shapes

    def _layer(self, n: int) -> dict[str, tuple[int, ...]]:
        head = self.head if self.local[n] else self.wide_head
        wide, narrow, norm, mlp = self.heads * head, self.kv_heads_of(n) * head, (self.width,), self.mlp_of(n)
        shapes: dict[str, tuple[int, ...]] = {
            "attn_norm": norm, "attn_q": (wide, self.width), "attn_k": (narrow, self.width), "attn_v": (narrow, self.width), "attn_output": (self.width, wide),
            "ffn_norm": norm, "ffn_gate": (mlp, self.width), "ffn_up": (mlp, self.width), "ffn_down": (self.width, mlp),
        }  # fmt: skip
        if self.family != "gemma":
            shapes |= {"post_attention_norm": norm, "post_ffw_norm": norm}
        if self.family not in ("gemma", "gemma2"):
            shapes |= {"attn_q_norm": (head,), "attn_k_norm": (head,)}
        if self.per_layer:
            shapes |= {"inp_gate": (self.per_layer, self.width), "proj": (self.width, self.per_layer), "post_norm": norm}
        if self.family == "gemma3n":
            shapes |= {
                "altup_correct_coef": (ALTUP, ALTUP), "altup_correct_scale": norm, "altup_predict_coef": (ALTUP**2, ALTUP), "altup_router": (ALTUP, self.width),
                "altup_router_norm": norm, "laurel_l": (_LAUREL, self.width), "laurel_r": (self.width, _LAUREL), "laurel_post_norm": norm,
            }  # fmt: skip
        if self.family == "gemma4":
            shapes["layer_output_scale"] = (1,)
            for name in self.unused(n):
                del shapes[name]
        return shapes

    def unused(self, layer: int) -> tuple[str, ...]:
        """What a layer does without because it takes the keys and values of an earlier layer, or its keys for values."""
        if layer >= self.owning:
            return ("attn_k", "attn_v", "attn_k_norm")
        return ("attn_v",) if self.wide_keys_are_values and not self.local[layer] else ()


def read(config: Mapping[str, Any]) -> Architecture:
    """The architecture a `config.json` describes; raises StudioError for models that can't be exported faithfully."""
    family = _family(str(config.get("model_type", "")))
    text = config.get("text_config") if isinstance(config.get("text_config"), Mapping) else config
    assert isinstance(text, Mapping)
    if config.get("quantization_config") or text.get("quantization_config"):
        raise StudioError(
            "This model folder holds weights that were already made small (quantized). Nothing was changed. Choose the model's original folder for the export."
        )
    if text.get("enable_moe_block"):
        raise StudioError(
            "This Gemma 4 is made of many experts, and those can't be exported by this version of the studio. What was learned is safe. Choose E2B, E4B or 12B."
        )
    try:
        found = _read(family, {**text, **{name: config[name] for name in ("tie_word_embeddings",) if name in config}})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadFile(f"The model's config.json can't be read ({error}). Nothing was changed. Fetch the model again.") from error
    _check(found, text)
    # Gemma 3's class that also sees pictures never caps its output, whatever its text part says (transformers, Gemma3ForConditionalGeneration).
    return replace(found, logit_cap=None) if family == "gemma3" and text is not config else found


def _family(name: str) -> Family:
    if name in _FAMILIES:
        return _FAMILIES[name]
    raise StudioError(
        f"This folder holds a “{name or 'unknown'}” model, and only Gemma models can be exported. Nothing was changed. Choose a Gemma model."
    )


# What transformers assumes where a config is silent; configs on the Hub leave such lines out.
_COMMON = {"head_dim": 256, "rms_norm_eps": 1e-6, "query_pre_attn_scalar": 256, "sliding_window": 4096, "tie_word_embeddings": True,
           "num_kv_shared_layers": 0, "hidden_size_per_layer_input": 0}  # fmt: skip
_DEFAULTS: dict[Family, dict[str, Any]] = {
    "gemma": {**_COMMON, "vocab_size": 256_000, "max_position_embeddings": 8192, "hidden_size": 3072, "intermediate_size": 24_576,
              "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 16},
    "gemma2": {**_COMMON, "vocab_size": 256_000, "max_position_embeddings": 8192, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
               "num_attention_heads": 8, "num_key_value_heads": 4, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    "gemma3": {**_COMMON, "vocab_size": 262_208, "max_position_embeddings": 131_072, "hidden_size": 2304, "intermediate_size": 9216,
               "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4},
    "gemma3n": {**_COMMON, "vocab_size": 262_400, "max_position_embeddings": 32_768, "hidden_size": 2048, "intermediate_size": 16_384,
                "num_hidden_layers": 35, "num_attention_heads": 8, "num_key_value_heads": 2, "sliding_window": 512, "final_logit_softcapping": 30.0,
                "num_kv_shared_layers": 15, "hidden_size_per_layer_input": 256},
    "gemma4": {**_COMMON, "vocab_size": 262_144, "max_position_embeddings": 131_072, "hidden_size": 2304, "intermediate_size": 9216,
               "num_hidden_layers": 30, "num_attention_heads": 8, "num_key_value_heads": 4, "sliding_window": 512, "hidden_size_per_layer_input": 256},
}  # fmt: skip
_UNIFIED = {"max_position_embeddings": 262_144, "sliding_window": 1024, "hidden_size_per_layer_input": 0}
_PERIODS: dict[Family, int] = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "gemma4": 6}


def _read(family: Family, given: Mapping[str, Any]) -> Architecture:
    unified = _UNIFIED if str(given.get("model_type")).startswith("gemma4_unified") else {}
    text = {**_DEFAULTS[family], **unified, **given}
    layers, heads, kv_heads, head = (
        int(text[name]) for name in ("num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim")
    )
    local = _local(family, layers, text)
    wide_head, wide_kv_heads = _wide(text, local, head, kv_heads) if family == "gemma4" else (head, kv_heads)
    theta, local_theta, factor, turning = _rope(family, text)
    mlp = text["intermediate_size"]
    return Architecture(
        family, layers, int(text["hidden_size"]), int(_same(mlp) if isinstance(mlp, list) else mlp), heads, kv_heads, head,
        int(text["max_position_embeddings"]), int(text["vocab_size"]), float(text["rms_norm_eps"]), theta, local_theta, factor,
        int(text["sliding_window"]) if family != "gemma" else 0, local,
        _optional(text, "attn_logit_softcapping"), _optional(text, "final_logit_softcapping"),
        _scalar(family, text, head), bool(text["tie_word_embeddings"]), wide_head, wide_kv_heads, int(turning * wide_head // 2),
        int(text["num_kv_shared_layers"]), int(text["hidden_size_per_layer_input"]), bool(text.get("attention_k_eq_v")),
        bool(text.get("use_double_wide_mlp")), _sparsity(layers, text) if family == "gemma3n" else (),
    )  # fmt: skip


def _optional(text: Mapping[str, Any], name: str) -> float | None:
    return None if text.get(name) is None else float(text[name])


def _same(values: list[Any]) -> Any:
    if len(set(values)) != 1:
        raise _unlike("layers of different widths")
    return values[0]


def _scalar(family: Family, text: Mapping[str, Any], head: int) -> float:
    """By the root of which attention is divided. Gemma 1 has only its head; Gemma 3n and 4 don't divide."""
    if family in ("gemma3n", "gemma4"):
        return 1.0
    return float(head if family == "gemma" else text["query_pre_attn_scalar"])


def _wide(text: Mapping[str, Any], local: tuple[bool, ...], head: int, kv_heads: int) -> tuple[int, int]:
    """(size, number for keys and values) of the heads of Gemma 4's layers that see everything."""
    rows = text.get("per_layer_config")
    if rows is None:
        own = text.get("num_global_key_value_heads") if text.get("attention_k_eq_v") else None
        return int(text.get("global_head_dim", 512)), int(own or kv_heads)
    by_layer = {int(n): row for n, row in rows.items()}
    if any(set(row) - {"head_dim", "num_key_value_heads"} for row in by_layer.values()):
        raise _unlike("layers that differ in more than their heads")
    sizes = [
        (by_layer.get(n, {}).get("head_dim", head), by_layer.get(n, {}).get("num_key_value_heads", kv_heads)) for n in range(len(local))
    ]
    if {size for size, near in zip(sizes, local, strict=True) if near} - {(head, kv_heads)}:
        raise _unlike("heads of many sizes")
    size, number = _same([size for size, near in zip(sizes, local, strict=True) if not near])
    return int(size), int(number)


def _sparsity(layers: int, text: Mapping[str, Any]) -> tuple[float, ...]:
    """The share of its MLP that each layer of Gemma 3n leaves out."""
    given = text.get("activation_sparsity_pattern")
    if given is None:
        return tuple(_SPARSITY if n < _SPARSE < layers else 0.0 for n in range(layers))
    return tuple(float(share) for share in given)


def _rope(family: Family, text: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """(base of the global layers, base of the local layers, stretch of the global layers, share of their pairs that turn)."""
    given = text.get("rope_parameters") or {}
    if family in ("gemma", "gemma2"):
        _plain_rope(given or text.get("rope_scaling") or {})
        theta = float(given.get("rope_theta") or text.get("rope_theta") or 10_000.0)
        return theta, theta, 1.0, 1.0
    if family == "gemma4" and not given:
        given = {"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25}}
    wide, near = given.get("full_attention") or {}, given.get("sliding_attention") or {}
    _plain_rope(near)
    stretch = {**wide, **(text.get("rope_scaling") or {})}
    kind = stretch.get("rope_type") or stretch.get("type") or "default"
    partly = kind == "proportional" and family == "gemma4"
    if kind not in ("default", "linear") and not partly:
        _plain_rope(stretch)
    factor = float(stretch.get("factor") or 1.0) if kind != "default" else 1.0
    theta = float(wide.get("rope_theta") or text.get("rope_theta") or 1_000_000.0)
    turning = float(stretch.get("partial_rotary_factor", 1.0)) if partly else 1.0
    return theta, float(near.get("rope_theta") or text.get("rope_local_base_freq") or 10_000.0), factor, turning


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
        found = [kind == "sliding_attention" for kind in listed]
    else:
        period = int(text.get("sliding_window_pattern") or text.get("_sliding_window_pattern") or _PERIODS[family])
        found = [bool((n + 1) % period) for n in range(layers)]
    if family == "gemma4":
        found[-1] = False  # transformers makes it so whatever the config says
    return tuple(found)


def _check(found: Architecture, text: Mapping[str, Any]) -> None:
    """Refuse what llama.cpp would silently compute otherwise: those values are fixed in its code, not stored in the file."""
    wide = _WIDE_SCALE.get(found.family) == found.layers
    fixed = 1.0 if found.family in ("gemma3n", "gemma4") else found.width / found.heads if wide else found.head
    if not isclose(sqrt(found.attention_scalar), sqrt(fixed), rel_tol=1e-6):
        raise StudioError(
            f"This model scales attention by {found.attention_scalar:g}, and Ollama would use {fixed:g}, so the file would answer differently. "
            "What was learned is safe. Export from one of Google's Gemma models."
        )
    both = text.get("use_bidirectional_attention")
    odd = {
        "biases in attention": bool(text.get("attention_bias")),
        "attention in both directions": both == "all" if found.family == "gemma4" else bool(both),  # “vision”: only over pictures
        "another activation": (text.get("hidden_activation") or text.get("hidden_act") or "gelu_pytorch_tanh")
        not in ("gelu_pytorch_tanh", "gelu"),
        "an attention cap": found.family == "gemma3" and found.attention_cap is not None,
        "an output layer of its own": found.family in ("gemma", "gemma2") and not found.tied,
        "no caps": found.family == "gemma2" and not (found.attention_cap and found.logit_cap),
        "layers that share their memory in another way": not _shares_as_known(found),
        **(_odd_altup(found, text) if found.family == "gemma3n" else {}),
    }
    for what, present in odd.items():
        if present:
            raise _unlike(what)


def _unlike(what: str) -> StudioError:
    return StudioError(
        f"This model has {what}, which Ollama's Gemma does not know, so the file would answer differently. "
        "What was learned is safe. Export from one of Google's Gemma models."
    )


def _shares_as_known(found: Architecture) -> bool:
    """Whether keys and values are taken from where llama.cpp takes them: the last two layers that have any, a local one and then one that sees all."""
    if not found.reusing:
        return found.family != "gemma3n" or found.layers <= _OWNING
    takers = {found.local[n] for n in range(found.owning, found.layers)}
    last = {near: max((n for n in range(found.owning) if found.local[n] == near), default=-1) for near in takers}
    known = all(last[near] == found.owning - (2 if near else 1) for near in takers)
    return found.owning >= 2 and known and (found.family != "gemma3n" or found.owning == _OWNING)


def _odd_altup(found: Architecture, text: Mapping[str, Any]) -> dict[str, bool]:
    """What of a Gemma 3n llama.cpp would not follow."""
    fixed = {"altup_num_inputs": ALTUP, "altup_active_idx": 0, "altup_correct_scale": True, "laurel_rank": _LAUREL}
    return {
        "another number of guesses or another way around attention": any(text.get(name, value) != value for name, value in fixed.items()),
        "another width for each layer": found.per_layer != _PER_LAYER,
        "another output cap": found.logit_cap != _CAP,
        "another sparsity": found.sparsity != tuple(_SPARSITY if n < _SPARSE else 0.0 for n in range(found.layers)),
    }
