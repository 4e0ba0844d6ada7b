"""Prepare leads from what it found to the very line in Write."""

import pytest
from playwright.sync_api import expect

from studio.domain.conversation import Turn
from studio.services.library import Library
from tests.browser.audit import open_tab
from tests.browser.conftest import PROJECT, Running

pytestmark = pytest.mark.browser


@pytest.fixture
def studio_with_a_gap(tmp_path):
    """A studio in which one conversation of Biscuit's has an answer without words."""
    home = tmp_path / "home"
    library = Library(home, PROJECT / "personas")
    biscuit = next(c.id for c in library.characters() if c.persona.name == "Biscuit")
    library.add(biscuit, "The silent gate", [Turn("a", "user", "Who is there?"), Turn("b", "model", ""), Turn("c", "user", "Hello?"), Turn("d", "model", "Me!")])  # fmt: skip
    library.close()
    running = Running(home).start()
    yield running
    running.end()


def test_a_finding_opens_the_line_it_is_about(studio_with_a_gap, open_page):
    page = open_page(studio_with_a_gap.url)
    open_tab(page, "Prepare")
    finding = page.locator("#prepare").get_by_text("One line is empty", exact=False)
    expect(finding).to_have_count(1)
    page.get_by_role("button", name="Show them to me").click()
    expect(page.locator("#prepare .found label", has_text="One line is empty")).to_be_visible()
    expect(finding).to_have_count(1)  # once, whether the desk is open or not
    place = page.locator("#prepare .places label", has_text="The silent gate")
    expect(place).to_have_count(1)
    place.click()
    expect(page.get_by_role("tab", name="Write", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#write-editor .ps-title")).to_have_value("The silent gate")
    expect(page.locator("#write-editor li textarea").nth(1)).to_be_focused()
