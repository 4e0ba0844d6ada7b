"""Tags and states: given in one step, beside the words and never instead of them."""

import pytest

from studio.domain.conversation import Turn
from studio.domain.errors import StudioError
from studio.domain.persona import Persona

TURNS = [Turn("0", "user", "Come on."), Turn("1", "model", "It has the SKY.", ("It is wet.",), True)]


@pytest.fixture
def puddle(library):
    return library.add(library.create(Persona("Biscuit")), "The puddle", TURNS, ["rain"])


def test_marks_are_stored_and_the_words_stay(library, puddle):
    before = library.load(puddle)
    marked = library.mark(puddle, 1, ["rain", " brave  dogs ", "Rain", ""], "finished")
    after = library.load(puddle)
    assert (marked["ok"], marked["rev"], marked["tags"], marked["flag"]) == (True, 2, ["rain", "brave dogs"], "finished")
    assert (after["tags"], after["flag"], after["rev"]) == (["rain", "brave dogs"], "finished", 2)
    assert (after["title"], after["turns"]) == (before["title"], before["turns"])
    assert [(r["what"], r["tags"]) for r in library.history(puddle)["revisions"]] == [
        ("marked", ["rain", "brave dogs"]),
        ("written", ["rain"]),
    ]


def test_the_next_save_begins_from_the_marks_and_keeps_them(library, puddle):
    rev = library.mark(puddle, 1, ["rain"], "needs work")["rev"]
    saved = library.save(puddle, rev, "a" * 16, "Puddles", [turn.to_dict() for turn in TURNS])
    after = library.load(puddle)
    assert saved["ok"] and (after["title"], after["flag"], after["tags"]) == ("Puddles", "needs work", ["rain"])


def test_marks_for_an_older_version_are_a_conflict_that_brings_the_newer_one(library, puddle):
    library.save(puddle, 1, "a" * 16, "Puddles", [turn.to_dict() for turn in TURNS])
    late = library.mark(puddle, 1, [], "finished")
    assert (late["ok"], late["error"], late["rev"], late["title"], late["tags"]) == (False, "conflict", 2, "Puddles", ["rain"])


def test_the_same_marks_again_are_no_new_version(library, puddle):
    assert library.mark(puddle, 1, ["rain"], "")["rev"] == 1
    assert len(library.history(puddle)["revisions"]) == 1


@pytest.mark.parametrize("tags", [["x" * 61], [str(n) for n in range(101)], ["\ud800"], ["rain, night"]])
def test_what_can_be_no_mark_is_refused_in_a_sentence(library, puddle, tags):
    with pytest.raises(StudioError, match="tag|character"):
        library.mark(puddle, 1, tags, "")
    assert library.load(puddle)["rev"] == 1


def test_a_tag_that_came_with_a_file_stays_as_it_came(library, puddle):
    who = library.create(Persona("Marlow"))
    brought = library.add(who, "", TURNS, ["a, b", "y" * 90])
    assert library.mark(brought, 1, ["a, b", "y" * 90, "rain"], "")["tags"] == ["a, b", "y" * 90, "rain"]


def test_a_conversation_in_the_bin_takes_no_marks(library, puddle):
    library.remove(puddle)
    assert library.mark(puddle, 2, ["rain"], "") == {"ok": False, "error": "missing"}
