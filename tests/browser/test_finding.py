"""Finding a conversation in the list: words, filters, and what is like the open one."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from studio.domain.conversation import Conversation, Turn
from studio.domain.persona import Persona
from studio.services.library import Library
from tests.browser.conftest import PATIENCE, Running

pytestmark = pytest.mark.browser


def talk(title, *texts, tags=(), flag="", drafted=False):
    turns = tuple(Turn(f"t{n}", "model" if n % 2 else "user", text, drafted=drafted) for n, text in enumerate(texts))
    return Conversation("", title, turns, tags, flag)


@pytest.fixture(scope="module")
def finding_studio(tmp_path_factory):
    """A studio with two characters, in which some of the forty conversations of one are tagged, flagged or drafted."""
    home = tmp_path_factory.mktemp("finding") / "home"
    library = Library(home, home / "no-examples")
    who = library.create(Persona("Otto", visitor="Ada", ink="petrol"))
    special = [
        talk("The puddle", "The puddle has the whole sky in it.", "A sky to step in.", "Step around.", tags=("rain", "walk")),
        talk("Sky again", *["The sky, and a puddle under it."] * 12, tags=("rain",), flag="needs work"),
        talk("The gate", "The gate is shut.", "I will wait.", tags=("walk",), flag="finished"),
        talk("The nap", "The blanket.", "Mine.", drafted=True),
    ]
    library.add_many(who, [*special, *(talk(f"Talk {n}", f"Question {n}?", "Yes.", "Good.") for n in range(36))])
    library.create(Persona("Ida", ink="plum"))
    library.close()
    running = Running(home).start()
    yield running
    running.end()


@pytest.fixture(params=[{}, {"viewport": {"width": 420, "height": 900}}], ids=["wide", "narrow"])
def page(open_page, finding_studio, request):
    page = open_page(finding_studio.url, **request.param)
    page.get_by_role("tab", name="Write", exact=True).click()
    expect(page.locator(".ps-line textarea").first).to_be_visible()
    if request.param:
        page.locator(".ps-drawer").click()
    return page


def titles(page):
    return page.locator(".ps-row b").all_inner_texts()


def shows(page, count, *first):
    expect(page.locator(".ps-found")).to_have_text(count)
    if first:
        expect(page.locator(".ps-row b")).to_have_text(list(first))


def fits(page):
    """Nothing of the list is wider than the place it has, and nothing lies on something else."""
    wide = page.evaluate(
        "[...document.querySelectorAll('.ps-shelf > *:not([hidden])')].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className)"
    )
    assert wide == []
    edges = page.evaluate(
        "[...document.querySelectorAll('.ps-shelf > *:not([hidden])')].map(e => { const r = e.getBoundingClientRect(); return [r.top, r.bottom]; })"
    )
    assert all(above[1] <= below[0] + 1 for above, below in zip(edges, edges[1:], strict=False))


def test_words_and_filters_narrow_the_list_and_every_one_can_be_taken_away(page):
    shows(page, "40 conversations")
    page.get_by_label("Find a word or a title").fill("sky puddle")
    shows(page, "2 of 40 conversations", "The puddle", "Sky again")
    expect(page.locator(".ps-row").nth(1)).to_have_accessible_name(re.compile("Needs work · 12 lines"))
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("State", exact=True).select_option("Needs work")
    shows(page, "1 of 40 conversations", "Sky again")
    page.get_by_label("Tag", exact=True).select_option("walk (2)")
    page.get_by_text("No conversation contains “sky puddle” under these filters.").wait_for()
    fits(page)
    page.get_by_role("button", name="Clear the search").click()
    page.get_by_text("No conversation is left under these filters.").wait_for()
    page.get_by_role("button", name="Needs work, remove this filter").click()
    expect(page.get_by_role("button", name="Tag: walk, remove this filter")).to_be_focused()
    shows(page, "2 of 40 conversations", "The puddle", "The gate")
    page.keyboard.press("Enter")
    shows(page, "40 conversations")
    expect(page.get_by_role("button", name="Filter", exact=True)).to_be_focused()
    page.get_by_role("checkbox", name="With drafted lines").check()
    shows(page, "1 of 40 conversations", "The nap")
    page.get_by_role("checkbox", name="With drafted lines").uncheck()
    page.get_by_label("Length", exact=True).select_option("More than 10 lines")
    shows(page, "1 of 40 conversations", "Sky again")
    page.get_by_label("Length", exact=True).focus()
    page.keyboard.press("Escape")
    expect(page.locator(".ps-filter")).to_be_hidden()
    fits(page)


def test_what_is_like_the_open_conversation_fills_the_list_until_its_chip_is_pressed(page):
    page.locator(".ps-row", has_text="The puddle").click()
    expect(page.get_by_label("Title", exact=True)).to_have_value("The puddle")
    page.get_by_role("button", name="Like this one").click()
    chip = page.get_by_role("button", name="Like “The puddle”, remove this filter")
    expect(chip).to_be_visible()
    expect(page.get_by_text("Compared by meaning, roughly")).to_be_visible(timeout=1000 * PATIENCE)  # at first by words; then by itself
    expect(page.locator(".ps-row b").first).to_have_text("Sky again")
    assert "The puddle" not in titles(page)
    fits(page)
    chip.click()
    shows(page, "40 conversations")


def test_tags_are_listed_with_their_counts_and_another_character_begins_without_filters(page, finding_studio):
    made = httpx.post(
        f"{finding_studio.url}studio/tags", json={"id": page.evaluate("document.querySelector('.ps').editor.persona")}, timeout=PATIENCE
    )
    assert made.json()["tags"] == [{"tag": "rain", "count": 2}, {"tag": "walk", "count": 2}]
    page.get_by_role("button", name="Filter", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Tag", exact=True).locator("option")).to_have_text(["Any", "rain (2)", "walk (2)"])
    page.get_by_label("State", exact=True).select_option("Finished")
    shows(page, "1 of 40 conversations", "The gate")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.locator("#cast label", has_text="Ida").click()
    expect(page.locator(".ps-chip")).to_have_count(0)
