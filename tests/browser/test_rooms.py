"""Rooms follow the open character: each is asked no oftener than somebody is chosen, a hidden one only when it is opened, and the last choice counts."""

from collections import Counter

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.audit import choose, open_tab, settle
from tests.browser.conftest import PATIENCE

pytestmark = pytest.mark.browser


@pytest.fixture
def asked(studio_page, studio_url):
    """How often each handler was asked; the names of several alike end with a number."""
    listeners = httpx.get(f"{studio_url}config", timeout=PATIENCE).json()["dependencies"]
    names, counts = {listener["id"]: listener["api_name"] for listener in listeners}, Counter()
    studio_page.on(
        "request", lambda request: counts.update([names[request.post_data_json["fn_index"]]] if "/queue/join" in request.url else [])
    )
    return counts


def test_characters_chosen_faster_than_the_rooms_answer_come_to_rest_with_the_last_one(studio_page, asked):
    settle(studio_page)
    asked.clear()
    chosen = ("Marlow", "Quillfeather", "Biscuit", "Marlow")
    for name in chosen:
        studio_page.locator("#cast label", has_text=name).first.click()
    settle(studio_page)
    assert {name: count for name, count in asked.items() if count > len(chosen)} == {}
    expect(studio_page.locator("#home .display textarea")).to_have_value("Marlow is written and ready to learn.")
    open_tab(studio_page, "Train")
    expect(studio_page.locator("#train").get_by_role("button", name="Teach Marlow", exact=True)).to_be_visible()


def test_a_hidden_room_is_asked_when_it_is_opened(studio_page, asked):
    settle(studio_page)
    asked.clear()
    choose(studio_page, "Marlow")
    assert asked["reink"] and not asked["form"] + asked["consult"]
    open_tab(studio_page, "Prepare")
    assert asked["consult"] == 1 and not asked["form"]
    choose(studio_page, "Professor Quillfeather")
    assert asked["consult"] == 2 and not asked["form"]


def test_a_room_nobody_has_seen_has_nothing_to_put_away(studio_page, asked):
    settle(studio_page)
    asked.clear()
    choose(studio_page, "Marlow")
    settle(studio_page)
    assert set(asked) <= {"reink", "shut", "look", "look_2", "lambda"}, "only what stands on the page is asked, and the editor told"
    open_tab(studio_page, "Write")
    choose(studio_page, "Professor Quillfeather")
    settle(studio_page)
    assert asked["put_away"] == 1, "what was opened once is put away with its character"
    assert not asked["leave"] + asked["arrive"] + asked["away"]
