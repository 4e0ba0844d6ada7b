"""Several voices through the window: two are blended, heard side by side and kept; two characters learn in one lesson."""

import json
import re
import time

import pytest
import torch
from peft import LoraConfig, get_peft_model
from playwright.sync_api import expect

from studio.domain.conversation import Turn
from studio.domain.persona import Persona
from studio.engine import loader
from studio.services import orders
from studio.services.library import Library
from studio.services.models import Models
from tests.browser.audit import choose, measure, open_tab
from tests.browser.conftest import PROJECT, Running
from tests.engine.lessons import TALKS

pytestmark = pytest.mark.browser
PRACTICE = PROJECT / "assets" / "practice-model"
LINES = ("Do you like rain?", "Good night.")
TOGETHER = re.compile("^Nib and Marlow learn together")
LONG = 200_000  # ms: a model on a busy machine


def voice(library, who, seed):
    """A finished lesson with an adapter that changes every answer."""
    models = Models(PRACTICE, library, True)
    recipe = orders.recipe_for(library, models, who, "practice", "quick")
    folder = orders.order_lesson(library, models, who, "practice", "quick", recipe)
    torch.manual_seed(seed)
    settings = LoraConfig(r=4, lora_alpha=32, target_modules=["q_proj", "v_proj"], init_lora_weights=False, use_rslora=True)
    get_peft_model(loader.model(PRACTICE), settings).save_pretrained(folder)
    (folder / "events.jsonl").write_text(json.dumps({"kind": "done", "at": time.time()}) + "\n", "utf-8")
    library.write_json(folder / "result.json", {"base_model": "practice", "seconds": 1.0, "steps": 1, "best_step": 1})


@pytest.fixture
def studio_with_two(tmp_path):
    """A studio with two characters that have twelve conversations and a lesson each."""
    home = tmp_path / "home"
    library = Library(home, PROJECT / "no-examples")
    for seed, (name, system) in enumerate({"Nib": "You are a small dog.", "Marlow": "You keep a lighthouse."}.items()):
        who = library.create(Persona(name, visitor="Mia", system=system, ink="plum", audition=LINES))
        for n in range(12):
            ask, say = TALKS[n % len(TALKS)]
            library.add(who, f"Talk {n}", [Turn("a", "user", ask), Turn("b", "model", f"{say} That is {n}.")])
        voice(library, who, seed)
    library.close()
    running = Running(home).start()
    yield running
    running.end()


def test_two_voices_are_blended_heard_kept_and_two_characters_learn_together(studio_with_two, open_page):
    page = open_page(studio_with_two.url)
    choose(page, "Nib")
    open_tab(page, "Train")
    room, fold = page.locator("#train"), page.locator("#blending")
    fold.get_by_role("button", name="Blend two voices").click()
    expect(fold.get_by_role("button", name="Keep")).to_be_disabled()
    box = fold.get_by_role("listbox", name="Voices").or_(fold.get_by_label("Voices")).first
    for name in ("Nib", "Marlow"):
        box.click()
        page.get_by_role("option", name=name).click()
    expect(fold.locator("input[type=range]:visible")).to_have_count(2)
    page.keyboard.press("Escape")
    fold.get_by_role("button", name="Listen").click()
    expect(fold.get_by_role("button", name="Keep")).to_be_enabled(timeout=LONG)
    answers = fold.locator(".take:visible textarea")
    expect(answers).to_have_count(3)
    first = answers.evaluate_all("all => all.map(each => each.value)")
    assert len(set(first)) == 3, "each voice says something of its own"
    fold.get_by_text("Line 2").click()
    expect(fold.locator(".ask textarea")).to_have_value("Good night.")
    assert measure(page).wide <= 0

    fold.get_by_role("button", name="Keep").click()
    row = room.locator(".ps-runs-table tbody tr").first
    expect(row).to_contain_text("blend of Nib, ")
    expect(row).to_contain_text("blended")
    open_tab(page, "Chat")
    expect(page.locator("#chat .voiced .partner input")).to_have_value(re.compile("blend of Nib"))

    open_tab(page, "Train")
    choose(page, "Marlow")
    expect(fold.locator("input[type=range]:visible")).to_have_count(0)
    expect(fold.get_by_role("button", name="Keep")).to_be_disabled()
    choose(page, "Nib")
    room.get_by_role("button", name="Teach Nib again").click()
    room.get_by_role("button", name="Teach several at once").click()
    room.get_by_role("checkbox", name="Marlow, 12 conversations").check()
    room.get_by_role("button", name="Teach Nib", exact=True).click()
    expect(room.locator(".company textarea")).to_have_value(TOGETHER, timeout=LONG)
    choose(page, "Marlow")
    expect(room.locator(".company textarea")).to_have_value(TOGETHER, timeout=LONG)
