"""Quick answers in Chat, with the real practice model and the real llama.cpp: the tick, the making, and the way back to the exact voice."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from studio.services import quick
from studio.services.models import Models
from studio.tabs import chat, hastening
from tests.engine import tiny
from tests.engine.test_export import needs_engine
from tests.tabs import stage

PRACTICE = Path(__file__).resolve().parents[2] / "assets" / "practice-model"

pytestmark = needs_engine


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    root = tmp_path_factory.mktemp("lessons")
    return {kind: tiny.adapter(root / kind, PRACTICE, use_dora=kind == "dora") for kind in ("lora", "dora")}


@pytest.fixture(params=["lora", "dora"])
def taught(request, library, tmp_path, lessons, monkeypatch):
    """(studio, persona id) with one finished lesson of this kind, on a computer without a card."""
    monkeypatch.setenv("PATH", "")  # where an NVIDIA card's own tool would be found
    studio = stage.studio(library, tmp_path)
    who = stage.character(library, 30)
    folder = stage.lesson(studio, who, {"kind": "done", "at": 1.0}, finished=time.time())
    for file in lessons[request.param].glob("adapter_*"):
        (folder / file.name).write_bytes(file.read_bytes())
    studio = replace(studio, models=Models(PRACTICE, library, True))
    yield studio, who
    studio.voice.rest()


def hurry(studio, who, on):
    return chat.hurry(studio, on, who, {}, "both", None, None)


def ask(studio, who, side="both", ear=None):
    return chat.ask(studio, who, {}, ear or chat.Ear(), side, None, None, 0, "What do you smell?")


def notes(rooms):
    return [room.note["value"] for room in rooms if isinstance(room.note, dict)]


def test_ticked_the_copies_are_made_once_and_answer_and_unticked_the_exact_voice_does(taught):
    studio, who = taught
    exact = list(ask(studio, who))[-1].talks[who]
    before = chat.visit(studio, who, {}, "both", None, None)
    assert before.faster["visible"] and before.faster["value"] is False and "6 MB of your disk and is made once" in before.faster["info"]
    assert hastening.QUICK not in before.origin + before.plain_head
    room = hurry(studio, who, True)
    assert room.faster["value"] is True and hastening.QUICK in room.origin and hastening.QUICK in room.plain_head
    shown = list(ask(studio, who))
    assert any("Making the quick copy, " in words for words in notes(shown)) and notes(shown)[-1] == ""
    first = shown[-1].talks[who]
    assert first.plain[-1].text and first.voiced[-1].text and first.plain[-1].text != first.voiced[-1].text
    assert {path.suffix for path in studio.voice._speakers} == {".gguf"}
    again = list(ask(studio, who))
    assert not any("Making" in words for words in notes(again))
    assert [turn.text for turn in again[-1].talks[who].voiced] == [turn.text for turn in first.voiced]
    assert hastening.QUICK not in hurry(studio, who, False).origin
    back = list(ask(studio, who))[-1].talks[who]
    assert [turn.text for turn in back.voiced] == [turn.text for turn in exact.voiced]


def test_stop_while_a_copy_is_made_gives_the_question_back_and_leaves_nothing(taught):
    studio, who = taught
    hurry(studio, who, True)
    ear = chat.Ear()
    asking = ask(studio, who, "character", ear)
    while "Making" not in next(asking).note["value"]:
        continue
    chat.hush(studio, ear)
    talk = list(asking)[-1].talks[who]
    assert talk.unsent == "What do you smell?" and not talk.asked
    assert not list(studio.library.quick_dir.glob("*/model-*")) and not studio.voice.busy()


def test_no_tick_where_a_card_answers_or_no_file_can_be_made(taught, library, tmp_path, monkeypatch):
    studio, who = taught
    quick.want(library, True)
    (stage.practice(tmp_path) / "config.json").write_text('{"model_type": "gemma9", "max_position_embeddings": 256}')
    other = replace(studio, models=Models(tmp_path / "practice-model", library, True))
    assert chat.visit(other, who, {}, "both", None, None).faster["visible"] is False
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    room = chat.visit(studio, who, {}, "both", None, None)
    assert room.faster["visible"] is False and hastening.QUICK not in room.origin
