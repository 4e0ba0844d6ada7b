"""Several recipes are tried through the window, on the practice model, and the best one is taken into the form."""

import re

import pytest
from playwright.sync_api import expect

from studio.domain.conversation import Turn
from studio.domain.persona import Persona
from studio.services.library import Library
from tests.browser.audit import choose, measure, open_tab
from tests.browser.conftest import PROJECT, Running
from tests.engine.lessons import TALKS

pytestmark = pytest.mark.browser
LONG = 200_000  # ms: real lessons on a busy machine


@pytest.fixture
def studio_with_nib(tmp_path):
    """A studio with a character of twelve conversations."""
    library = Library(tmp_path / "home", PROJECT / "no-examples")
    who = library.create(Persona("Nib", visitor="Mia", system="You are a small dog.", ink="plum"))
    for n in range(12):
        ask, say = TALKS[n % len(TALKS)]
        library.add(who, f"Talk {n}", [Turn("a", "user", ask), Turn("b", "model", f"{say} That is {n}.")])
    library.close()
    running = Running(tmp_path / "home").start()
    yield running
    running.end()


def number(room, name):
    """A field of the recipe."""
    return room.get_by_role("spinbutton", name=re.compile(f"^{name}"))


def test_the_best_of_several_recipes_is_taken_into_the_form(studio_with_nib, open_page):
    page = open_page(studio_with_nib.url)
    choose(page, "Nib")
    open_tab(page, "Train")
    room = page.locator("#train")
    room.get_by_role("button", name="Choices for experts").click()
    for name, value in (("Passes", "1"), ("Step size", "0.0001")):
        number(room, name).fill(value)
        number(room, name).blur()
    room.get_by_role("button", name="Try several recipes").click()
    room.get_by_role("button", name="Start trying").click()
    rows = room.locator(".tries tbody tr")
    expect(rows.nth(1)).to_contain_text("finished", timeout=LONG)
    expect(rows.first).to_contain_text("yours")

    room.get_by_role("button", name="Stop and keep what is found").click()
    expect(room.get_by_role("button", name="Start trying")).to_be_visible(timeout=LONG)
    expect(room.locator(".trying .read.ok")).to_contain_text("A better recipe was found.")
    expect(room.locator(".trying .ps-line-0")).to_have_count(1)
    for width in (1440, 420):
        page.set_viewport_size({"width": width, "height": 900})
        found = measure(page)
        assert (found.wide, found.faint, found.tiny, found.small) == (0, (), (), ())

    best = rows.filter(has_text="best").locator("td")
    shown = [best.nth(n).inner_text() for n in range(3)]
    room.get_by_role("button", name="Use the best one").click()
    expect(room.get_by_text("It is filled in under Choices for experts.")).to_be_visible()
    room.get_by_role("button", name="Choices for experts").click()
    for name, value in zip(("Step size", "Depth", "Passes"), shown, strict=True):
        expect(number(room, name)).to_have_value(re.compile(".+"))
        assert float(number(room, name).input_value()) == pytest.approx(float(value), rel=0.05)
