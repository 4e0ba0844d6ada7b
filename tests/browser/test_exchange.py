"""Files come in and a character goes out, in a real browser."""

import re

import httpx
from playwright.sync_api import expect

from tests.browser.audit import open_tab

NASTY = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>${window.hurt=1}{{1+1}}'
SCRIPT = f"Mia: {NASTY}\nBiscuit: Woof.\n\nMia: Bed.\nBiscuit: **No!**\n"


def write(page):
    open_tab(page, "Write")
    expect(page.locator(".ps-line textarea").first).to_be_visible()
    return page


def test_a_pasted_script_is_shown_comes_in_and_goes_again(shared_studio, open_page):
    page = write(open_page(shared_studio.url))
    found = page.locator(".ps-found")
    before = found.text_content()
    page.locator(".ps-shelf").get_by_role("button", name="Bring in a file").click()
    page.get_by_label("Or paste a conversation").fill(SCRIPT)
    page.get_by_role("button", name="Look at what I pasted").click()
    expect(page.locator("#bring")).to_contain_text("Where does it go?")
    page.get_by_role("button", name="Bring in 2 conversations").click()
    expect(page.locator("#write .told textarea")).to_have_value("2 conversations came in for Biscuit.")
    expect(page.locator("#bring")).to_be_hidden()
    expect(page.locator("#write-editor .ps-title")).to_have_value(re.compile("^<img src=x"))
    expect(found).not_to_have_text(before)
    page.locator("#write .told button").click()
    expect(found).to_have_text(before)
    assert page.evaluate("window.hurt") is None


def test_a_folder_comes_in_and_the_writer_says_who_is_the_character(shared_studio, open_page, tmp_path):
    folder = tmp_path / "chats"
    folder.mkdir()
    (folder / "one.txt").write_text("Ben: Hello.\nTom: Hi.\n", "utf-8")
    (folder / "two.txt").write_text("Ben: Bed?\nTom: No.\n", "utf-8")
    (folder / ".DS_Store").write_bytes(b"x")
    page = write(open_page(shared_studio.url))
    before = page.locator(".ps-found").text_content()
    page.locator(".ps-shelf").get_by_role("button", name="Bring in a file").click()
    page.locator("#bring input[webkitdirectory]").set_input_files(folder)
    panel = page.locator("#bring")
    expect(panel.get_by_label("What this is")).to_have_value("All 2 files can be brought in, with 2 conversations.")
    expect(panel.get_by_label("2 files")).to_have_value(
        "one.txt holds 1 conversation, written as script.\ntwo.txt holds 1 conversation, written as script."
    )
    expect(panel.get_by_role("radio", name="Tom")).to_be_checked()
    panel.get_by_role("radio", name="Ben").check(force=True)
    expect(panel.get_by_label("What is taken for what")).to_have_value("Ben → the character\nTom → the visitor")
    page.get_by_role("button", name="Bring in 2 conversations").click()
    expect(page.locator("#write .told textarea")).to_have_value("2 conversations came in for Biscuit.")
    expect(page.locator(".ps-line").first).to_have_attribute("data-role", "model")
    page.locator("#write .told button").click()
    expect(page.locator(".ps-found")).to_have_text(before)


def test_a_package_that_was_taken_out_comes_in_as_another_character(shared_studio, open_page, tmp_path):
    page = write(open_page(shared_studio.url))
    page.locator("#write .write-end").get_by_role("button", name="Take out").click()
    with page.expect_download() as saved:
        page.locator("#take").get_by_role("button", name="Save the file").click()
    package = tmp_path / "biscuit.persona.zip"
    saved.value.save_as(package)
    page.locator(".ps-shelf").get_by_role("button", name="Bring in a file").click()
    page.locator("#bring input[type=file]:not([webkitdirectory])").set_input_files(package)
    page.get_by_role("button", name=re.compile("^Bring in Biscuit with 111")).click()
    expect(page.locator("#write .told textarea")).to_have_value("Biscuit is here with 111 conversations.")
    expect(page.locator("#cast label")).to_have_count(4)
    newest = page.locator("#cast input").last.get_attribute("value")
    assert httpx.get(f"{shared_studio.url}studio/avatar/{newest}").status_code == 200
    page.locator("#write .told button").click()
    expect(page.locator("#cast label")).to_have_count(3)
    assert httpx.get(f"{shared_studio.url}studio/avatar/{newest}").status_code == 204  # a page a moment behind may ask; that is no fault
