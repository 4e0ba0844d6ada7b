"""Export orders a file, shows what was measured on it, and hands it to Ollama."""

import html
import importlib.util
import json
import os
import re
import shutil
import time
from dataclasses import dataclass, replace

import gradio as gr
import psutil
import pytest

from studio.domain import certificate
from studio.domain.errors import Busy, NotReady, StudioError
from studio.services import exports, orders
from studio.services.jobs import Jobs
from studio.services.ollama import Said
from studio.tabs import export
from tests.tabs import stage

CONFIG = {
    "model_type": "gemma3_text", "vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "max_position_embeddings": 256, "rms_norm_eps": 1e-6, "query_pre_attn_scalar": 32, "sliding_window": 16,
    "rope_theta": 1e6, "rope_local_base_freq": 1e4, "layer_types": ["sliding_attention", "full_attention"], "tie_word_embeddings": True,
}  # fmt: skip


@dataclass
class Status:
    state: str
    version: str = ""
    sentence: str = "Ollama is running on this computer."


class Box:
    """An Ollama that takes what it is given, or refuses; and answers as it is told to."""

    def __init__(self, state="running", error=None, answer="Woof.", known=()):
        self.state, self.error, self.answer, self.known, self.taken = state, error, answer, list(known), []

    def status(self):
        return Status(self.state, "0.30.1", "Ollama is running." if self.state == "running" else f"Ollama is {self.state}. Do something.")

    def names(self):
        return self.known

    def rendered(self, name, turns):
        return None

    def chat(self, name, turns, temperature, most):
        if isinstance(self.answer, Exception):
            raise self.answer
        yield Said("")
        yield Said(self.answer, True)

    def create(self, name, gguf, modelfile):
        yield "Copying the file", 0.5
        if self.error:
            raise self.error
        self.taken.append((name, gguf, modelfile))
        yield "Writing", None


@pytest.fixture
def taught(library, tmp_path, monkeypatch):
    """(studio, persona id) with one finished lesson and an Ollama that answers."""
    studio = replace(stage.studio(library, tmp_path), ollama=Box())
    who = stage.character(library, 30)
    (studio.models.practice / "config.json").write_text(json.dumps(CONFIG))
    stage.lesson(studio, who, {"kind": "done", "at": 1.0}, finished=time.time())
    return studio, who


def answers(count=10, different=0):
    return [certificate.Answer(f"Question {n}?", "Woof.", "Woof." if n >= different else "Wuff.", True, True) for n in range(count)]


def checks(found, exact=True, speakers=10):
    return [
        certificate.words(2104, 2104),
        certificate.speakers(speakers, 10),
        certificate.check(certificate.NUMBERS, "in all 512 places, to the last digits", True),
        certificate.answers(found, exact, True, True),
        certificate.stops(found, True),
        certificate.check(certificate.CHARACTER, "as sure as the app of 9 conversations it never learned", True),
        certificate.check(certificate.OLLAMA, "Checked when it is sent to Ollama.", None),
    ]


def finish(studio, who, file="Q8_0", name="biscuit", found=None, rows=None):
    """An export that is done, as its folder would look."""
    found = answers() if found is None else found
    folder = orders.order_export(studio.library, studio.library.adapters(who)[0], file, name)
    gguf = folder / f"{name}-{file}.gguf"
    gguf.write_bytes(b"GGUF")
    (folder / "Modelfile").write_text(f'FROM ./{gguf.name}\nTEMPLATE """x"""\n')
    rows = checks(found) if rows is None else rows
    result = {
        "path": str(gguf),
        "quantization": file,
        "bytes": 4,
        "checks": [c.to_dict() for c in rows],
        "answers": [a.to_dict() for a in found],
    }
    studio.library.write_json(folder / "result.json", result)
    journal(studio, folder, {"kind": "done", "at": 2.0})
    return folder


def journal(studio, folder, *events, alive=False):
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    studio.library.write_json(folder / "child.json", {"pid": os.getpid(), "born": psutil.Process().create_time() if alive else 1.0})


def marks(page):
    return re.findall(r'<li class="(\w+)">', page)


def test_without_a_lesson_the_one_button_leads_to_train(library, tmp_path):
    studio = replace(stage.studio(library, tmp_path), ollama=Box())
    room = export.visit(studio, stage.character(library), None, "Q8_0", "")
    assert room.empty["visible"] and room.page["visible"] is False
    assert room.empty_words == "Nothing to export yet. Teach Biscuit first."


def test_the_room_offers_three_sizes_and_a_name(taught):
    room = export.visit(*taught, None, "Q8_0", "")
    assert room.headline == "Take Biscuit anywhere." and room.name == "biscuit"
    labels = [label for label, _ in room.file["choices"]]
    assert [kind for _, kind in room.file["choices"]] == ["Q4_K_M", "Q8_0", "F16"]
    assert all(re.match(r"(Small|Balanced|Full), \d[\d.]* (MB|GB)\n", label) for label in labels)


def test_without_llama_cpp_a_small_file_is_not_promised(taught, monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    studio, who = taught
    small, *others = (label for label, _ in export.visit(studio, who, None, "Q8_0", "").file["choices"])
    assert "Needs llama.cpp" in small and not any("llama.cpp" in label for label in others)
    with pytest.raises(StudioError, match="python launch.py repair"):
        export.make(studio, who, None, "Q4_K_M", "biscuit")
    assert studio.jobs.started == [] and studio.library.exports(who) == []
    (tmp_path / "missing.json").write_text('{"llama_cpp": "Install a compiler."}')
    assert exports.without_engine(tmp_path) == "Install a compiler."


def test_a_tab_that_was_never_opened_has_no_values_yet(taught):
    room = export.visit(*taught, None, None, None)
    assert room.name == "biscuit" and room.file["value"] == "Q8_0"


def test_a_name_somebody_typed_stays_until_another_character_comes(taught):
    room = export.visit(*taught, None, "F16", "my-dog")
    assert room.name == "my-dog" and room.file["value"] == "F16"
    assert export.arrive(*taught, None, "Q8_0").name == "biscuit"


@pytest.mark.parametrize(("state", "ready"), [("running", True), ("absent", False), ("stopped", False), ("old", False), ("foreign", False)])
def test_one_button_is_filled_whether_ollama_answers_or_not(taught, state, ready):
    room = export.visit(replace(taught[0], ollama=Box(state)), taught[1], None, "Q8_0", "")
    assert room.send["visible"] is ready and room.make["variant"] == ("secondary" if ready else "primary")
    assert room.how["visible"] is not ready and room.make["value"] == ("Only make the file" if ready else "Make the file")


def test_making_a_file_orders_it_and_starts_the_work(taught):
    studio, who = taught
    export.make(studio, who, None, "Q8_0", " biscuit ")
    ((kind, folder),) = studio.jobs.started
    spec = json.loads((folder / "spec.json").read_text())
    assert kind == "export" and (spec["file"], spec["name"]) == ("Q8_0", "biscuit")
    assert spec["adapter"] == str(studio.library.adapters(who)[0])


@pytest.mark.parametrize("name", ["", "Biscuit", "my dog", "../up", "-dog", "dog;rm", "a/b", "x" * 80])
def test_a_name_ollama_would_not_take_starts_nothing(taught, name):
    studio, who = taught
    with pytest.raises(StudioError, match="Use small letters, numbers and dashes."):
        export.make(studio, who, None, "Q8_0", name)
    assert studio.jobs.started == [] and studio.library.exports(who) == []


def test_a_refused_start_leaves_no_folder(taught, monkeypatch):
    studio, who = taught

    class Full:
        def __getattr__(self, name):
            return getattr(studio.jobs, name)

        def start(self, kind, folder):
            raise Busy("A lesson is running already. Wait until it ends, or stop it first.")

    with pytest.raises(Busy):
        export.make(replace(studio, jobs=Full()), who, None, "Q8_0", "biscuit")
    assert studio.library.exports(who) == []


def test_sending_without_ollama_says_so_and_starts_nothing(taught):
    studio, who = taught
    with pytest.raises(NotReady, match="Ollama is stopped"):
        export.send(replace(studio, ollama=Box("stopped")), who, None, "Q8_0", "biscuit")
    assert studio.jobs.started == []


def test_work_shows_its_phase_and_share_and_nothing_twice(taught):
    studio, who = taught
    export.make(studio, who, None, "Q8_0", "biscuit")
    folder = studio.jobs.started[0][1]
    journal(studio, folder, {"kind": "phase", "at": 1, "text": "Merging what Biscuit learned", "share": 0.4}, alive=True)
    room = export.watch(studio, who, "")
    assert room.phase == "Merging what Biscuit learned" and 'aria-valuenow="40"' in room.bar
    assert room.acts["visible"] is False and room.timer["active"] and room.stop["interactive"]
    assert export.watch(studio, who, room.seen) == export.Bench()
    assert export.visit(studio, who, None, "Q8_0", "biscuit").phase == "Merging what Biscuit learned", "the same after a reload"
    export.stop(studio, who)
    assert (folder / "stop").exists()


def test_all_answers_alike_is_called_exact(taught):
    finish(*taught)
    page = export.visit(*taught, None, "Q8_0", "").cert
    assert "The file speaks exactly like the character you trained" in page
    assert marks(page) == [*["ok"] * 6, "wait"] and "seal" in page


def test_a_small_file_that_differs_is_not_called_exact(taught):
    found = answers(different=2)
    finish(*taught, file="Q4_K_M", found=found, rows=checks(found, exact=False))
    page = export.visit(*taught, None, "Q8_0", "").cert
    assert "<h2>The file speaks like the character you trained</h2>" in page and "8 of 10 answers" in page


def test_one_check_that_went_wrong_turns_the_certificate(taught):
    finish(*taught, rows=checks(answers(), speakers=7))
    page = export.visit(*taught, None, "Q8_0", "").cert
    assert "<h2>Not safe to share yet</h2>" in page and 'class="cert bad"' in page and 'class="seal"' not in page
    assert marks(page)[1] == "bad"


def test_a_check_nobody_made_is_said_to_be_open(taught):
    finish(*taught, rows=checks(answers())[:6])
    page = export.visit(*taught, None, "Q8_0", "").cert
    assert marks(page) == [*["ok"] * 6, "wait"] and "Not checked yet." in page


def test_what_a_result_file_says_cannot_become_markup(taught):
    nasty = replace(certificate.words(1, 1), sentence="<img src=x onerror=alert(1)> ${1+1} {{value}}", title="<b>")
    finish(*taught, rows=[nasty])
    page = export.visit(*taught, None, "Q8_0", "").cert
    assert "<img" not in page and "${" not in page and "{{" not in page and "<b><b>" not in page
    assert "${1+1} {{value}}" in html.unescape(page)


def test_before_there_is_a_file_every_check_waits(taught):
    assert marks(export.visit(*taught, None, "Q8_0", "").cert) == ["wait"] * 7


def test_answers_that_differ_are_shown_first_and_said_to(taught):
    found = [*answers(5), certificate.Answer("Odd?", "Woof.", "Wuff.", True, True)]
    finish(*taught, file="Q4_K_M", found=found, rows=checks(found, exact=False))
    room = export.visit(*taught, None, "Q8_0", "")
    assert [row["asked"] for row in room.rows][:2] == ["Odd?", "Question 0?"] and len(room.rows) == 6
    assert room.rows[0]["takes"] == {"In the studio": "Woof.", "In the file, in other words": "Wuff."}
    assert list(room.rows[1]["takes"]) == ["In the studio", "In the file"]
    assert "5 of 6" in room.counted and room.answers["visible"]


def test_a_file_that_lies_here_is_sent_without_making_it_again(taught):
    studio, who = taught
    folder = finish(studio, who)
    room = export.send(studio, who, None, "Q8_0", "biscuit")
    assert room.sending == str(folder) and studio.jobs.started == [] and room.taken["visible"] is False
    last = list(export.deliver(studio, who, room.sending))[-1]
    ((name, gguf, card),) = studio.ollama.taken
    assert (name, gguf) == ("biscuit", folder / "biscuit-Q8_0.gguf") and card.system == "You are a dog."
    assert last.sending == "" and last.timer["active"]
    last = export.watch(studio, who, last.seen)
    assert (
        not last.timer["active"]
        and last.there["visible"]
        and last.there_words == "Biscuit is in Ollama. Open it and choose biscuit, or type:"
    )
    assert last.command == "ollama run biscuit" and last.sending == ""
    assert export.watch(studio, stage.character(studio.library), export.SENT).there["visible"] is False, (
        "another character's room tells its own"
    )
    assert export.visit(studio, who, None, "Q8_0", "").there["visible"], "also after a reload"


@pytest.mark.parametrize(("file", "name"), [("F16", "biscuit"), ("Q8_0", "my-dog")])
def test_another_size_or_name_is_made_anew(taught, file, name):
    studio, who = taught
    finish(studio, who)
    room = export.send(studio, who, None, file, name)
    assert len(studio.jobs.started) == 1 and not isinstance(room.sending, str)


def test_a_finished_file_that_was_wanted_goes_on_to_ollama(taught):
    studio, who = taught
    folder = finish(studio, who)
    assert export.watch(studio, who, "").sending == "", "one that was only made stays here"
    exports.want(studio.library, folder)
    assert export.watch(studio, who, "").sending == str(folder)
    room = export.arrive(studio, who, None, "Q8_0")
    assert room.sending == str(folder) and room.work["visible"] and not room.acts["visible"], "also after a reload"
    list(export.deliver(studio, who, room.sending))
    assert export.arrive(studio, who, None, "Q8_0").sending == "", "once"


def test_a_file_that_was_wanted_waits_while_a_newer_one_is_made(taught):
    studio, who = taught
    exports.want(studio.library, finish(studio, who))
    orders.order_export(studio.library, studio.library.adapters(who)[0], "F16", "biscuit")
    assert export.arrive(studio, who, None, "Q8_0").sending == ""


def test_what_ollama_refuses_is_said_and_can_be_tried_again(taught):
    studio, who = taught
    folder = finish(studio, who)
    studio = replace(studio, ollama=Box(error=StudioError("Ollama stopped answering. The file is safe. Start Ollama and press again.")))
    last = list(export.deliver(studio, who, str(folder)))[-1]
    assert last.note["value"].startswith("Ollama stopped answering") and last.acts["visible"] and last.sending == ""
    assert exports.newest(studio.library, who).delivered == "" and not exports.newest(studio.library, who).wanted


def test_a_failure_is_a_sentence_and_the_older_file_stays(taught):
    studio, who = taught
    finish(studio, who)
    folder = orders.order_export(studio.library, studio.library.adapters(who)[0], "F16", "biscuit")
    journal(studio, folder, {"kind": "failed", "at": 3, "message": "Not enough room: the file needs 4.1 GB, 2.0 GB is free."})
    room = export.watch(studio, who, "")
    assert room.note["value"].startswith("Not enough room") and room.product["visible"] and room.acts["visible"]


def test_a_stop_says_that_what_was_learned_is_safe(taught):
    studio, who = taught
    folder = orders.order_export(studio.library, studio.library.adapters(who)[0], "F16", "biscuit")
    journal(studio, folder, {"kind": "stopped", "at": 3})
    assert "what was learned is safe" in export.watch(studio, who, "").note["value"]


def test_everything_that_can_be_pressed_is_answered(taught):
    with gr.Blocks() as page:
        persona = gr.Radio([])
        with gr.Tabs():
            export.build(taught[0], persona)
    assert {"visit", "make", "send", "watch", "deliver", "stop"} <= {listener.name for listener in page.fns.values()}


def test_a_name_that_ollama_has_already_is_asked_about_first(taught):
    studio, who = replace(taught[0], ollama=Box(known=["biscuit"])), taught[1]
    folder = finish(studio, who)
    asked = export.send(studio, who, None, "Q8_0", "biscuit")
    assert asked.taken["visible"] and "There is a “biscuit” in Ollama already" in asked.taken_words
    assert not exports.newest(studio.library, who).wanted and not isinstance(asked.sending, str)
    assert export.send(studio, who, None, "Q8_0", "my-dog").taken["visible"] is False, "another name is free"
    shutil.rmtree(studio.library.exports(who)[0])
    agreed = export.replace(studio, who, None, "Q8_0", "biscuit")
    assert agreed.sending == str(folder) and agreed.taken["visible"] is False


@pytest.mark.parametrize(
    ("answer", "mark", "words"),
    [
        ("Woof.", "ok", "the same 10 answers came back"),
        ("Miaow.", "bad", "none of the 10 answers came back"),
        (StudioError("Ollama broke off (model runner has stopped). Ask again."), "bad", "could not speak there. Ollama broke off"),
    ],
)
def test_what_it_says_in_ollama_joins_the_certificate(taught, answer, mark, words):
    studio, who = replace(taught[0], ollama=Box(answer=answer)), taught[1]
    folder = finish(studio, who)
    phases = [room.phase for room in export.deliver(studio, who, str(folder)) if isinstance(room.phase, str)]
    assert "Asking it in Ollama, question 1 of 10" in phases
    room = export.visit(studio, who, None, "Q8_0", "")
    assert marks(room.cert)[-1] == mark and words in html.unescape(room.cert)
    assert ("Not safe to share yet" in room.cert) == (mark == "bad")
    if isinstance(answer, str):
        assert [row["takes"].get("In Ollama") or row["takes"]["In Ollama, in other words"] for row in room.rows] == [answer] * 10
    kept = json.loads((folder / "ollama.json").read_text())
    proof = json.loads((folder / "certificate.json").read_text())
    assert proof["checks"][-1]["ok"] is (mark == "ok") and proof["ollama"]["version"] == "0.30.1"
    assert words in html.unescape((folder / "README.md").read_text()).replace("\\", "")
    assert kept["name"] == "biscuit" and kept["version"] == "0.30.1" and room.there["visible"]


def test_two_lines_tell_how_to_take_it_to_another_ollama(taught):
    folder = finish(*taught)
    (folder / "Modelfile").write_text('FROM ./biscuit-Q8_0.gguf\nTEMPLATE """x"""\n')
    assert export.visit(*taught, None, "Q8_0", "").recipe == "ollama create biscuit -f Modelfile\nollama run biscuit"
    (folder / "Modelfile").write_text("FROM ./biscuit-Q8_0.gguf\n")
    assert export.visit(*taught, None, "Q8_0", "").recipe.endswith("ollama run biscuit --think=false"), "a family that thinks aloud"


def test_rare_kinds_join_the_sizes_when_they_are_wanted(taught):
    studio, who = taught
    offered = [kind for _, kind in export.visit(studio, who, None, None, "").file["choices"]]
    assert offered == ["Q4_K_M", "Q8_0", "F16"]
    room = export.prefer(studio, who, None, "adapter")
    (words, kind), chosen = room.file["choices"][-1], room.file["value"]
    assert (kind, chosen) == ("adapter", "adapter") and words.startswith("Only what was learned, 1 MB")
    assert export.visit(studio, who, None, "adapter", "").file["choices"] == room.file["choices"]


def test_what_was_learned_alone_is_not_sent_to_ollama(taught):
    with pytest.raises(NotReady, match="can't speak in Ollama by itself"):
        export.send(*taught, None, "adapter", "biscuit")
    assert taught[0].library.exports(taught[1]) == []


def test_small_kinds_are_advised_against_where_they_save_little(taught):
    words = {kind: words for words, kind in export.visit(*taught, None, None, "").file["choices"]}
    assert "Balanced is better here: this model's rows (64 numbers) don't fit the small kind" in words["Q4_K_M"]
    assert "Our choice" in words["Q8_0"]


def test_an_export_that_was_cut_off_is_gone_on_with(taught):
    studio, who = taught
    adapter = studio.library.adapters(who)[0]
    begun = orders.order_export(studio.library, adapter, "F16", "biscuit")
    assert orders.order_export(studio.library, adapter, "F16", "biscuit") != begun  # nothing lies there yet
    (begun / "biscuit-F16.gguf.part").write_bytes(b"half")
    assert orders.order_export(studio.library, adapter, "F16", "biscuit") == begun
    assert orders.order_export(studio.library, adapter, "Q8_0", "biscuit") != begun
    (begun / "result.json").write_text("{}")
    assert orders.order_export(studio.library, adapter, "F16", "biscuit") != begun


def test_what_a_cut_off_export_left_goes_when_another_kind_is_made(taught):
    studio, who = taught
    adapter = studio.library.adapters(who)[0]
    begun = orders.order_export(studio.library, adapter, "F16", "biscuit")
    left = [begun / "biscuit-F16.gguf.part", begun / "biscuit-F16.gguf.journal.part"]
    for part in left:
        part.write_bytes(b"half")
    running = orders.order_export(studio.library, adapter, "Q8_0", "other")
    journal(studio, running, {"kind": "phase", "at": 1.0}, alive=True)
    with pytest.raises(Busy):
        export.make(replace(studio, jobs=Jobs(studio.library, studio.settings.project)), who, None, "F16", "biscuit")
    assert all(part.exists() for part in left), "refused, and what was begun is lost"
    shutil.rmtree(running)
    export.make(studio, who, None, "F16", "biscuit")
    assert studio.jobs.started == [("export", begun)] and all(part.exists() for part in left)
    export.make(studio, who, None, "Q8_0", "biscuit")
    assert studio.jobs.started[1][1] != begun and not any(part.exists() for part in left)
