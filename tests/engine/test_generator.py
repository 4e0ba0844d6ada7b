"""Talking: base and character on one loaded model."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from studio.domain import gemma
from studio.domain.conversation import Turn
from studio.domain.errors import NotFound, StudioError
from studio.engine import loader
from studio.engine.generator import Speaker, answer

PRACTICE = Path(__file__).resolve().parents[2] / "assets" / "practice-model"
HELLO = (Turn("0", "user", "Hello!"),)


@pytest.fixture
def adapter(tmp_path):
    torch.manual_seed(0)
    model = get_peft_model(
        loader.model(PRACTICE), LoraConfig(r=4, lora_alpha=64, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    )
    model.save_pretrained(tmp_path / "pip-1")
    return tmp_path / "pip-1"


def said(speaker, adapter, turns=HELLO, temperature=0.0):
    return list(speaker.speak(adapter, turns, "", temperature, lambda: False))


def test_the_growing_answer_ends_by_itself_and_equals_generate():
    speaker = Speaker(PRACTICE)
    growing = said(speaker, None)
    assert all(later.startswith(earlier) for earlier, later in zip(growing, growing[1:], strict=False))
    ids = speaker.tokenizer(gemma.prompt(HELLO, "", speaker.dialect), add_special_tokens=False, return_tensors="pt")
    whole = speaker.model.generate(**ids, max_new_tokens=300, do_sample=False, eos_token_id=[1, 106])
    assert growing[-1] == speaker.tokenizer.decode(whole[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)


def test_the_base_stays_the_base_while_adapters_come_and_go(adapter):
    speaker = Speaker(PRACTICE)
    before = said(speaker, None)[-1]
    character = said(speaker, adapter)[-1:]
    assert said(speaker, None)[-1] == before
    assert said(speaker, adapter)[-1:] == character != [before]


def test_a_long_conversation_is_answered_with_a_sentence_not_a_crash():
    turns = tuple(Turn(str(n), "model" if n % 2 else "user", "and then " * 60) for n in range(41))
    with pytest.raises(StudioError, match="the conversation is very long"):
        said(Speaker(PRACTICE), None, turns)


def test_an_adapter_that_is_gone_is_named(tmp_path):
    with pytest.raises(NotFound, match="gone from the disk"):
        said(Speaker(PRACTICE), tmp_path / "nowhere-1")


def test_it_stops_when_asked():
    speaker = Speaker(PRACTICE)
    heard = []
    for growing in answer(
        speaker.model, speaker.tokenizer, gemma.prompt(HELLO, "", speaker.dialect), set(), 0.0, 50, lambda: len(heard) >= 3
    ):
        heard.append(growing)
    assert len(heard) == 3
