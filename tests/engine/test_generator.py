"""Talking: base and character on one loaded model."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from studio.domain import gemma
from studio.domain.conversation import Turn
from studio.domain.errors import NotFound, StudioError
from studio.engine import loader
from studio.engine.generator import Speaker, answer
from studio.engine.prefix import Prefix
from tests.engine import tiny

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


# ---------------------------------------------------------------- what was read before
def talk(*lines):
    return tuple(Turn(str(n), "model" if n % 2 else "user", line) for n, line in enumerate(lines))


class Counted:
    """A model that notes how many tokens it is given at a time."""

    def __init__(self, model):
        self.model, self.given = model, []

    def __getattr__(self, name):
        return getattr(self.model, name)

    def __call__(self, **told):
        self.given.append(told["input_ids"].shape[1])
        return self.model(**told)


def counted(speaker):
    speaker.model = Counted(speaker.model)
    return speaker.model.given


def test_a_turn_reads_only_what_is_new_and_says_the_same():
    speaker = Speaker(PRACTICE)
    given, first = counted(speaker), said(speaker, None)[-1]
    longer = talk("Hello!", first, "What do you like to eat?")
    known, whole = (
        len(speaker.tokenizer.encode(text, add_special_tokens=False))
        for text in (gemma.prompt(HELLO, "", speaker.dialect) + first, gemma.prompt(longer, "", speaker.dialect))
    )
    given.clear()
    again = said(speaker, None, longer)
    assert given[0] == whole - known and set(given[1:]) == {1}
    assert again == said(Speaker(PRACTICE), None, longer)


def test_an_answer_taken_back_and_a_talk_begun_anew_are_answered_as_at_first():
    speaker, fresh = Speaker(PRACTICE), Speaker(PRACTICE)
    lines = ("Hello!", "I sit by the gate and wait for you. " * 6, "Why?")
    for wanted in (talk(*lines), talk(*lines[:1]), talk(*lines), talk("Good night."), talk(*lines)):
        fresh._read.clear()
        assert said(speaker, None, wanted) == said(fresh, None, wanted)


@pytest.mark.parametrize("family", ["gemma", "gemma2", "gemma3", "gemma3n", "gemma4"])
def test_trimming_gives_what_reading_anew_gives_beyond_the_window_too(tmp_path, family):
    model = loader.model(tiny.folder(tmp_path, family))
    config = model.config.get_text_config()
    chance = torch.Generator().manual_seed(3)
    start = torch.randint(300, 400, (90,), generator=chance).tolist()
    other, more = (torch.randint(300, 400, (count,), generator=chance).tolist() for count in (30, 40))
    prefix = Prefix(config)
    for ids in (start, start + other, start + more, start + more + other, start[:20] + other):
        new = ids[prefix.trimmed(ids) :]
        with torch.inference_mode():
            found = model(input_ids=torch.tensor([new]), past_key_values=prefix.cache, use_cache=True).logits[0, -1]
            prefix.has_read(new)
            wanted = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
        assert torch.allclose(found, wanted, atol=2e-4), (family, len(ids))
    assert len(prefix.read) == 50


def test_what_a_broken_reading_left_behind_is_not_built_upon():
    speaker = Speaker(PRACTICE)
    before = said(speaker, None)
    speaker._read[""].begins()
    assert said(speaker, None) == before


def test_base_and_character_keep_a_memory_each_and_take_turns_at_once(adapter):
    speaker = Speaker(PRACTICE)
    alone = {who: said(Speaker(PRACTICE), who)[-1:] for who in (None, adapter)}
    for who in (None, adapter, None, adapter):
        assert said(speaker, who)[-1:] == alone[who]
    given = counted(speaker)
    said(speaker, None)
    assert given[0] == 1


def test_only_the_two_voices_heard_last_take_memory(adapter):
    speaker, other = Speaker(PRACTICE), adapter.parent / "pip-2"
    shutil.copytree(adapter, other)
    for who in (None, adapter, other):
        said(speaker, who)
    assert list(speaker._read) == ["pip-1", "pip-2"]


def test_what_was_learned_anew_under_the_same_name_is_heard(adapter):
    speaker = Speaker(PRACTICE)
    before = said(speaker, adapter)[-1:]
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file({name: -weight if "lora_B" in name else weight for name, weight in weights.items()}, adapter / "adapter_model.safetensors")
    os.utime(adapter / "adapter_model.safetensors", ns=(1, 1))
    assert said(speaker, adapter)[-1:] == said(Speaker(PRACTICE), adapter)[-1:] != before
