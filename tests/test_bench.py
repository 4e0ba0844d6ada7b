"""`studio bench` finds the project's measurements by their names."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from studio import cli
from tests import manuscript
from tests.benchmarks import all as all_rows
from tests.benchmarks import training_core


def test_a_name_that_is_no_measurement_lists_those_there_are(capsys):
    assert cli.main(["bench", "nothing"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("There is no measurement called “nothing”. Choose one of ")
    assert "writing" in said and "train-270m" in said, "a file, and one row of a file"


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
    rows = json.loads(file.read_text("utf-8"))
    assert [(row["row"], row["skipped"], row["met"]) for row in rows] == [("card-12b", True, False), ("card-4b", True, False)]
    assert rows[0]["reason"].startswith("There is no NVIDIA card here, so nothing was measured.")


@pytest.mark.slow
def test_the_measurement_for_cards_runs_the_same_way_with_a_tiny_shape_on_a_processor(tmp_path):
    file, program = tmp_path / "card.json", Path(__file__).parent / "benchmarks" / "training_card.py"
    asked = ["--small", "--steps", "3", "--peer-steps", "3", "--json", str(file)]
    assert subprocess.run([sys.executable, str(program), *asked], check=False).returncode == 0
    [row] = json.loads(file.read_text("utf-8"))
    assert (row["steps"], row["tokens_a_step"], row["finite"], row["given_up"]) == (3, 256, True, [])
    assert row["peer"]["finite"] and row["gigabytes"] > 0 and row["bars"]["x trl with peft"]["measured"] > 0


REPORTING = """
TABLE = ("quick", "lost")
import json, sys
bars = {"x peer": {"measured": 7.5, "gate": 6, "ambition": 10, "sign": ">="}}
open(sys.argv[2], "w").write(json.dumps([{"row": "quick", "met": True, "bars": bars}]))
sys.exit(3)
"""


def test_one_table_has_every_row_and_one_that_was_lost_is_not_met(tmp_path):
    (tmp_path / "speed.py").write_text(REPORTING)
    (tmp_path / "other.py").write_text("ROWS = ()")
    found = all_rows.tables(tmp_path)
    assert found == {tmp_path / "speed.py": ["quick", "lost"]}
    report = all_rows.measured(tmp_path / "speed.py", ["quick", "lost"])
    assert [(row["row"], row["met"]) for row in report] == [("quick", True), ("lost", False)]
    _, quick, lost = all_rows.lines(report)
    assert quick.split() == ["quick", "x", "peer", ">=", "6", ">=", "10", "7.5", "met"]
    assert lost.split() == ["lost", "ended", "with", "3", "before", "it", "NOT", "MET"]


def test_every_row_there_is_takes_part_once():
    rows = [row for names in all_rows.tables(all_rows.HERE / "tests/benchmarks").values() for row in names]
    assert {
        "train-270m",
        "train-1b",
        "memory-1b",
        "dora",
        "equal-losses",
        "start",
        "first-token-270m",
        "first-token-1b",
        "card-12b",
    } <= set(rows)
    assert len(rows) == len(set(rows))


def figures(who, rounds, speed, loss=12.5):
    return [
        {"who": who, "round": n, "code": "", "losses": [loss], "tokens_per_second": speed + n, "peak_mb": 1000.0, "step_seconds": 1.0}
        for n in range(rounds)
    ]


def test_a_ratio_counts_only_when_it_is_whole_and_the_losses_are_equal():
    others = [*figures("sft", 3, 100), *figures("tuned", 3, 200), *figures("ours-apart", 1, 500), *figures("sft-calm", 1, 300)]
    met, slow, apart, short = (
        training_core.judged("train-270m", [*others, *ours], 3)
        for ours in (figures("ours", 3, 700), figures("ours", 3, 500), figures("ours", 3, 700, 12.6), figures("ours", 2, 700))
    )
    assert met["met"] and met["bars"]["x sft"]["measured"] == 701 / 101
    assert met["figures"]["x sft-calm"] == 701 / 300, "what the peer reaches in our surroundings is told too"
    assert slow["equal"] and not slow["met"]
    assert not apart["equal"] and not apart["met"]
    assert not short["met"] and short["unfinished"]["ours"] == 2
