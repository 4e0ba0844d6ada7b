"""Everybody can use Write and Prepare: axe-core finds nothing serious, and the keyboard alone is enough."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.audit import choose, open_tab
from tests.browser.test_editor import lines, saved

pytestmark = pytest.mark.browser

MOST_TABS = 150  # presses until something has to be reached
TOLD = "**Stop** right there."  # marks of layout: a finding with a place


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


def press(page, target):
    walk(page, target)
    page.keyboard.press("Enter")


def to_tab(page, name):
    tab = page.get_by_role("tab", name=name, exact=True)
    press(page, tab)
    expect(tab).to_have_attribute("aria-selected", "true")


def say(page, asked, answered):
    """One conversation of two lines in the line that has the caret."""
    page.keyboard.type(asked)
    page.keyboard.press("Control+Enter")
    page.keyboard.type(answered)
    expect(lines(page)).to_have_count(2)
    saved(page)


def test_the_keyboard_alone_writes_checks_and_prepares_a_character(own_studio, open_page):
    page = open_page(own_studio.url)
    press(page, page.get_by_role("button", name="Start a character"))
    walk(page, page.get_by_label("Name", exact=True))
    page.keyboard.type("Pip")
    press(page, page.get_by_role("button", name="Make this character"))
    expect(page.locator("#home .display textarea")).to_have_value("Pip has no words yet.")
    to_tab(page, "Write")
    press(page, page.get_by_role("button", name="Write the first conversation"))
    for n in range(10):
        if n:
            press(page, page.get_by_role("button", name="New conversation"))
        expect(lines(page)).to_have_count(1)
        expect(lines(page).first).to_be_focused()
        say(page, f"What is in box {n}?", TOLD if n == 9 else f"A button, a shell and {n} peas.")
    to_tab(page, "Prepare")
    expect(page.locator("#prepare h1").locator("visible=true").first).to_have_text(re.compile("^Ready, with "))
    press(page, page.get_by_role("button", name="Show them to me"))
    findings = page.get_by_role("radio", name=re.compile("layout"))
    expect(findings).to_have_count(1)
    walk(page, page.locator("#prepare .found input:checked").first)
    while not findings.is_checked():
        page.keyboard.press("ArrowDown")
        expect(page.locator("#prepare .found input:checked").first).to_be_focused()
    place = page.locator("#prepare .places:not(.found) input[type=radio]").first
    walk(page, place)
    page.keyboard.press("Space")
    expect(page.get_by_role("tab", name="Write", exact=True)).to_have_attribute("aria-selected", "true")
    expect(lines(page).nth(1)).to_be_focused()
    expect(lines(page).nth(1)).to_have_value(TOLD)
    to_tab(page, "Prepare")
    press(page, page.locator("#prepare").get_by_role("button", name="Go to Train"))
    expect(page.get_by_role("tab", name="Train", exact=True)).to_have_attribute("aria-selected", "true")
