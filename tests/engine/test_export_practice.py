"""The practice model that ships with the studio, exported as it is."""

from pathlib import Path

from studio.engine import trial
from tests.engine.test_export import needs_engine
from tests.engine.zoo import made

PRACTICE = Path(__file__).resolve().parents[2] / "assets" / "practice-model"


@needs_engine
def test_the_practice_model_speaks_from_a_file_as_in_the_app(tmp_path):
    prompts = ["Hello! What is your name?", "What do you like to eat?", "What happens when it rains?"]
    result = made(
        tmp_path, (PRACTICE, None), "F32", prompts=prompts, persona={"name": "Robin", "system": "You are Robin."}, model="practice"
    )
    assert result["logits"]["nmse"] <= 1e-5
    assert result["master"]["matches"] == len(prompts)
    assert [check["ok"] for check in result["checks"]] == [True] * 6
    card, notice = ((tmp_path / name).read_text("utf-8") for name in ("README.md", "NOTICE"))
    assert "# Robin" in card and "It gives the same answers" in card and str(tmp_path) not in card
    assert "practice model" in notice and (tmp_path / "PRACTICE-MODEL.md").read_text("utf-8") == (PRACTICE / "README.md").read_text("utf-8")


@needs_engine
def test_the_engine_is_tried_out_with_the_practice_model():
    assert 1 <= trial.tokens(PRACTICE) <= 16
