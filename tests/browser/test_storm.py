"""Two hundred edits by keys, all the way back and forth over a restart; and two windows that write at once, a hundred times."""

import random
import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.test_editor import EDITOR, fresh, go_to, lines, saved, write
from tests.browser.test_windows import two_windows

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EDITS, ROUNDS, MOST_STEPS = 200, 100, 1_500
LINES = 4  # of the conversation that both windows have open
MOST_QUESTIONS = 5  # of one round
OFTEN = 10  # ms between two looks at a window: a page in the background draws too seldom to wait for its frames
AT_ONCE, MEANWHILE = 0.9, 0.3  # how often a window saves at once; how often the other one writes on while a question is open
TOKEN = re.compile(r"[ABC]\d+")
CHORDS = {
    "split": "Alt+Enter", "merge": "Alt+Backspace", "up": "Alt+ArrowUp", "down": "Alt+ArrowDown", "copy": "Alt+Shift+ArrowDown",
    "remove": "Control+Shift+Backspace", "swap": "Alt+Shift+R", "below": "Control+Enter", "above": "Control+Shift+Enter",
}  # fmt: skip
WORDS = ("puddle", "gate", "rain,", "the sky", "“No!”", "naïve", "小狗", "🐕", "…", "two  blanks")
SHOWN = f"() => {{ const {{title, turns}} = {EDITOR}.desk.now; return [title, turns.map(t => [t.role, t.text])]; }}"
# A window has come to rest: it asks, or it has saved and knows this revision.
RESTS = f"rev => {EDITOR}.desk.saver.held || ({EDITOR}.desk.saver.idle && {EDITOR}.desk.rev >= rev)"
COLUMNS = "box => [0, 1].map(at => [...box.querySelectorAll('tbody tr')].map(row => row.querySelectorAll('td')[at].textContent))"
QUESTION = ".ps-sheet .ps-notice:has(table)"


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


def tokens(*texts):
    """The words the two windows typed, each as often as it stands there."""
    return sorted(TOKEN.findall(" ".join(texts)))


def acknowledged(pages):
    """The requests by which the windows save, as they come; `confirmed` tells which of them were answered as saved."""
    requests = []
    for page in pages:
        page.on("requestfinished", lambda request: requests.append(request) if request.url.endswith("/studio/save") else None)
    return requests


def confirmed(requests):
    """Revision and words of every save a window was told of, in their order; `requests` is emptied."""
    answered = [(request.response().json(), request.post_data_json) for request in requests]
    requests.clear()
    return [(answer["rev"], as_shown(sent)) for answer, sent in answered if answer["ok"]]


def type_into(page, place, word, rng):
    """A word at one end of a line, or of the title."""
    (lines(page).nth(place) if place < LINES else page.get_by_label("Title", exact=True)).focus()
    page.keyboard.press(rng.choice(["Control+Home", "Control+End"]))
    page.keyboard.type(f"{word} ")


def at_rest(pages, look):
    """What is stored, once every window has saved and shows it, or asks about it."""
    while True:
        for page in pages:
            page.wait_for_function(RESTS, arg=0, polling=OFTEN)
        head = look()
        for page in pages:
            page.wait_for_function(RESTS, arg=head["rev"], polling=OFTEN)
        if look()["rev"] == head["rev"] and all(page.evaluate(RESTS, head["rev"]) for page in pages):
            return head


def decide(page, rng, alive):
    """Answers the question of this window at random; returns the words that are to be there afterwards."""
    question = page.locator(QUESTION)
    expect(question.locator("p")).to_have_text("This conversation was changed in another window.")
    mine, theirs = (set(tokens(*column)) for column in question.evaluate(COLUMNS))
    assert mine ^ theirs, "a question without a difference"
    keep = rng.random() < 0.5
    question.get_by_role("button", name="Keep mine" if keep else "Use the newer one").focus()
    page.keyboard.press("Enter")
    chosen, left = (mine, theirs) if keep else (theirs, mine)
    return (alive - (left - chosen)) | chosen


def agree(pages, look, rng, alive, n):
    """Answers questions until there are none. Never is a word neither stored nor shown. Returns what was asked how often, and what is left."""
    for asked in range(MOST_QUESTIONS):
        head = at_rest(pages, look)
        asking = [page for page in pages if page.locator(QUESTION).is_visible()]
        seen = tokens(
            *head_words(head), *(text for page in asking for column in page.locator(QUESTION).evaluate(COLUMNS) for text in column)
        )
        assert alive <= set(seen), f"round {n}: lost {alive - set(seen)}"
        if not asking:
            assert tokens(*head_words(head)) == sorted(alive), f"round {n}"
            assert [page.evaluate(SHOWN) for page in pages] == [as_shown(head)] * 2, f"round {n}"
            return asked, alive
        if asked == 0 and rng.random() < MEANWHILE:  # the other window goes on while the question is open
            other = pages[1 - pages.index(asking[0])]
            alive = alive | {f"C{n}"}
            type_into(other, rng.randrange(LINES), f"C{n}", rng)
            other.keyboard.press("Control+s")
            at_rest(pages, look)
        alive = decide(asking[0], rng, alive)
    raise AssertionError(f"round {n}: {MOST_QUESTIONS} answers and still a question")


def head_words(head):
    return [head["title"], *(turn["text"] for turn in head["turns"])]


def whole_history(url, made):
    """Every revision with its words."""
    found, before = {}, 2**53 - 1
    while earlier := httpx.post(f"{url}studio/history", json={"id": made, "before": before, "limit": 100}, timeout=60).json()["revisions"]:
        found |= {one["rev"]: as_shown(one) for one in earlier}
        before = earlier[-1]["rev"]
    return found


@pytest.fixture
def studio(studio_url):
    """Asks the studio past the window; one client for all questions, because each new one reads the machine's certificates first."""
    with httpx.Client(base_url=studio_url, timeout=60) as client:
        yield client


def test_of_two_windows_that_write_at_once_neither_loses_a_word(studio, studio_url, open_page):
    one = write(open_page(studio_url))
    made = fresh(one, "One.", "Two.", "Three.", "Four.")
    other = write(open_page(studio_url, one.context))
    go_to(other, made, 0)
    expect(lines(other).first).to_be_focused()
    rng, pages, alive, questions, told = random.Random(3), (one, other), set(), 0, []
    requests = acknowledged(pages)

    def look():
        return studio.post("studio/load", json={"id": made}).json()

    for n in range(ROUNDS):
        place = rng.randrange(LINES + (n % 10 == 0))
        for page, name, at in zip(pages, "AB", (place, place if n % 2 else rng.randrange(LINES)), strict=True):
            type_into(page, at, f"{name}{n}", rng)
            alive.add(f"{name}{n}")
        for page in rng.sample(pages, 2):
            if rng.random() < AT_ONCE:  # else the clock of that window saves
                page.keyboard.press("Control+s")
        asked, alive = agree(pages, look, rng, alive, n)
        questions += asked
        told += confirmed(requests)
    held = whole_history(studio_url, made)
    assert sorted(held) == list(range(1, stored(studio_url, made)["rev"] + 1))
    assert [rev for rev, words in told if held[rev] != words] == []
    assert len(told) >= 2 * ROUNDS and questions >= ROUNDS // 4


def test_of_two_windows_an_answer_that_a_save_has_overtaken_brings_nothing_back(studio_url, open_page):
    page, late = write(open_page(studio_url)), []
    made = fresh(page, "One.", "Two.")
    other = two_windows(page, open_page, studio_url)
    page.route("**/studio/load", lambda route: late.append((route, route.fetch())))
    with page.expect_request("**/studio/load"):
        lines(other).first.fill("One, other.")
    lines(page).last.fill("Two, mine.")
    saved(page)
    expect(lines(page).first).to_have_value("One, other.")
    route, answer = late[0]
    assert answer.json()["turns"][1]["text"] == "Two."
    route.fulfill(response=answer)
    page.unroute("**/studio/load")
    page.keyboard.type(" And more.")
    saved(page)
    held = stored(studio_url, made)["turns"]
    assert [turn["text"] for turn in held] == ["One, other.", "Two, mine. And more."]
