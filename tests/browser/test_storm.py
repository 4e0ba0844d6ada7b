"""Two hundred edits by keys, all the way back and forth over a restart; and two windows that write at once, a hundred times."""

import json
import random

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.test_editor import EDITOR, fresh, go_to, lines, saved, write

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EDITS, ROUNDS, MOST_STEPS = 200, 100, 1_500
ANSWERS = 4  # of each window in one round, until both are of one mind
CHORDS = {
    "split": "Alt+Enter", "merge": "Alt+Backspace", "up": "Alt+ArrowUp", "down": "Alt+ArrowDown", "copy": "Alt+Shift+ArrowDown",
    "remove": "Control+Shift+Backspace", "swap": "Alt+Shift+R", "below": "Control+Enter", "above": "Control+Shift+Enter",
}  # fmt: skip
WORDS = ("puddle", "gate", "rain,", "the sky", "“No!”", "naïve", "小狗", "🐕", "…", "two  blanks")
SHOWN = f"() => {{ const {{title, turns}} = {EDITOR}.desk.now; return [title, turns.map(t => [t.role, t.text])]; }}"
SETTLED = "() => ['Saved', 'Not saved'].includes(document.querySelector('.ps-sheet .ps-state').textContent)"
QUESTION = ".ps-notice[role=alert]"


def edit(page, rng):
    """One edit at a random place, by the keys a person would press."""
    count = lines(page).count()
    kind = rng.choice(["type"] * 6 + ["title"] + (list(CHORDS) if count < 12 else ["merge", "remove", "up", "down", "swap"]))
    if kind in ("merge", "remove") and count <= 2:
        kind = "below"
    if kind == "title":
        page.get_by_label("Title", exact=True).focus()
        page.keyboard.press("End")
        return page.keyboard.type(f" {rng.choice(WORDS)}"[:20])
    lines(page).nth(rng.randrange(count)).focus()
    page.keyboard.press(rng.choice(["Home", "End"]))
    for _ in range(rng.randrange(4)):
        page.keyboard.press(rng.choice(["ArrowLeft", "ArrowRight"]))
    return page.keyboard.type(f"{rng.choice(WORDS)} ") if kind == "type" else page.keyboard.press(CHORDS[kind])


def wind(page, key, word):
    """Presses a key until there is nothing more to undo, or to redo."""
    lines(page).first.focus()
    for _ in range(MOST_STEPS):
        page.keyboard.press(key)
        if page.locator(".ps-heard").text_content() == f"Nothing to {word}":
            return
    raise AssertionError(f"{MOST_STEPS} steps and still something to {word}")


def restart(page, studio):
    """Killed as by a power cut, started again, and the page loaded anew."""
    saved(page)
    studio.kill()
    studio.start()
    page.reload()
    return write(page)


def stored(url, made):
    return httpx.post(f"{url}studio/load", json={"id": made}, timeout=60).json()


def as_shown(held):
    return [held["title"], [[turn["role"], turn["text"]] for turn in held["turns"]]]


def test_two_hundred_edits_lead_all_the_way_back_and_forth_over_a_restart(own_studio, open_page, outage):
    page, rng = write(open_page(own_studio.url)), random.Random(5)
    made = fresh(page, "One. Two.", "Three.", "Four, five.", "Six.")
    first = page.evaluate(SHOWN)
    for _ in range(EDITS // 2):
        edit(page, rng)
    restart(page, own_studio)
    for _ in range(EDITS // 2):
        edit(page, rng)
    saved(page)
    last = page.evaluate(SHOWN)
    assert last != first and last == as_shown(stored(own_studio.url, made))
    wind(page, "Control+z", "undo")
    assert page.evaluate(SHOWN) == first
    saved(page)
    assert as_shown(stored(own_studio.url, made)) == first
    wind(page, "Control+Shift+z", "redo")
    assert page.evaluate(SHOWN) == last
    assert restart(page, own_studio).evaluate(SHOWN) == last


def known(url, made, pages):
    """Every text that is stored, in the history, or in a question that one of the pages shows."""
    told = json.dumps(stored(url, made), ensure_ascii=False)
    before = 2**53 - 1
    while earlier := httpx.post(f"{url}studio/history", json={"id": made, "before": before, "limit": 100}, timeout=60).json()["revisions"]:
        told += json.dumps(earlier, ensure_ascii=False)
        before = earlier[-1]["rev"]
    return told + "".join(text for page in pages for text in page.locator(QUESTION).all_text_contents())


def answer(page, word):
    """Answers the question in this window, where there is one."""
    question = page.locator(QUESTION, has_text="changed in another window")
    if question.is_visible():
        question.get_by_role("button", name=word).click()


def test_of_two_windows_that_write_at_once_neither_loses_a_word(own_studio, open_page):
    one = write(open_page(own_studio.url))
    made = fresh(one, "One.", "Two.", "Three.", "Four.")
    other = write(open_page(own_studio.url, one.context))
    go_to(other, made, 0)
    expect(lines(other).first).to_be_focused()
    rng, pages = random.Random(3), (one, other)
    for n in range(ROUNDS):
        at = rng.randrange(4)
        for page, name, place in zip(pages, "AB", (at, at if n % 2 else rng.randrange(4)), strict=True):
            lines(page).nth(place).focus()
            page.keyboard.press(rng.choice(["Home", "End"]))
            page.keyboard.type(f"{name}{n} ")
        for page in pages:
            page.wait_for_function(SETTLED)
        told = known(own_studio.url, made, pages)
        assert [word for word in (f"A{n}", f"B{n}") if f"{word} " not in told] == [], f"round {n}"
        for page in pages * ANSWERS:  # what one window keeps is a new question to the other
            answer(page, rng.choice(["Keep mine", "Use the newer one"]))
            page.wait_for_function(SETTLED)
        for page in pages:
            saved(page)
    one.reload()
    assert write(one).evaluate(SHOWN) == as_shown(stored(own_studio.url, made))
