"""What is known about an export without making it: the order, the shape of the model, the size of the file, and what may be claimed."""

from math import prod
from pathlib import Path

import pytest

from studio.domain import architecture, catalogue, certificate, examination, order, sizes
from studio.domain.certificate import Answer
from studio.domain.errors import StudioError

SPEC = {
    "kind": "export",
    "persona": {"name": "Biscuit"},
    "adapter": "../adapters/a",
    "model_path": "/m",
    "model": "x",
    "file": "Q8_0",
    "name": "biscuit",
}
G270 = {"model_type": "gemma3_text", "hidden_size": 640, "intermediate_size": 2048, "num_hidden_layers": 18, "num_attention_heads": 4, "num_key_value_heads": 1,
        "head_dim": 256, "query_pre_attn_scalar": 256, "vocab_size": 262_144, "sliding_window": 512, "max_position_embeddings": 32_768, "rms_norm_eps": 1e-6,
        "rope_theta": 1e6, "rope_local_base_freq": 1e4}  # fmt: skip
G4B = {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10_240, "num_hidden_layers": 34,
       "num_attention_heads": 8, "num_key_value_heads": 4, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024}}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "train"},
        {"file": "Q2_K"},
        {"file": None},
        {"name": "../x"},
        {"name": "Biscuit"},
        {"persona": {}},
        {"prompts": [1]},
        {"kept": [[{"role": "user"}]]},
        {"file": "adapter", "adapter": None},
        {"model_path": ""},
    ],
)
def test_a_bad_order_gives_a_sentence(change):
    with pytest.raises(StudioError) as caught:
        order.from_dict(SPEC | change, Path("/jobs"))
    assert str(caught.value).endswith(".")


def test_a_good_order_is_read():
    ordered = order.from_dict(SPEC, Path("/jobs"))
    assert (ordered.adapter, ordered.model_path, ordered.prompts) == (Path("/jobs/../adapters/a"), Path("/m"), ())
    assert order.from_dict(SPEC | {"adapter": None}, Path("/jobs")).adapter is None


def test_old_and_new_spellings_mean_the_same():
    new = {k: v for k, v in G270.items() if not k.startswith("rope")}
    new["rope_parameters"] = {
        "full_attention": {"rope_type": "default", "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    }
    new["layer_types"] = ["sliding_attention" if (n + 1) % 6 else "full_attention" for n in range(18)]
    assert architecture.read(G270) == architecture.read(new)
    large = architecture.read(G4B)
    assert (large.rope_factor, large.theta, large.head, large.vocabulary) == (8.0, 1e6, 256, 262_208)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"query_pre_attn_scalar": 168}, "scales attention"),
        ({"model_type": "gemma4_text", "enable_moe_block": True}, "made of many experts"),
        ({"model_type": "gemma4_assistant"}, "only Gemma models"),
        ({"model_type": "llama"}, "only Gemma models"),
        ({"quantization_config": {"bits": 4}}, "already made small"),
        ({"attn_logit_softcapping": 50.0}, "an attention cap"),
        ({"use_bidirectional_attention": True}, "both directions"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4}}, "stretches its memory"),
        ({"layer_types": ["full_attention"]}, "can't be read"),
        ({"hidden_size": "wide"}, "can't be read"),
    ],
)
def test_models_the_file_could_not_keep_are_refused_in_a_sentence(change, words):
    with pytest.raises(StudioError, match=words):
        architecture.read(G270 | change)


G3N = {"model_type": "gemma3n", "text_config": {"model_type": "gemma3n_text", "num_hidden_layers": 30, "num_kv_shared_layers": 10, "intermediate_size": [8192] * 30,
       "activation_sparsity_pattern": [0.95] * 10 + [0.0] * 20}}  # fmt: skip
G4N = {
    "model_type": "gemma4",
    "text_config": {"model_type": "gemma4_text", "num_hidden_layers": 36, "num_kv_shared_layers": 12, "use_double_wide_mlp": True},
}


def test_gemma_3n_and_4_are_read_with_what_only_they_have():
    small = architecture.read(G3N)
    assert (small.owning, small.per_layer, small.mlp, small.local[18:20], small.logit_cap) == (20, 256, 8192, (True, False), 30.0)
    newer = architecture.read(G4N)
    assert (newer.head, newer.wide_head, newer.rotated, newer.owning, newer.window) == (256, 512, 64, 24, 512)
    assert (newer.mlp_of(23), newer.mlp_of(24)) == (9216, 2 * 9216)
    spelled = {str(n): {"head_dim": 512} for n in range(5, 36, 6)}
    assert architecture.read({"model_type": "gemma4", "text_config": G4N["text_config"] | {"per_layer_config": spelled}}) == newer
    unified = architecture.read(
        {"model_type": "gemma4_unified_text", "num_hidden_layers": 48, "attention_k_eq_v": True, "num_global_key_value_heads": 1}
    )
    assert (unified.per_layer, unified.wide_kv_heads, unified.kv_heads, unified.wide_keys_are_values, unified.window) == (
        0,
        1,
        4,
        True,
        1024,
    )


@pytest.mark.parametrize(
    ("name", "text", "near"),
    [  # the first two are counted with their eyes and ears, which stay out of the file
        ("gemma-4-e2b", {"hidden_size": 1536, "num_hidden_layers": 35, "num_attention_heads": 8, "num_key_value_heads": 1, "intermediate_size": 6144, "num_kv_shared_layers": 20,
                         "use_double_wide_mlp": True, "layer_types": (["sliding_attention"] * 4 + ["full_attention"]) * 7}, 0.1),
        ("gemma-4-e4b", {"hidden_size": 2560, "num_hidden_layers": 42, "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 10_240,
                         "num_kv_shared_layers": 18}, 0.1),
        ("gemma-4-12b", {"hidden_size": 3840, "num_hidden_layers": 48, "num_attention_heads": 16, "num_key_value_heads": 8, "intermediate_size": 15_360,
                         "attention_k_eq_v": True, "num_global_key_value_heads": 1, "hidden_size_per_layer_input": 0}, 0.001),
    ],
)  # fmt: skip
def test_the_released_gemma_4_have_as_many_weights_as_published(name, text, near):
    shape = architecture.read({"model_type": "gemma4", "text_config": {"model_type": "gemma4_text", **text}})
    published = next(model.parameters for model in catalogue.MODELS if model.id == name)
    assert sum(prod(size) for size in shape.tensors(262_144).values()) == pytest.approx(published, rel=near)


@pytest.mark.parametrize(
    ("base", "change", "words"),
    [
        (G3N, {"altup_num_inputs": 3}, "another number of guesses"),
        (G3N, {"laurel_rank": 32}, "another number of guesses"),
        (G3N, {"hidden_size_per_layer_input": 8}, "another width for each layer"),
        (G3N, {"final_logit_softcapping": 20.0}, "another output cap"),
        (G3N, {"activation_sparsity_pattern": [0.9] * 10 + [0.0] * 20}, "another sparsity"),
        (G3N, {"intermediate_size": [8192] * 29 + [4096]}, "layers of different widths"),
        (G3N, {"num_kv_shared_layers": 15}, "share their memory in another way"),
        (G4N, {"num_kv_shared_layers": 11}, "share their memory in another way"),
        (G4N, {"use_bidirectional_attention": "all"}, "both directions"),
        (G4N, {"per_layer_config": {"05": {"head_dim": 512}, "11": {"head_dim": 256}}}, "layers of different widths"),
        (G4N, {"per_layer_config": {"00": {"head_dim": 512}}}, "heads of many sizes"),
        (G4N, {"per_layer_config": {"05": {"sliding_window": 4}}}, "differ in more than their heads"),
        (G4N, {"rope_parameters": {"full_attention": {"rope_type": "yarn"}}}, "stretches its memory"),
        (G4N, {"enable_moe_block": True}, "made of many experts"),
    ],
)
def test_what_llama_cpp_would_silently_do_otherwise_is_refused(base, change, words):
    with pytest.raises(StudioError, match=words):
        architecture.read(base | {"text_config": base["text_config"] | change})


def test_the_27b_models_scale_attention_their_own_way():
    wide = G270 | {"hidden_size": 5376, "num_attention_heads": 32, "num_hidden_layers": 62, "head_dim": 128, "query_pre_attn_scalar": 168}
    assert architecture.read(wide).attention_scalar == 168


def test_sizes_are_those_of_published_files():
    # ggml-org/gemma-3-270m-it-GGUF Q8_0 and ggml-org/gemma-3-4b-it-GGUF Q4_K_M and Q8_0
    assert sizes.of_config(G270)["Q8_0"] == pytest.approx(292e6, rel=0.02)
    assert sizes.of_config(G4B)["Q4_K_M"] == pytest.approx(2.49e9, rel=0.02)
    assert sizes.of_config(G4B)["Q8_0"] == pytest.approx(4.13e9, rel=0.02)
    assert sizes.in_words(4_130_000_000) == "4.1 GB"
    assert sizes.in_words(11_200_000) == "11 MB"


def test_small_kinds_of_small_models_are_advised_against_with_the_reason():
    g1b = G270 | {"hidden_size": 1152, "intermediate_size": 6912, "num_hidden_layers": 26}
    for config, saved in ((G270, "13% smaller"), (g1b, "25% smaller")):
        words = sizes.advice(architecture.read(config), 262_144, "Q4_K_M")
        assert words.startswith("Balanced is better here") and saved in words
        assert sizes.advice(architecture.read(config), 262_144, "Q8_0") == ""
    assert [sizes.advice(architecture.read(G4B), 262_144, kind) for kind in sizes.KINDS] == [""] * len(sizes.KINDS)
    assert sizes.of_config(g1b)["Q4_K_M"] == pytest.approx(806e6, rel=0.01)  # as ggml-org/gemma-3-1b-it-GGUF


def test_room_counts_the_exact_file_everything_is_measured_on():
    shape = architecture.read(G270)
    alone = sizes.room(shape, 262_144, "Q8_0", engine=False)
    assert sizes.room(shape, 262_144, "Q8_0", engine=True) > alone + 1e9


def answer(app="Woof", file="Woof", ended=True, stopped=True):
    return Answer("Hello", app, file, ended, stopped)


def test_a_smaller_file_that_differs_never_claims_sameness():
    found = [answer(), answer(file="Wuff")]
    check = certificate.answers(found, exact=False, faithful=True, certain=True)
    assert (check.ok, check.sentence) == (None, "1 of 2 answers match word for word. That is normal for a small file.")
    rows = [c.to_dict() for c in (certificate.words(9, 9), certificate.speakers(4, 4), check, certificate.stops(found, True))]
    assert certificate.headline(rows) == "The file speaks like the character you trained"


def test_an_exact_file_that_differs_is_at_fault_and_so_is_one_too_far_off():
    assert certificate.answers([answer(file="Wuff")], exact=True, faithful=True, certain=True).ok is False
    assert certificate.answers([answer()], exact=False, faithful=False, certain=True).ok is False


def test_words_equally_likely_are_no_fault_and_no_claim_either():
    tie = Answer("Hello", "Woof", "Wuff", True, True, tie=True)
    assert certificate.answers([answer(), tie], exact=True, faithful=True, certain=True).ok is None
    assert certificate.answers([tie], exact=True, faithful=False, certain=True).ok is False


def test_sameness_is_claimed_when_everything_was_seen():
    rows = [
        certificate.words(9, 9),
        certificate.speakers(4, 4),
        certificate.answers([answer()], True, True, True),
        certificate.stops([answer()], True),
    ]
    assert certificate.headline([c.to_dict() for c in rows]) == "The file speaks exactly like the character you trained"
    assert [c.sentence for c in rows] == [
        "9 of 9 texts matched",
        "the conversation format matches",
        "1 of 1 test questions, word for word",
        "no run-on replies in 1 tries",
    ]


def test_a_file_that_runs_on_is_caught():
    assert certificate.stops([answer(stopped=False)], True).ok is False
    assert certificate.stops([answer()], False).ok is False
    assert certificate.stops([answer(ended=False, stopped=False)], True).ok is None


def test_before_and_without_the_engine_nothing_is_claimed():
    assert [check.ok for check in certificate.waiting()] == [None] * 7
    rows = [check.to_dict() for check in examination.unchecked()]
    assert certificate.headline(rows) == "The file is made, but was not checked"
