"""A finished file goes to Ollama, and what it says there joins the certificate."""

import html
import json
import shutil
from dataclasses import replace

import pytest

from studio.domain.errors import NotReady, StudioError
from studio.services import exports, orders
from studio.services.ollama import Ollama
from studio.tabs import export
from tests import boxes
from tests.tabs import stage
from tests.tabs.workbench import Box, finish, marks


@pytest.mark.parametrize(("state", "ready"), [("running", True), ("absent", False), ("stopped", False), ("old", False), ("foreign", False)])
def test_one_button_is_filled_whether_ollama_answers_or_not(exporting, state, ready):
    room = export.visit(replace(exporting[0], ollama=Box(state)), exporting[1], None, "Q8_0", "")
    assert room.send["visible"] is ready and room.make["variant"] == ("secondary" if ready else "primary")
    assert room.how["visible"] is not ready and room.make["value"] == ("Only make the file" if ready else "Make the file")


def test_sending_without_ollama_says_so_and_starts_nothing(exporting):
    studio, who = exporting
    with pytest.raises(NotReady, match="Ollama is stopped"):
        export.send(replace(studio, ollama=Box("stopped")), who, None, "Q8_0", "biscuit")
    assert studio.jobs.started == []


def test_a_file_that_lies_here_is_sent_without_making_it_again(exporting):
    studio, who = exporting
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
def test_another_size_or_name_is_made_anew(exporting, file, name):
    studio, who = exporting
    finish(studio, who)
    room = export.send(studio, who, None, file, name)
    assert len(studio.jobs.started) == 1 and not isinstance(room.sending, str)


def test_a_finished_file_that_was_wanted_goes_on_to_ollama(exporting):
    studio, who = exporting
    folder = finish(studio, who)
    assert export.watch(studio, who, "").sending == "", "one that was only made stays here"
    exports.want(studio.library, folder)
    assert export.watch(studio, who, "").sending == str(folder)
    room = export.arrive(studio, who, None, "Q8_0")
    assert room.sending == str(folder) and room.work["visible"] and not room.acts["visible"], "also after a reload"
    list(export.deliver(studio, who, room.sending))
    assert export.arrive(studio, who, None, "Q8_0").sending == "", "once"


def test_a_file_that_was_wanted_waits_while_a_newer_one_is_made(exporting):
    studio, who = exporting
    exports.want(studio.library, finish(studio, who))
    orders.order_export(studio.library, studio.models, studio.library.adapters(who)[0], "F16", "biscuit")
    assert export.arrive(studio, who, None, "Q8_0").sending == ""


def test_what_ollama_refuses_is_said_and_can_be_tried_again(exporting):
    studio, who = exporting
    folder = finish(studio, who)
    studio = replace(studio, ollama=Box(error=StudioError("Ollama stopped answering. The file is safe. Start Ollama and press again.")))
    last = list(export.deliver(studio, who, str(folder)))[-1]
    assert last.note["value"].startswith("Ollama stopped answering") and last.acts["visible"] and last.sending == ""
    assert exports.newest(studio.library, who).delivered == "" and not exports.newest(studio.library, who).wanted


def test_a_name_that_ollama_has_already_is_asked_about_first(exporting):
    studio, who = replace(exporting[0], ollama=Box(known=["biscuit"])), exporting[1]
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
def test_what_it_says_in_ollama_joins_the_certificate(exporting, answer, mark, words):
    studio, who = replace(exporting[0], ollama=Box(answer=answer)), exporting[1]
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


def test_a_stop_ends_the_questions_in_ollama_and_says_how_many_were_asked(exporting):
    studio, who = exporting
    folder = finish(studio, who)
    rooms = export.deliver(studio, who, str(folder))
    while next(rooms).phase != "Asking it in Ollama, question 3 of 10":
        pass
    assert export.stop(studio, who, str(folder)).phase == "Stopping"
    last = list(rooms)[-1]
    assert last.sending == "" and last.timer["active"] and not exports.halted(folder)
    room = export.visit(studio, who, None, "Q8_0", "")
    assert marks(room.cert)[-1] == "wait" and room.there["visible"]
    assert "You stopped after 2 of 10 test questions" in room.cert
    assert len(json.loads((folder / "ollama.json").read_text())["lines"]) == 2


def test_a_stop_is_heard_while_ollama_has_not_said_a_word(exporting):
    server = boxes.opened()  # it speaks Ollama's protocol, and is none
    studio, who = replace(exporting[0], ollama=Ollama(f"127.0.0.1:{server.server_port}")), exporting[1]
    folder = finish(studio, who)
    server.awake.clear()
    rooms = export.deliver(studio, who, str(folder))
    while next(rooms).phase != "Ollama wakes it up":
        pass
    export.stop(studio, who, str(folder))
    assert list(rooms)[-1].sending == "" and "biscuit:latest" in server.models
    assert "You stopped after 0 of 10 test questions" in export.visit(studio, who, None, "Q8_0", "").cert
    server.awake.set()
    server.shutdown()
    server.server_close()


def test_a_stop_on_the_way_to_ollama_leaves_the_file_and_can_be_taken_back(exporting):
    studio, who = exporting
    folder = finish(studio, who)
    rooms = export.deliver(studio, who, str(folder))
    assert next(rooms).phase == "Copying the file"
    export.stop(studio, who, str(folder))
    last = list(rooms)[-1]
    assert last.note["value"].startswith("Stopped. The file is safe") and last.acts["visible"] and last.sending == ""
    assert studio.ollama.taken == [] and (folder / "biscuit-Q8_0.gguf").exists()
    assert export.visit(studio, who, None, "Q8_0", "").there["visible"] is False
    list(export.deliver(studio, who, export.send(studio, who, None, "Q8_0", "biscuit").sending))
    assert len(studio.ollama.taken) == 1, "the stop counted once"


def test_two_lines_tell_how_to_take_it_to_another_ollama(exporting):
    folder = finish(*exporting)
    (folder / "Modelfile").write_text('FROM ./biscuit-Q8_0.gguf\nTEMPLATE """x"""\n')
    assert export.visit(*exporting, None, "Q8_0", "").recipe == "ollama create biscuit -f Modelfile\nollama run biscuit"
    (folder / "Modelfile").write_text("FROM ./biscuit-Q8_0.gguf\n")
    assert export.visit(*exporting, None, "Q8_0", "").recipe.endswith("ollama run biscuit --think=false"), "a family that thinks aloud"


def test_what_was_learned_alone_is_not_sent_to_ollama(exporting):
    with pytest.raises(NotReady, match="can't speak in Ollama by itself"):
        export.send(*exporting, None, "adapter", "biscuit")
    assert exporting[0].library.exports(exporting[1]) == []
