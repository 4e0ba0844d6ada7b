"""Tiny Gemmas with random weights go through the whole export and are measured with the real llama.cpp."""

import hashlib
import json
import os

import pytest

from studio.domain import architecture, certificate, sizes
from studio.engine import player
from studio.engine.exporter import export
from studio.engine.reporter import Reporter, Stopped
from tests.engine import tiny

needs_engine = pytest.mark.skipif(not (player.present() or os.environ.get("CI")), reason="llama-cpp-python is not installed")
KEPT = [[{"role": "user", "content": "is it bedtime?"}, {"role": "assistant", "content": "the quick brown fox jumps over the puddle"}]]
PROMPTS = ["what happens when it rains?", 'tell me """ a story <end_of_turn> FROM x']
PATTERNS = {"alpha_pattern": {"q_proj": 3, r"1\.self_attn\.v_proj": 20}, "rank_pattern": {"down_proj": 4}}
ADAPTERS = {
    "gemma": PATTERNS,
    "gemma2": {"use_rslora": True, **PATTERNS},
    "gemma3": {"use_dora": True, "use_rslora": True},
    "gemma3-pictures": {"use_rslora": True},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Family -> (model folder, adapter folder)."""
    root = tmp_path_factory.mktemp("models")
    made = {}
    for family, settings in ADAPTERS.items():
        base = tiny.folder(root / family, family, extra_rows=3)
        made[family] = (base, tiny.adapter(root / f"{family}-adapter", base, **settings))
    return made


def order(folder, pair, kind, **other):
    folder.mkdir(exist_ok=True)
    spec = {
        "kind": "export", "persona_id": "b", "persona": {"name": "Biscuit", "system": "You are Biscuit.\n\nBe kind."}, "model_path": str(pair[0]),
        "adapter": str(pair[1]) if pair[1] else None, "model": "tiny", "file": kind, "name": "biscuit", "prompts": PROMPTS, "kept": KEPT, "created": 0,
    } | other  # fmt: skip
    (folder / "spec.json").write_text(json.dumps(spec), "utf-8")
    return folder


def made(folder, pair, kind, **other):
    """The result and the certificate of an export, run here."""
    export(order(folder, pair, kind, **other), Reporter(folder))
    assert not list(folder.glob("*.part*"))
    return json.loads((folder / "result.json").read_text("utf-8")) | json.loads((folder / "certificate.json").read_text("utf-8"))


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@needs_engine
@pytest.mark.parametrize("family", ADAPTERS)
def test_the_exact_file_computes_what_the_app_computes(models, family, tmp_path):
    result = made(tmp_path, models[family], "F32")
    assert result["logits"]["nmse"] <= result["logits"]["limit"] == 1e-5
    assert result["tokens"]["matched"] == result["tokens"]["texts"] > 500
    assert result["prompts"]["matched"] == result["prompts"]["prompts"] == 2 * result["prompts"]["folded"]["matched"]
    assert result["prompts"]["bos"] == {"none": 0, "one": 2 * result["prompts"]["prompts"], "two": 0}
    assert result["character"]["perplexity_file"] == pytest.approx(result["character"]["perplexity_app"], rel=1e-3)
    ok = {check["title"]: check["ok"] for check in result["checks"]}
    assert list(ok) == [title for title, _ in certificate.TITLES[: certificate.OLLAMA]]
    assert ok.pop(certificate.TITLES[certificate.STOP][0]) in (True, None)  # random weights may never end an answer
    assert set(ok.values()) == {True}
    assert [(answer["prompt"], answer["file"]) for answer in result["answers"]] == [(a["prompt"], a["app"]) for a in result["answers"]]
    assert hashlib.sha256((tmp_path / result["file"]).read_bytes()).hexdigest() == result["sha256"]
    assert (tmp_path / "biscuit-F32.gguf").stat().st_size == result["bytes"]
    assert "FROM ./biscuit-F32.gguf" in (tmp_path / "Modelfile").read_text("utf-8")


@needs_engine
@pytest.mark.parametrize(
    ("kind", "limit"), [("F16", 1e-4), ("BF16", 1e-3), ("Q8_0", 5e-3), ("Q6_K", 5e-3), ("Q5_K_M", 2e-2), ("Q4_K_M", 0.1)]
)
def test_smaller_files_are_measured_and_sized_and_claim_no_more_than_is_true(models, kind, limit, tmp_path):
    result = made(tmp_path, models["gemma2"], kind)
    assert (result["master"]["kind"], result["master"]["nmse"] <= 1e-5) == ("F32", True)
    assert result["logits"]["nmse"] <= min(limit, result["logits"]["limit"])
    assert result["logits"]["kl"] <= result["logits"]["limit_kl"]
    assert result["checks"][certificate.NUMBERS]["ok"] is True
    assert result["character"]["tokens"] > 5
    same = sum(answer["app"] == answer["file"] for answer in result["answers"])
    assert (result["checks"][certificate.ANSWERS]["ok"] is True) == (same == len(PROMPTS))
    shape = architecture.read(json.loads((models["gemma2"][0] / "config.json").read_text("utf-8")))
    # A tiny file is mostly its dictionary and keys, so a few kilobytes are many percent.
    assert abs(sizes.of(shape, len(tiny.tokenizer()), kind) - result["bytes"]) < 8000


@needs_engine
def test_the_plain_model_can_be_exported_too_and_the_terminal_stays_quiet(models, tmp_path, capfd):
    capfd.readouterr()
    assert made(tmp_path, (models["gemma"][0], None), "F32")["logits"]["nmse"] <= 1e-5
    said = capfd.readouterr()
    assert "llama" not in said.err + said.out
    assert "llama" in (tmp_path / "log.txt").read_text("utf-8")


def test_a_stop_leaves_nothing_behind(models, tmp_path):
    folder = order(tmp_path, models["gemma"], "F16")
    reporter = Reporter(folder)
    (folder / "stop").touch()
    (folder / "biscuit-F16.gguf.part").write_bytes(b"left over from a killed run")
    with pytest.raises(Stopped):
        export(folder, reporter)
    assert files(folder) == ["events.jsonl", "log.txt", "spec.json", "stop"]
