"""The panel in which files come in: shown first, brought in as one step, undone as one; and the panel in which a character goes out."""

import csv
import json
from pathlib import Path

import gradio as gr
import pytest
from gradio.exceptions import InvalidPathError
from gradio.state_holder import SessionState

from studio import app
from studio.domain.errors import BadFile, NotReady
from studio.domain.formats import delivery, reading
from studio.domain.persona import Persona
from studio.services import exchange
from studio.services.library import Library
from studio.tabs import bring, take
from tests.loop import finish
from tests.tabs import stage

SCRIPT = "Mia: <img src=x onerror=alert(1)>\nPip: **Woof.** ${1+1}\n\nMia: Bed.\nPip: No!\n"


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "home", tmp_path / "none")
    yield library
    library.close()


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


@pytest.fixture
def pip(library):
    return library.create(Persona("Pip", visitor="Mia", ink="blue"))


def titles(library, who):
    return [c.title for c in library.conversations(who)]


def test_pasted_text_is_shown_first_and_comes_in_on_a_press(studio, library, pip):
    seen = bring.look_at_text(studio, pip, SCRIPT)
    assert seen.headline == "pasted text holds 2 conversations, written as script."
    assert seen.mapping["value"] == "Mia → the visitor\nPip → the character"
    assert seen.first["value"] == (
        "1. <img src=x onerror=alert(1)>\nMia: <img src=x onerror=alert(1)>\nPip: **Woof.** ${1+1}\n\n2. Bed.\nMia: Bed.\nPip: No!"
    )
    assert seen.first["label"] == "All of it"
    assert (seen.where["choices"], seen.where["value"]) == ([("To Pip", "here"), ("As a new character", "new")], "here")
    assert seen.bring["value"] == "Bring in 2 conversations"
    assert titles(library, pip) == []
    came = bring.bring_in(studio, pip, seen.readings, "here")
    assert came.news == "2 conversations came in for Pip."
    assert (came.shown, came.persona, came.panel["visible"]) == (library.conversations(pip)[0].id, gr.skip(), False)
    assert len(titles(library, pip)) == 2
    bring.undo(studio, pip, came.arrived)
    assert titles(library, pip) == []


def test_what_stays_out_is_named_and_can_be_saved(studio, pip, tmp_path):
    (tmp_path / "m.jsonl").write_text('{"messages": [{"role": "user", "content": "x"}]}\n' + "{bad\n" * 9, "utf-8")
    (tmp_path / "e.txt").write_text("", "utf-8")
    seen = bring.look_at_files(studio, pip, [str(tmp_path / "m.jsonl"), str(tmp_path / "e.txt")])
    lines = seen.places["value"].split("\n")
    assert lines[0].startswith("m.jsonl, line 2, column 2: this can't be read as JSON")
    assert seen.notes["value"] == "1 conversation has no answer from the character yet."
    with open(seen.rejects, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["file", "line", "field", "what is wrong", "how to mend it"]
    assert rows[-1] == ["e.txt", "", "the whole file", "there is nothing in it.", "Choose a file with conversations in it."]
    assert seen.places["label"] == f"{len(rows) - 1} places could not be read and stay out"


def test_a_file_that_can_not_be_read_offers_nothing_but_its_reason(studio, pip, tmp_path):
    (tmp_path / "story.txt").write_text("Once upon a time.", "utf-8")
    seen = bring.look_at_files(studio, pip, [str(tmp_path / "story.txt")])
    assert (seen.headline, seen.bring["visible"], seen.where["visible"]) == ("Nothing in it can be brought in.", False, False)
    assert seen.places["value"].startswith("story.txt, the whole file: nothing in it is in a form the studio reads.")
    assert seen.places["label"] == "1 place could not be read and stays out"
    with pytest.raises(NotReady):
        bring.bring_in(studio, pip, seen.readings, "here")


GROUP = [{"user_name": "Ana", "character_name": "Pip"}] + [
    {"name": name, "is_user": name == "Ana", "mes": text}
    for name, text in (("Ana", "Who?"), ("Rex", "Me."), ("Pip", "And me."), ("Ana", "Well?"), ("Rex", "Grr."))
]


def spoken(library, who):
    return [[(turn.role, turn.text) for turn in c.turns] for c in library.conversations(who)]


def test_the_writer_says_who_of_several_speakers_is_the_character(studio, library, pip, tmp_path):
    (tmp_path / "group.jsonl").write_text("\n".join(map(json.dumps, GROUP)), "utf-8")
    seen = bring.look_at_files(studio, None, [str(tmp_path / "group.jsonl")])
    assert (seen.speaker["choices"], seen.speaker["value"], seen.speaker["visible"]) == ([("Rex", "Rex"), ("Pip", "Pip")], "Rex", True)
    known = bring.look_at_files(studio, pip, [str(tmp_path / "group.jsonl")])
    assert known.speaker["value"] == "Pip", "who is open is meant"
    turned = bring.take_for(studio, pip, known.source, "here", "Rex")
    assert (turned.speaker["value"], turned.where["value"]) == ("Rex", "here")
    bring.bring_in(studio, pip, turned.readings, "here")
    assert spoken(library, pip) == [[("user", "Who?"), ("model", "Me."), ("user", "Pip: And me.\n\nWell?"), ("model", "Grr.")]]


def test_of_pasted_lines_either_can_be_the_character(studio, library, pip):
    seen = bring.look_at_text(studio, None, "Ben: Hello.\nTom: Hi.\n")
    assert (seen.speaker["value"], seen.source) == ("Tom", "Ben: Hello.\nTom: Hi.\n")
    turned = bring.take_for(studio, None, seen.source, "new", "Ben")
    assert [[turn.role for turn in c.turns] for one in turned.readings for c in one.found.conversations] == [["model", "user"]]


def test_files_that_guess_differently_choose_nobody_for_the_writer(studio, pip, tmp_path):
    for name, text in (("a.txt", "Ben: Hello.\nTom: Hi.\n"), ("b.txt", "Tom: Hello.\nBen: Hi.\n"), ("c.json", '[{"messages": []}]')):
        (tmp_path / name).write_text(text, "utf-8")
    seen = bring.look_at_files(studio, None, [str(tmp_path / name) for name in ("a.txt", "b.txt")])
    assert sorted(seen.speaker["choices"]) == [("Ben", "Ben"), ("Tom", "Tom")] and seen.speaker["value"] is None
    assert bring.look_at_files(studio, None, [str(tmp_path / "c.json")]).speaker["visible"] is False


def test_a_folder_comes_in_whole_with_each_file_listed_and_goes_as_one(studio, library, pip, tmp_path):
    (tmp_path / "one.txt").write_text("Mia: Hello.\nPip: Woof.\n", "utf-8")
    (tmp_path / "two.txt").write_text(SCRIPT, "utf-8")
    (tmp_path / "odd.txt").write_text("Once upon a time.", "utf-8")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "cover.jpg").write_bytes(b"x")
    files = sorted(map(str, tmp_path.glob("*")))
    seen = bring.look_at_folder(studio, pip, [file for file in files if "home" not in file])
    assert seen.headline == "2 of 3 files can be brought in, with 3 conversations."
    told = seen.each["value"].split("\n")
    assert (seen.each["label"], told[1:]) == (
        "3 files",
        ["one.txt holds 1 conversation, written as script.", "two.txt holds 2 conversations, written as script."],
    )
    assert told[0].startswith("odd.txt, the whole file: nothing in it is in a form the studio reads.")
    came = bring.bring_in(studio, pip, seen.readings, "here")
    assert (came.news, len(titles(library, pip))) == ("3 conversations came in for Pip.", 3)
    bring.undo(studio, pip, came.arrived)
    assert titles(library, pip) == []
    with pytest.raises(BadFile, match="This folder holds no file the studio can read. Nothing was brought in."):
        bring.look_at_folder(studio, pip, [str(tmp_path / ".DS_Store")])


def test_a_package_becomes_a_character_that_opens_and_goes_again(studio, library, pip, tmp_path):
    exchange.bring_in(library, [("x", reading.read("x.txt", SCRIPT.encode(), "Pip"))], pip)
    package = tmp_path / "pip.zip"
    package.write_bytes(exchange.take_out(library, pip, "package", studio.settings))
    seen = bring.look_at_files(studio, pip, [str(package)])
    assert (seen.where["value"], seen.bring["value"]) == ("new", "Bring in Pip with 2 conversations")
    came = bring.bring_in(studio, pip, seen.readings, "new")
    assert came.news == "Pip is here with 2 conversations."
    assert (came.shown, came.persona["value"]) == ("", came.arrived[0].persona)
    assert bring.undo(studio, came.arrived[0].persona, came.arrived).persona["value"] == pip
    assert [c.id for c in library.characters()] == [pip]


def test_the_place_can_be_changed_and_says_what_stays_out(studio, pip, library, tmp_path):
    package = tmp_path / "pip.zip"
    package.write_bytes(exchange.take_out(library, pip, "card-v2-json", studio.settings))
    seen = bring.look_at_files(studio, pip, [str(package)])
    turned = bring.turn_to(studio, pip, seen.readings, "here")
    assert turned.bring["value"] == "Bring in 0 conversations"
    assert turned.notes["value"] == "Only the conversations come in; the character sheet that stands here stays as it is."
    with pytest.raises(NotReady, match="There are no conversations in it."):
        bring.bring_in(studio, pip, seen.readings, "here")


def test_without_a_character_a_new_one_is_made(studio, library):
    came = bring.bring_in(studio, None, bring.look_at_text(studio, None, SCRIPT).readings, "here")
    assert [c.persona.name for c in library.characters()] == ["pasted text"]
    assert came.persona["value"] == library.characters()[0].id


def test_an_empty_box_and_an_empty_choice_say_so(studio, pip):
    with pytest.raises(NotReady, match="There is nothing in the box. Nothing was brought in."):
        bring.look_at_text(studio, pip, " \n")
    assert bring.look_at_files(studio, pip, None).readings == ()
    with pytest.raises(NotReady, match="There is nothing to bring in yet."):
        bring.bring_in(studio, pip, (), "here")
    with pytest.raises(NotReady, match="There is nothing to take back any more."):
        bring.undo(studio, pip, ())


@pytest.mark.parametrize("key", [way.key for way in delivery.WAYS if way.key != "parquet"])
def test_a_character_is_offered_in_every_form(studio, library, pip, key):
    exchange.bring_in(library, [("x", reading.read("x.txt", SCRIPT.encode(), "Pip"))], pip)
    panel = take.offer(studio, pip, key)
    path = Path(panel.file["value"])
    assert (path.name, panel.file["interactive"]) == (f"pip{delivery.way(key).ending}", True)
    assert path.read_bytes() == exchange.take_out(library, pip, key, studio.settings)


def test_where_there_is_no_file_the_reason_stands_there(studio, pip):
    panel = take.offer(studio, pip, "csv")
    assert panel.note["value"] == "Pip has no conversations yet. Nothing was written. Write one first, or take out a card or the package."
    assert (panel.file["value"], panel.file["interactive"]) == (None, False)
    assert take.offer(studio, None, "csv").note["value"] == "There is no character yet. Make one first, with New character above."


def test_both_panels_are_in_the_window_and_shut(studio, pip):
    page = app.page(studio)
    shown = {
        block.elem_id: block.visible
        for block in page.blocks.values()
        if getattr(block, "elem_id", None) in ("bring", "take", "bring-open", "take-open")
    }
    assert shown == {"bring": False, "take": False, "bring-open": "hidden", "take-open": "hidden"}
    handlers = {fn.name for fn in page.fns.values()}
    assert {"look_at_files", "look_at_text", "bring_in", "turn_to", "undo", "offer"} <= handlers


def served(studio):
    """Gradio's app, as the studio serves it."""
    return next(route.app for route in app.web(studio, 7999, "key").routes if isinstance(getattr(route, "app", None), gr.routes.App))


def test_pages_are_remembered_in_one_place_and_not_for_ever(studio, pip):
    inner = served(studio)
    assert inner.state_holder.capacity == app.PAGES, "pages closed long ago don't fill the memory"
    assert inner.get_blocks().app is inner, "what is queued and what is not know the same page"


def test_nothing_a_file_says_is_shown_by_something_that_knows_markup(studio, pip):
    page = app.page(studio)
    for fn in page.fns.values():
        if fn.fn is not None and fn.name in ("look_at_files", "look_at_text", "bring_in", "turn_to", "offer"):
            assert not [type(out).__name__ for out in fn.outputs if isinstance(out, gr.HTML | gr.Markdown | gr.Chatbot | gr.Dataframe)]


def test_a_file_that_nobody_uploaded_is_never_read(studio, pip, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(studio.library.scratch))
    page = served(studio).get_blocks()
    look = next(fn for fn in page.fns.values() if fn.name == "look_at_files")

    def ask(path):
        path.write_text(SCRIPT, "utf-8")
        sent = {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}
        return finish(page.process_api(look, [pip, [sent]], state=SessionState(page)))["data"]

    assert "uploaded.txt holds 2 conversations, written as script." in ask(studio.library.scratch / "uploaded.txt")
    with pytest.raises(InvalidPathError):
        ask(tmp_path / "named-by-a-forged-request.txt")
