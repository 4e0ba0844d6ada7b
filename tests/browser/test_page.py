"""The open conversation: versions of a line, tags and state, drafts, and earlier versions as a readable difference."""

import json
import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.audit import measure
from tests.browser.test_editor import fresh, lines, saved, texts, write
from tests.browser.test_windows import two_windows

pytestmark = pytest.mark.browser


@pytest.fixture
def page(studio_page):
    return write(studio_page)


def stored(page, made):
    return httpx.post(f"{page.url}studio/load", json={"id": made}, timeout=60).json()


def toast(page):
    return page.locator(".ps-toast")


def test_a_line_keeps_other_versions_and_only_the_shown_one_is_learned(page):
    made = fresh(page, "What is that?", "Rain. It smells of pencils.")
    page.get_by_role("button", name="Another version").click()
    expect(lines(page).last).to_have_value("")
    expect(toast(page)).to_contain_text("The version you see is the one that is learned.")
    page.keyboard.type("The sky is leaking.")
    kept = page.get_by_role("toolbar", name="2 versions of this line")
    kept.get_by_role("button", name="Next version").click()
    expect(lines(page).last).to_have_value("Rain. It smells of pencils.")
    saved(page)
    page.reload()
    write(page)
    assert texts(page)[1] == "Rain. It smells of pencils."
    assert stored(page, made)["turns"][1]["others"] == ["The sky is leaking."]
    page.get_by_role("tab", name="Prepare", exact=True).click()
    with page.expect_download() as going:
        page.get_by_role("button", name="Save the training file").click()
    words = going.value.path().read_text("utf-8")
    assert "smells of pencils" in words and "The sky is leaking" not in words


def test_versions_are_turned_dropped_and_undone_from_the_keyboard(page):
    fresh(page, "Well?", "One.")
    page.keyboard.press("Alt+Shift+V")
    page.keyboard.type("Two.")
    page.keyboard.press("Alt+Shift+V")
    page.keyboard.type("Three.")
    page.keyboard.press("Alt+Shift+PageDown")
    assert texts(page)[1] == "One."
    page.keyboard.press("Alt+Shift+PageUp")
    assert texts(page)[1] == "Three."
    page.get_by_role("button", name="Remove this version").click()
    assert texts(page)[1] == "Two."
    toast(page).get_by_role("button", name="Undo").click()
    assert texts(page)[1] == "Three."
    page.keyboard.press("Alt+Shift+V")
    page.keyboard.press("Backspace")
    assert texts(page)[1] == "Three.", "an empty new version goes, and its line stays a line"
    expect(page.locator(".ps-kept span")).to_have_text("3 versions")
    for _ in range(12):
        page.keyboard.press("Control+z")
    assert texts(page) == ["Well?", "One."]
    expect(page.locator(".ps-kept")).to_have_count(0)
    saved(page)


def test_what_cannot_be_a_version_is_said(page):
    fresh(page, "Well?", "")
    page.keyboard.press("Alt+Shift+V")
    expect(toast(page)).to_contain_text("This version is still empty.")
    lines(page).first.click()
    expect(page.get_by_role("button", name="Another version")).to_be_hidden()
    page.keyboard.press("Alt+Shift+V")
    expect(toast(page)).to_contain_text("Only the character's lines have versions.")


def test_tags_and_state_are_saved_beside_the_words_being_typed(page):
    made = fresh(page, "Hello.", "ab")
    page.get_by_label("Add a tag").fill("rain, Brave dogs,")
    page.get_by_label("Add a tag").press("Enter")
    page.get_by_label("State of this conversation").select_option("finished")
    lines(page).last.click()
    page.keyboard.type(" cd")
    saved(page)
    after = stored(page, made)
    assert (after["tags"], after["flag"], after["turns"][1]["text"]) == (["rain", "Brave dogs"], "finished", "ab cd")
    page.get_by_role("button", name="Remove the tag rain").click()
    saved(page)
    toast(page).get_by_role("button", name="Undo").click()
    saved(page)
    page.reload()
    write(page)
    expect(page.locator(".ps-tags li")).to_have_text(["rain", "Brave dogs"])
    expect(page.get_by_label("State of this conversation")).to_have_value("finished")
    expect(page.locator(".ps-row[aria-selected=true]")).to_contain_text("rain, Brave dogs")


def test_an_undo_that_is_pressed_late_leaves_another_conversation_alone(page):
    fresh(page, "Hello.", "One.", "Two.")
    page.get_by_label("State of this conversation").select_option("finished")
    saved(page)
    made = fresh(page, "Another.", "Ab.")
    toast(page).get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    fresh(page, "A third.", "Cd.")
    toast(page).get_by_role("button", name="Undo").click()
    assert texts(page) == ["A third.", "Cd."]
    after = stored(page, made)
    assert [turn["text"] for turn in after["turns"]] == ["Another."] and after["rev"] == 2


def test_tags_of_two_windows_come_together_and_no_word_is_asked_about(page, open_page, studio_url):
    made = fresh(page, "One.", "Two.")
    other = two_windows(page, open_page, studio_url)
    for window, tag in ((page, "mine"), (other, "theirs")):
        window.get_by_label("Add a tag").fill(tag)
        window.get_by_label("Add a tag").press("Enter")
    lines(page).last.fill("Two, mine.")
    for window in (page, other):
        expect(window.locator(".ps-tags li")).to_have_count(2)
        expect(lines(window).last).to_have_value("Two, mine.")
        saved(window)
    assert sorted(stored(page, made)["tags"]) == ["mine", "theirs"]


def test_marks_made_while_nobody_answers_are_saved_later(page, outage):
    made = fresh(page, "Hello.")
    page.route("**/studio/mark", lambda route: route.abort())
    page.get_by_label("State of this conversation").select_option("needs work")
    page.get_by_text("Not saved yet: the studio does not answer").wait_for()
    page.unroute("**/studio/mark")
    saved(page)
    assert stored(page, made)["flag"] == "needs work"


def test_a_draft_enters_only_when_taken_and_its_mark_goes_when_it_is_changed(page):
    made = fresh(page, "What do you smell?", title="")
    page.get_by_role("button", name="Ask for three drafts").click()
    panel = page.get_by_role("region", name="Three drafts")
    expect(panel).to_contain_text("Biscuit has not learned to talk yet. The plain model writes")
    expect(panel).to_contain_text("The practice model is very small.")
    use = panel.get_by_role("button", name="Use this one")
    expect(use).to_have_count(3, timeout=240_000)
    drafts = panel.locator(".ps-draft").all_inner_texts()
    assert len(set(drafts)) == 3 and len(stored(page, made)["turns"]) == 1
    words = panel.locator(".ps-draft").nth(1).text_content()
    use.nth(1).click()
    expect(panel).to_be_hidden()
    expect(lines(page).last).to_have_value(words)
    expect(lines(page).last).to_be_focused()
    expect(page.locator(".ps-drafted")).to_contain_text("Drafted")
    saved(page)
    assert stored(page, made)["turns"][1] | {"role": "model", "drafted": True} == stored(page, made)["turns"][1]
    page.keyboard.type(" Pencils.")
    expect(page.locator(".ps-drafted")).to_have_count(0)
    saved(page)
    assert "drafted" not in stored(page, made)["turns"][1]
    page.keyboard.press("Control+z")
    expect(page.locator(".ps-drafted")).to_have_count(1)
    page.keyboard.press("Alt+Shift+v")
    page.keyboard.type("My own words.")
    expect(page.locator(".ps-drafted")).to_have_count(0)
    saved(page)
    assert stored(page, made)["turns"][1] | {"text": "My own words.", "others": [words], "drafts": [0]} == stored(page, made)["turns"][1]
    page.keyboard.press("Alt+Shift+PageDown")
    expect(page.locator(".ps-drafted")).to_have_count(1)
    saved(page)
    page.reload()
    write(page)
    expect(page.locator(".ps-drafted")).to_have_count(1)
    lines(page).nth(1).click()
    page.keyboard.press("Alt+Shift+PageDown")
    expect(page.locator(".ps-drafted")).to_have_count(0)
    page.keyboard.press("Alt+Shift+PageDown")
    page.get_by_role("button", name="Remove this version").click()
    page.keyboard.press("Control+z")
    expect(page.locator(".ps-drafted")).to_have_count(1)
    page.get_by_role("button", name="Keep as it is").click()
    expect(page.locator(".ps-drafted")).to_have_count(0)
    saved(page)
    assert stored(page, made)["turns"][1]["text"] == words and "drafted" not in stored(page, made)["turns"][1]


def test_a_refusal_to_draft_is_one_sentence_and_the_panel_can_be_left(page):
    fresh(page, "What do you smell?")
    refusal = {"ok": False, "error": "invalid", "message": "A lesson is running and needs the computer for itself."}
    page.route("**/studio/drafts", lambda route: route.fulfill(json=refusal))
    page.get_by_role("button", name="Ask for three drafts").click()
    panel = page.get_by_role("region", name="Three drafts")
    expect(panel.get_by_role("alert")).to_have_text(refusal["message"])
    expect(panel.locator(".ps-draft")).to_have_count(0)
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Ask for three drafts")).to_be_visible()
    page.get_by_role("button", name="Biscuit says").click()
    expect(page.get_by_role("button", name="Ask for three drafts")).to_be_hidden()


def test_stop_keeps_the_drafts_that_came(page):
    fresh(page, "What do you smell?")
    waiting = []

    def answer(route):
        asked = json.loads(route.request.post_data)
        waiting.append((asked, route))
        if not asked["unlike"]:
            route.fulfill(json={"ok": True, "text": "Pencils."})

    page.route("**/studio/drafts", answer)
    page.get_by_role("button", name="Ask for three drafts").click()
    panel = page.get_by_role("region", name="Three drafts")
    expect(panel.get_by_role("button", name="Use this one")).to_have_count(1)
    with page.expect_request("**/studio/hush") as hush:
        panel.get_by_role("button", name="Stop").click()
    asked, route = waiting[1]
    assert hush.value.post_data_json["id"] == asked["ticket"] and asked["unlike"] == ["Pencils."]
    route.fulfill(json={"ok": True, "text": ""})
    expect(panel.get_by_role("alert")).to_have_text("Stopped. What is here can be used.")
    assert len(waiting) == 2
    panel.get_by_role("button", name="Use this one").click()
    expect(lines(page).last).to_have_value("Pencils.")


def test_history_says_what_happened_and_shows_the_words_that_changed(page):
    made = fresh(page, "Hello.", "It is dinner.")
    lines(page).last.fill("It FEELS like dinner.")
    saved(page)
    page.get_by_label("State of this conversation").select_option("finished")
    saved(page)
    page.get_by_role("button", name="History").click()
    history = page.get_by_role("dialog", name="History")
    expect(history.locator(".ps-version span")).to_have_text(["Marked · 2 lines", "Written · 2 lines", "Begun · 2 lines"])
    expect(history.locator(".ps-summary")).to_have_text("State “Finished” instead of “Not yet checked”.")
    history.locator(".ps-version").nth(1).click()
    expect(history.locator(".ps-summary")).to_have_text("1 line changed.")
    expect(history.locator("del")).to_have_text("is")
    expect(history.locator("ins")).to_have_text("FEELS like")
    expect(history.locator("ins")).to_have_attribute("data-say", "added")
    history.locator(".ps-version").nth(2).click()
    expect(history.locator(".ps-summary")).to_have_text("This is the first version.")
    history.get_by_role("button", name="What changed since").click()
    expect(history.locator("ins")).to_have_text("FEELS like")
    history.get_by_role("button", name="Use this version").click()
    expect(lines(page).last).to_have_value("It is dinner.")
    expect(page.get_by_label("State of this conversation")).to_have_value("")
    saved(page)
    assert "flag" not in stored(page, made)


def test_the_question_of_two_windows_marks_the_words_that_differ(page, open_page, studio_url, outage):
    fresh(page, "One.", "It is dinner.")
    other = two_windows(page, open_page, studio_url)
    other.route("**/studio/save", lambda route: route.abort())
    lines(other).last.fill("It was dinner.")
    lines(page).last.fill("It is breakfast.")
    saved(page)
    other.unroute("**/studio/save")
    question = other.locator(".ps-notice[role=alert]", has_text="This conversation was changed in another window.")
    expect(question.locator("ins")).to_have_text(["was dinner", "is breakfast"])
    question.get_by_role("button", name="Use the newer one").click()
    saved(other)


PURE = """async version => {
  const from = name => import(`/studio/assets/editor/${name}.js${version}`);
  const { wordDiff, lineDiff } = await from("difference"), { mergeMarks } = await from("marks"), { broughtBack, commands, line, MOST_OTHERS, steps } = await from("turns");
  const { happened, summary } = await from("history");
  let seed = 11; const random = n => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  const said = n => Array.from({ length: n }, () => ["rain", "rain", "dog", ",", " ", " ", "\\n", "Ärger", "it's", "👍🏽", "水"][random(11)]).join("");
  for (let round = 0; round < 400; round++) {
    const [a, b] = [said(random(14)), said(random(14))], parts = wordDiff(a, b);
    const side = kind => parts.filter(([k]) => k === "same" || k === kind).map(([, words]) => words).join("");
    if (side("out") !== a || side("in") !== b) return `a difference lost a word: ${JSON.stringify([a, b, parts])}`;
  }
  const one = JSON.stringify(wordDiff("I am not tired today.", "I am so very tired."));
  if (one !== '[["same","I am "],["out","not "],["in","so very "],["same","tired"],["out"," today"],["same","."]]') return one;
  const began = performance.now(), long = "a b ".repeat(25000);
  if (wordDiff(`${long}a`, `${"c d ".repeat(25000)}c`).length !== 2) return "two long texts were not replaced as a whole";
  if (performance.now() - began > 2000) return "two long texts took too long";
  const before = ["a", "b", "c", "d"].map((t, i) => line(i % 2 ? "model" : "user", t, `id${i}`));
  const after = [before[2], before[0], line("model", "B", "id1"), line("user", "new", "id9")], rows = lineDiff(before, after);
  const told = rows.map(r => `${r.kind}${r.moved ? " moved" : ""} ${(r.now ?? r.was).text}`).join("; ");
  if (told !== "same moved c; removed d; same a; changed B; added new") return told;
  const counts = summary(rows, { title: "x", tags: ["old"], flag: "" }, { title: "y", tags: ["new"], flag: "finished" });
  if (counts !== "1 line changed, 1 line added, 1 line removed, 1 line moved, another title, tags added: new, tags taken off: old, state “Finished” instead of “Not yet checked”") return counts;
  if (happened({ rev: 1, what: "written" }) !== "Begun" || happened({ rev: 2, what: "mended" }) !== "Mended in Prepare" || happened({ rev: 3, what: "?" }) !== "Changed") return "what happened";
  const both = JSON.stringify(mergeMarks({ tags: ["a", "b"], flag: "" }, { tags: ["b", "c"], flag: "" }, { tags: ["a", "b", "d"], flag: "finished" }));
  if (both !== '{"tags":["b","d","c"],"flag":"finished"}') return both;
  let turns = [line("model", "v0", "x")];
  for (let n = 1; n <= MOST_OTHERS; n++) turns = [line("model", `v${n}`, "x", { others: commands.keep(turns, 0).turns[0].others })];
  if (!commands.keep(turns, 0).refused || turns[0].others.length !== MOST_OTHERS) return "one version too many was kept";
  const all = t => [t.text, ...t.others].sort().join(), whole = all(turns[0]);
  for (let n = 0; n <= MOST_OTHERS; n++) { turns = commands.nextVersion(turns, 0).turns; if (all(turns[0]) !== whole) return "turning lost a version"; }
  if (turns[0].text !== `v${MOST_OTHERS}`) return "turning round does not lead back";
  if (commands.previousVersion(commands.nextVersion(turns, 0).turns, 0).turns[0].text !== turns[0].text) return "back does not undo forth";
  const pair = [line("model", "a", "p", { others: ["x"] }), line("model", "b", "q", { others: ["y"] })];
  if (commands.merge(pair, 1).turns[0].others.join("") !== "xy") return "merging lost a version";
  if (commands.merge([turns[0], pair[0]], 1).refused === undefined) return "merging lost versions beyond the limit";
  if (commands.own([line("model", "a", "p", { drafted: true })], 0, 0).turns[0].drafted) return "a draft that was accepted stays marked";
  if (!commands.copy([line("model", "a", "p", { drafted: true })], 0, 0).turns[1].drafted) return "a copied draft lost its mark";
  let drafts = [line("model", "mine", "p", { others: ["draft", "own"], drafts: [0] })];
  const standing = () => [drafts[0], ...drafts[0].others.map((text, n) => ({ text, drafted: drafts[0].drafts?.includes(n) }))].map(v => v.text + (v.drafted ? "*" : "")).sort().join();
  const walk = ["nextVersion", "nextVersion", "previousVersion", "keep", "nextVersion", "previousVersion", "previousVersion"];
  for (const name of walk) { drafts = commands[name](drafts, 0, 0).turns; if (!standing().endsWith("draft*,mine,own")) return `${name}: a version lost its mark, or got one: ${standing()}`; }
  const other = line("model", "and", "q", { others: ["x", "y"], drafts: [1] });
  if (JSON.stringify(commands.merge([line("model", "a", "p", { others: ["w"], drafts: [0] }), other], 1).turns[0].drafts) !== "[0,2]") return "merging lost a mark";
  const one_left = commands.drop([line("model", "a", "p", { others: ["b", "c"], drafts: [0, 1] })], 0).turns[0];
  if (!one_left.drafted || JSON.stringify(one_left.drafts) !== "[0]") return "dropping lost a mark";
  const again = broughtBack([one_left], "p", line("model", "a", "p", { drafted: true })).turns[0];
  if (!again.drafted || JSON.stringify(again.drafts) !== "[0,1]") return "what was brought back lost its mark";
  const revisions = [{ title: "T", turns: [before[0]] }, { title: "T", turns: [before[0]] }, { title: "S", turns: [] }];
  if (steps(revisions, { title: "T", turns: [before[0]] }).map(s => s.title).join() !== "S") return "marks became steps of undo";
  return "";
}"""


def test_differences_versions_and_marks_keep_their_promises(page):
    version = page.evaluate("new URL(performance.getEntriesByType('resource').find(r => r.name.includes('/editor.js')).name).search")
    assert page.evaluate(PURE, version) == ""


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_row_of_marks_a_version_and_drafts_fit_a_narrow_window(open_page, studio_url, mode):
    page = write(open_page(studio_url, viewport={"width": 420, "height": 900}, color_scheme=mode))
    fresh(page, "Hello.", "One.", "Bye?")
    page.route("**/studio/drafts", lambda route: route.fulfill(json={"ok": True, "text": "Unbrokenwords" * 12}))
    page.get_by_label("Add a tag").fill("a tag of a good many words that will not fit into one row at all")
    page.get_by_label("Add a tag").press("Enter")
    lines(page).nth(1).click()
    page.get_by_role("button", name="Another version").click()
    page.keyboard.type("Two.")
    page.get_by_role("button", name="Ask for three drafts").click()
    expect(page.get_by_role("button", name="Use this one")).to_have_count(3)
    found = measure(page)
    assert (found.wide, found.faint, found.tiny, found.small) == (0, (), (), ())
    page.get_by_role("button", name="History").click()
    expect(page.get_by_role("dialog", name="History").locator(".ps-summary")).to_have_text(re.compile("."))
    assert page.get_by_role("dialog", name="History").evaluate("d => d.scrollWidth <= d.clientWidth")
