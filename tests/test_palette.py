"""Colours: whoever reads the studio can read it."""

import re

import pytest

from studio import palette
from studio.domain import persona
from studio.settings import PROJECT


@pytest.mark.parametrize(
    ("words", "front", "back", "needed"), list(palette.pairings()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_pairing_can_be_read_in_light_and_dark(words, front, back, needed):
    assert min(palette.contrast(front[mode], back[mode]) for mode in (0, 1)) >= needed


def test_every_ink_a_character_can_have_is_in_the_palette():
    assert set(palette.INKS) == set(persona.INKS)


def test_contrast_is_what_wcag_says():
    assert palette.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert palette.contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("sheet", sorted((PROJECT / "assets").glob("*.css")), ids=lambda file: file.name)
def test_colours_live_in_the_palette_only(sheet):
    rules = re.sub(r"/\*.*?\*/|url\([^)]*\)", "", sheet.read_text("utf-8"), flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[\s;,)])", rules) == []


def test_no_rule_has_a_comma_inside_a_bracketed_selector():
    # Gradio splits selectors at every comma, so such a rule would be torn in two.
    for sheet in (PROJECT / "assets").glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.DOTALL)
        selectors = re.findall(r"([^{};]+)\{", text)
        assert [s for s in selectors if re.search(r":(is|not|where|has)\([^()]*,", s)] == [], sheet.name
