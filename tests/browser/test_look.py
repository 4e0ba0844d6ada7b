"""All tabs as drawn, in both modes and with every bundled character's ink."""

import pytest

from tests.browser.audit import TABS, choose, measure, open_tab

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", ["Biscuit", "Professor Quillfeather", "Marlow"])
def test_everything_drawn_can_be_read_and_hit(open_page, studio_url, mode, name):
    page = open_page(f"{studio_url}?__theme={mode}", color_scheme=mode)
    choose(page, name)
    for tab in TABS:
        open_tab(page, tab)
        found = measure(page)
        assert found.texts > 10, f"{tab} is empty"
        assert (found.faint, found.tiny, found.small) == ((), (), ()), f"{tab}, {mode}"


@pytest.mark.parametrize("width", [420, 1024, 1440])
def test_no_tab_scrolls_sideways(open_page, studio_url, width):
    page = open_page(studio_url, viewport={"width": width, "height": 900})
    choose(page, "Biscuit")
    for tab in TABS:
        open_tab(page, tab)
        assert measure(page).wide <= 0, f"{tab} at {width} px"


def test_every_tab_has_at_most_one_filled_button(open_page, studio_url):
    page = open_page(studio_url)
    choose(page, "Biscuit")
    for tab in TABS:
        open_tab(page, tab)
        assert len(measure(page).filled) <= 1, tab
