"""A lesson for another machine, as a person saves its zip and drops what came back."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from safetensors.numpy import save

from tests.browser.audit import choose, measure, open_tab
from tests.services import parcels

pytestmark = pytest.mark.browser


def test_the_zip_goes_out_and_what_was_learned_comes_in(own_studio, open_page, tmp_path):
    page = open_page(own_studio.url)
    choose(page, "Biscuit")
    open_tab(page, "Train")
    room = page.locator("#train")
    room.get_by_role("button", name="Train on another machine").click()
    with page.expect_download() as saved:
        room.get_by_role("button", name="Save the zip").click()
    assert saved.value.suggested_filename == "biscuit-lesson.zip"
    saved.value.save_as(tmp_path / "sent.zip")
    seen = measure(page)
    assert (seen.wide, seen.faint, seen.tiny, seen.small) == (0, (), (), ())
    page.set_viewport_size({"width": 420, "height": 900})
    assert measure(page).wide <= 0

    learned = {f"{parcels.Q}.lora_A.weight": np.ones((8, 256), np.float32), f"{parcels.Q}.lora_B.weight": np.ones((256, 8), np.float32)}
    came = parcels.packed((tmp_path / "sent.zip").read_bytes(), tmp_path / "learned.zip", **{"adapter_model.safetensors": save(learned)})
    room.locator(".away input[type=file]").set_input_files(came)
    expect(room.get_by_role("textbox", name="What came home")).to_have_value(re.compile("^Biscuit has learned from .* on another machine"))
    expect(room.get_by_role("heading", name=re.compile("Finished in"))).to_be_visible()
    expect(room.locator(".ps-runs-table tbody tr")).to_have_count(1)
    assert measure(page).wide <= 0
