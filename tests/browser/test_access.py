"""Everybody can use Write and Prepare: axe-core finds nothing serious, and the keyboard alone is enough."""

import json
import re

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.audit import choose, open_tab
from tests.browser.conftest import PATIENCE
from tests.browser.test_editor import EDITOR, lines, saved

pytestmark = pytest.mark.browser

MOST_TABS = 150  # presses until something has to be reached
MARKED, PLAIN = "**Stop** right there.", "Stop right there."  # marks of layout are a finding, and plain words are its mend
BLANKS = "Under the boat.  "  # and so are blanks at the end, which a button takes off
TALKS = {
    "The pocket": ("What is in your pocket?", "A button, a shell and nine peas.", "Why peas?", "They roll away and come back."),
    "Breakfast": ("Did you sleep well?", "No. The moon was too loud."),
    "The ladder": ("Where does this ladder go?", "Up, mostly.", "And then?", "Down again. It is a fair ladder."),
    "Rain": ("Bring a coat.", "I would rather have the rain."),
    "The key": ("Have you seen my key?", BLANKS),
    "Marmalade": ("Who ate the marmalade?", "The spoon did.", "Alone?", "It had help."),
    "The letter": ("There is a letter for you.", "Read it slowly, it came far."),
    "A race": ("Ready?", "My left foot is."),
    "The dark": ("Are you afraid of the dark?", "Only of what it whispers.", "What does it say?", "Bedtime."),
    "The fence": ("May I climb over?", MARKED),
}
MENDED = {"The fence": PLAIN, "The key": BLANKS.rstrip()}
NO_MOUSE = "() => { window.mouse = 0; for (const kind of ['mousedown', 'touchstart', 'wheel']) addEventListener(kind, () => { window.mouse += 1; }, true); }"


def serious(page, where):
    """What axe-core calls serious or critical on the page as it is now."""
    found = Axe().run(page).response["violations"]
    return [
        (where, one["id"], [" ".join(map(str, node["target"])) for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def written(page):
    """Write with its dialogs and panels, one after the other."""
    yield "Write"
    lines(page).first.focus()
    page.keyboard.press("F1")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    yield "Keys"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="History").click()
    expect(page.get_by_role("dialog", name="History")).to_be_visible()
    yield "History"
    page.keyboard.press("Escape")
    for panel in ("bring", "take"):
        page.evaluate("id => document.querySelector(id).click()", f"#{panel}-open")
        expect(page.locator(f"#{panel}")).to_be_visible()
        yield panel


def prepared(page):
    """Prepare as it opens."""
    open_tab(page, "Prepare")
    expect(page.locator("#prepare h1").locator("visible=true").first).to_have_text(re.compile("^(Ready|Not ready)"))
    yield "Prepare"


@pytest.mark.parametrize("width", [1440, 420])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_nothing_serious_is_in_the_way_of_anybody(open_page, studio_url, mode, width):
    page = open_page(studio_url, color_scheme=mode, viewport={"width": width, "height": 900})
    choose(page, "Biscuit")
    open_tab(page, "Write")
    expect(lines(page).first).to_be_visible()
    assert [fault for room in (written, prepared) for where in room(page) for fault in serious(page, where)] == []


def walk(page, target, key="Tab"):
    """Presses Tab until this has the focus, as somebody without a mouse does."""
    expect(target).to_be_visible()
    for _ in range(MOST_TABS):
        if target.evaluate("e => e === document.activeElement"):
            return target
        page.keyboard.press(key)
    raise AssertionError(f"{MOST_TABS} presses of {key} did not lead to {target}")


def press(page, target, key="Enter"):
    walk(page, target)
    page.keyboard.press(key)


def to_tab(page, name):
    tab = page.get_by_role("tab", name=name, exact=True)
    press(page, tab)
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(tab).to_be_focused()


def begin(page):
    """From Home, a new character and its first conversation."""
    press(page, page.get_by_role("button", name="Start a character"))
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Pip")
    press(page, page.get_by_role("button", name="Make this character"))
    expect(page.locator("#home .display textarea")).to_have_value("Pip has no words yet.")
    expect(page.get_by_role("button", name="Write the first conversation")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Write", exact=True)).to_be_focused()
    press(page, page.get_by_role("button", name="Write the first conversation"))


def tell(page, title, said):
    """One conversation, from the empty line that has the caret; then its title."""
    expect(lines(page)).to_have_count(1)
    expect(lines(page).first).to_be_focused()
    expect(lines(page).first).to_have_value("")
    for n, words in enumerate(said):
        if n:
            page.keyboard.press("Control+Enter")
        page.keyboard.type(words)
    walk(page, page.get_by_label("Title", exact=True), "Shift+Tab")
    page.keyboard.type(title)
    page.keyboard.press("Control+s")
    saved(page)


def search(page, word, title):
    """Finds a conversation by a word in one of its lines, opens it, and takes the search away."""
    page.keyboard.press("Control+k")
    page.keyboard.type(word)
    expect(page.locator(".ps-found")).to_have_text("1 of 10 conversations")
    page.keyboard.press("Enter")
    expect(page.get_by_role("listbox", name="Conversations")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Title", exact=True)).to_have_value(title)
    expect(lines(page).first).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(page.locator(".ps-found")).to_have_text("10 conversations")


def check(page):
    """Reads what Prepare found, leaps to one place and rewrites it, and lets a button mend another."""
    to_tab(page, "Prepare")
    expect(page.locator("#prepare h1").locator("visible=true").first).to_have_text(re.compile("^Ready, with "))
    press(page, page.get_by_role("button", name="Show them to me"))
    layout, blanks = (page.get_by_role("radio", name=re.compile(word)) for word in ("^One reply holds marks", "^One line begins or ends"))
    press(page, layout, "Space")
    press(page, page.get_by_role("radio", name=re.compile("^The fence.*Write it as plain speech")), "Space")
    expect(page.get_by_role("tab", name="Write", exact=True)).to_have_attribute("aria-selected", "true")
    expect(lines(page).nth(1)).to_be_focused()
    expect(lines(page).nth(1)).to_have_value(MARKED)
    page.keyboard.press("Control+a")
    page.keyboard.type(PLAIN)
    page.keyboard.press("Control+s")
    saved(page)
    to_tab(page, "Prepare")
    expect(layout).to_have_count(0)
    press(page, blanks, "Space")
    press(page, page.get_by_role("button", name="Take the blanks off"))
    expect(blanks).to_have_count(0)
    expect(page.locator("#prepare .found input:checked").first).to_be_focused()


def stored(url, persona):
    """What the studio holds: the lines of each conversation under its title."""
    rows = httpx.post(f"{url}studio/list", json={"persona": persona}, timeout=PATIENCE).json()["rows"]
    held = [httpx.post(f"{url}studio/load", json={"id": row["id"]}, timeout=PATIENCE).json() for row in rows]
    return {one["title"]: tuple(turn["text"] for turn in one["turns"]) for one in held}


def test_the_keyboard_alone_writes_checks_and_prepares_a_character(own_studio, open_page, tmp_path):
    page = open_page(own_studio.url)
    page.evaluate(NO_MOUSE)
    begin(page)
    for n, (title, said) in enumerate(TALKS.items()):
        if n:
            page.keyboard.press("Alt+Shift+N")
        tell(page, title, said)
    search(page, "marmalade", "Marmalade")
    check(page)
    walk(page, page.get_by_role("button", name="Save the conversations"))
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    download.value.save_as(tmp_path / "pip.jsonl")
    press(page, page.locator("#prepare").get_by_role("button", name="Go to Train"))
    expect(page.get_by_role("tab", name="Train", exact=True)).to_be_focused()
    wanted = {title: (*said[:-1], MENDED.get(title, said[-1])) for title, said in TALKS.items()}
    assert stored(own_studio.url, page.evaluate(f"{EDITOR}.persona")) == wanted
    rows = [json.loads(row) for row in (tmp_path / "pip.jsonl").read_text("utf-8").splitlines()]
    assert {row["title"]: tuple(message["content"] for message in row["messages"]) for row in rows} == wanted
    assert len(rows) == 10
    assert page.evaluate("window.mouse") == 0
