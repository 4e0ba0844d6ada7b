"""A file whose writing was killed goes on after its last whole tensor, and ends as the very file it would have been."""

import os
import shutil

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Type
from gguf import quantize

from studio.domain.errors import StudioError
from studio.engine import writer
from studio.engine.keeper import journal_of
from studio.engine.merger import Merger
from studio.engine.packer import packed
from studio.engine.planner import plan_of
from tests.engine import tiny


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    root = tmp_path_factory.mktemp("keeper")
    base = tiny.folder(root / "base", "gemma3")
    return base, tiny.adapter(root / "adapter", base)


def written(pair, path, until=2.0):
    """The shares that were told; writing ends, as if killed, once `until` is passed."""
    told = []

    def progress(share):
        told.append(share)
        if share > until:
            raise Killed

    plan, _ = plan_of("Biscuit", *pair)
    with Merger(*pair) as merger:
        writer.write(plan, merger, "F16", path, progress)
    return told


@pytest.fixture
def torn(pair, tmp_path):
    """(a file killed half-way, what it should become)."""
    whole, part = tmp_path / "whole.gguf.part", tmp_path / "torn.gguf.part"
    assert len(written(pair, whole)) > 40
    with pytest.raises(Killed):
        written(pair, part, until=0.5)
    assert 0 < part.stat().st_size < whole.stat().st_size
    return part, whole.read_bytes()


def test_it_goes_on_where_it_was(pair, torn):
    part, whole = torn
    assert min(written(pair, part)) > 0.4
    assert part.read_bytes() == whole


@pytest.mark.parametrize("damage", ["a byte turned", "cut short", "journal torn"])
def test_what_does_not_agree_with_its_journal_is_written_again(pair, torn, damage):
    part, whole = torn
    if damage == "a byte turned":
        with open(part, "r+b") as file:
            file.seek(len(whole) // 3)
            byte = file.read(1)
            file.seek(len(whole) // 3)
            file.write(bytes([byte[0] ^ 1]))
    elif damage == "cut short":
        os.truncate(part, len(whole) // 4)
    else:
        text = journal_of(part).read_text()
        journal_of(part).write_text(text[: len(text) // 2])
    written(pair, part)
    assert part.read_bytes() == whole


def test_another_lesson_begins_anew(pair, torn, tmp_path):
    part, whole = torn
    other = tmp_path / "other"
    shutil.copytree(pair[1], other)  # the same numbers, but nobody has looked whether they are
    assert min(written((pair[0], other), part)) < 0.4
    assert part.read_bytes() == whole
    changed = tiny.adapter(tmp_path / "changed", pair[0], lora_alpha=30)
    written((pair[0], changed), part)
    assert part.read_bytes() != whole


@pytest.mark.parametrize("kind", [Type.F32, Type.F16, Type.BF16, Type.Q8_0])
def test_bytes_are_those_of_gguf_itself(kind):
    chance = np.random.default_rng(3)
    rows = np.concatenate([chance.normal(size=(64, 256)), chance.integers(-254, 255, (64, 256)) / 2, np.zeros((2, 256))]).astype(np.float32)
    rows[:, 0] = 127  # in blocks that begin so a step is 1, and halves lie exactly between two
    assert packed(torch.from_numpy(rows), kind, "x").tobytes() == quantize(rows, kind).tobytes()


@pytest.mark.parametrize(("kind", "number"), [(Type.F16, 70_000.0), (Type.BF16, np.nan), (Type.Q8_0, np.inf), (Type.F32, -np.inf)])
def test_numbers_that_do_not_fit_are_refused(kind, number):
    rows = np.ones((2, 32), np.float32)
    rows[1, 5] = number
    with pytest.raises(StudioError, match="too large"):
        packed(torch.from_numpy(rows), kind, "blk.0.ffn_up.weight")
