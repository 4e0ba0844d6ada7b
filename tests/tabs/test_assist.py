"""The endpoints of drafting: one answer at a time, and a refusal is a sentence."""

from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from studio.tabs import assist
from tests.services.test_drafts import Speaker
from tests.tabs import stage


@pytest.fixture
def asking(library, tmp_path):
    """(ask, persona id, voice)"""
    voice = Speaker("It is.", "Not yet.")
    app = FastAPI()
    app.include_router(assist.routes(replace(stage.studio(library, tmp_path), voice=voice)))
    client = TestClient(app)
    return lambda path, **body: client.post(f"/{path}", json=body).json(), stage.character(library), voice


def line(text, role="user"):
    return {"id": text or "empty", "role": role, "text": text}


def test_a_draft_is_answered_and_stored_nowhere(asking, library):
    ask, who, voice = asking
    before = library.stamp()
    assert ask("drafts", persona=who, turns=[line("Dinner?")], ticket="a") == {"ok": True, "text": "It is."}
    assert ask("drafts", persona=who, turns=[line("Dinner?")], unlike=["It is."], ticket="b")["text"] == "Not yet."
    assert library.stamp() == before


def test_who_writes_is_said_before_anything_is_asked(asking):
    ask, who, voice = asking
    said = ask("pen", id=who)
    assert said["ok"] and "The plain model writes" in said["about"] and "very small" in said["caution"]
    assert voice.heard == []


@pytest.mark.parametrize("turns", [[], [line(" ")], [line("Dinner?"), line("It is.", "model")]])
def test_only_what_the_visitor_says_is_answered(asking, turns):
    ask, who, voice = asking
    answer = ask("drafts", persona=who, turns=turns, ticket="a")
    assert (answer["ok"], answer["error"], voice.heard) == (False, "invalid", [])
    assert answer["message"] == "There is nothing to answer yet. Write what the visitor says first."


def test_a_stopped_ticket_cuts_its_draft_short(asking):
    ask, who, _ = asking
    assert ask("hush", id="a") == {"ok": True}
    assert ask("drafts", persona=who, turns=[line("Dinner?")], ticket="a")["text"] == "It"


def test_a_character_that_is_gone_is_a_sentence(asking):
    ask, _, _ = asking
    assert ask("drafts", persona="nobody", turns=[line("Dinner?")], ticket="a")["error"] == "missing"
