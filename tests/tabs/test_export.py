"""Export orders a file, and shows what was measured on it."""

import html
import importlib.util
import json
import re
import shutil
from dataclasses import replace

import gradio as gr
import pytest

from studio.domain import certificate, sizes
from studio.domain.errors import Busy, StudioError
from studio.services import adapters, exports, orders
from studio.services.jobs import Jobs
from studio.tabs import export
from tests.tabs import stage
from tests.tabs.workbench import Box, answers, checks, finish, journal, marks


def test_without_a_lesson_the_one_button_leads_to_train(library, tmp_path):
    studio = replace(stage.studio(library, tmp_path), ollama=Box())
    room = export.visit(studio, stage.character(library), None, "Q8_0", "")
    assert room.empty["visible"] and room.page["visible"] is False
    assert room.empty_words == "Nothing to export yet. Teach Biscuit first."


def test_the_room_offers_three_sizes_and_a_name(exporting):
    room = export.visit(*exporting, None, "Q8_0", "")
    assert room.headline == "Take Biscuit anywhere." and room.name == "biscuit"
    labels = [label for label, _ in room.file["choices"]]
    assert [kind for _, kind in room.file["choices"]] == ["Q4_K_M", "Q8_0", "F16"]
    assert all(re.match(r"(Small|Balanced|Full), \d[\d.]* (MB|GB)\n", label) for label in labels)


def test_without_llama_cpp_a_small_file_is_not_promised(exporting, monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    studio, who = exporting
    small, *others = (label for label, _ in export.visit(studio, who, None, "Q8_0", "").file["choices"])
    assert "Needs llama.cpp" in small and not any("llama.cpp" in label for label in others)
    with pytest.raises(StudioError, match="python launch.py repair"):
        export.make(studio, who, None, "Q4_K_M", "biscuit")
    assert studio.jobs.started == [] and studio.library.exports(who) == []
    (tmp_path / "missing.json").write_text('{"llama_cpp": "Install a compiler."}')
    assert exports.without_engine(tmp_path) == "Install a compiler."


def test_a_tab_that_was_never_opened_has_no_values_yet(exporting):
    room = export.visit(*exporting, None, None, None)
    assert room.name == "biscuit" and room.file["value"] == "Q8_0"


def test_a_name_somebody_typed_stays_until_another_character_comes(exporting):
    room = export.visit(*exporting, None, "F16", "my-dog")
    assert room.name == "my-dog" and room.file["value"] == "F16"
    assert export.arrive(*exporting, None, "Q8_0").name == "biscuit"


def test_making_a_file_orders_it_and_starts_the_work(exporting):
    studio, who = exporting
    export.make(studio, who, None, "Q8_0", " biscuit ")
    ((kind, folder),) = studio.jobs.started
    spec = json.loads((folder / "spec.json").read_text())
    assert kind == "export" and (spec["file"], spec["name"]) == ("Q8_0", "biscuit")
    assert spec["adapter"] == str(studio.library.adapters(who)[0])


@pytest.mark.parametrize("name", ["", "Biscuit", "my dog", "../up", "-dog", "dog;rm", "a/b", "x" * 80])
def test_a_name_ollama_would_not_take_starts_nothing(exporting, name):
    studio, who = exporting
    with pytest.raises(StudioError, match="Use small letters, numbers and dashes."):
        export.make(studio, who, None, "Q8_0", name)
    assert studio.jobs.started == [] and studio.library.exports(who) == []


def test_a_refused_start_leaves_no_folder(exporting, monkeypatch):
    studio, who = exporting

    class Full:
        def __getattr__(self, name):
            return getattr(studio.jobs, name)

        def start(self, kind, folder):
            raise Busy("A lesson is running already. Wait until it ends, or stop it first.")

    with pytest.raises(Busy):
        export.make(replace(studio, jobs=Full()), who, None, "Q8_0", "biscuit")
    assert studio.library.exports(who) == []


def test_work_shows_its_phase_and_share_and_nothing_twice(exporting):
    studio, who = exporting
    export.make(studio, who, None, "Q8_0", "biscuit")
    folder = studio.jobs.started[0][1]
    journal(studio, folder, {"kind": "phase", "at": 1, "text": "Merging what Biscuit learned", "share": 0.4}, alive=True)
    room = export.watch(studio, who, "")
    assert room.phase == "Merging what Biscuit learned" and 'aria-valuenow="40"' in room.bar
    assert room.acts["visible"] is False and room.timer["active"] and room.stop["interactive"]
    assert export.watch(studio, who, room.seen) == export.Bench()
    assert export.visit(studio, who, None, "Q8_0", "biscuit").phase == "Merging what Biscuit learned", "the same after a reload"
    export.stop(studio, who, "")
    assert (folder / "stop").exists()


def test_all_answers_alike_is_called_exact(exporting):
    finish(*exporting)
    page = export.visit(*exporting, None, "Q8_0", "").cert
    assert "The file speaks exactly like the character you trained" in page
    assert marks(page) == [*["ok"] * 6, "wait"] and "seal" in page


def test_a_small_file_that_differs_is_not_called_exact(exporting):
    found = answers(different=2)
    finish(*exporting, file="Q4_K_M", found=found, rows=checks(found, exact=False))
    page = export.visit(*exporting, None, "Q8_0", "").cert
    assert "<h2>The file speaks like the character you trained</h2>" in page and "8 of 10 answers" in page


def test_one_check_that_went_wrong_turns_the_certificate(exporting):
    finish(*exporting, rows=checks(answers(), speakers=7))
    page = export.visit(*exporting, None, "Q8_0", "").cert
    assert "<h2>Not safe to share yet</h2>" in page and 'class="cert bad"' in page and 'class="seal"' not in page
    assert marks(page)[1] == "bad"


def test_a_check_nobody_made_is_said_to_be_open(exporting):
    finish(*exporting, rows=checks(answers())[:6])
    page = export.visit(*exporting, None, "Q8_0", "").cert
    assert marks(page) == [*["ok"] * 6, "wait"] and "Not checked yet." in page


def test_what_a_result_file_says_cannot_become_markup(exporting):
    nasty = replace(certificate.words(1, 1), sentence="<img src=x onerror=alert(1)> ${1+1} {{value}}", title="<b>")
    finish(*exporting, rows=[nasty])
    page = export.visit(*exporting, None, "Q8_0", "").cert
    assert "<img" not in page and "${" not in page and "{{" not in page and "<b><b>" not in page
    assert "${1+1} {{value}}" in html.unescape(page)


def test_before_there_is_a_file_every_check_waits(exporting):
    assert marks(export.visit(*exporting, None, "Q8_0", "").cert) == ["wait"] * 7


def test_answers_that_differ_are_shown_first_and_said_to(exporting):
    found = [*answers(5), certificate.Answer("Odd?", "Woof.", "Wuff.", True, True)]
    finish(*exporting, file="Q4_K_M", found=found, rows=checks(found, exact=False))
    room = export.visit(*exporting, None, "Q8_0", "")
    assert [row["asked"] for row in room.rows][:2] == ["Odd?", "Question 0?"] and len(room.rows) == 6
    assert room.rows[0]["takes"] == {"In the studio": "Woof.", "In the file, in other words": "Wuff."}
    assert list(room.rows[1]["takes"]) == ["In the studio", "In the file"]
    assert "5 of 6" in room.counted and room.answers["visible"]


def test_a_failure_is_a_sentence_and_the_older_file_stays(exporting):
    studio, who = exporting
    finish(studio, who)
    folder = orders.order_export(studio.library, studio.models, studio.library.adapters(who)[0], "F16", "biscuit")
    journal(studio, folder, {"kind": "failed", "at": 3, "message": "Not enough room: the file needs 4.1 GB, 2.0 GB is free."})
    room = export.watch(studio, who, "")
    assert room.note["value"].startswith("Not enough room") and room.product["visible"] and room.acts["visible"]


def test_a_stop_says_that_what_was_learned_is_safe(exporting):
    studio, who = exporting
    folder = orders.order_export(studio.library, studio.models, studio.library.adapters(who)[0], "F16", "biscuit")
    journal(studio, folder, {"kind": "stopped", "at": 3})
    assert "what was learned is safe" in export.watch(studio, who, "").note["value"]


def test_everything_that_can_be_pressed_is_answered(exporting):
    with gr.Blocks() as page:
        persona = gr.Radio([])
        with gr.Tabs():
            export.build(exporting[0], persona)
    assert {"visit", "make", "send", "watch", "deliver", "stop"} <= {listener.name for listener in page.fns.values()}


def test_rare_kinds_join_the_sizes_when_they_are_wanted(exporting):
    studio, who = exporting
    offered = [kind for _, kind in export.visit(studio, who, None, None, "").file["choices"]]
    assert offered == ["Q4_K_M", "Q8_0", "F16"]
    room = export.prefer(studio, who, None, "adapter")
    (words, kind), chosen = room.file["choices"][-1], room.file["value"]
    assert (kind, chosen) == ("adapter", "adapter") and words.startswith("Only what was learned, 1 MB")
    assert export.visit(studio, who, None, "adapter", "").file["choices"] == room.file["choices"]


def test_a_lesson_in_4_bit_may_be_merged_into_what_it_saw(exporting):
    studio, who = exporting
    lesson = studio.library.adapters(who)[0]
    assert export.visit(studio, who, None, None, "").four_bit["visible"] is False
    export.make(studio, who, None, "Q8_0", "biscuit", True)
    assert "four_bit" not in json.loads((studio.jobs.started[0][1] / "spec.json").read_text()), "this lesson saw the weights as they are"
    spec = json.loads((lesson / "spec.json").read_text())
    studio.library.write_json(lesson / "spec.json", {**spec, "recipe": {**spec.get("recipe", {}), "four_bit": True}})
    assert export.visit(studio, who, None, None, "").four_bit["visible"]
    export.make(studio, who, None, "Q8_0", "biscuit", True)
    assert json.loads((studio.jobs.started[1][1] / "spec.json").read_text())["four_bit"] is True
    made = finish(studio, who)
    assert export.send(studio, who, None, "Q8_0", "biscuit").sending == str(made)
    export.send(studio, who, None, "Q8_0", "biscuit", True)
    assert studio.jobs.started[2][1] != made, "the other merge is another file"


def test_how_much_disk_the_work_takes_is_said_before_it_starts(exporting):
    studio, who = exporting
    model = adapters.learned(studio.library, who)[0].model
    whole = exports.room(studio.models, model, "Q4_K_M")
    assert whole > exports.estimates(studio.models, model)["Q4_K_M"], "it is made of a whole one"
    words = export.weigh(studio, who, None, "Q4_K_M").needs
    assert words.startswith(f"Making and checking it takes {sizes.in_words(whole)} of disk for a while. There is ")
    for room in (export.visit(studio, who, None, "F32", ""), export.prefer(studio, who, None, "F32")):
        assert f" {sizes.in_words(exports.room(studio.models, model, 'F32'))} of disk" in room.needs


def test_small_kinds_are_advised_against_where_they_save_little(exporting):
    words = {kind: words for words, kind in export.visit(*exporting, None, None, "").file["choices"]}
    assert "Balanced is better here: this model's rows (64 numbers) don't fit the small kind" in words["Q4_K_M"]
    assert "Our choice" in words["Q8_0"]


def test_an_export_that_was_cut_off_is_gone_on_with(exporting):
    studio, who = exporting
    adapter = studio.library.adapters(who)[0]
    begun = orders.order_export(studio.library, studio.models, adapter, "F16", "biscuit")
    assert orders.order_export(studio.library, studio.models, adapter, "F16", "biscuit") != begun  # nothing lies there yet
    (begun / "biscuit-F16.gguf.part").write_bytes(b"half")
    assert orders.order_export(studio.library, studio.models, adapter, "F16", "biscuit") == begun
    assert orders.order_export(studio.library, studio.models, adapter, "Q8_0", "biscuit") != begun
    (begun / "result.json").write_text("{}")
    assert orders.order_export(studio.library, studio.models, adapter, "F16", "biscuit") != begun


def test_what_a_cut_off_export_left_goes_when_another_kind_is_made(exporting):
    studio, who = exporting
    adapter = studio.library.adapters(who)[0]
    begun = orders.order_export(studio.library, studio.models, adapter, "F16", "biscuit")
    left = [begun / "biscuit-F16.gguf.part", begun / "biscuit-F16.gguf.journal.part"]
    for part in left:
        part.write_bytes(b"half")
    running = orders.order_export(studio.library, studio.models, adapter, "Q8_0", "other")
    journal(studio, running, {"kind": "phase", "at": 1.0}, alive=True)
    with pytest.raises(Busy):
        export.make(replace(studio, jobs=Jobs(studio.library, studio.settings.project)), who, None, "F16", "biscuit")
    assert all(part.exists() for part in left), "refused, and what was begun is lost"
    shutil.rmtree(running)
    export.make(studio, who, None, "F16", "biscuit")
    assert studio.jobs.started == [("export", begun)] and all(part.exists() for part in left)
    export.make(studio, who, None, "Q8_0", "biscuit")
    assert studio.jobs.started[1][1] != begun and not any(part.exists() for part in left)


def test_a_lesson_finds_its_model_after_the_studio_was_moved(exporting, tmp_path):
    studio, who = exporting
    adapter = studio.library.adapters(who)[0]
    spec = json.loads((adapter / "spec.json").read_text("utf-8"))
    moved = {**spec, "model_path": str(tmp_path / "an earlier folder" / "practice-model")}
    studio.library.write_json(adapter / "spec.json", moved)
    folder = orders.order_export(studio.library, studio.models, adapter, "F16", "biscuit")
    here = str(studio.models.path(spec["model"]))
    assert json.loads((folder / "spec.json").read_text("utf-8"))["model_path"] == here
    assert json.loads((adapter / "spec.json").read_text("utf-8")) == {**spec, "model_path": here}
    studio.library.write_json(adapter / "spec.json", {**moved, "model": "gone"})
    with pytest.raises(StudioError, match="gone from the disk"):
        orders.order_export(studio.library, studio.models, adapter, "F16", "biscuit")
