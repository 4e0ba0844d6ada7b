"""The quick copies: what llama.cpp computes from them beside the model wearing the lesson with peft, and what a making leaves that does not reach its end."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from studio.domain.conversation import Turn
from studio.domain.errors import StudioError
from studio.engine import quickener
from studio.engine.teller import Teller
from tests.engine import tiny
from tests.engine.test_export import needs_engine

PROJECT = Path(__file__).resolve().parents[2]
PRACTICE = PROJECT / "assets" / "practice-model"
KINDS = {"lora": {}, "rslora": {"use_rslora": True}, "dora": {"use_dora": True}}
ROUNDED = 2e-3  # squared error of the logits over their squared size: what eight bits a weight may round in these small models

pytestmark = needs_engine


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Model folder and its plain quick copy, by name; the tiny one has nothing at its usual value."""
    root = tmp_path_factory.mktemp("bases")
    found = {"practice": PRACTICE, "tiny": tiny.folder(root / "tiny", "gemma3")}
    return {name: (folder, made(folder, None, root / f"{name}.gguf")) for name, folder in found.items()}


def made(folder, lesson, file, beside=None):
    assert list(quickener.make(folder, lesson, file, beside))[-1:] in ([1.0], [])
    return file


def quick(bases, tmp_path, name, kind):
    """(model folder, lesson, file, adapter file) of a quick voice."""
    folder, base = bases[name]
    lesson = tiny.adapter(tmp_path / "lesson", folder, **KINDS[kind])
    if kind == "dora":
        return folder, lesson, made(folder, lesson, tmp_path / "merged.gguf"), None
    made(folder, lesson, base, tmp_path / "lesson.lora.gguf")
    return folder, lesson, base, tmp_path / "lesson.lora.gguf"


def heard(file, adapter, ids):
    """Logits after each of these tokens, as the quick voice has them."""
    teller = Teller(file)
    with closing(teller):
        memory, rows = teller.memory(adapter), []
        for token in ids:
            memory.hear([token], lambda: False)
            rows.append(memory.logits(teller._vocabulary).copy())
        return np.stack(rows)


def apart(wanted, found):
    return float(((wanted - found) ** 2).sum() / (wanted**2).sum())


@pytest.mark.parametrize("name", ["practice", "tiny"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_quick_voice_computes_what_the_model_wearing_the_lesson_does_but_for_rounding(bases, tmp_path, name, kind):
    folder, lesson, file, beside = quick(bases, tmp_path, name, kind)
    ids = [2, *range(300, 340)]
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    with torch.inference_mode():
        before = plain(torch.tensor([ids])).logits[0].numpy()
        wanted = PeftModel.from_pretrained(plain, str(lesson))(torch.tensor([ids])).logits[0].numpy()
    found = heard(file, beside, ids)[:, : wanted.shape[1]]
    wanted, before = wanted[:, : found.shape[1]], before[:, : found.shape[1]]
    assert apart(wanted, found) <= ROUNDED
    assert apart(before, found) > 10 * ROUNDED, "what was learned is heard"


def test_base_and_character_take_turns_and_each_says_its_own(bases, tmp_path):
    _, _, file, beside = quick(bases, tmp_path, "practice", "rslora")
    talk = [(Turn("0", "user", "Hello! What is your name?"),)]
    talk.append((*talk[0], Turn("1", "model", "I am Robin."), Turn("2", "user", "Do you like the rain?")))

    def said(teller, adapter, turns):
        return list(teller.speak(adapter, turns, "", 0.0, lambda: False, 20))[-1]

    alone = {}
    for adapter in (None, beside):
        with closing(Teller(file)) as teller:
            alone[adapter] = [said(teller, adapter, turns) for turns in talk]
    assert alone[None] != alone[beside]
    with closing(Teller(file)) as teller:
        for n, turns in enumerate(talk):
            assert [said(teller, adapter, turns) for adapter in (None, beside)] == [alone[None][n], alone[beside][n]]
        known = teller.memory(beside).read
        assert teller.memory(None).read != known and len(known) > 20, "each has read its own talk"


def test_an_adapter_file_of_another_model_is_refused_and_the_voice_goes_on(bases, tmp_path):
    _, _, _, beside = quick(bases, tmp_path, "tiny", "lora")
    with closing(Teller(bases["practice"][1])) as teller:
        with pytest.raises(StudioError, match="can't be opened"):
            teller.memory(beside)
        assert list(teller.speak(None, [Turn("0", "user", "Hello!")], "", 0.0, lambda: False, 5))


def test_a_making_that_is_stopped_leaves_nothing(tmp_path):
    making = quickener.make(PRACTICE, None, tmp_path / "practice.gguf", None)
    assert 0 < next(making) < 1 and [file.name for file in tmp_path.iterdir()] != []
    making.close()
    assert list(tmp_path.iterdir()) == []


def test_a_making_that_is_killed_leaves_no_file_and_is_gone_on_with(bases, tmp_path):
    killed = f"""if True:
        import os, sys
        from pathlib import Path
        from studio.engine import quickener
        for share in quickener.make(Path({str(PRACTICE)!r}), None, Path({str(tmp_path / "practice.gguf")!r}), None):
            if share > 0.5:
                os._exit(9)"""
    assert subprocess.run([sys.executable, "-c", killed], cwd=PROJECT, check=False).returncode == 9
    assert not (tmp_path / "practice.gguf").exists() and (tmp_path / "practice.gguf.part").stat().st_size > 100_000
    (tmp_path / "other.gguf.part").write_bytes(b"left by a making of something else")
    shares = list(quickener.make(PRACTICE, None, tmp_path / "practice.gguf", None))
    assert shares[0] > 0.2, "what was whole is not written again"
    assert (tmp_path / "practice.gguf").read_bytes() == bases["practice"][1].read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["practice.gguf"]
