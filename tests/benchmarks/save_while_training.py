"""How long a save takes while a lesson runs, beside the same saves on a quiet machine.

    python tests/benchmarks/save_while_training.py [--saves 200] [--json FILE]

Both halves go through the studio's own HTTP route in one run: first quiet, then with a real lesson on the practice model in its child process.
"""

import argparse
import json
import secrets
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from studio import settings  # noqa: E402
from studio.domain import catalogue  # noqa: E402
from studio.services import orders  # noqa: E402
from studio.services.studio import Studio, assemble  # noqa: E402
from studio.tabs import write  # noqa: E402


def saves(client: TestClient, studio: Studio, persona_id: str, count: int) -> list[float]:
    """Milliseconds of `count` saves of a changed line, ten a second, each acknowledged after COMMIT."""
    opened = studio.library.load(studio.library.listing(persona_id, "", 0, 1)["rows"][0]["id"])
    spent = []
    for n in range(count):
        opened["turns"][0]["text"] = f"Line as it stood at save {n}."
        body = {"id": opened["id"], "base": opened["rev"], "op": secrets.token_hex(8), "title": opened["title"], "turns": opened["turns"]}
        began = time.perf_counter()
        answer = client.post("/studio/save", json=body).json()
        spent.append((time.perf_counter() - began) * 1000)
        assert answer["ok"] is True, answer
        opened["rev"] = answer["rev"]
        time.sleep(0.1)
    return spent


def figures(spent: list[float]) -> dict[str, float]:
    """Median, 95th percentile and worst, in ms."""
    return {
        "p50": round(statistics.median(spent), 1),
        "p95": round(statistics.quantiles(spent, n=20)[-1], 1),
        "worst": round(max(spent), 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--saves", type=int, default=200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        studio = assemble(settings.read(home=Path(home)))
        studio.reader.follow()  # as in the window: what is saved is read and checked in the background
        app = FastAPI()
        app.include_router(write.routes(studio), prefix="/studio")
        client, who = TestClient(app), studio.library.characters()[0].id
        quiet = figures(saves(client, studio, who, given.saves))
        recipe = orders.recipe_for(studio.library, studio.models, who, catalogue.PRACTICE, "patient")
        folder = orders.order_lesson(
            studio.library, studio.models, who, catalogue.PRACTICE, "patient", replace(recipe, epochs=200, patience=100)
        )
        studio.jobs.start("train", folder)
        while not any(event["kind"] == "step" for event in studio.jobs.events(folder)):
            assert studio.jobs.state(folder) == "running", (folder / "log.txt").read_text("utf-8")[-2000:]
            time.sleep(0.2)
        busy = figures(saves(client, studio, who, given.saves))
        assert studio.jobs.state(folder) == "running"
        studio.jobs.stop(folder)
        assert studio.jobs.wait(folder, 120)
        studio.reader.close()
        studio.library.close()
    measured = {"quiet_ms": quiet, "while_training_ms": busy, "ratio_p95": round(busy["p95"] / quiet["p95"], 2)}
    print(json.dumps(measured, indent=1))
    if given.json:
        given.json.write_text(json.dumps(measured, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
