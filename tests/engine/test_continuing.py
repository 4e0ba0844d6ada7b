"""A lesson goes on from the adapter of an earlier one, and leaves its figures for other programs."""

import json
import shutil

import pandas
import pytest
import torch
from safetensors.torch import load_file

from studio.domain import measures, progress
from studio.domain.errors import NotReady
from studio.domain.replay import START
from studio.engine import ledger, trainer
from studio.engine.reporter import Reporter
from tests.engine import lessons


def teach(folder):
    reporter = Reporter(folder)
    trainer.teach(folder, reporter)
    return progress.read((folder / "events.jsonl").read_text("utf-8"))


def follow(old, folder, recipe):
    """A lesson that continues `old`."""
    lessons.order(folder, recipe, continues=old.name)
    (folder / START).mkdir()
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        shutil.copyfile(old / name, folder / START / name)
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = lessons.order(tmp_path_factory.mktemp("lessons") / "first", lessons.short(learning_rate=2e-3))
    teach(folder)
    return folder


def test_a_continued_lesson_begins_where_the_earlier_one_ended(first, tmp_path):
    kept = json.loads((first / "result.json").read_text("utf-8"))["validation_nll_adapter"]
    assert kept < json.loads((first / "result.json").read_text("utf-8"))["validation_nll_base"], "the earlier lesson has learned something"
    events = teach(follow(first, tmp_path / "second", lessons.short(learning_rate=1e-6)))
    begun = next(each["loss"] for each in events if each["kind"] == "evaluation" and each["step"] == 0)
    assert begun == pytest.approx(kept, abs=0.02)
    changed = load_file(tmp_path / "second" / "adapter_model.safetensors")
    for name, weight in load_file(first / "adapter_model.safetensors").items():
        assert torch.allclose(weight, changed[name], atol=1e-3), name


def test_another_depth_can_not_be_continued(first, tmp_path):
    with pytest.raises(NotReady, match="another depth"):
        teach(follow(first, tmp_path / "second", lessons.short(rank=4)))


def test_metrics_csv_lies_beside_the_adapter_and_pandas_reads_it(first):
    frame = pandas.read_csv(first / "metrics.csv")
    assert tuple(frame.columns) == measures.COLUMNS
    assert list(frame["step"]) == list(range(len(frame)))
    assert frame[["train_loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_mb"]][1:].notna().all().all()
    assert frame["seconds"].is_monotonic_increasing
    events = progress.read((first / "events.jsonl").read_text("utf-8"))
    assert frame["validation_loss"].notna().sum() == sum(each["kind"] == "evaluation" for each in events)


def test_tensorboard_is_written_only_where_it_is_installed(tmp_path, monkeypatch):
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    assert ledger.watchers(tmp_path) == []
    (tmp_path / "tensorboard.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert ledger.watchers(tmp_path) == ["tensorboard"]
