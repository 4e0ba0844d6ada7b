"""What the checks say in Write, in a real browser: there soon after a save, without moving a word, silenced or hidden when asked."""

import time

import pytest
from playwright.sync_api import expect

from tests.browser.audit import measure
from tests.browser.test_editor import fresh, lines, saved, write

pytestmark = pytest.mark.browser

MAIL = "Line 2 holds an e-mail address. Take it out, or make one up."


@pytest.fixture
def page(studio_page):
    return write(studio_page)


def remark(page):
    """What is said of the second line."""
    return page.locator(".ps-line").nth(1).locator(".ps-remark")


def tops(page):
    """Where every line stands on the screen."""
    return page.locator(".ps-line").evaluate_all("all => all.map(li => li.getBoundingClientRect().top)")


def mail(page):
    """A conversation with one remark, which has come."""
    made = fresh(page, "Where do I write?", "To Mum.", "And then?", "Wait.")
    lines(page).nth(1).click()
    page.keyboard.press("End")
    before = tops(page)
    page.keyboard.type(" me@x.com")
    expect(remark(page)).to_have_text(MAIL)
    assert tops(page) == before, "a line moved when a remark came"
    return made


def test_a_remark_comes_within_a_second_of_the_save_and_goes_with_its_cause(page):
    mail(page)
    expect(lines(page).nth(1)).to_be_focused()
    assert lines(page).nth(1).evaluate("box => box.selectionStart") == len("To Mum. me@x.com")
    before = tops(page)
    with page.expect_response("**/studio/save"):
        for _ in range(9):
            page.keyboard.press("Backspace")
    began = time.monotonic()
    expect(remark(page)).to_have_count(0)
    assert time.monotonic() - began < 1 + 2, "two seconds are the browser's own on a busy machine"
    assert tops(page) == before
    saved(page)


def test_what_is_typed_meanwhile_is_kept_and_nobody_is_told_unasked(page):
    mail(page)
    heard = page.locator(".ps-heard")
    assert "e-mail" not in heard.inner_text()
    page.keyboard.type(" Or call.")
    page.keyboard.press("Alt+Shift+C")
    expect(heard).to_contain_text(MAIL)
    expect(lines(page).nth(1)).to_have_value("To Mum. me@x.com Or call.")
    expect(lines(page).nth(1)).to_be_focused()


def test_a_remark_is_silenced_with_a_reason_and_speaks_again(page):
    mail(page)
    remark(page).click()
    expect(remark(page)).to_have_attribute("aria-expanded", "true")
    page.get_by_role("button", name="Show in Prepare").locator("visible=true").focus()
    page.keyboard.press("Escape")
    expect(remark(page)).to_be_focused()
    expect(remark(page)).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    reason = page.get_by_role("textbox", name="Is this all right as it is? Write why.").locator("visible=true")
    page.get_by_role("button", name="Silence this").locator("visible=true").click()
    expect(page.locator(".ps-toast")).to_contain_text("Write why first")
    reason.fill("She made it up.")
    reason.press("Enter")
    expect(remark(page)).to_have_count(0)
    toast = page.locator(".ps-toast")
    expect(toast).to_contain_text("Silenced.")
    toast.get_by_role("button", name="Undo").click()
    expect(remark(page)).to_have_text(MAIL)


def test_remarks_can_be_hidden_and_stay_hidden_after_a_reload(page):
    mail(page)
    remark(page).click()
    page.locator(".ps-remark-more").get_by_role("button", name="Hide remarks").click()
    expect(remark(page)).to_have_count(0)
    saved(page)
    page.reload()
    write(page)
    back = page.get_by_role("button", name="Show remarks")
    back.wait_for()
    expect(remark(page)).to_have_count(0)
    back.click()
    expect(remark(page)).to_have_text(MAIL)


def test_a_remark_leads_to_its_finding_in_prepare_and_back_to_the_line(page):
    mail(page)
    remark(page).click()
    page.get_by_role("button", name="Show in Prepare").locator("visible=true").click()
    expect(page.get_by_role("tab", name="Prepare", exact=True)).to_have_attribute("aria-selected", "true")
    chosen = page.locator("#prepare .found label.selected")
    expect(chosen).to_contain_text("e-mail address")
    place = page.locator("#prepare-desk .places label", has_text="A test").first
    expect(place).to_contain_text("Line 2 holds an e-mail address.")
    place.click()
    expect(page.get_by_role("tab", name="Write", exact=True)).to_have_attribute("aria-selected", "true")
    expect(lines(page).nth(1)).to_be_focused()


def test_what_is_silenced_or_mended_in_prepare_is_followed_in_write(own_studio, open_page):
    page = write(open_page(own_studio.url))
    mail(page)
    page.keyboard.type("  ")
    saved(page)
    remark(page).click()
    page.get_by_role("button", name="Show in Prepare").locator("visible=true").last.click()
    page.locator("#prepare .found label.selected", has_text="e-mail").wait_for()
    page.locator("#prepare-desk").get_by_label("Is this all right as it is? Write why.").fill("Made up.")
    page.locator("#prepare-desk").get_by_role("button", name="Silence this").click()
    expect(page.locator("#prepare")).to_contain_text("One check is silenced")
    page.locator("#prepare .found label", has_text="begins or ends with blanks").click()
    page.get_by_role("button", name="Take the blanks off").click()
    expect(page.locator("#prepare .found label", has_text="begins or ends with blanks")).to_have_count(0)
    page.get_by_role("tab", name="Write", exact=True).click()
    expect(lines(page).nth(1)).to_have_value("To Mum. me@x.com")
    expect(remark(page)).to_have_count(0)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("wide", [1440, 420])
def test_remarks_are_readable_and_cover_nothing(open_page, studio_url, mode, wide):
    page = write(open_page(studio_url, viewport={"width": wide, "height": 900}, color_scheme=mode))
    mail(page)
    box, below = remark(page).bounding_box(), page.locator(".ps-line").nth(2).locator(".ps-bubble").bounding_box()
    above = page.locator(".ps-line").nth(1).locator(".ps-bubble").bounding_box()
    assert above["y"] + above["height"] <= box["y"] + 1 and box["y"] + box["height"] <= below["y"] + 1
    assert box["x"] >= 0 and box["x"] + box["width"] <= wide
    found = measure(page)
    assert (found.wide, found.faint, found.tiny, found.small) == (0, (), (), ())
    remark(page).click()
    found = measure(page)
    assert (found.wide, found.faint, found.tiny, found.small) == (0, (), (), ())
