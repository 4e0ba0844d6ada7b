"""The editor in two windows at once, and when the studio behind it stops: no word is lost, and what differs is asked."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.test_editor import EDITOR, fresh, go_to, lines, saved, texts, write

pytestmark = pytest.mark.browser


@pytest.fixture
def page(studio_page):
    return write(studio_page)


def two_windows(page, open_page, studio_url):
    other = write(open_page(studio_url, page.context))
    made = page.evaluate(f"{EDITOR}.desk.id")
    go_to(other, made, 0)
    expect(lines(other).first).to_be_focused()
    return other


def test_two_windows_on_different_lines_are_merged(page, open_page, studio_url):
    fresh(page, "One.", "Two.")
    other = two_windows(page, open_page, studio_url)
    lines(page).last.fill("Two, mine.")
    lines(other).first.fill("One, other.")
    for window in (page, other):
        expect(lines(window).first).to_have_value("One, other.")
        expect(lines(window).last).to_have_value("Two, mine.")
        saved(window)


def test_two_windows_on_the_same_line_show_both_texts(page, open_page, studio_url, outage):
    made = fresh(page, "One.", "Two.")
    other = two_windows(page, open_page, studio_url)
    other.route("**/studio/save", lambda route: route.abort())
    lines(other).last.fill("The other's.")
    lines(page).last.fill("Mine.")
    saved(page)
    other.unroute("**/studio/save")
    question = other.locator(".ps-notice[role=alert]", has_text="This conversation was changed in another window.")
    expect(question.locator("td", has_text="The other's.")).to_be_visible()
    expect(question.locator("td", has_text="Mine.")).to_be_visible()
    question.get_by_role("button", name="Keep mine").click()
    saved(other)
    assert httpx.post(f"{studio_url}studio/load", json={"id": made}).json()["turns"][1]["text"] == "The other's."


def test_words_outlive_the_studio(open_page, own_studio, outage):
    page = write(open_page(own_studio.url))
    made = fresh(page, "Hello.", "")
    own_studio.kill()
    page.keyboard.type("Typed while nobody listened.")
    page.get_by_text("Not saved yet: the studio does not answer").wait_for()
    assert texts(page)[1] == "Typed while nobody listened."
    own_studio.start()
    # Gradio may load the page anew when its server is another one; the words get there before that, or on the way out.
    stored = f"fetch('/studio/load', {{method: 'POST', headers: {{'content-type': 'application/json'}}, body: JSON.stringify({{id: '{made}'}})}})"
    page.wait_for_function(
        f"() => {stored}.then(r => r.json()).then(c => c.turns[1].text === 'Typed while nobody listened.', () => false)", polling=500
    )


def test_words_typed_before_a_crash_are_offered(open_page, own_studio, outage):
    page = write(open_page(own_studio.url))
    fresh(page, "Hello.", "")
    own_studio.kill()
    page.keyboard.type("Nearly lost.")
    page.get_by_text("Not saved", exact=True).wait_for()
    context = page.context
    page.close()
    own_studio.start()
    page = write(open_page(own_studio.url, context))
    page.get_by_text("Words typed before the studio stopped were found in this browser.").wait_for()
    assert texts(page)[1] == ""
    page.get_by_role("button", name="Put them back").click()
    expect(lines(page).last).to_have_value("Nearly lost.")
    saved(page)


def test_a_studio_started_anew_says_what_to_do(page, outage):
    fresh(page, "Hello.")
    page.route("**/studio/save", lambda route: route.fulfill(status=401, body=""))
    page.keyboard.type(" More.")
    page.get_by_text("The studio was started anew. Open it from its icon, then press Save again; your words are kept").wait_for()
    expect(page.get_by_role("button", name="Save again")).to_be_visible()
    page.unroute("**/studio/save")
    page.evaluate("document.querySelector('.ps-notice button')?.click()")  # unless the next try by itself was quicker
    saved(page)


def test_two_windows_keep_their_own_words_and_both_are_found_when_they_are_gone(open_page, own_studio, outage):
    one = write(open_page(own_studio.url))
    made, context = fresh(one, "Hello.", "Is it dinner?"), one.context
    one.route("**/studio/save", lambda route: route.abort())
    one.keyboard.type(" One window.")
    one.get_by_text("Not saved", exact=True).wait_for()
    with one.expect_popup() as opened:
        one.evaluate("() => { window.open(location.href); }")
    other = write(opened.value)
    name = "sessionStorage.getItem('persona-studio:window')"
    assert one.evaluate(name) != other.evaluate(name)  # though it began with a copy of the first one's session
    go_to(other, made, 1)
    expect(lines(other).last).to_be_focused()
    assert lines(other).last.input_value() == "Is it dinner?"  # the words of a window that lives are left to it
    assert other.get_by_text("were found in this browser").count() == 0
    own_studio.kill()
    other.keyboard.type(" The other.")
    other.get_by_text("Not saved", exact=True).wait_for()
    one.close()
    other.close()
    own_studio.start()
    later, found = write(open_page(own_studio.url, context)), set()
    for _ in range(2):
        later.get_by_text("Words typed before the studio stopped were found in this browser.").wait_for()
        later.get_by_role("button", name="Put them back").click()
        found.add(lines(later).last.input_value())
    assert found == {"Is it dinner? One window.", "Is it dinner? The other."}
    saved(later)
    expect(later.get_by_text("were found in this browser")).to_be_hidden()
