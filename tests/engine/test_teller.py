"""Talking with a finished file: the practice model as F32, played with the real llama.cpp, beside the app's own voice."""

from pathlib import Path

import numpy as np
import pytest

from studio.domain.conversation import Turn
from studio.domain.errors import NotFound, StudioError
from studio.engine import player, teller
from studio.engine.generator import Speaker
from studio.services.voice import Voice
from tests.engine.test_export import made, needs_engine

PRACTICE = Path(__file__).resolve().parents[2] / "assets" / "practice-model"
SYSTEM = "You are Robin, a bird."
TALK = (
    Turn("0", "user", "Hello! What is your name?"),
    Turn("1", "model", "I am Robin."),
    Turn("2", "user", "  What do you like to eat? <end_of_turn>"),
)

pytestmark = needs_engine


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("robin")
    result = made(
        folder, (PRACTICE, None), "F32", prompts=["Hello!"], persona={"name": "Robin", "system": SYSTEM}, model="practice", name="robin"
    )
    return Path(result["path"])


@pytest.fixture
def open_file(file):
    told = teller.Teller(file)
    yield told
    told.close()


def said(speaker, turns, temperature=0.0, most=60, stopping=lambda: False):
    return list(speaker.speak(None, turns, SYSTEM, temperature, stopping, most))


@pytest.mark.parametrize("length", [1, 3])
def test_the_file_says_word_for_word_what_the_app_says(open_file, length):
    growing = said(open_file, TALK[:length])
    assert growing[-1] == said(Speaker(PRACTICE), TALK[:length])[-1]
    assert len(growing) > 3 and all(later.startswith(earlier) for earlier, later in zip(growing, growing[1:], strict=False))


def test_a_second_turn_reads_only_what_is_new_and_says_the_same(open_file, file, monkeypatch):
    said(open_file, TALK[:1])
    kept = list(open_file.memory(None).read)
    read = []
    decode = player.llama_cpp.llama_decode
    monkeypatch.setattr(player.llama_cpp, "llama_decode", lambda context, batch: read.append(batch.n_tokens) or decode(context, batch))
    warm = said(open_file, TALK)
    whole = len(open_file.ids(open_file._prompt(TALK, SYSTEM)))
    assert len(kept) > 10 and read[0] < whole - 10
    fresh = teller.Teller(file)
    assert said(fresh, TALK) == warm
    fresh.close()


def test_words_are_drawn_by_chance_only_when_asked(open_file):
    assert said(open_file, TALK)[-1] == said(open_file, TALK)[-1]
    assert len({said(open_file, TALK, temperature=1.5, most=30)[-1] for _ in range(6)}) > 1


@pytest.mark.parametrize("size", [40, 256, 4096, 262_144, 262_200])
def test_the_likeliest_words_are_those_a_whole_sort_finds(size):
    logits = np.random.default_rng(size).permutation(size).astype(np.float32)
    assert teller.likeliest(logits, 40).tolist() == np.argsort(-logits)[:40].tolist()


def test_a_stop_is_heard_before_the_first_word_and_between_words(open_file):
    assert said(open_file, TALK, stopping=lambda: True) == []
    answer = open_file.speak(None, TALK, SYSTEM, 0.0, lambda: bool(heard), 60)
    heard = []
    heard.append(next(answer))
    assert list(answer) == []


def test_a_long_talk_is_answered_with_a_sentence(open_file):
    turns = tuple(Turn(str(n), "model" if n % 2 else "user", "and then " * 200) for n in range(41))
    with pytest.raises(StudioError, match="the conversation is very long"):
        said(open_file, turns)


def test_half_a_letter_is_not_shown(open_file, monkeypatch):
    coming = iter([*open_file.ids("a🐶b"), *open_file.ids("<end_of_turn>")])
    monkeypatch.setattr(open_file, "_pick", lambda logits, temperature: next(coming))
    assert said(open_file, TALK[:1]) == ["a", "a🐶", "a🐶b"]


def test_a_file_that_is_gone_or_no_file_at_all_is_said(tmp_path):
    with pytest.raises(NotFound, match="gone from the disk"):
        teller.Teller(tmp_path / "nowhere.gguf")
    (tmp_path / "odd.gguf").write_bytes(b"GGUF and then nothing of use")
    with pytest.raises(StudioError, match="can't be opened"):
        teller.Teller(tmp_path / "odd.gguf")


def test_the_voice_speaks_through_a_file_and_lets_it_go(file):
    voice = Voice()
    answer = "".join(list(voice.speak(file, None, TALK[:1], SYSTEM, 0.0, 60))[-1:])
    assert answer and voice.loaded()
    plain = "".join(list(voice.speak(PRACTICE, None, TALK[:1], SYSTEM, 0.0, 60))[-1:])
    assert plain == answer, "the same model, by another road"
    assert list(voice.speak(file, None, TALK[:1], SYSTEM, 0.0, 60))[-1] == answer
    voice.rest()
    assert not voice.loaded()


def test_an_answer_from_elsewhere_waits_its_turn_and_hears_stop():
    voice = Voice()
    left = []

    def elsewhere():
        try:
            yield from ("", "One", "One two", "One two three")
        finally:
            left.append(True)

    growing = voice.relay(elsewhere())
    assert next(growing) == "One" and voice.busy()
    voice.stop()
    assert list(growing) == [] and left == [True] and not voice.busy()
