"""Home as a person uses it. The page itself may report no error and ask nobody else for anything: `open_page` sees to that."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.audit import choose, open_tab

pytestmark = pytest.mark.browser
LONG = "Grandmother Pimpernel of the Upper Marsh"  # 40 characters


def make(page, name, line=""):
    page.get_by_role("button", name="New character").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Who is this, in one line").fill(line)
    page.get_by_role("button", name="Make this character").click()
    expect(headline(page)).to_have_value(re.compile("has no words yet"))


def headline(page):
    return page.locator("#home .display textarea")


def opened(page):
    return page.locator("#cast label.selected")


def test_the_first_visit_welcomes_and_the_next_step_is_one_press_away(shared_studio, open_page):
    page = open_page(shared_studio.url)
    expect(headline(page)).to_have_value("Write how they talk. Then meet them.")
    assert page.locator("#home button.primary:visible").all_inner_texts() == ["Start a character"]
    page.get_by_role("button", name="Look around with Biscuit").click()
    expect(headline(page)).to_have_value("Biscuit is written and ready to learn.")
    page.get_by_role("button", name="Teach Biscuit").click()
    expect(page.get_by_role("tab", name="Train", exact=True)).to_have_attribute("aria-selected", "true")


def test_whoever_is_picked_on_the_first_visit_is_opened(shared_studio, open_page):
    page = open_page(shared_studio.url)
    expect(headline(page)).to_have_value("Write how they talk. Then meet them.")
    choose(page, "Marlow")
    expect(headline(page)).to_have_value("Marlow is written and ready to learn.")
    page.locator("#cards label", has_text="Quillfeather").click()
    expect(headline(page)).to_have_value("Professor Quillfeather is written and ready to learn.")
    expect(opened(page)).to_have_text("Professor Quillfeather")


def test_a_new_character_is_made_from_any_tab_and_everything_takes_its_ink(own_studio, open_page):
    page = open_page(own_studio.url)
    choose(page, "Biscuit")
    open_tab(page, "Chat")
    make(page, LONG, "Knits weather")
    expect(opened(page)).to_have_text(LONG)
    assert page.locator("#ink i").get_attribute("class") == "ink-berry"
    name = page.locator("#cast label.selected > span")
    assert name.evaluate("e => e.scrollWidth > e.clientWidth && getComputedStyle(e).textOverflow") == "ellipsis"
    face = opened(page).evaluate("e => getComputedStyle(e, '::before').backgroundImage")
    assert "/studio/avatar/" in face
    again = open_page(own_studio.url, page.context)
    expect(opened(again)).to_have_text(LONG)
    expect(headline(again)).to_have_value(f"{LONG} has no words yet.")


def test_a_name_is_shown_as_it_was_typed_and_runs_nothing(own_studio, open_page):
    page = open_page(own_studio.url)
    name = "<img src=x onerror=alert(1)>${1+1}"
    make(page, name, "<script>alert(2)</script>{{value}}")
    expect(headline(page)).to_have_value(f"{name} has no words yet.")
    expect(page.locator("#home .kick:visible textarea")).to_have_value("<script>alert(2)</script>{{value}}")
    for tab in ("Write", "Prepare", "Train", "Chat", "Export"):
        open_tab(page, tab)
    assert page.locator("img[src=x]").count() == 0


def test_a_character_can_be_renamed_copied_thrown_away_and_put_back(own_studio, open_page):
    page = open_page(own_studio.url)
    page.get_by_role("button", name="Look around with Biscuit").click()
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(opened(page)).to_have_text("Biscuit (copy)")
    page.get_by_role("button", name="Name and ink").click()
    page.get_by_label("Name", exact=True).fill("Crumb")
    page.get_by_text("Slate", exact=True).click()
    page.get_by_role("button", name="Keep these changes").click()
    expect(opened(page)).to_have_text("Crumb")
    expect(page.locator("#ink i")).to_have_class("ink-slate")
    page.get_by_role("button", name="Move to the bin").click()
    expect(page.locator("#home .told textarea")).to_have_value("Crumb moved to the bin. It stays there for 30 days.")
    expect(page.locator("#cast label")).to_have_count(3)
    page.get_by_role("button", name="Undo", exact=True).locator("visible=true").click()
    expect(opened(page)).to_have_text("Crumb")
    page.get_by_role("button", name="Move to the bin").click()
    page.get_by_role("button", name="Bin (1)").click()
    page.get_by_role("button", name="Put back").click()
    expect(opened(page)).to_have_text("Crumb")
    expect(page.locator("#cast label")).to_have_count(4)


def test_an_empty_name_is_refused_and_what_was_typed_stays(shared_studio, open_page):
    page = open_page(shared_studio.url)
    page.get_by_role("button", name="New character").click()
    page.get_by_label("Who is this, in one line").fill("A shy cloud")
    page.get_by_role("button", name="Make this character").click()
    expect(page.get_by_test_id("toast-text")).to_contain_text("needs a name")
    expect(page.get_by_label("Who is this, in one line")).to_have_value("A shy cloud")


def test_in_a_narrow_window_every_tab_is_reached_and_the_cast_scrolls(open_page, studio_url):
    page = open_page(studio_url, viewport={"width": 420, "height": 900})
    choose(page, "Biscuit")
    for tab in ("Export", "Home", "Chat"):
        open_tab(page, tab)
        expect(page.locator(f"#{tab.lower()}")).to_be_visible()
    assert page.locator("#cast").evaluate("e => e.scrollWidth > e.clientWidth")
