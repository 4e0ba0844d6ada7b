"""`studio bench` finds the project's measurements by their names."""

from studio import cli
from tests import manuscript


def test_a_name_that_is_no_measurement_lists_those_there_are(capsys):
    assert cli.main(["bench", "nothing"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("There is no measurement called “nothing”. Choose one of ")
    assert "writing" in said


def test_the_manuscript_is_the_same_every_time_and_no_two_conversations_are():
    made = list(manuscript.conversations(60, 150_000))
    assert made == list(manuscript.conversations(60, 150_000))
    assert len({c.turns[0].text for c in made}) == 60
    assert 130_000 < sum(len(turn.text.encode()) for c in made for turn in c.turns) < 170_000
