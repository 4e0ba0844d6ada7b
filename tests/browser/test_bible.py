"""The character bible beside the editor, in a real browser."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.test_editor import EDITOR, fresh, lines, saved, write

pytestmark = pytest.mark.browser

FEAR = "She is afraid of thunder and of the vacuum, which lives in the hall cupboard."
TAG = "She wears a red collar with a round gold tag."


@pytest.fixture
def page(studio_page):
    write(studio_page)
    expect(studio_page.locator(".ps-entry").first).to_be_visible()
    return studio_page


def asked(page, path, **body):
    return httpx.post(f"{page.url}studio/{path}", json=body, timeout=60).json()


def test_what_is_typed_is_followed_without_moving_the_caret(page):
    made = fresh(page, "What was that?", "ab")
    suggestion = page.locator(".ps-ticks").first.get_by_role("checkbox", name=FEAR)
    expect(suggestion).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    page.keyboard.type(" the vacuum in the hall cupboard ")
    expect(suggestion).to_be_visible()
    expect(lines(page).last).to_be_focused()
    page.keyboard.type("x")
    saved(page)
    assert asked(page, "load", id=made)["turns"][1]["text"] == "a the vacuum in the hall cupboard xb"


def test_a_tick_links_and_typing_goes_on(page):
    made = fresh(page, "What was that?", "It was the vacuum, in the hall cupboard.")
    tick = page.locator(".ps-ticks").first.get_by_role("checkbox", name=FEAR)
    expect(tick).to_be_visible()
    tick.focus()
    with page.expect_response("**/studio/link"):
        page.keyboard.press("Space")
        lines(page).last.click()
        page.keyboard.press("End")
        page.keyboard.type(" Still.")
    with page.expect_response("**/studio/save"):
        page.keyboard.type(" I saw it.")
    saved(page)
    loaded = asked(page, "load", id=made)
    assert loaded["shows"] == [FEAR] and loaded["turns"][1]["text"].endswith("cupboard. Still. I saw it.")
    expect(tick).to_be_checked()
    with page.expect_response("**/studio/coverage"):
        tick.click()
    expect(tick).not_to_be_checked()
    assert "shows" not in asked(page, "load", id=made)


def test_the_picture_leads_to_the_conversations(page):
    page.get_by_role("button", name="statements").click()
    page.locator(".ps-entry", has_text=TAG).press("Enter")
    page.get_by_role("button", name="The name on the gold tag", exact=True).click()
    expect(page.get_by_label("Title", exact=True)).to_have_value("The name on the gold tag")


def test_a_scene_is_begun_from_its_card(page):
    first = page.locator(".ps-card").text_content()
    page.get_by_role("button", name="Another idea").click()
    expect(page.locator(".ps-card")).not_to_have_text(first)
    seen = asked(page, "coverage", id=page.evaluate(f"{EDITOR}.persona"), idea=1)["card"]
    expect(page.locator(".ps-card")).to_have_text(seen["text"])
    page.get_by_role("button", name="Write this scene").click()
    expect(page.get_by_label("Title", exact=True)).to_have_value(seen["title"])
    expect(lines(page)).to_have_count(1)
    expect(lines(page).first).to_be_focused()
    expect(page.get_by_role("checkbox", name=seen["statement"])).to_be_checked()
    saved(page)
