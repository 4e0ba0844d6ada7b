"""The conversation editor in a real browser, in front of a real studio."""

import re

import httpx
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

EDITOR = "document.querySelector('.ps').editor"
NASTY = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>${window.hurt=1}{{1+1}}[x](javascript:window.hurt=1)'


def write(page):
    """Opens the Write tab and waits for the first conversation."""
    tab = page.get_by_role("tab", name="Write", exact=True)
    tab.click()
    expect(page.locator(".ps-line textarea").first).to_be_visible()
    return page


def lines(page):
    return page.locator(".ps-line textarea")


def texts(page):
    return lines(page).evaluate_all("boxes => boxes.map(b => b.value)")


def saved(page):
    expect(page.locator(".ps-sheet .ps-state")).to_have_text("Saved")


def go_to(page, conversation, turn):
    page.evaluate("detail => window.dispatchEvent(new CustomEvent('studio:open', {detail}))", {"conversation": conversation, "turn": turn})


def fresh(page, *said, title="A test"):
    """A conversation of its own for a test, opened the way Prepare opens one."""
    turns = [{"id": f"{n:016x}", "role": "model" if n % 2 else "user", "text": text} for n, text in enumerate(said)]
    given = {"persona": page.evaluate(f"{EDITOR}.persona"), "title": title, "turns": turns}
    made = httpx.post(f"{page.url}studio/new", json=given, timeout=60).json()["id"]
    go_to(page, made, len(said) - 1)
    page.wait_for_function(f"id => {EDITOR}.desk.id === id", arg=made)  # the one open before may have as many lines
    expect(lines(page)).to_have_count(len(said))
    expect(lines(page).last).to_be_focused()
    return made


@pytest.fixture
def page(studio_page):
    return write(studio_page)


def test_what_is_typed_is_saved_and_there_after_a_reload(page):
    fresh(page, "Hello.", "Is it dinner?")
    page.keyboard.type(" It FEELS like dinner.")
    saved(page)
    page.reload()
    write(page)
    expect(lines(page).last).to_have_value("Is it dinner? It FEELS like dinner.")


def test_focus_and_caret_stay_while_saving(page):
    fresh(page, "Hello.", "ab")
    page.keyboard.press("ArrowLeft")
    for letter in "slowly typed over several saves":
        page.keyboard.type(letter)
        page.wait_for_timeout(80)
    saved(page)
    expect(lines(page).last).to_be_focused()
    assert texts(page)[1] == "aslowly typed over several savesb"
    assert lines(page).last.evaluate("box => box.selectionStart") == len("aslowly typed over several saves")


def test_the_title_is_part_of_what_is_saved(page):
    made = fresh(page, "Hello.")
    page.get_by_label("Title", exact=True).fill("The yellow blanket")
    saved(page)
    expect(page.get_by_role("option", name=re.compile("The yellow blanket")).first).to_be_visible()
    assert httpx.post(f"{page.url}studio/load", json={"id": made}).json()["title"] == "The yellow blanket"


def test_undo_goes_on_over_a_reload(page):
    fresh(page, "First.")
    page.keyboard.type(" Second.")
    saved(page)
    page.keyboard.press("Control+Enter")
    saved(page)
    page.reload()
    write(page)
    expect(lines(page)).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(lines(page)).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(lines(page).first).to_have_value("First.")
    page.get_by_role("button", name="Redo").click()
    expect(lines(page).first).to_have_value("First. Second.")
    saved(page)


def test_a_line_can_be_split_merged_and_moved(page):
    fresh(page, "Come on.", "One. Two.")
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Split here").click()
    expect(lines(page)).to_have_count(3)
    assert texts(page) == ["Come on.", "One.", "Two."]
    page.get_by_role("button", name="Move up").click()
    expect(page.locator(".ps-heard")).to_have_text("Moved to line 2 of 3")
    assert texts(page) == ["Come on.", "Two.", "One."]
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(lines(page)).to_have_count(2)
    assert texts(page) == ["Come on.\nTwo.", "One."]
    saved(page)


def test_a_removed_line_can_be_put_back(page):
    fresh(page, "One.", "Two.", "Three.")
    page.get_by_role("button", name="Remove").click()
    expect(lines(page)).to_have_count(2)
    page.get_by_text("Line removed.").wait_for()
    page.locator(".ps-toast").get_by_role("button", name="Undo").click()
    expect(lines(page)).to_have_count(3)
    assert texts(page) == ["One.", "Two.", "Three."]
    saved(page)


def test_exactly_one_button_is_filled_and_it_is_the_next_speaker(page):
    fresh(page, "Hello.")
    filled = page.locator(".ps-filled:visible")
    expect(filled).to_have_text("Biscuit says")
    filled.click()
    expect(lines(page).last).to_be_focused()
    expect(lines(page).last).to_have_attribute("placeholder", "What does Biscuit answer?")
    expect(filled).to_have_text("Mia says")


def test_a_conversation_can_be_begun_copied_and_taken_back_from_the_bin(page):
    count = page.evaluate(f"{EDITOR}.list.total")
    page.get_by_role("button", name="New conversation").click()
    expect(lines(page)).to_have_count(1)
    expect(lines(page).first).to_be_focused()
    page.keyboard.type("A line to find again")
    saved(page)
    page.get_by_role("button", name="Duplicate", exact=True).click()
    expect(page.get_by_label("Title", exact=True)).to_have_value(" (copy)")
    expect(page.locator(".ps-found")).to_have_text(f"{count + 2} conversations")
    page.get_by_role("button", name="Move to the bin").click()
    page.get_by_text("Moved to the bin. It stays there for 30 days.").wait_for()
    expect(page.locator(".ps-found")).to_have_text(f"{count + 1} conversations")
    page.locator(".ps-toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".ps-found")).to_have_text(f"{count + 2} conversations")
    expect(lines(page).first).to_have_value("A line to find again")


def test_search_finds_a_word_of_any_line(page):
    fresh(page, "Hello.", "A marmalade xylophone.")
    page.keyboard.press("Control+k")
    page.keyboard.type("xylophone")
    expect(page.locator(".ps-found")).to_have_text(re.compile("^1 of .* conversations$"))
    page.keyboard.type(" zz")
    page.get_by_text("No conversation contains “xylophone zz”.").wait_for()
    page.get_by_role("button", name="Clear the search").click()
    expect(page.locator(".ps-row").first).to_be_visible()


def test_what_cannot_be_read_is_a_sentence_not_an_empty_editor(page, outage):
    page.route("**/studio/load", lambda route: route.abort())
    page.locator(".ps-row").nth(1).click()
    page.get_by_text("This conversation could not be read", exact=False).wait_for()
    expect(page.locator(".ps-title")).to_be_hidden()
    page.unroute("**/studio/load")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".ps-title")).to_be_visible()


def test_markup_stays_text_everywhere(page):
    made = fresh(page, NASTY, NASTY, title=NASTY[:200])
    page.keyboard.type("!")
    saved(page)
    page.get_by_role("button", name="History").click()
    page.get_by_role("dialog").get_by_text("onerror", exact=False).first.wait_for()
    page.get_by_role("button", name="Close").click()
    page.reload()
    write(page)
    assert texts(page) == [NASTY, NASTY + "!"]
    assert page.evaluate("window.hurt") is None
    httpx.post(f"{page.url}studio/remove", json={"id": made})


def test_everything_can_be_done_from_the_keyboard(page):
    fresh(page, "Hello.")
    page.keyboard.press("Control+Enter")
    page.keyboard.type("Answer.")
    page.keyboard.press("Control+Shift+Enter")
    page.keyboard.type("Between.")
    assert texts(page) == ["Hello.", "Between.", "Answer."]
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Move up")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Move down")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Move down")).to_be_focused()
    assert texts(page) == ["Hello.", "Answer.", "Between."]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox", name="Conversations")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(lines(page).first).to_be_focused()


def test_the_character_sheet_is_saved_in_place(page, studio_url):
    page.get_by_text("Character sheet", exact=True).click()
    page.get_by_label("Rules of the voice, one on each line").fill("Short.\nSmells first.")
    page.get_by_label("Who is talking to Biscuit").fill("Milla")
    expect(page.locator(".ps-margin .ps-state")).to_have_text("Saved")
    expect(page.locator(".ps-rules li")).to_have_text(["Short.", "Smells first."])
    expect(page.locator(".ps-foot .ps-button").first).to_have_text("Milla says")
    page.get_by_label("Who is talking to Biscuit").fill("Mia")
    expect(page.locator(".ps-foot .ps-button").first).to_have_text("Mia says")


def test_another_character_brings_its_own_names_and_list(page):
    page.locator("#cast label", has_text="Marlow").click()
    expect(page.get_by_role("heading", name="How this character talks")).to_be_visible()
    expect(page.locator(".ps-foot .ps-button").last).to_have_text("Marlow says")
    expect(lines(page).nth(1)).to_have_attribute("aria-label", re.compile("Marlow$"))
    page.locator("#cast label", has_text="Biscuit").click()
    expect(page.locator(".ps-foot .ps-button").last).to_have_text("Biscuit says")


def test_a_narrow_window_shows_the_page_and_a_drawer(open_page, studio_url):
    page = write(open_page(studio_url, viewport={"width": 420, "height": 900}))
    assert page.evaluate("document.documentElement.scrollWidth") == 420
    expect(page.locator(".ps-shelf")).not_to_be_in_viewport()
    lines(page).first.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 420
    page.get_by_role("button", name="Conversations").click()
    expect(page.get_by_label("Find a word or a title")).to_be_focused()
    page.locator(".ps-row").nth(2).click()
    expect(page.locator(".ps-shelf")).not_to_be_in_viewport()
    expect(page.locator(".ps-title")).to_be_visible()


PURE = """async version => {
  const { commands, Past, merge, line } = await import("/studio/assets/editor/turns.js" + version);
  let seed = 7; const random = n => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 200; round++) {
    const start = ["One. Two.", "", "Three"].map((t, i) => line(i % 2 ? "model" : "user", t)), past = new Past();
    let turns = start;
    for (let n = 0; n < 30; n++) {
      const names = Object.keys(commands), i = random(turns.length || 1);
      if (!turns.length) break;
      const after = commands[names[random(names.length)]](turns, i, random(turns[i].text.length + 1));
      if (!after?.turns) continue;
      past.note({ turns }); turns = after.turns;
      if (new Set(turns.map(t => t.id)).size !== turns.length) return "two lines share an id";
    }
    for (let then; (then = past.undo({ turns }));) turns = then.turns;
    if (turns !== start) return "undoing everything did not lead back";
  }
  const base = { title: "T", turns: ["a", "b", "c"].map(t => line("user", t)) };
  const change = (i, text) => ({ ...base, turns: base.turns.map((t, k) => (k === i ? line(t.role, text, t.id) : t)) });
  const without = i => ({ ...base, turns: base.turns.filter((t, k) => k !== i) });
  const both = merge(base, change(0, "A"), { ...change(2, "C"), title: "U" });
  if (both.turns.map(t => t.text).join("") !== "AbC" || both.title !== "U") return "disjoint changes were not merged";
  if (merge(base, change(0, "A"), change(0, "Z")) !== null) return "the same line was merged";
  if (merge(base, without(0), change(0, "Z")) !== null) return "a removed line swallowed a change";
  if (merge(base, without(0), change(1, "Z")).turns.length !== 2) return "a removal was not merged";
  return "";
}"""


def test_commands_undo_and_merge_keep_their_promises(page):
    version = page.evaluate("new URL(performance.getEntriesByType('resource').find(r => r.name.includes('/editor.js')).name).search")
    assert page.evaluate(PURE, version) == ""
