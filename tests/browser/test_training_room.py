"""A real short lesson on the practice model, seen through the window: while it runs, after a reload, and beside an earlier one."""

import json
import re
import time

import pandas
import pytest
from playwright.sync_api import expect

from studio.domain.conversation import Turn
from studio.domain.persona import Persona
from studio.services import orders
from studio.services.library import Library
from studio.services.models import Models
from tests.browser.audit import choose, measure, open_tab
from tests.browser.conftest import PROJECT, Running
from tests.engine.lessons import TALKS

pytestmark = pytest.mark.browser
LINES = ("Do you like rain?", "Good night, Nib.")
LONG = 200_000  # ms: a real lesson on a busy machine


def earlier_lesson(library, who):
    """A lesson of yesterday that has answered the same lines."""
    models = Models(PROJECT / "assets" / "practice-model", library, True)
    recipe = orders.recipe_for(library, models, who, "practice", "quick")
    folder = orders.order_lesson(library, models, who, "practice", "quick", recipe)
    at = time.time() - 86_400

    def said(step):
        return [
            {"kind": "sample", "at": at, "step": step, "epoch": step / 3, "prompt": line, "text": f"Yesterday {step}."} for line in LINES
        ]

    looks = [{"kind": "evaluation", "at": at + n, "step": 3 * n, "epoch": float(n), "loss": 4.0 - n / 10} for n in range(4)]
    events = [
        *looks[:1],
        *said(0),
        {"kind": "start", "at": at, "steps": 9, "epochs": 3, "from_step": 0},
        *looks[1:],
        *said(9),
        {"kind": "done", "at": at + 9, "step": 9, "best_step": 9},
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events), "utf-8")
    library.write_json(folder / "spec.json", {**library.read_json(folder / "spec.json", {}), "created": at})
    library.write_json(folder / "child.json", {"pid": 1, "born": 1.0})


@pytest.fixture
def studio_with_nib(tmp_path):
    """A studio with a character of twelve conversations, its own lines to try, and a lesson of yesterday."""
    home = tmp_path / "home"
    library = Library(home, PROJECT / "no-examples")
    who = library.create(Persona("Nib", visitor="Mia", system="You are a small dog.", ink="plum", audition=LINES))
    for n in range(12):
        ask, say = TALKS[n % len(TALKS)]
        library.add(who, f"Talk {n}", [Turn("a", "user", ask), Turn("b", "model", f"{say} That is {n}.")])
    earlier_lesson(library, who)
    library.close()
    running = Running(home).start()
    yield running
    running.end()


def test_a_lesson_from_the_press_to_the_table(studio_with_nib, open_page, tmp_path):
    page = open_page(studio_with_nib.url)
    choose(page, "Nib")
    open_tab(page, "Train")
    room = page.locator("#train")
    room.get_by_role("button", name="Teach Nib again").click()
    room.get_by_role("button", name="Teach Nib", exact=True).click()
    expect(room.get_by_role("heading", name=re.compile("Getting ready|Learning"))).to_be_visible(timeout=LONG)

    page.reload()
    choose(page, "Nib")
    open_tab(page, "Train")
    expect(room.locator(".curve .kept")).to_have_attribute("d", re.compile("L"), timeout=LONG)
    expect(room.get_by_role("heading", name=re.compile("Finished"))).to_be_visible(timeout=LONG)
    expect(room.locator(".read b")).to_have_text(re.compile(r"Learned\.|Hardly anything learned\.|Starting to memorise\.|Unsteady\."))

    room.get_by_role("button", name="All the curves").click()
    expect(room.locator(".smalls figure")).to_have_count(5)
    assert measure(page).wide <= 0

    rows = room.locator(".ps-runs-table tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Passes 6")
    for n in range(2):
        rows.nth(n).get_by_role("checkbox").check()
    answers = room.locator(".ps-two li").first.locator(".ps-answer p")
    expect(answers).to_have_count(2)
    expect(answers.nth(1)).to_have_text("Yesterday 9.")
    expect(answers.nth(0)).not_to_be_empty()
    expect(room.locator(".ps-frame path.ps-line-0")).to_have_count(1)

    rows.first.locator("summary").click()
    with page.expect_download() as kept:
        rows.first.get_by_role("link", name="Save all figures").click()
    kept.value.save_as(tmp_path / "metrics.csv")
    frame = pandas.read_csv(tmp_path / "metrics.csv")
    assert list(frame["step"]) == list(range(len(frame))) and len(frame) > 5
    assert frame["train_loss"][1:].notna().all() and frame["validation_loss"].notna().sum() >= 3

    rows.first.get_by_role("textbox", name="Note").fill("The real one.")
    rows.first.get_by_role("textbox", name="Note").blur()
    rows.nth(1).locator("summary").click()
    rows.nth(1).get_by_role("button", name="Move to the bin").click()
    expect(rows).to_have_count(1)
    room.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(2)
    expect(rows.first.locator("q")).to_have_text("The real one.")
