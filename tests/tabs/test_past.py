"""The routes behind Earlier lessons."""

import io

import pandas
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from studio.tabs import continuing, earlier, past
from tests.services.test_runs import DONE, RESULT, journal
from tests.tabs import stage
from tests.tabs.journals import page


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


@pytest.fixture
def client(studio):
    app = FastAPI()
    app.include_router(past.routes(studio), prefix="/studio")
    return TestClient(app)


def ask(client, path, **body):
    answer = client.post(f"/studio/runs/{path}", json=body)
    assert answer.status_code == 200
    return answer.json()


def two(studio, **change):
    """A character with two lessons, the older one the better."""
    who = stage.character(studio.library)
    folders = [
        stage.lesson(studio, who, *journal(*losses, best=said), DONE, **RESULT)
        for losses, said in (((2.5, 2.1), "Rain!"), ((2.8, 2.6), "Wet."))
    ]
    spec = studio.library.read_json(folders[1] / "spec.json", {})
    studio.library.write_json(folders[1] / "spec.json", {**spec, "recipe": {**spec["recipe"], **change}})
    return who, folders


def test_the_table_says_only_what_differs_and_marks_the_best(studio, client):
    who, (better, other) = two(studio, rank=99, rslora=False)
    answer = ask(client, "list", persona=who)
    rows = {row["id"]: row for row in answer["rows"]}
    assert [row["id"] for row in answer["rows"]] == [other.name, better.name], "newest first"
    assert rows[other.name]["differs"] == "Depth 99, Even strength at any depth off"
    assert "Depth 32" in rows[better.name]["differs"] and "Passes" not in rows[better.name]["differs"]
    assert (rows[better.name]["best"], rows[other.name]["best"]) == (True, False)
    assert (rows[better.name]["loss"], rows[better.name]["steps"], rows[better.name]["state"]) == ("2.10", "20", "finished")
    assert set(answer["curves"]["paths"]) == {better.name, other.name} and answer["curves"]["high"] == "3.00"
    assert answer["fair"] is True


def test_two_lessons_answer_the_same_lines_side_by_side(studio, client):
    who, (better, other) = two(studio)
    lines = ask(client, "pair", persona=who, runs=[better.name, other.name])["lines"]
    assert len(lines) == 3 and all(line["answers"] == ["Rain!", "Wet."] for line in lines)
    assert ask(client, "pair", persona=who, runs=[better.name, "gone"])["error"] == "missing"


def test_a_name_a_note_and_the_bin_through_the_routes(studio, client):
    who, (better, other) = two(studio)
    assert ask(client, "describe", persona=who, run=other.name, name="Second", note="<b>Bold</b>")["ok"]
    assert ask(client, "bin", persona=who, run=better.name)["ok"]
    answer = ask(client, "list", persona=who)
    assert [(row["name"], row["note"]) for row in answer["rows"]] == [("Second", "<b>Bold</b>")]
    assert [each["id"] for each in answer["bin"]] == [better.name]
    assert ask(client, "restore", persona=who, run=better.name)["ok"]
    assert len(ask(client, "list", persona=who)["rows"]) == 2


def test_the_files_can_be_taken_away_and_no_others(studio, client):
    who, (better, _) = two(studio)
    answer = client.get(f"/studio/runs/{who}/{better.name}/metrics.csv")
    assert len(pandas.read_csv(io.StringIO(answer.text))) == 3
    assert 'filename="metrics.csv"' in answer.headers["content-disposition"]
    assert "recipe" in client.get(f"/studio/runs/{who}/{better.name}/log.txt").text
    assert client.get(f"/studio/runs/{who}/..%2F..%2Fstudio.db/metrics.csv").status_code == 404
    assert client.get("/studio/runs/nobody/none/log.txt").status_code == 404


def test_the_stamp_changes_when_a_lesson_gets_further(studio):
    who, (better, _) = two(studio)
    before = earlier.stamp(studio, who)
    assert earlier.stamp(studio, who) == before
    studio.library.bin_lesson(better, 1.0)
    assert earlier.stamp(studio, who) != before


def test_one_goes_on_from_the_newest_lesson_or_from_another_that_is_chosen(studio):
    who, (better, other) = two(studio)
    for folder in (better, other):
        (folder / "adapter_config.json").write_text("{}")
    offered = page(studio, who)["source"]
    assert [value for _, value in offered["choices"]] == [other.name, better.name]
    assert (offered["value"], offered["visible"]) == (other.name, True)
    for source in (offered["value"], better.name):
        assert continuing.teach_all(studio, who, source) == ""
        kind, folder = studio.jobs.started[-1]
        assert kind == "train" and studio.library.read_json(folder / "spec.json", {})["continues"] == source
