"""The editor's endpoints: what they accept, what they answer, and that a refusal is an answer."""

import hashlib
import json
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from studio.domain import dataset
from studio.domain.conversation import Conversation, Turn
from studio.domain.persona import Persona
from studio.services.library import Library
from studio.tabs import write


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "home", tmp_path / "no-examples")
    yield library
    library.close()


@pytest.fixture
def persona(library):
    return library.create(Persona("Biscuit", visitor="Mia", voice=("Short sentences",), ink="blue"))


def lines(*texts):
    return [{"id": f"{n:016x}", "role": "model" if n % 2 else "user", "text": text} for n, text in enumerate(texts)]


@pytest.fixture
def puddle(ask, persona):
    return ask("new", persona=persona, title="The puddle", turns=lines("Come on.", "It has the SKY.", "Only water.", "My foot."))["id"]


def test_a_new_conversation_can_be_loaded_and_listed(ask, persona, puddle):
    loaded = ask("load", id=puddle)
    assert (loaded["ok"], loaded["rev"], loaded["title"], len(loaded["turns"])) == (True, 1, "The puddle", 4)
    listed = ask("list", persona=persona)
    assert listed["total"] == 1
    assert listed["rows"][0] | {"id": puddle, "title": "The puddle", "turns": 4, "opening": "Come on."} == listed["rows"][0]


def test_search_looks_at_every_line(ask, persona, puddle):
    assert ask("list", persona=persona, query="the sky")["total"] == 1
    assert ask("list", persona=persona, query="vacuum")["total"] == 0


def spoken(title, *texts, tags=(), flag="", drafted=False):
    turns = tuple(Turn(f"t{n}", "model" if n % 2 else "user", text, drafted=drafted) for n, text in enumerate(texts))
    return Conversation("", title, turns, tags, flag)


@pytest.fixture
def four(library, persona):
    given = [
        spoken("Rain", "The puddle has the whole sky in it.", "A sky to step in.", "Step around.", tags=("rain", "walk")),
        spoken("Gate", "The gate is shut.", "I will wait.", flag="finished", tags=("walk",)),
        spoken("Sky", *["The sky again, and a puddle under it."] * 11, flag="needs work", tags=("rain",)),
        spoken("Nap", "The blanket.", "Mine.", drafted=True),
    ]
    return dict(zip(("rain", "gate", "sky", "nap"), library.add_many(persona, given), strict=True))


@pytest.mark.parametrize(
    ("asked", "right"),
    [
        ({}, ["rain", "gate", "sky", "nap"]),
        ({"tag": "rain"}, ["rain", "sky"]),
        ({"tag": "Rain"}, []),
        ({"flag": "unchecked"}, ["rain", "nap"]),
        ({"flag": "needs work"}, ["sky"]),
        ({"flag": "finished"}, ["gate"]),
        ({"length": "short"}, ["gate", "nap"]),
        ({"length": "medium"}, ["rain"]),
        ({"length": "long"}, ["sky"]),
        ({"drafted": True}, ["nap"]),
        ({"query": "sky puddle", "tag": "rain", "flag": "unchecked"}, ["rain"]),
        ({"query": "gate", "tag": "rain"}, []),
    ],
)
def test_the_list_can_be_narrowed_by_what_conversations_have_in_common(ask, persona, four, asked, right):
    answer = ask("list", persona=persona, **asked)
    assert [row["id"] for row in answer["rows"]] == [four[name] for name in right]
    assert (answer["total"], answer["all"]) == (len(right), 4)


def test_what_is_like_one_comes_nearest_first_and_says_by_what_it_was_compared(ask, persona, four):
    answer = ask("list", persona=persona, like=four["rain"])
    assert [row["id"] for row in answer["rows"]][:1] == [four["sky"]] and four["rain"] not in [row["id"] for row in answer["rows"]]
    assert answer["compared"] == "Compared by their words."
    assert ask("list", persona=persona, like=four["rain"], flag="finished", query="puddle")["rows"] == []
    assert ask("list", persona=persona, like="gone")["error"] == "missing"


def test_the_tags_of_a_character_are_counted(ask, persona, four):
    ask("remove", id=four["sky"])
    assert ask("tags", id=persona) == {"ok": True, "tags": [{"tag": "rain", "count": 1}, {"tag": "walk", "count": 2}]}
    assert ask("tags", id="nobody") == {"ok": True, "tags": []}


@pytest.mark.parametrize("odd", [{"flag": "lost"}, {"length": "huge"}, {"drafted": "yes"}, {"tag": 1}, {"like": "x" * 65}])
def test_a_filter_that_does_not_exist_is_refused_in_a_sentence(ask, persona, odd):
    refused = ask("list", persona=persona, **odd)
    assert (refused["ok"], refused["error"]) == (False, "invalid") and refused["message"]


def test_a_save_answers_with_the_hash_of_what_is_stored(ask, puddle):
    turns = lines("Come on, “Biscuit”.\n\u2028", "é 🐶")
    saved = ask("save", id=puddle, base=1, op="0" * 16, title="Puddles", turns=turns, shrink=True)
    assert (saved["ok"], saved["rev"]) == (True, 2)
    body = json.dumps({"title": "Puddles", "turns": turns}, ensure_ascii=False, separators=(",", ":"))
    assert saved["sha256"] == hashlib.sha256(body.encode()).hexdigest()
    assert ask("load", id=puddle)["turns"] == turns


def test_the_same_save_twice_changes_nothing(ask, puddle):
    same = {"id": puddle, "base": 1, "op": "a" * 16, "title": "Puddles", "turns": lines("a", "b", "c", "d")}
    assert ask("save", **same) == ask("save", **same)
    assert ask("load", id=puddle)["rev"] == 2


def test_an_old_base_is_a_conflict_that_brings_the_newer_text(ask, puddle):
    ask("save", id=puddle, base=1, op="a" * 16, title="First", turns=lines("a", "b", "c", "d"))
    late = ask("save", id=puddle, base=1, op="b" * 16, title="Second", turns=lines("e", "f", "g", "h"))
    assert (late["ok"], late["error"], late["rev"], late["op"], late["title"]) == (False, "conflict", 2, "a" * 16, "First")


def test_dropping_most_lines_needs_to_be_meant(ask, puddle):
    less = {"id": puddle, "base": 1, "op": "a" * 16, "title": "", "turns": []}
    refused = ask("save", **less)
    assert (refused["ok"], refused["error"]) == (False, "invalid")
    assert refused["message"]
    assert ask("save", **less, shrink=True)["ok"] is True


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"title": "x" * 201}, "title"),
        ({"turns": lines("x" * 100_001)}, "Line 1"),
        ({"turns": lines(*"x" * 501)}, "500"),
        ({"turns": [*lines("a"), *lines("b")]}, "Line 2"),
        ({"turns": [{"id": "1", "role": "system", "text": ""}]}, "Line 1"),
        ({"turns": lines("\ud800")}, "Line 1"),
        ({"op": "short"}, "Reload"),
        ({"extra": 1}, "Reload"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_a_sentence(ask, puddle, change, word):
    refused = ask("save", **{"id": puddle, "base": 1, "op": "a" * 16, "title": "", "turns": lines("a", "b", "c", "d"), **change})
    assert (refused["ok"], refused["error"]) == (False, "invalid")
    assert word in refused["message"]
    assert ask("load", id=puddle)["rev"] == 1


def test_what_is_not_json_is_refused_in_a_sentence(library):
    app = FastAPI()
    app.include_router(write.routes(SimpleNamespace(library=library)))
    answer = TestClient(app).post("/save", content=b"{", headers={"content-type": "application/json"})
    assert answer.json()["error"] == "invalid"


def test_history_is_newest_first(ask, puddle):
    for rev in (1, 2, 3):
        ask("save", id=puddle, base=rev, op=f"{rev:016x}", title=f"Title {rev}", turns=lines("a", "b", "c", str(rev)))
    assert [r["rev"] for r in ask("history", id=puddle, before=4)["revisions"]] == [3, 2, 1]


def test_a_removed_conversation_is_gone_and_can_come_back(ask, persona, puddle):
    assert ask("remove", id=puddle)["ok"] is True
    assert ask("load", id=puddle) == {"ok": False, "error": "missing"}
    assert ask("list", persona=persona)["total"] == 0
    assert ask("recover", id=puddle)["ok"] is True
    assert ask("load", id=puddle)["title"] == "The puddle"


def test_a_copy_has_the_same_words_and_leaves_the_first_alone(ask, persona, puddle):
    copy = ask("load", id=ask("duplicate", persona=persona, id=puddle)["id"])
    assert copy["title"] == "The puddle (copy)"
    assert copy["turns"] == ask("load", id=puddle)["turns"]
    assert ask("list", persona=persona)["total"] == 2


@pytest.mark.parametrize(("path", "body"), [("remove", {}), ("recover", {}), ("character", {}), ("duplicate", {"persona": "nobody"})])
def test_what_is_not_there_is_said_to_be_missing(ask, path, body):
    answer = ask(path, id="nowhere", **body)
    assert (answer["ok"], answer["error"]) == (False, "missing")
    assert answer["message"]


SHEET = {"description": "A puppy", "visitor": "Mia", "voice": ["Smells first"], "facts": [], "system": "You are her.", "greeting": "Hi."}


def test_a_sheet_is_saved_and_keeps_name_and_ink(ask, persona):
    before = ask("character", id=persona)
    saved = ask("sheet", persona=persona, base_rev=before["rev"], sheet=SHEET)
    after = ask("character", id=persona)
    assert (saved["ok"], after["rev"]) == (True, saved["rev"])
    assert after["sheet"] == {**SHEET, "name": "Biscuit", "ink": "blue"}


def test_an_old_sheet_is_a_conflict_that_brings_the_newer_one(ask, persona):
    rev = ask("character", id=persona)["rev"]
    ask("sheet", persona=persona, base_rev=rev, sheet=SHEET)
    late = ask("sheet", persona=persona, base_rev=rev, sheet={**SHEET, "greeting": "Late."})
    assert (late["ok"], late["error"], late["sheet"]["greeting"]) == (False, "conflict", "Hi.")


def test_the_version_names_every_file_of_the_editor(tmp_path):
    (tmp_path / "editor").mkdir()
    (tmp_path / "editor.js").write_text("1")
    before = write.editor_version(SimpleNamespace(assets=tmp_path))
    (tmp_path / "editor" / "page.js").write_text("2")
    assert write.editor_version(SimpleNamespace(assets=tmp_path)) != before


def test_marks_are_a_step_of_their_own_and_a_save_goes_on_from_them(ask, persona, puddle):
    marked = ask("mark", id=puddle, base=1, tags=["rain"], flag="needs work")
    assert (marked["ok"], marked["rev"], marked["tags"], marked["flag"]) == (True, 2, ["rain"], "needs work")
    assert ask("save", id=puddle, base=2, op="a" * 16, title="", turns=lines("a", "b", "c", "d"))["ok"] is True
    assert ask("list", persona=persona)["rows"][0]["tags"] == ["rain"]
    assert ask("tags", id=persona) == {"ok": True, "tags": [{"tag": "rain", "count": 1}]}
    assert [r["what"] for r in ask("history", id=puddle, before=4)["revisions"]] == ["written", "marked", "written"]


def test_other_versions_and_the_mark_of_a_draft_are_kept_but_only_the_shown_text_is_learned(ask, library, persona, puddle):
    turns = lines("Come on.", "It has the SKY.")
    turns[1] |= {"others": ["It is wet.", "Hm."], "drafted": True, "drafts": [1]}
    saved = ask("save", id=puddle, base=1, op="a" * 16, title="", turns=turns, shrink=True)
    body = json.dumps({"title": "", "turns": turns}, ensure_ascii=False, separators=(",", ":"))
    assert saved["sha256"] == hashlib.sha256(body.encode()).hexdigest()
    assert ask("load", id=puddle)["turns"] == turns
    parts = dataset.split(dataset.teachable(library.conversations(persona)), 0.0, 1)
    snapshot = dataset.snapshot(parts)
    assert "It has the SKY." in snapshot and "It is wet." not in snapshot


def test_the_lines_to_try_are_kept_and_an_older_window_does_not_lose_them(ask, library):
    who = library.create(Persona("Biscuit"))
    sheet = {"description": "", "visitor": "Mia", "voice": [], "facts": [], "system": "", "greeting": ""}
    first = ask("sheet", persona=who, base_rev=1, sheet={**sheet, "audition": ["Do you like rain?"]})
    assert first["ok"] and library.character(who).persona.audition == ("Do you like rain?",)
    ask("sheet", persona=who, base_rev=first["rev"], sheet={**sheet, "greeting": "Woof."})
    assert library.character(who).persona.audition == ("Do you like rain?",)
    refused = ask("sheet", persona=who, base_rev=first["rev"] + 1, sheet={**sheet, "audition": [str(n) for n in range(11)]})
    assert refused["error"] == "invalid" and "up to 10" in refused["message"]
