"""Several conversations at once in a real browser, by keyboard: tags, other words with every place shown first, a move; and the way back."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.test_editor import EDITOR, fresh, lines, texts, write

pytestmark = pytest.mark.browser


@pytest.fixture
def page(studio_page):
    return write(studio_page)


def opened(page, *said, title="A test"):
    made = fresh(page, *said, title=title)
    page.wait_for_function(f"id => {EDITOR}.desk.id === id", arg=made)
    return made


def search(page, word, count):
    page.keyboard.press("Control+k")
    page.keyboard.press("Control+a")
    page.keyboard.type(word)
    expect(page.locator(".ps-found")).to_have_text(re.compile(f"^{count} of "))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("listbox", name="Conversations")).to_be_focused()


def act(page, word):
    page.get_by_role("toolbar", name="What to do with the chosen conversations").get_by_role("button", name=word).press("Enter")


def chosen(page, count):
    expect(page.locator(".ps-count")).to_have_text(f"{count} chosen")


def said(page, sentence):
    expect(page.locator(".ps-toast p")).to_have_text(sentence)


def stored(page, identifier):
    return httpx.post(f"{page.url}studio/load", json={"id": identifier}, timeout=60).json()


def test_two_chosen_by_keyboard_are_tagged_and_it_is_undone(page):
    made = [opened(page, "Hello.", f"A barometer, {n}.") for n in range(3)]
    search(page, "barometer", 3)
    page.keyboard.press("Space")
    chosen(page, 1)
    page.keyboard.press("Shift+ArrowDown")
    chosen(page, 2)
    expect(page.get_by_role("listbox", name="Conversations").get_by_role("option", selected=True)).to_have_count(2)
    act(page, "Tag")
    page.keyboard.type("weather,  by the sea ")
    page.keyboard.press("Enter")
    said(page, "The tags of 2 conversations were changed.")
    tags = [stored(page, one)["tags"] for one in made]
    assert sorted(tags) == [[], ["weather", "by the sea"], ["weather", "by the sea"]]
    page.get_by_role("listbox", name="Conversations").press("Control+z")
    said(page, "Undone in 2 conversations.")
    assert [stored(page, one)["tags"] for one in made] == [[], [], []]
    page.keyboard.press("Escape")
    expect(page.locator(".ps-count")).to_be_hidden()
    expect(page.get_by_role("listbox", name="Conversations")).to_be_focused()


def test_every_place_is_shown_before_it_is_replaced_and_an_undo_outlives_a_reload(page):
    opened(page, "A gramophone?", "My Gramophone, the gramophone.", title="One")
    made = opened(page, "No.", "A gramophone", title="Two")
    search(page, "gramophone", 2)
    page.keyboard.press("Control+a")
    chosen(page, 2)
    lines(page).first.fill("No, not saved yet.")
    act(page, "Replace")
    page.keyboard.type("gramophone")
    page.keyboard.press("Tab")
    page.keyboard.type("radio")
    boxes = page.locator(".ps-place input")
    expect(boxes).to_have_count(4)
    expect(page.locator(".ps-text", has_text="No")).to_have_count(0)
    before, after = (page.locator(".ps-place", has_text="My ").first.locator(tag) for tag in ("del", "ins"))
    assert (before.inner_text(), after.inner_text()) == ("Gramophone", "radio")
    boxes.first.focus()
    page.keyboard.press("ArrowDown")
    expect(boxes.nth(1)).to_be_focused()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Replace 3 places").press("Enter")
    said(page, "Replaced at 3 places in 2 conversations.")
    expect(lines(page).last).to_have_value("A radio")
    assert texts(page)[0] == "No, not saved yet."
    page.reload()
    write(page)
    expect(lines(page).last).to_have_value("A radio")
    page.get_by_role("button", name="Select", exact=True).press("Enter")
    act(page, "Undo")
    said(page, "Undone in 2 conversations.")
    expect(lines(page).last).to_have_value("A gramophone")
    assert [turn["text"] for turn in stored(page, made)["turns"]] == ["No, not saved yet.", "A gramophone"]


def test_all_that_is_there_is_chosen_also_what_is_not_loaded(page):
    page.get_by_role("listbox", name="Conversations").focus()
    page.keyboard.press("Control+a")
    total = page.locator(".ps-found").inner_text().split()[0]
    assert int(total) > 100  # more than the list asks for at once
    chosen(page, total)
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    chosen(page, int(total) - 1)
    page.keyboard.press("Shift+End")  # from the one just left out, and it with them
    chosen(page, total)
    page.get_by_role("button", name="Choose none").press("Enter")
    chosen(page, 0)
    page.get_by_role("listbox", name="Conversations").press("Home")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+End")
    chosen(page, total)


def test_what_is_moved_leaves_the_list_and_the_page_and_comes_back(page):
    made = opened(page, "Hello.", "A theodolite.")
    opened(page, "Hello.", "Another theodolite.")
    go = page.get_by_role("button", name="Undo").last
    search(page, "theodolite", 2)
    page.keyboard.press("Control+a")
    act(page, "Move")
    page.get_by_role("dialog").get_by_role("button", name="Marlow").press("Enter")
    said(page, "2 conversations moved to Marlow.")
    page.get_by_text("No conversation contains “theodolite”.").wait_for()
    assert stored(page, made)["persona"] != page.evaluate(f"{EDITOR}.persona")
    expect(page.locator(".ps-title")).to_be_hidden()
    go.press("Enter")
    said(page, "Undone in 2 conversations.")
    expect(page.locator(".ps-found")).to_have_text(re.compile("^2 of "))
    assert stored(page, made)["persona"] == page.evaluate(f"{EDITOR}.persona")
