"""The whole line as a newcomer walks it, in a real browser, on the practice model: nothing is replaced by a stand-in."""

import json
import re
import sqlite3
import time
import zipfile

import pytest
from playwright.sync_api import expect

from studio.services import hardware
from tests.browser.audit import settle

LESSON = 600_000  # ms; a real lesson on a slow, shared machine
FILE = 600_000


def room(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def filled(page):
    """The words on the filled buttons one can see: the obvious next step."""
    return [button.inner_text() for button in page.locator("button.primary:visible, .ps button.ps-primary:visible").all()]


def stored_words(home):
    with sqlite3.connect(home / "studio.db") as database:
        return "\n".join(body for (body,) in database.execute("SELECT body FROM record"))


@pytest.mark.browser
@pytest.mark.slow
def test_a_newcomer_takes_biscuit_from_home_to_a_file(own_studio, open_page):
    page = open_page(own_studio.url)
    # Home: who is here, and one thing to do.
    expect(page.locator("#cast")).to_contain_text("Biscuit")
    # Write: change a reply and see it saved.
    room(page, "Write")
    reply = page.locator("#write-editor li[data-role=model] textarea").first
    reply.click()
    page.keyboard.press("ControlOrMeta+End")
    page.keyboard.type(" And the gate squeaks hello.")
    expect(page.get_by_text("Saved", exact=False).first).to_be_visible()
    expect.set_options(timeout=15_000)
    until(lambda: "And the gate squeaks hello." in stored_words(own_studio.home))
    # Prepare: read what will be learned.
    room(page, "Prepare")
    expect(page.get_by_text("to learn from").first).to_be_visible()
    page.get_by_role("button", name="Go to Train").click()
    # Train: a short real lesson, with the page reloaded in the middle.
    teach = page.get_by_role("button", name="Teach Biscuit", exact=True).locator("visible=true")
    expect(teach).to_be_visible(timeout=30_000)
    page.locator("#train .choices label", has_text="Quick try").click()
    teach.dblclick()
    expect(page.locator("#train").get_by_text("Before learning").first).to_be_visible(timeout=LESSON)
    page.reload()
    room(page, "Train")
    stop = page.get_by_role("button", name="Stop and keep what is learned")
    expect(stop.or_(page.get_by_role("button", name="Say hello back"))).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="Say hello back")).to_be_visible(timeout=LESSON)
    lessons = list((own_studio.home / "adapters").iterdir())
    assert len(lessons) == 1, "two clicks on Teach made two lessons"
    result = json.loads((lessons[0] / "result.json").read_text())
    assert result["validation_nll_adapter"] < result["validation_nll_base"]
    # Chat: the character, then the plain model, without a reload.
    page.get_by_role("button", name="Say hello back").click()
    ask(page, "What is your name?")
    page.locator("#chat .seg label", has_text="Before training").click()
    ask(page, "What do you like to eat?")
    # Export: a file, checked, with its certificate.
    room(page, "Export")
    page.locator("#export .choices label", has_text="Balanced,").click()
    page.get_by_role("button", name="Make the file").click()
    expect(page.locator("#export .product")).to_be_visible(timeout=FILE)
    made = next((own_studio.home / "exports").glob("*/result.json"))
    measured = json.loads((made.parent / "certificate.json").read_text())
    assert (
        measured["kind"] == "Q8_0"
        and measured["master"]["nmse"] <= 1e-5
        and measured["master"]["matches"] == len(measured["answers"]) == 10
    )
    assert (made.parent / measured["file"]).stat().st_size == measured["bytes"]
    reads_the_certificate(page, measured)
    takes_the_package(page, lessons[0])
    hears_the_file_beside_the_app(page)
    if not hardware.accelerated():
        hears_the_quick_voice(page, own_studio.home)


def reads_the_certificate(page, measured):
    """Every line that was checked has its tick or its sentence, and all ten answers can be read side by side."""
    export = page.locator("#export")
    for check in measured["checks"]:
        line = export.locator(".cert li", has_text=check["title"])
        expect(line).to_have_class({True: "ok", False: "bad", None: "wait"}[check["ok"]])
        expect(line).to_contain_text(check["sentence"])
    expect(export.locator(".cert li.bad")).to_have_count(0)
    export.get_by_role("button", name="The other 7").click()
    expect(export.locator(".pair")).to_have_count(10)
    shown = [box.input_value() for box in export.locator(".pair .take textarea").all()]
    assert sorted(shown) == sorted(answer[side] for answer in measured["answers"] for side in ("app", "file"))


def takes_the_package(page, lesson):
    """One zip is saved; in it is what was learned, to the byte, and the papers of the file."""
    page.get_by_role("button", name="Hand it on").click()
    page.get_by_role("button", name="Make it", exact=True).click()
    save = page.get_by_role("button", name="Save biscuit.persona.zip").or_(page.get_by_role("link", name="Save biscuit.persona.zip")).first
    expect(save).to_be_visible(timeout=60_000)
    with page.expect_download() as saved:
        save.click()
    with zipfile.ZipFile(saved.value.path()) as package:
        assert package.read("learned/adapter_model.safetensors") == (lesson / "adapter_model.safetensors").read_bytes()
        assert json.loads(package.read("papers/certificate.json"))["kind"] == "Q8_0"
        assert b"Biscuit" in package.read("papers/README.md") and b"practice model" in package.read("papers/NOTICE")


def hears_the_file_beside_the_app(page):
    """In Chat the file answers in the left column and the app in the right one."""
    room(page, "Chat")
    page.locator("#chat .seg label", has_text="Side by side").click()
    page.locator("#chat .plain .partner input").click()
    page.get_by_role("option", name=re.compile("The file for Ollama, Balanced")).locator("visible=true").click()
    expect(page.locator("#chat .plain h2")).to_contain_text("The file, Balanced")
    ask(page, "Do you like the rain?")
    for column in (".plain", ".voiced"):
        expect(page.locator(f"#chat {column} .bot.message:visible").last).to_have_text(re.compile(r"\w"), timeout=120_000)
    expect(page.locator("#chat .aside.warn:visible")).to_have_count(0)


def hears_the_quick_voice(page, home):
    """Ticked, a copy is made and answers, and the room says so; unticked, the exact voice is back."""
    tick, told = page.get_by_label("Answer faster").locator("visible=true"), page.locator("#chat .voiced .heading")
    settle(page)  # the end of an answer moves what stands below it
    tick.check()
    expect(told).to_contain_text("the quick copy answers")
    ask(page, "Are you quick?")
    until(lambda: list((home / "quick").glob("*/model-*.gguf")) and list((home / "quick").glob("*/biscuit-*.lora.gguf")))
    expect(page.locator("#chat .voiced .bot.message:visible")).to_have_count(3, timeout=60_000)
    expect(page.locator("#chat .aside.warn:visible")).to_have_count(0)
    tick.uncheck()
    expect(told).not_to_contain_text("the quick copy answers")
    settle(page)
    before = told.inner_html()
    page.get_by_role("button", name="Send", exact=True).click()
    settle(page)
    assert told.inner_html() == before, "asked nothing, the room stays as it is"


def ask(page, words):
    """Say something in Chat and wait for an answer that has stopped growing."""
    box = page.get_by_label("Your message").locator("visible=true")
    expect(box).to_be_visible(timeout=60_000)
    box.fill(words)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#chat .bot.message:visible").last).to_have_text(re.compile(r"\w"), timeout=120_000)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible(timeout=120_000)


def until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.browser
@pytest.mark.slow
def test_a_killed_studio_has_every_saved_word_and_the_true_state_of_the_lesson(own_studio, open_page, outage):
    page = open_page(own_studio.url)
    room(page, "Write")
    reply = page.locator("#write-editor li[data-role=model] textarea").first
    reply.click()
    page.keyboard.press("ControlOrMeta+End")
    page.keyboard.type(" Typed before the power went.")
    until(lambda: "Typed before the power went." in stored_words(own_studio.home))
    expect(page.get_by_text("Saved", exact=False).first).to_be_visible()
    room(page, "Train")
    page.locator("#train .choices label", has_text="Patient").click()
    page.get_by_role("button", name="Teach Biscuit", exact=True).locator("visible=true").click()
    folder = own_studio.home / "adapters"
    until(lambda: any('"kind": "start"' in file.read_text() for file in folder.glob("*/events.jsonl")), seconds=180)
    page.close()
    own_studio.kill()
    own_studio.start()
    page = open_page(own_studio.url)
    room(page, "Train")
    stop = page.get_by_role("button", name="Stop and keep what is learned")
    expect(stop).to_be_visible(timeout=60_000)
    room(page, "Write")
    expect(page.locator("#write-editor li[data-role=model] textarea").first).to_have_value(
        re.compile("Typed before the power went"), timeout=30_000
    )
    room(page, "Train")
    stop.click()
    until(
        lambda: any(
            '"kind": "stopped"' in file.read_text() or '"kind": "done"' in file.read_text() for file in folder.glob("*/events.jsonl")
        ),
        seconds=120,
    )
