"""Everybody can use Write and Prepare: axe-core finds nothing serious."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.audit import choose, open_tab
from tests.browser.test_editor import lines

pytestmark = pytest.mark.browser


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
