"""All tabs as drawn, in both modes and with every bundled character's ink."""

import pytest

from tests.browser.audit import TABS, choose, measure, open_tab

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", ["Biscuit", "Professor Quillfeather", "Marlow"])
def test_everything_drawn_can_be_read_and_hit(open_page, studio_url, mode, name):
    page = open_page(studio_url, color_scheme=mode)
    choose(page, name)
    assert page.locator("body").evaluate("e => e.classList.contains('dark')") == (mode == "dark")
    faults = []
    for tab in TABS:
        open_tab(page, tab)
        found = measure(page)
        faults += [(tab, fault) for fault in (*found.faint, *found.tiny, *found.small, *([] if found.texts > 10 else ["nothing drawn"]))]
    assert faults == []


@pytest.mark.parametrize("width", [420, 1024, 1440])
def test_no_tab_scrolls_sideways(open_page, studio_url, width):
    page = open_page(studio_url, viewport={"width": width, "height": 900})
    choose(page, "Biscuit")
    wide = []
    for tab in TABS:
        open_tab(page, tab)
        wide += [tab] * (measure(page).wide > 0)
    assert wide == []


def test_every_tab_has_at_most_one_filled_button(open_page, studio_url):
    page = open_page(studio_url)
    choose(page, "Biscuit")
    for tab in TABS:
        open_tab(page, tab)
        assert len(measure(page).filled) <= 1, tab
