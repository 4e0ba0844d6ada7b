"""What tests of the editor's endpoints share, and those of the Export room."""

import json
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from studio.services.similar import Similar
from studio.tabs import write
from tests.tabs import stage, workbench


@pytest.fixture
def ask(library):
    """Asks one of the editor's endpoints, as the page does, and returns its answer."""
    app = FastAPI()
    app.include_router(write.routes(SimpleNamespace(library=library, similar=Similar(library))), prefix="/studio")
    client = TestClient(app)

    def ask(path, **body):
        answer = client.post(f"/studio/{path}", content=json.dumps(body), headers={"content-type": "application/json"})
        assert answer.status_code == 200
        return answer.json()

    return ask


@pytest.fixture
def exporting(library, tmp_path):
    """(studio, persona id) with one finished lesson and an Ollama that answers."""
    studio = replace(stage.studio(library, tmp_path), ollama=workbench.Box())
    who = stage.character(library, 30)
    (studio.models.practice / "config.json").write_text(json.dumps(workbench.CONFIG))
    stage.lesson(studio, who, {"kind": "done", "at": 1.0}, finished=time.time())
    return studio, who
