"""`studio bench` finds the project's measurements by their names."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from studio import cli
from tests import manuscript


def test_a_name_that_is_no_measurement_lists_those_there_are(capsys):
    assert cli.main(["bench", "nothing"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("There is no measurement called “nothing”. Choose one of ")
    assert "writing" in said


def test_figures_go_into_a_file_where_one_is_named():
    asked = [cli.parser().parse_args(["bench", "training-room", *more]) for more in (["--json"], ["--json", "figures.json"])]
    assert [options.json for options in asked] == [None, Path("figures.json")]


def test_the_manuscript_is_the_same_every_time_and_no_two_conversations_are():
    made = list(manuscript.conversations(60, 150_000))
    assert made == list(manuscript.conversations(60, 150_000))
    assert len({c.turns[0].text for c in made}) == 60
    assert 130_000 < sum(len(turn.text.encode()) for c in made for turn in c.turns) < 170_000


def test_without_a_card_its_measurement_says_so_and_nothing_is_called_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    file = tmp_path / "card.json"
    assert cli.main(["bench", "training-card", "--json", str(file)]) == 0
    assert json.loads(file.read_text("utf-8"))["skipped"].startswith("There is no NVIDIA card here, so nothing was measured.")


@pytest.mark.slow
def test_the_measurement_for_cards_runs_the_same_way_with_a_tiny_shape_on_a_processor(tmp_path):
    file, program = tmp_path / "card.json", Path(__file__).parent / "benchmarks" / "training_card.py"
    asked = ["--small", "--steps", "3", "--peer-steps", "3", "--json", str(file)]
    assert subprocess.run([sys.executable, str(program), *asked], check=False).returncode == 0
    [row] = json.loads(file.read_text("utf-8"))
    assert (row["steps"], row["tokens_a_step"], row["finite"], row["given_up"]) == (3, 256, True, [])
    assert row["peer"]["finite"] and row["gigabytes"] > 0 and row["times_the_peer"] > 0
