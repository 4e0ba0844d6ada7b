"""The index of words and facts finds what reading every conversation finds, whatever is asked, done and broken in between."""

import random
import shutil
import sqlite3
import stat
import sys
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from studio.domain import conversation, wanted
from studio.domain.conversation import Conversation, Turn
from studio.domain.persona import Persona
from studio.domain.wanted import ALL, LENGTHS, Filters
from studio.services.library import Library


def finds(spoken, query, filters):
    """What `search` promises, said again without any index."""
    words = conversation.findable("\n".join((spoken.title, *(turn.text for turn in spoken.turns))))
    low, high = LENGTHS.get(filters.length, (0, sys.maxsize))
    return (
        all(term in words for term in wanted.terms(query))
        and filters.tag in ("", *spoken.tags)
        and (not filters.flag or filters.flag == (spoken.flag or "unchecked"))
        and low <= len(spoken.turns) <= high
        and (not filters.drafted or any(turn.drafted for turn in spoken.turns))
    )


def naive(library, who, query="", filters=ALL):
    return [each.id for each in library.conversations(who) if finds(each, query, filters)]


def found(library, who, query="", filters=ALL):
    answer = library.listing(who, query, 0, 200, filters)
    assert answer["total"] == len(answer["rows"])
    return [row["id"] for row in answer["rows"]]


def asked(library, who, query="", filters=ALL):
    """What the index itself says, so that no test is content with the way around it."""
    library.index.wait()
    answer = library.index.search(who, wanted.terms(query), filters)
    library.index.wait()
    return library.index.search(who, wanted.terms(query), filters) if answer is None else answer


def character(library, *texts, name="Biscuit"):
    who = library.create(Persona(name, visitor="Mia", ink="blue"))
    for text in texts:
        library.add(who, "", [Turn("a", "user", text)])
    return who


SIGNS = [
    *"abcß \"*-:()^{}+'\\",
    "“",
    "”",
    "\t",
    "\n",
    "\0",
    "Ä",
    "ä",
    "é",
    "é",
    "İ",
    "ı",
    "Σ",
    "ς",
    "水",
    "たまり",
    "🐶",
    "👨‍👩‍👧",
    "\u2028",
    "\ufffd",
    "\ufffe",
]
WORDS = some.sampled_from(
    ["puddle", "the", "Gate", "NEAR", "NEAR(a b)", "AND", "OR", "NOT", "words:", "“come on”", '"come on"', "水たまり", "x", "10%", "a*"]
)
TEXT = some.lists(some.sampled_from(SIGNS) | WORDS | some.just(" "), max_size=12).map("".join)
TURN = some.builds(Turn, some.just(""), some.sampled_from(["user", "model"]), TEXT, some.just(()), some.booleans())
SPOKEN = some.builds(
    lambda title, turns, tags, flag: Conversation("", title, tuple(replace(turn, id=f"t{n}") for n, turn in enumerate(turns)), tags, flag),
    TEXT.map(lambda text: text[:80]), some.lists(TURN, max_size=12), some.lists(some.sampled_from(["rain", "Bed time", "水"]), max_size=3).map(tuple),
    some.sampled_from(conversation.FLAGS),
)  # fmt: skip
FILTERS = some.builds(
    Filters, some.sampled_from(["", "", "rain", "水", "none has it"]), some.sampled_from(["", "", "unchecked", "needs work", "finished"]),
    some.sampled_from(["", "", "short", "medium", "long"]), some.booleans(),
)  # fmt: skip
ASKED = some.tuples(TEXT | WORDS, FILTERS)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data())
def test_it_finds_what_reading_everything_finds_whatever_was_added_saved_moved_and_removed(tmp_path, data):
    shutil.rmtree(tmp_path / "home", ignore_errors=True)
    library = Library(tmp_path / "home", tmp_path / "no-examples")
    cast = [character(library, name=name) for name in ("Biscuit", "Marlow")]
    here, gone = [], []
    try:
        for what in data.draw(some.lists(some.sampled_from(["add", "add", "many", "save", "move", "remove", "recover"]), max_size=10)):
            pick = random.Random(data.draw(some.integers(0, 999))).choice
            if what == "add":
                here += library.add_many(pick(cast), [data.draw(SPOKEN)])
            elif what == "many":
                here += library.add_many(pick(cast), data.draw(some.lists(SPOKEN, min_size=2, max_size=4)))
            elif what == "save" and here:
                head, after = library.load(pick(here)), data.draw(SPOKEN)
                assert library.save(head["id"], head["rev"], "", after.title, [turn.to_dict() for turn in after.turns], shrink=True)["ok"]
            elif what == "move" and here:
                library.delete(cast[0])
                library.restore(cast[0])
            elif what == "remove" and here:
                gone.append(here.pop(here.index(pick(here))))
                library.remove(gone[-1])
            elif what == "recover" and gone:
                here.append(gone.pop())
                library.recover(here[-1])
            query, filters = data.draw(ASKED)
            for who in cast:
                right = naive(library, who, query, filters)
                assert asked(library, who, query, filters) == right
                assert found(library, who, query, filters) == right
                assert library._records.page(who, wanted.terms(query), filters, 0, -1)[0] == len(right)
                assert library.tags(who) == library._records.tags(who)
    finally:
        library.close()


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ("puddle gate", {0, 1}),
        ("GATE the Puddle", {0, 1}),
        ('"the puddle"', {0}),
        ('"the puddle" gate', {0}),
        ('"the pud', {0}),
        ("“the puddle”", {0}),
        ('puddle "', {0, 1, 2}),
        ("uddl", {0, 1, 2}),
        ("g", {0, 1}),
        ("水", {3}),
        ("水た", {3}),
        ("水たまり", {3}),
        ("🐶", {2}),
        ("NEAR(the puddle)", set()),
        ("puddle*", set()),
        ("words:puddle", set()),
        ("puddle -gate", {1}),
        ("-gate", {1}),
        ('a"b', {4}),
        ("'", {4}),
        ('"', {0, 1, 2, 3, 4}),
        ("  ", {0, 1, 2, 3, 4}),
        ("zoe\N{COMBINING DIAERESIS}", {4}),
        ("STRASSE", {4}),
        ("no such", set()),
    ],
)
def test_all_words_must_occur_and_none_is_a_command(opened, query, right):
    library = opened()
    texts = ["The puddle by the gate", "A puddle: the garden -gate", "Puddle 🐶", "水たまりの空", "a\"b 'Zoë' Straße"]
    who = character(library, *texts)
    ids = [each.id for each in reversed(library.conversations(who))]
    assert set(found(library, who, query)) == {ids[n] for n in right}
    assert asked(library, who, query) == found(library, who, query)


def test_half_a_character_is_looked_for_and_not_found(opened):
    library = opened()
    who = character(library, "The puddle")
    assert found(library, who, "puddle \ud83d") == []


def test_what_a_text_normalised_finds_in_any_form(opened):
    library = opened()
    who = character(library, unicodedata.normalize("NFD", "Crème brûlée"))
    assert found(library, who, "CRÈME BRÛLÉE") == naive(library, who)


def test_a_conversation_is_found_by_its_lines_and_title_and_not_by_other_versions_of_a_line(opened):
    library = opened()
    who = library.create(Persona("Biscuit"))
    library.add(who, "Titled", [Turn("a", "model", "Spoken", others=("Unspoken",))])
    assert [len(found(library, who, word)) for word in ("titled", "spoken", "unspoken")] == [1, 1, 0]


def test_another_character_and_one_in_the_bin_are_not_searched(opened):
    library = opened()
    biscuit, marlow = character(library, "The puddle"), character(library, "Another puddle", name="Marlow")
    assert found(library, biscuit, "puddle") == naive(library, biscuit) != found(library, marlow, "puddle")
    library.delete(biscuit)
    assert library.listing(biscuit, "puddle") == {"total": 0, "all": 0, "rows": []} and library.tags(biscuit) == []


def test_the_list_says_how_many_there_are_beside_how_many_were_found(opened):
    library = opened()
    who = character(library, *(f"Talk {n}" for n in range(30)))
    answer = library.listing(who, "talk 2", 3, 2)
    assert (answer["total"], answer["all"], len(answer["rows"])) == (12, 30, 2)
    assert [row["id"] for row in answer["rows"]] == naive(library, who, "talk 2")[3:5]


def test_the_nearest_keep_their_order_and_pass_the_filters(opened):
    library = opened()
    who = character(library, "one puddle", "two", "three puddles", "four")
    one, two, three, _ = reversed([each.id for each in library.conversations(who)])
    answer = library.listing(who, "puddle", nearest=[three, "gone", two, one])
    assert ([row["id"] for row in answer["rows"]], answer["total"], answer["all"]) == ([three, one], 2, 4)


def test_what_was_stored_before_a_restart_is_found_after_it_without_reading_it_again(opened, home):
    library = opened()
    who = character(library, "The puddle", "The gate")
    assert len(asked(library, who, "puddle")) == 1
    library = opened()
    row = sqlite3.connect(home / "index.db").execute("SELECT value FROM about WHERE name = 'read'").fetchone()
    assert row == (library.stamp(),)
    library.add(who, "", [Turn("a", "user", "A second puddle")])
    assert len(asked(library, who, "puddle")) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps rights elsewhere")
def test_only_its_owner_reads_the_index(opened, home):
    library = opened()
    asked(library, character(library, "The puddle"), "puddle")
    assert stat.S_IMODE((home / "index.db").stat().st_mode) == 0o600
