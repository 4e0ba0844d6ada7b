"""The endpoints behind the list's ticks: what they accept, what they answer, and that a refusal is an answer."""

import pytest

from studio.domain.conversation import Conversation, Turn
from studio.domain.persona import Persona

OP = "many-" + "0" * 16


@pytest.fixture
def persona(library):
    return library.create(Persona("Biscuit"))


@pytest.fixture
def three(library, persona):
    turns = (Turn("a", "user", "Hello, Biscuit."), Turn("b", "model", "It was BISCUIT who said it."))
    return library.add_many(persona, [Conversation("", title, turns) for title in ("One", "Two", "Three")])


def test_all_that_a_search_found_is_known_by_its_ids_also_beyond_a_page(ask, library, persona, three):
    many = library.add_many(persona, [Conversation("", f"Rain {n}", ()) for n in range(405)])
    assert ask("many/found", found={"persona": persona, "query": "rain"}) == {"ok": True, "ids": many}
    assert ask("many/found", found={"persona": persona, "query": "", "offset": 100, "limit": 7})["ids"] == [*many, *three]
    assert ask("many/found", found={"persona": persona, "query": "nowhere"})["ids"] == []


def test_a_request_the_list_would_refuse_is_refused_here_too(ask, persona):
    refused = ask("many/found", found={"persona": persona, "query": 7})
    assert (refused["ok"], refused["error"]) == (False, "invalid")


def test_tags_are_changed_and_undone_and_the_undo_undone(ask, three):
    assert ask("many/tag", op=OP, ids=three[:2], add=["rain"]) == {"ok": True, "op": OP, "changed": 2}
    assert ask("many/about", ids=three)["tags"] == {"rain": 2}
    back = ask("many/undo", op=OP)
    assert back == {"ok": True, "op": "back-" + "0" * 16, "back": 2, "changed": 0, "homeless": 0}
    assert ask("load", id=three[0])["tags"] == []
    ask("many/undo", op=back["op"])
    assert ask("load", id=three[0])["tags"] == ["rain"]
    assert ask("many/tag", op="many-" + "1" * 16, ids=three, drop=["RAIN"])["changed"] == 2


def test_states_moves_and_the_bin(ask, library, persona, three):
    other = library.create(Persona("Marlow"))
    assert ask("many/about", ids=three)["characters"] == [{"id": persona, "name": "Biscuit"}, {"id": other, "name": "Marlow"}]
    assert ask("many/flag", op=OP, ids=three[:1], flag="finished")["changed"] == 1
    assert [row["flag"] for row in ask("list", persona=persona)["rows"]] == ["finished", "", ""]
    assert ask("many/move", op="many-" + "1" * 16, ids=three[:2], persona=other)["changed"] == 2
    assert [row["title"] for row in ask("list", persona=other)["rows"]] == ["One", "Two"]
    assert ask("many/bin", op="many-" + "2" * 16, ids=three)["changed"] == 3
    assert (ask("list", persona=persona)["total"], ask("list", persona=other)["total"]) == (0, 0)
    assert ask("many/undo", op="many-" + "2" * 16)["back"] == 3


def test_a_place_comes_with_the_words_around_it_and_can_be_replaced(ask, three):
    found = ask("many/find", ids=three, text="biscuit")["found"]
    assert [(one["id"], one["rev"], one["title"]) for one in found] == [
        (i, 1, t) for i, t in zip(three, ("One", "Two", "Three"), strict=True)
    ]
    assert found[0]["places"][1] == {"line": 2, "turn": "b", "lead": "It was ", "words": "BISCUIT", "tail": " who said it."}
    chosen = [{"id": one["id"], "rev": one["rev"], "places": [1]} for one in found[:2]]
    assert ask("many/replace", op=OP, text="biscuit", replacement="Rex", chosen=chosen)["changed"] == 2
    assert [turn["text"] for turn in ask("load", id=three[0])["turns"]] == ["Hello, Biscuit.", "It was Rex who said it."]
    late = ask("many/replace", op="many-" + "1" * 16, text="biscuit", replacement="Max", chosen=chosen)
    assert (late["ok"], late["error"]) == (False, "invalid")
    assert late["message"] == "“One” was changed since you looked. Nothing was replaced. Look at the places again."
    assert ask("many/find", ids=three, text="biscuit", case=True, whole=True)["found"] == []


def test_a_place_is_told_from_the_title_too(ask, library, persona):
    made = library.add(persona, "Rain " * 30, [])
    places = ask("many/find", ids=[made], text="rain")["found"][0]["places"]
    assert (len(places), places[0]["line"], places[0]["lead"], places[15]["lead"][0]) == (30, 0, "", "…")


@pytest.mark.parametrize(
    ("path", "body", "error", "word"),
    [
        ("tag", {"add": ["a,b"]}, "invalid", "commas"),
        ("tag", {"add": [" "]}, "invalid", "1 to 60"),
        ("tag", {"add": ["rain"], "op": ""}, "invalid", "Reload"),
        ("tag", {"add": ["rain"], "ids": []}, "invalid", "Reload"),
        ("flag", {"flag": "great"}, "invalid", "Reload"),
        ("move", {"persona": "nobody"}, "missing", "Nothing was moved"),
        ("bin", {"ids": ["nowhere"]}, "missing", "Nothing was changed"),
        ("find", {"op": None, "text": ""}, "invalid", "Type a word first"),
        ("undo", {"ids": None, "op": "a" * 16}, "invalid", "Reload"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(ask, three, path, body, error, word):
    given = {name: value for name, value in {"op": OP, "ids": three, **body}.items() if value is not None}
    refused = ask(f"many/{path}", **given)
    assert (refused["ok"], refused["error"]) == (False, error)
    assert word in refused["message"]
    assert [ask("load", id=one)["rev"] for one in three] == [1, 1, 1]
