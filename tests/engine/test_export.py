"""Tiny Gemmas with random weights go through the whole export and are measured with the real llama.cpp."""

import json
import os

import pytest

from studio.domain import architecture, certificate, sizes
from studio.engine import player
from studio.engine.exporter import export
from studio.engine.reporter import Reporter, Stopped
from tests.engine import tiny
from tests.engine.zoo import PROMPTS, ZOO, made, order

needs_engine = pytest.mark.skipif(not (player.present() or os.environ.get("CI")), reason="llama-cpp-python is not installed")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """(model folder, adapter folder) of a variant, made once."""
    root, ready = tmp_path_factory.mktemp("models"), {}

    def find(name):
        if name not in ready:
            ready[name] = ZOO[name].make(root / name)
        return ready[name]

    return find


@needs_engine
@pytest.mark.parametrize("variant", ZOO)
def test_the_exact_file_computes_what_the_app_computes(models, variant, tmp_path):
    result = made(tmp_path, models(variant), "F32")
    assert result["nmse_f32"] <= 1e-5
    assert result["greedy_matches"] == result["greedy_prompts"] == len(PROMPTS)
    assert [check["ok"] for check in result["checks"]][:3] == [True] * 3
    assert result["checks"][certificate.STOP]["ok"] in (True, None)  # random weights may never end an answer
    assert [check["title"] for check in result["checks"]] == [title for title, _ in certificate.TITLES[:4]]
    assert [(answer["prompt"], answer["file"]) for answer in result["answers"]] == [(a["prompt"], a["app"]) for a in result["answers"]]
    assert (tmp_path / "biscuit-F32.gguf").stat().st_size == result["bytes"]
    assert "FROM ./biscuit-F32.gguf" in (tmp_path / "Modelfile").read_text("utf-8")


@needs_engine
@pytest.mark.parametrize(("kind", "limit"), [("F16", 1e-4), ("BF16", 1e-3), ("Q8_0", 1e-2), ("Q4_K_M", 0.3)])
def test_smaller_files_are_measured_and_sized_and_claim_no_more_than_is_true(models, kind, limit, tmp_path):
    result = made(tmp_path, models("gemma2"), kind)
    assert result["nmse_f32"] <= 1e-5
    assert result["nmse_file"] <= limit
    same = sum(answer["app"] == answer["file"] for answer in result["answers"])
    assert (result["checks"][certificate.ANSWERS]["ok"] is True) == (same == len(PROMPTS))
    shape = architecture.read(json.loads((models("gemma2")[0] / "config.json").read_text("utf-8")))
    # A tiny file is mostly its dictionary and keys, so a few kilobytes are many percent.
    assert abs(sizes.of(shape, len(tiny.tokenizer()), kind) - result["bytes"]) < 8000


@needs_engine
def test_the_plain_model_can_be_exported_too_and_the_terminal_stays_quiet(models, tmp_path, capfd):
    capfd.readouterr()
    assert made(tmp_path, (models("gemma")[0], None), "F32")["nmse_f32"] <= 1e-5
    said = capfd.readouterr()
    assert "llama" not in said.err + said.out
    assert "llama" in (tmp_path / "log.txt").read_text("utf-8")


def test_a_stop_leaves_nothing_behind(models, tmp_path):
    folder = order(tmp_path, models("gemma"), "F16")
    reporter = Reporter(folder)
    (folder / "stop").touch()
    (folder / "biscuit-F16.gguf.part").write_bytes(b"left over from a killed run")
    with pytest.raises(Stopped):
        export(folder, reporter)
    assert {path.name for path in folder.iterdir()} == {"spec.json", "events.jsonl", "log.txt", "stop"}
