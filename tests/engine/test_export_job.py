"""The export as the app starts it: a process and a folder."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from studio.domain import progress
from studio.engine import player
from tests.engine import tiny
from tests.engine.zoo import made, order

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    root = tmp_path_factory.mktemp("job")
    base = tiny.folder(root / "base", "gemma2")
    return base, tiny.adapter(root / "adapter", base)


def child(*arguments, **surroundings):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **surroundings}
    return subprocess.Popen([sys.executable, *arguments], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def events(folder):
    return progress.read((folder / "events.jsonl").read_text("utf-8"))


@pytest.mark.skipif(os.name != "posix", reason="a hard kill is tried with POSIX signals")
def test_a_killed_export_leaves_no_file_and_goes_on(pair, tmp_path):
    folder = order(tmp_path, pair, "F16", prompts=["what happens when it rains?"] * 20)
    job = child("-m", "studio.engine.exporter", str(folder))
    while job.poll() is None and not list(folder.glob("*.gguf.part")):
        time.sleep(0.002)
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert list(folder.glob("*.part"))
    assert not list(folder.glob("*.gguf"))
    assert not (folder / "result.json").exists()
    assert made(folder, pair, "F16", prompts=[])["bytes"] == (folder / "biscuit-F16.gguf").stat().st_size
    assert events(folder)[-1]["kind"] == "done"


WITHOUT = """
import pathlib, sys
from studio.engine import reporter
from studio.engine.exporter import export
for name in sys.argv[1:]:
    sys.argv[1] = name
    try:
        reporter.run(export)
    except SystemExit:
        pass
"""


def test_without_llama_cpp_files_are_made_but_not_called_checked(pair, tmp_path):
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "llama_cpp.py").write_text("raise ImportError('not installed here')\n", "utf-8")
    large, small = order(tmp_path / "large", pair, "Q8_0"), order(tmp_path / "small", pair, "Q4_K_M")
    path = os.pathsep.join([str(tmp_path / "shadow"), str(PROJECT)])
    job = child("-c", WITHOUT, str(large), str(small), PYTHONPATH=path)
    said = job.communicate()[0].decode()
    assert (large / "certificate.json").is_file(), said
    proof = json.loads((large / "certificate.json").read_text("utf-8"))
    assert {(check["sentence"], check["ok"]) for check in proof["checks"]} == {("Not checked: the engine is missing.", None)}
    assert proof["logits"] is proof["master"] is proof["made_with"]["llama_cpp"] is None
    assert (large / "biscuit-Q8_0.gguf").stat().st_size == proof["bytes"]
    refused = events(small)[-1]
    assert refused["kind"] == "failed"
    assert "pip install llama-cpp-python" in refused["message"]
    assert not list(small.glob("*.gguf*"))
    if player.present():  # the very same file as with the engine: it is only looked at with it
        made(tmp_path / "again", pair, "Q8_0", prompts=[])
        assert (tmp_path / "again" / "biscuit-Q8_0.gguf").read_bytes() == (large / "biscuit-Q8_0.gguf").read_bytes()


def test_an_order_that_cannot_be_read_is_told_in_the_journal(tmp_path):
    (tmp_path / "spec.json").write_text("{", "utf-8")
    job = child("-m", "studio.engine.exporter", str(tmp_path))
    job.communicate()
    assert job.returncode == 1
    assert "Start the export again" in events(tmp_path)[-1]["message"]
