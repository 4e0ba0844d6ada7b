"""Our files beside those of llama.cpp's own converter, from the source package of the very llama-cpp-python that is installed.

The package (77 MB) is fetched with pip when the tests run and kept beside their other temporary folders; nothing of it is in this project. Where the package
index can't be reached these tests are skipped, and say so.
"""

import json
import os
import struct
import subprocess
import sys
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from gguf import GGUFReader, GGUFValueType, GGUFWriter, TokenType
from transformers import PreTrainedTokenizerFast

from studio.domain import gemma
from studio.domain.conversation import Turn
from studio.engine import certifier, planner, vocabulary, writer
from studio.engine.merger import Merger
from studio.engine.player import Jinja2ChatFormatter, llama_cpp
from tests import llamacpp
from tests.engine import tiny
from tests.engine.test_export import needs_engine

pytestmark = [pytest.mark.slow, needs_engine]
KINDS = ("F32", "F16", "BF16")
FAMILIES = {"gemma": {}, "gemma2": {}, "gemma3": {}, "gemma3 with eyes": {}, "gemma3n": tiny.GEMMA3N_AS_RELEASED, "gemma4": {"use_double_wide_mlp": True},
            "gemma4 unified": {}}  # fmt: skip
# Keys in which the two are meant to differ, and why. “+”: only ours has it, “-”: only the converter's, “=”: both, with different values.
EVERYWHERE = {
    "general.name": "= the converter's is the folder's name, ours the character's",
    "general.size_label": "- nobody reads it",
    "tokenizer.ggml.eot_token_id": "+ by the mark's text; the converter leaves it to llama.cpp to find, or takes CodeGemma's 107",
    "tokenizer.ggml.add_bos_token": "+ Ollama takes a missing one for false",
    "tokenizer.ggml.add_eos_token": "+ said, not assumed",
    "tokenizer.ggml.scores": "= ranks of merges instead of the order in tokenizer.model, which is the same order",
    "tokenizer.ggml.token_type": "= <unk> is UNKNOWN, runs of ▁ are ordinary pieces, marks in Gemma 4's own list are CONTROL and not letters",
    "tokenizer.ggml.tokens": "= runs of ▁ stay what they are: as runs of spaces they cut long runs in another way than the app does",
}
OWN = {
    "gemma": {"gemma.rope.freq_base": "+ the converter knows only 10,000"},
    "gemma2": {"gemma2.rope.freq_base": "+ the converter knows only 10,000", "gemma2.attention.sliding_window_pattern": "+ the converter knows only every second"},
    "gemma3": {"gemma3.attention.sliding_window_pattern": "+ the converter knows only every sixth"},
    "gemma3 with eyes": {
        "gemma3.attention.sliding_window_pattern": "+ the converter knows only every sixth",
        "gemma3.final_logit_softcapping": "- transformers does not cap the model that sees pictures",
    },
}  # fmt: skip
DRIVER = """
import runpy, sys
script, tools, *jobs = sys.argv[1:]
sys.path.append(tools)
sys.path.insert(0, script.rpartition("/")[0])
for job in jobs:
    folder, out, kind = job.split("|")
    sys.argv = [script, folder, "--outfile", out, "--outtype", kind]
    runpy.run_path(script, run_name="__main__")
"""


# ---------------------------------------------------------------- the package
@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """(llama.cpp's folder of the source package, a folder with the library its converter reads a `tokenizer.model` with)."""
    try:
        kept = llamacpp.package(tmp_path_factory.getbasetemp().parent / f"llama-cpp-python-{version('llama-cpp-python')}")
    except subprocess.CalledProcessError as error:
        words = f"The package index can't be reached: {(error.stderr.strip() or 'pip said nothing').splitlines()[-1]}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(words)
    return kept / "llama.cpp", kept / "tools"


# ---------------------------------------------------------------- tensor for tensor, key for key
def field(number, value):
    """One field of a protocol buffer (https://protobuf.dev/programming-guides/encoding)."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3 | 5) + struct.pack("<f", value) if isinstance(value, float) else varint(number << 3) + varint(value)


def varint(number):
    low = number & 127
    return bytes([low | 128]) + varint(number >> 7) if number > 127 else bytes([low])


def spell_as_before(folder, words):
    """Put beside a tokenizer.json what Google's folders have: a `tokenizer.model` (sentencepiece_model.proto) and a config that lists the added tokens."""
    pieces = [field(1, piece.encode()) + field(2, -float(n)) + field(3, int(words.types[n])) for n, piece in enumerate(words.tokens)]
    marks = [field(number, words.ids[name]) for number, name in ((40, "unk"), (41, "bos"), (42, "eos"), (43, "pad"))]
    trainer, normalizer = (
        field(3, 2) + field(35, 1) + b"".join(marks),
        field(3, 0) + field(4, 0),
    )  # a BPE with bytes; nothing is added or removed
    (folder / "tokenizer.model").write_bytes(b"".join(field(1, piece) for piece in pieces) + field(2, trainer) + field(3, normalizer))
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    rows = json.loads((folder / "tokenizer.json").read_text("utf-8"))["added_tokens"]
    (folder / "tokenizer_config.json").write_text(
        json.dumps(config | {"added_tokens_decoder": {str(row["id"]): row for row in rows}}), "utf-8"
    )


@pytest.fixture(scope="module")
def both(package, tmp_path_factory):
    """(family, kind) -> (our file, the converter's)."""
    root, jobs, files = tmp_path_factory.mktemp("stock"), [], {}
    for family, other in FAMILIES.items():
        base = tiny.folder(root / family, family, **other)
        plan, _ = planner.plan_of("Biscuit", base, None)
        if family.startswith("gemma4"):
            config = json.loads((base / "config.json").read_text("utf-8"))
            (base / "config.json").write_text(json.dumps(config | {"moe_intermediate_size": None}), "utf-8")  # the converter asks for it
        else:
            spell_as_before(base, plan.vocabulary)
        for kind in KINDS:
            ours, stock = root / f"{family}-{kind}-ours.gguf", root / f"{family}-{kind}-stock.gguf"
            with Merger(base, None) as merger:
                writer.write(plan, merger, kind, ours, lambda share: None)
            jobs.append(f"{base}|{stock}|{kind.lower()}")
            files[family, kind] = ours, stock
    script, tools = package[0] / "convert_hf_to_gguf.py", package[1]
    run = subprocess.run([sys.executable, "-c", DRIVER, str(script), str(tools), *jobs], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return {key: (GGUFReader(ours), GGUFReader(stock)) for key, (ours, stock) in files.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_tensor_is_bit_for_bit_that_of_llama_cpps_converter(both, family, kind):
    ours, stock = ({t.name: (t.tensor_type, tuple(t.shape), t.data.tobytes()) for t in file.tensors} for file in both[family, kind])
    alone = set(ours) - set(stock)
    if (
        family == "gemma3n"
    ):  # llama.cpp wants to see keys and values where none are used; transformers 5 no longer saves any, and its own converter stops there
        assert alone == {f"blk.{n}.{part}.weight" for n in (20, 21) for part in ("attn_k", "attn_v", "attn_k_norm")}
        assert not any(any(ours.pop(name)[2]) for name in alone)
    assert ours == stock


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_key_is_that_of_llama_cpps_converter_but_for_the_listed_ones(both, family, kind):
    ours, stock = ({n: f.contents() for n, f in file.fields.items() if not n.startswith("GGUF.")} for file in both[family, kind])
    layers = ours[f"{ours['general.architecture']}.block_count"]
    differing = set()
    for name in set(ours) | set(stock):
        values = [
            value if isinstance(value, list) else [value] * layers for value in (ours.get(name), stock.get(name))
        ]  # one for all, or each its own
        if values[0] != values[1]:
            differing.add(name)
            sign = "+" if name not in stock else "-" if name not in ours else "="
            assert name in EVERYWHERE | OWN.get(family, {}), (name, ours.get(name), stock.get(name))
            reason = (EVERYWHERE | OWN.get(family, {}))[name]
            assert reason.startswith(sign) or name == "tokenizer.ggml.eot_token_id", (name, sign)
    assert set(OWN.get(family, {})) <= differing  # what is listed without need would hide something one day


def test_scores_are_in_the_order_of_tokenizer_model(both):
    ours, stock = both["gemma3", "F32"]
    kinds = ours.fields["tokenizer.ggml.token_type"].contents()
    tokens = ours.fields["tokenizer.ggml.tokens"].contents()
    merged = [n for n, kind in enumerate(kinds) if kind == TokenType.NORMAL and len(tokens[n]) > 1 and set(tokens[n]) != {"▁"}]
    mine, theirs = (file.fields["tokenizer.ggml.scores"].contents() for file in (ours, stock))
    assert len(merged) > 100 and sorted(merged, key=lambda n: -mine[n]) == sorted(merged, key=lambda n: -theirs[n])


# ---------------------------------------------------------------- Gemma's true dictionary
def array(file, key):
    """The strings or numbers of an array in a GGUF file; gguf's own reader takes half a minute for a million of them."""
    at = file.index(key.encode()) + len(key)
    _, kind, count = struct.unpack_from("<IIQ", file, at)
    at, found = at + 16, []
    if kind != GGUFValueType.STRING:
        return struct.unpack_from(f"<{count}i", file, at)
    for _ in range(count):
        (length,) = struct.unpack_from("<Q", file, at)
        at += 8 + length
        found.append(file[at - length : at].decode())
    return found


@pytest.fixture(scope="module")
def dictionary(package):
    """Gemma 4's tokenizer.json, put together again from llama.cpp's vocabulary file: its tokens, merges and which of them are marks."""
    file = (package[0] / "models" / "ggml-vocab-gemma-4.gguf").read_bytes()
    tokens, kinds, pairs = (array(file, f"tokenizer.ggml.{name}") for name in ("tokens", "token_type", "merges"))
    marks = [n for n, kind in enumerate(kinds) if kind in (TokenType.CONTROL, TokenType.USER_DEFINED)]
    merges = [pair.split(" ", 1) for pair in pairs]
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0", "added_tokens": [{"id": n, "content": tokens[n], **plain} for n in marks], "normalizer": replace,
        "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "vocab": {token: n for n, token in enumerate(tokens)}, "merges": merges},
    }  # fmt: skip


@pytest.fixture(scope="module")
def texts(dictionary, tmp_path_factory):
    """The certificate's own texts with the ids that the app would give them."""
    path = tmp_path_factory.mktemp("words") / "tokenizer.json"
    path.write_text(json.dumps(dictionary), "utf-8")
    app = PreTrainedTokenizerFast(tokenizer_file=str(path))
    return [(text, app(text, add_special_tokens=False)["input_ids"]) for text in certifier.corpus(SimpleNamespace(tokenizer=app), ())]


@pytest.mark.parametrize("family", ["gemma3", "gemma4"])
def test_gemmas_true_dictionary_gives_llama_cpps_own_ids(package, dictionary, texts, tmp_path, family):
    """Through both our writers: the merges of Gemma 4, and the scored list of Gemma 1 to 3, whose dictionary has the same pieces."""

    def marked(text):
        return text.replace("<|turn>", "<start_of_turn>").replace("<turn|>", "<end_of_turn>") if family == "gemma3" else text

    (tmp_path / "tokenizer.json").write_text(marked(json.dumps(dictionary)), "utf-8")
    made = GGUFWriter(tmp_path / "words.gguf", family)
    vocabulary.write(vocabulary.read(tmp_path, gemma.dialect_of(family)), made)
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.close()
    words = llama_cpp.Llama(str(tmp_path / "words.gguf"), vocab_only=True, verbose=False)
    vectors = package[0] / "models" / "ggml-vocab-gemma-4.gguf"
    given = vectors.with_name(vectors.name + ".inp").read_text("utf-8").split("\n__ggml_vocab_test__\n")
    wanted = [[int(n) for n in line.split()] for line in vectors.with_name(vectors.name + ".out").read_text("utf-8").split("\n")]
    assert len(given) > 40
    assert [words.tokenize(text.encode(), add_bos=False, special=False) for text in given] == wanted[: len(given)]
    for text, ids in texts:
        assert words.tokenize(marked(text).encode(), add_bos=False, special=True) == ids, text


@pytest.mark.parametrize("system", ["You are Biscuit.\n\nBe kind.", ""])
def test_gemma_4s_own_template_gives_the_markup_that_is_learned(package, system):
    """In the hands of llama.cpp, which has another Jinja than transformers; the studio keeps this template as it is."""
    template = (package[0] / "models" / "templates" / "google-gemma-4-31B-it.jinja").read_text("utf-8")
    talk = [Turn("", "user", "Hello"), Turn("", "model", "Woof <b>."), Turn("", "user", " And? ")]
    said = [{"role": "assistant" if turn.role == "model" else "user", "content": gemma.plain(turn.text)} for turn in talk]
    lead = [{"role": "system", "content": system}] if system else []
    found = Jinja2ChatFormatter(template, eos_token="<eos>", bos_token="<bos>")(messages=[*lead, *said]).prompt
    assert found == gemma.prompt(talk, system, gemma.GEMMA4_LARGE)
