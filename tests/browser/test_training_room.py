"""Real short lessons on the practice model, seen through the window: while one runs, rests and goes on, after a reload, and beside an earlier one."""

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


@pytest.fixture(scope="module")
def studio_with_two(tmp_path_factory):
    """A studio with two characters of twelve conversations, each with lines to try; Nib has a lesson of yesterday."""
    home = tmp_path_factory.mktemp("training") / "home"
    library = Library(home, PROJECT / "no-examples")
    for name in ("Nib", "Marlow"):
        who = library.create(Persona(name, visitor="Mia", system="You are a small dog.", ink="plum", audition=LINES))
        for n in range(12):
            ask, say = TALKS[n % len(TALKS)]
            library.add(who, f"Talk {n}", [Turn("a", "user", ask), Turn("b", "model", f"{say} That is {n}.")])
        if name == "Nib":
            earlier_lesson(library, who)
    library.close()
    running = Running(home).start()
    yield running
    running.end()


def opened(page, name):
    """The room of a character."""
    choose(page, name)
    open_tab(page, "Train")
    return page.locator("#train")


def under_way(room, name):
    """A lesson that has been begun with a press, and has taken its first steps."""
    room.get_by_role("button", name=f"Teach {name}", exact=True).click()
    expect(room.get_by_role("heading", name=re.compile("Getting ready|Learning"))).to_be_visible(timeout=LONG)
    expect(room.get_by_text("conversations a minute")).to_be_visible(timeout=LONG)


def test_a_lesson_rests_goes_on_and_is_compared(studio_with_two, open_page, tmp_path):
    page = open_page(studio_with_two.url)
    room = opened(page, "Nib")
    room.get_by_role("button", name="Teach Nib again").click()
    under_way(room, "Nib")
    rest_and_go_on(page, room)
    expect(room.locator(".curve .kept")).to_have_attribute("d", re.compile("L"), timeout=LONG)
    expect(room.get_by_role("heading", name=re.compile("Finished"))).to_be_visible(timeout=LONG)
    expect(room.locator(".read b")).to_have_text(re.compile(r"Learned\.|Hardly anything learned\.|Starting to memorise\.|Unsteady\."))

    room.get_by_role("button", name="All the curves").click()
    expect(room.locator(".smalls figure")).to_have_count(5)
    assert measure(page).wide <= 0

    rows = room.locator(".ps-runs-table tbody tr")
    compare(room, rows)
    frame = figures(page, rows, tmp_path / "metrics.csv")
    assert list(frame["step"]) == list(range(len(frame))) and len(frame) > 5
    assert frame["train_loss"][1:].notna().all() and frame["validation_loss"].notna().sum() >= 3
    note_and_bin(room, rows)


def rest_and_go_on(page, room):
    """Pause in the middle, come back to a page that was loaded anew, and go on."""
    room.get_by_role("button", name="Pause", exact=True).click()
    expect(room.get_by_role("heading", name="Paused.")).to_be_visible(timeout=LONG)
    page.reload()
    opened(page, "Nib")
    expect(room.get_by_role("heading", name="Paused.")).to_be_visible()
    told = room.get_by_text(re.compile(r"waits for you, at step \d+ of \d+\."))
    expect(told).to_be_visible()
    step, steps = map(int, re.search(r"at step (\d+) of (\d+)", told.inner_text()).groups())
    assert 0 < step < steps
    room.get_by_role("button", name="Go on", exact=True).click()
    expect(room.get_by_role("heading", name=re.compile("Getting ready|Learning"))).to_be_visible(timeout=LONG)


def compare(room, rows):
    """The recipe's differences in the table, two lessons' answers to the same line, and their curves."""
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Passes 6")
    for n in range(2):
        rows.nth(n).get_by_role("checkbox").check()
    answers = room.locator(".ps-two li").first.locator(".ps-answer p")
    expect(answers).to_have_count(2)
    expect(answers.nth(1)).to_have_text("Yesterday 9.")
    expect(answers.nth(0)).not_to_be_empty()
    expect(room.locator(".ps-frame path.ps-line-0")).to_have_count(1)


def figures(page, rows, file):
    """metrics.csv of the newest lesson, as saved through the window."""
    rows.first.locator("summary").click()
    with page.expect_download() as kept:
        rows.first.get_by_role("link", name="Save all figures").click()
    kept.value.save_as(file)
    return pandas.read_csv(file)


def note_and_bin(room, rows):
    """A note stays, and a lesson comes back from the bin."""
    rows.first.get_by_role("textbox", name="Note").fill("The real one.")
    rows.first.get_by_role("textbox", name="Note").blur()
    rows.nth(1).locator("summary").click()
    rows.nth(1).get_by_role("button", name="Move to the bin").click()
    expect(rows).to_have_count(1)
    room.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(2)
    expect(rows.first.locator("q")).to_have_text("The real one.")


def test_a_lesson_that_is_stopped_keeps_what_it_learned(studio_with_two, open_page):
    page = open_page(studio_with_two.url)
    room = opened(page, "Marlow")
    under_way(room, "Marlow")
    expect(room.locator(".curve .kept")).to_have_attribute("d", re.compile("L.*L.*L"), timeout=LONG)  # better than the plain model by now
    room.get_by_role("button", name="Stop and keep what is learned").click()
    expect(room.get_by_role("heading", name="What was learned is kept.")).to_be_visible(timeout=LONG)
    expect(room.get_by_role("button", name="Go on from here")).to_be_visible()
    open_tab(page, "Chat")
    expect(page.locator("#chat").get_by_text(re.compile("^learned .*12 conversations"))).to_be_visible()
