"""Bringing in and taking out without a window, as a person types it."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from studio import cli
from studio.domain.formats import delivery
from tests.services import parcels

SCRIPT = "Mia: Hello <b>Pip</b>.\nPip: Woof.\n\nMia: Bed.\nPip: No!\n"
ROWS = '{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}\n{bad\n'
WHOSE = "Nothing was brought in yet. Say whose conversations these are: --persona NAME, or --new for a new character."


@pytest.fixture
def studio(tmp_path, monkeypatch, capsys):
    for name in list(os.environ):
        monkeypatch.setenv(name, os.environ[name])  # what the command sets for itself is put back
    monkeypatch.chdir(tmp_path)
    Path("s.txt").write_text(SCRIPT, "utf-8")
    Path("m.jsonl").write_text(ROWS, "utf-8")

    def run(*words, home="home"):
        code = cli.main([*words, "--home", home])
        return code, capsys.readouterr().out.splitlines()

    return run


def count(studio, home="home"):
    """How many conversations Marlow has."""
    studio("export-dataset", "--persona", "Marlow", "--as", "messages", "--to", "count.jsonl", home=home)
    return Path("count.jsonl").read_text("utf-8").count("\n")


def test_a_look_says_what_is_understood_and_brings_in_nothing(studio):
    before = count(studio)
    code, said = studio("import", "s.txt", "m.jsonl", "gone.txt", "--dry-run", "--rejected", "bad.csv")
    assert (code, said) == (
        0,
        [
            "s.txt holds 2 conversations, written as script.",
            "    Mia → the visitor",
            "    Pip → the character",
            "  1. Hello <b>Pip</b>.",
            "     Visitor: Hello <b>Pip</b>.",
            "     Character: Woof.",
            "  2. Bed.",
            "     Visitor: Bed.",
            "     Character: No!",
            "m.jsonl holds 1 conversation, written as OpenAI messages.",
            "    messages → the lines of a conversation",
            "    role: user → the visitor",
            "    content → what is said",
            "    role: assistant → the character",
            "  1. x",
            "     Visitor: x",
            "     Character: y",
            "  1 place was passed over:",
            "    m.jsonl, line 2, column 2: this can't be read as JSON: a name in double quotation marks is missing. Mend it. What comes after it was not read.",
            "gone.txt, the whole file: it is not there. Look at the name again. Nothing was brought in.",
            "2 places that could not be read stand in bad.csv.",
            "This was a look only. Nothing was brought in.",
        ],
    )
    with open("bad.csv", encoding="utf-8-sig", newline="") as file:
        assert [row[:3] for row in csv.reader(file)] == [
            ["file", "line", "field"],
            ["m.jsonl", "2", "column 2"],
            ["gone.txt", "", "the whole file"],
        ]
    assert count(studio) == before


def test_what_came_in_can_be_taken_back_once(studio):
    before = count(studio)
    code, said = studio("import", "s.txt", "m.jsonl", "--persona", "marlow")
    assert (code, said[-2:]) == (0, ["3 conversations came in for Marlow.", "To take all of it back: studio import --undo"])
    assert count(studio) == before + 3
    assert studio("import", "--undo") == (
        0,
        ["What the last import brought in is in the bin: 3 conversations. It stays there for 30 days."],
    )
    assert count(studio) == before
    again = "There is no import to take back. Nothing was changed. What was removed by hand is in the bin."
    assert studio("import", "--undo") == (1, [again])


def test_conversations_need_somebody_whose_they_are(studio):
    assert studio("import", "s.txt")[1][-1] == WHOSE
    assert studio("import", "s.txt", "--new")[1][-2] == "s is a new character with 2 conversations."
    code, said = studio("import", "s.txt", "--persona", "Bob")
    assert (code, said) == (
        1,
        ["There is no character called “Bob”. Nothing was changed. There are Biscuit, Marlow, Professor Quillfeather, s."],
    )


def test_files_of_which_none_can_be_read_end_in_their_sentence(studio):
    Path("e.json").write_text("", "utf-8")
    assert studio("import", "e.json", "--new") == (
        1,
        ["e.json, the whole file: there is nothing in it. Choose a file with conversations in it. Nothing was brought in."],
    )
    assert studio("import") == (1, ["Nothing was brought in: no file is named. Write “studio import” and then the name of a file."])


def test_a_package_makes_the_same_character_elsewhere_to_the_byte(studio):
    Path("out").mkdir()
    assert studio("export-dataset", "--persona", "Biscuit", "--as", "package", "--to", "out")[0] == 0
    first = Path("out/biscuit.persona.zip").read_bytes()
    studio("import", "out/biscuit.persona.zip", home="other")
    new = json.loads(Path("other/scratch/arrived.json").read_text("utf-8"))[0]["persona"]
    assert studio("export-dataset", "--persona", new, "--as", "package", "--to", "again.zip", home="other")[0] == 0
    assert Path("again.zip").read_bytes() == first


@pytest.mark.parametrize("way", delivery.WAYS, ids=[way.key for way in delivery.WAYS])
def test_every_form_is_written_with_a_sentence(studio, way):
    code, said = studio("export-dataset", "--persona", "Marlow", "--as", way.key, "--to", "marlow")
    size = Path("marlow").stat().st_size
    assert (code, said[0]) == (0, f"Marlow is in marlow: {way.title.lower()} ({way.expert}), {size:,} bytes.")
    assert size > 0


def test_what_can_not_be_written_is_said(studio, tmp_path):
    assert studio("export-dataset", "--persona", "Marlow", "--as", "docx", "--to", "x")[1][0].startswith("There is no form called “docx”.")
    code, said = studio("export-dataset", "--persona", "Marlow", "--as", "csv", "--to", "none/x.csv")
    assert (code, said) == (1, [f"There is no folder {tmp_path / 'none'}. Nothing was written. Make it first, or choose another place."])


def test_who_of_several_speakers_is_the_character_can_be_said(studio):
    Path("talk.txt").write_text("Ben: Hello.\nTom: Hi.\n", "utf-8")
    code, said = studio("import", "talk.txt", "--character", "Ben", "--dry-run")
    assert (code, said[1:3]) == (0, ["    Ben → the character", "    Tom → the visitor"])
    code, said = studio("import", "talk.txt", "--character", "Ann", "--new")
    assert (code, said) == (
        1,
        ["Nobody called “Ann” speaks in what was named. Nothing was brought in. Those who speak are Tom, Ben."],
    )


def test_a_lesson_goes_to_another_machine_and_comes_home(studio, tmp_path):
    code, said = studio("elsewhere", "biscuit", "--preset", "quick", "--out", ".")
    assert code == 0 and said[0].startswith("biscuit-lesson.zip holds the lesson, ")
    learned = {f"{parcels.Q}.lora_A.weight": np.ones((8, 256), np.float32), f"{parcels.Q}.lora_B.weight": np.ones((256, 8), np.float32)}
    parcels.packed(Path("biscuit-lesson.zip").read_bytes(), tmp_path / "learned.zip", **{"adapter_model.safetensors": save(learned)})
    assert studio("import", "learned.zip", "--dry-run")[1][0].endswith("Nothing was brought in.")
    code, said = studio("import", "learned.zip")
    assert code == 0 and said[0].startswith("Biscuit has learned from ") and "on another machine" in said[0]
    assert studio("import", "learned.zip") == (
        1,
        ["This lesson is here already. Nothing was changed. Look at Earlier lessons, or in their bin."],
    )
    assert studio("elsewhere", "biscuit", "--out", "no-such-folder/x.zip")[0] == 1
