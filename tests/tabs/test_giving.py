"""Handing a character on from Export."""

import json
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from studio.domain.errors import NotReady
from studio.services import adapters, exchange
from studio.tabs import export, giving
from tests.tabs import stage
from tests.tabs.workbench import CONFIG, Box, finish


@pytest.fixture
def made(library, tmp_path):
    """(studio, persona id) with a finished lesson and a finished file."""
    studio = replace(stage.studio(library, tmp_path), ollama=Box("absent"))
    who = stage.character(library, 30)
    (studio.models.practice / "config.json").write_text(json.dumps(CONFIG))
    stage.lesson(studio, who, {"kind": "done", "at": 1.0, "step": 1}, finished=time.time(), steps=1, seconds=1.0)
    finish(studio, who)
    return studio, who


@pytest.mark.parametrize(("way", "name"), [("package", "biscuit.persona.zip"), ("charx", "biscuit.charx")])
def test_one_press_makes_the_zip_and_says_what_is_in_it(made, way, name):
    studio, who = made
    gift = giving.wrap(studio, who, way)
    path = Path(gift.file["value"])
    assert path.name == name and name in gift.file["label"] and gift.file["visible"] and "word for word" in gift.note["value"]
    with zipfile.ZipFile(path) as archive:
        assert any(entry.endswith("adapter_model.safetensors") for entry in archive.namelist())
    (read,) = exchange.read_files([path], "", studio.settings)
    assert read.found and read.found.whole and len(read.found.conversations) == 30


def test_before_there_is_a_file_or_without_its_lesson_nothing_is_made(made):
    studio, who = made
    with pytest.raises(NotReady, match="no file yet"):
        giving.wrap(studio, stage.character(studio.library, name="Marlow"), "package")
    studio.library.bin_lesson(adapters.learned(studio.library, who)[0].folder, time.time())
    with pytest.raises(NotReady, match="The file itself is whole"):
        giving.wrap(studio, who, "package")


def test_the_key_leaves_the_box_whatever_comes_of_it(made):
    studio, who = made
    studio = replace(studio, settings=replace(studio.settings, offline=True))
    (gift,) = giving.put(studio, who, "biscuit", "hf_secret")
    assert gift.token == "" and "started offline" in gift.told["value"]
    assert "hf_secret" not in str(gift)


def test_another_character_finds_nothing_of_the_last_one(made):
    gift = giving.away(*made)
    assert gift.file["visible"] is False and gift.file["value"] is None and gift.token == ""


def test_everything_that_can_be_pressed_is_answered(made):
    with gr.Blocks() as page:
        persona = gr.Radio([])
        with gr.Tabs():
            export.build(made[0], persona)
    assert {"wrap", "put", "away", "replace"} <= {listener.name for listener in page.fns.values()}
