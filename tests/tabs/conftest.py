"""What tests of the editor's endpoints share."""

import json
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from studio.services.similar import Similar
from studio.tabs import write


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
