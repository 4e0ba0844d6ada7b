"""How fast an export is beside the usual way, how near to the disk's own speed, and how much memory it takes, whatever the model's size.

    python -m studio bench export-speed [--json FILE]
    python tests/benchmarks/export_speed.py [--only speed,wide] [--package FOLDER] [--keep FOLDER]

The model has the shapes of Gemma 3 1B with random weights and Gemma's whole dictionary, the adapter rank 16 on every matrix; both ways end with a BF16 file.
The usual way: transformers loads the model, peft merges, `save_pretrained`, then llama.cpp's own converter from the source package of the installed
llama-cpp-python (fetched with pip into a temporary folder; `--package`: a folder that has it already). Every run is a process of its own whose imports count,
they take turns, ours in the surroundings the studio gives its exports, and none ends before its file is on the disk; of two rounds the better counts. The certificate, to which the usual way has no counterpart, is
left out. Memory is RssAnon of the process, looked at every 5 ms, beyond what it was after all imports; what the system keeps of files is not in it. The last
part exports a folder with the shapes of Gemma 3 12B to Q8_0; its weights are a sparse file, which reads as zeros. `--keep`: models stay there for another sitting.
"""

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from studio.domain.machine import CALM  # noqa: E402
from studio.engine.keeper import journal_of  # noqa: E402
from tests import llamacpp  # noqa: E402

TIMES, SHARE, EXTRA = 3.0, 0.8, 256.0  # bars: times as fast, of the disk's own speed, megabytes beyond the imports
ROUNDS = 2
SHAPES: dict[str, dict[str, Any]] = {
    "1b": {"hidden_size": 1152, "num_hidden_layers": 26, "intermediate_size": 6912, "num_attention_heads": 4, "num_key_value_heads": 1},
    "12b": {"hidden_size": 3840, "num_hidden_layers": 48, "intermediate_size": 15_360, "num_attention_heads": 16, "num_key_value_heads": 8},
}
HEAD, WORDS, RANK = 256, 262_144, 16
CONVERT = """
import runpy, sys
script, tools, folder, out = sys.argv[1:]
sys.path.append(tools)
sys.path.insert(0, script.rpartition("/")[0])
sys.argv = [script, folder, "--outfile", out, "--outtype", "bf16"]
runpy.run_path(script, run_name="__main__")
"""


# ---------------------------------------------------------------- what is exported
def dictionary(folder: Path, place: Path) -> None:
    """Gemma's tokenizer in both forms, put together again from llama.cpp's vocabulary: `tokenizer.json`, and `tokenizer.model` for the converter."""
    from tests.engine.test_export_stock import array, field

    file = (place / "llama.cpp" / "models" / "ggml-vocab-gemma-4.gguf").read_bytes()
    mark = {"<|turn>": "<start_of_turn>", "<turn|>": "<end_of_turn>"}
    tokens = [mark.get(token, token) for token in array(file, "tokenizer.ggml.tokens")]
    merges = [pair.split(" ", 1) for pair in array(file, "tokenizer.ggml.merges")]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [
        {"id": n, "content": token, **plain}
        for n, token in enumerate(tokens[:260])
        if token.startswith("<") and token.endswith(">") and "0x" not in token
    ]
    value = {
        "version": "1.0", "added_tokens": added, "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "vocab": {t: n for n, t in enumerate(tokens)}, "merges": merges},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    special = {
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "tokenizer_class": "GemmaTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(special), "utf-8")
    shutil.copy(HERE / "assets" / "practice-model" / "chat_template.jinja", folder)
    marks = {row["content"] for row in added}
    kinds = [2 if t == "<unk>" else 3 if t in marks else 6 if len(t) == 6 and t.startswith("<0x") else 1 for t in tokens]
    pieces = b"".join(field(1, field(1, t.encode()) + field(2, -float(n)) + field(3, kinds[n])) for n, t in enumerate(tokens))
    ids = b"".join(field(n, tokens.index(t)) for n, t in ((40, "<unk>"), (41, "<bos>"), (42, "<eos>"), (43, "<pad>")))
    # A BPE with bytes, to whose texts nothing is added (sentencepiece_model.proto).
    (folder / "tokenizer.model").write_bytes(pieces + field(2, field(3, 2) + field(35, 1) + ids) + field(3, field(3, 0) + field(4, 0)))


def matrices(shape: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Every matrix of a layer: name -> (rows, columns)."""
    width, mlp = shape["hidden_size"], shape["intermediate_size"]
    wide, narrow = shape["num_attention_heads"] * HEAD, shape["num_key_value_heads"] * HEAD
    return {
        "self_attn.q_proj": (wide, width), "self_attn.k_proj": (narrow, width), "self_attn.v_proj": (narrow, width), "self_attn.o_proj": (width, wide),
        "mlp.gate_proj": (mlp, width), "mlp.up_proj": (mlp, width), "mlp.down_proj": (width, mlp),
    }  # fmt: skip


def folder(size: str, place: Path, words: Path) -> tuple[Path, Path]:
    """(model folder, adapter folder) of that size; the weights of 1B are random numbers, those of 12B a hole in a file."""
    import torch
    from peft import LoraConfig
    from safetensors.torch import save_file
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    model, adapter, shape = place / size, place / f"{size}-adapter", SHAPES[size]
    if adapter.exists():  # made last, in an earlier sitting
        return model, adapter
    model.mkdir(parents=True, exist_ok=True)
    config = Gemma3TextConfig(**shape, head_dim=HEAD, vocab_size=WORDS, max_position_embeddings=32_768, query_pre_attn_scalar=HEAD)
    config.architectures, config.dtype = ["Gemma3ForCausalLM"], torch.bfloat16
    if size == "1b":
        torch.set_default_dtype(torch.bfloat16)
        Gemma3ForCausalLM(config).save_pretrained(model)
        torch.set_default_dtype(torch.float32)
    else:
        config.save_pretrained(model)
        hole(model / "model.safetensors", shape)
    dictionary(model, words)
    adapter.mkdir()
    learned = {}
    for layer in range(shape["num_hidden_layers"]):
        for name, (rows, columns) in matrices(shape).items():
            inner = f"base_model.model.model.layers.{layer}.{name}"
            learned |= {f"{inner}.lora_A.weight": torch.randn(RANK, columns) / 30, f"{inner}.lora_B.weight": torch.randn(rows, RANK) / 30}
    save_file(learned, adapter / "adapter_model.safetensors")
    LoraConfig(
        r=RANK, lora_alpha=RANK, target_modules=[name.split(".")[1] for name in matrices(shape)], task_type="CAUSAL_LM"
    ).save_pretrained(adapter)
    return model, adapter


def hole(path: Path, shape: dict[str, Any]) -> None:
    """A safetensors file of BF16 weights of that shape that takes no room: its numbers were never written."""
    width = shape["hidden_size"]
    sizes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (WORDS, width), "model.norm.weight": (width,)}
    for layer in range(shape["num_hidden_layers"]):
        norms = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")
        parts: dict[str, tuple[int, ...]] = {**matrices(shape), **dict.fromkeys(norms, (width,))}
        parts |= dict.fromkeys(("self_attn.q_norm", "self_attn.k_norm"), (HEAD,))
        sizes |= {f"model.layers.{layer}.{name}.weight": size for name, size in parts.items()}
    header, at = {}, 0
    for name, size in sizes.items():
        length = 2 * size[0] * (size[1] if len(size) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": size, "data_offsets": [at, at + length]}
        at += length
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)


# ---------------------------------------------------------------- the two ways, each in its own process
class Memory:
    """The most anonymous memory this process has had since now, in megabytes beyond what it had."""

    def __init__(self) -> None:
        self.before = self.most = self._now()
        threading.Thread(target=self._watch, daemon=True).start()

    def _now(self) -> float:
        return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon")) / 1024

    def _watch(self) -> None:
        while True:
            self.most = max(self.most, self._now())
            time.sleep(0.005)

    @property
    def extra(self) -> float:
        """Megabytes."""
        return max(self.most, self._now()) - self.before


def ours(model: Path, adapter: Path, out: Path, kind: Any) -> dict[str, float]:
    """The studio's way: (seconds without imports, seconds from the first weight, extra megabytes)."""
    from studio.engine import planner, writer
    from studio.engine.merger import Merger

    memory, began, first = Memory(), time.perf_counter(), [0.0]

    def progress(_share: float) -> None:
        first[0] = first[0] or time.perf_counter()

    plan, _ = planner.plan_of("Biscuit", model, adapter)
    with Merger(model, adapter) as merger:
        writer.write(plan, merger, kind, out, progress)
    ended = time.perf_counter()
    return {"seconds": ended - began, "writing": ended - first[0], "extra": memory.extra}


def merged(model: Path, adapter: Path, out: Path) -> dict[str, float]:
    """The first half of the usual way: a merged folder."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    memory = Memory()
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    PeftModel.from_pretrained(loaded, str(adapter)).merge_and_unload().save_pretrained(out)
    for name in ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(model / name, out)
    return {"extra": memory.extra}


def child(way: str, *paths: Path | str) -> dict[str, float]:
    """Run a way in a process of its own; what it says, and `wall`, its seconds from start to end."""
    os.sync()  # nothing that others wrote is still on its way
    surroundings = {**os.environ, **(CALM if way == "ours" else {})}
    began = time.perf_counter()
    run = subprocess.run([sys.executable, __file__, "--child", way, *map(str, paths)], stdout=subprocess.PIPE, check=True, env=surroundings)
    return {**json.loads(run.stdout.splitlines()[-1]), "wall": time.perf_counter() - began}


# ---------------------------------------------------------------- the parts
def speed(place: Path, words: Path) -> list[dict[str, Any]]:
    """Both ways in turns, and the disk."""
    model, adapter = folder("1b", place, words)
    found: dict[str, list[dict[str, float]]] = {"ours": [], "usual": []}
    out, whole, disk = place / "ours.gguf", place / "merged", []
    for _ in range(ROUNDS):
        found["ours"].append(child("ours", model, adapter, out, "BF16"))
        disk.append(plain(place / "plain", out.stat().st_size))
        out.unlink(), journal_of(out).unlink()  # or the next round would only go on with what is there
        first = child("merged", model, adapter, whole)
        began = time.perf_counter()
        script = words / "llama.cpp" / "convert_hf_to_gguf.py"
        line = [sys.executable, "-c", CONVERT, str(script), str(words / "tools"), str(whole), str(place / "stock.gguf")]
        subprocess.run(line, check=True, capture_output=True)
        with open(place / "stock.gguf", "rb") as made:
            os.fsync(made.fileno())
        found["usual"].append({**first, "wall": first["wall"] + time.perf_counter() - began})
        shutil.rmtree(whole)
        (place / "stock.gguf").unlink()
    best = {way: min(runs, key=lambda run: run["wall"]) for way, runs in found.items()}
    times, writing = best["usual"]["wall"] / best["ours"]["wall"], min(run["writing"] for run in found["ours"])
    extra = max(run["extra"] for run in found["ours"])
    print(f"ours {best['ours']['wall']:.1f} s, the usual way {best['usual']['wall']:.1f} s and {best['usual']['extra']:.0f} MB", flush=True)
    return [
        bar("times as fast as the usual way", times, TIMES, times >= TIMES, runs=found),
        bar("share of the disk's own speed", min(disk) / writing, SHARE, min(disk) / writing >= SHARE, disk=disk),
        bar("MB beyond the imports, 1B", extra, EXTRA, extra <= EXTRA),
    ]


def plain(path: Path, size: int) -> float:
    """Seconds to write that many bytes with nothing to compute, and to have them on the disk."""
    os.sync()
    block, began = os.urandom(8 * 1024 * 1024), time.perf_counter()
    with open(path, "wb") as file:
        for at in range(0, size, len(block)):
            file.write(block[: size - at])
        file.flush()
        os.fsync(file.fileno())
    took = time.perf_counter() - began
    path.unlink()
    return took


def wide(place: Path, words: Path) -> list[dict[str, Any]]:
    """A model twelve times as large, in the same memory."""
    free = shutil.disk_usage(place).free
    if free < 15e9:
        raise SystemExit(f"The 12B part needs 15 GB of disk, {free / 1e9:.0f} GB is free.")
    model, adapter = folder("12b", place, words)
    run = child("ours", model, adapter, place / "wide.gguf", "Q8_0")
    size = (place / "wide.gguf").stat().st_size
    (place / "wide.gguf").unlink(), journal_of(place / "wide.gguf").unlink()
    return [bar("MB beyond the imports, 12B", run["extra"], EXTRA, run["extra"] <= EXTRA, seconds=run["wall"], bytes=size)]


def bar(name: str, found: float, wanted: float, ok: bool, **more: Any) -> dict[str, Any]:
    """One line of the report."""
    print(f"{'ok  ' if ok else 'MISS'} {name}: {found:.2f} (bar {wanted:g})", flush=True)
    return {"name": name, "found": found, "bar": wanted, "ok": ok, **more}


def main() -> int:
    """Measure, print, and say by the exit code whether every bar was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="speed,wide")
    parser.add_argument("--package", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        way, *paths = given.child
        places = [Path(path) for path in paths[:3]]
        said = ours(*places, paths[3]) if way == "ours" else merged(*places)
        print(json.dumps(said))
        return 0
    if not Path("/proc/self/status").exists():
        raise SystemExit("Anonymous memory is counted by Linux alone; run this there.")
    with tempfile.TemporaryDirectory(prefix="persona-studio-") as scratch:
        words, found = llamacpp.package(given.package or Path(scratch) / "package"), []
        for part in given.only.split(","):
            found += {"speed": speed, "wide": wide}[part](given.keep or Path(scratch), words)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0 if all(one["ok"] for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
