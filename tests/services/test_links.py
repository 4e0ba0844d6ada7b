"""Links between conversations and statements follow the statements."""

from dataclasses import replace

import pytest

from studio.domain.conversation import Turn
from studio.domain.errors import StudioError
from studio.domain.persona import Persona
from studio.services.links import rewordings

SIX, THUNDER, SOCK = "I am six.", "Thunder scares me.", "I keep Mia's red sock in my blanket."
TALK = [Turn("a", "user", "Hello."), Turn("b", "model", "Hello hello.")]


@pytest.fixture
def biscuit(library):
    return library.create(Persona("Biscuit", facts=(SIX, THUNDER, SOCK)))


@pytest.fixture
def talk(library, biscuit):
    return library.add(biscuit, "The storm", TALK, shows=[SIX, THUNDER])


def state(library, facts, biscuit):
    found = library.character(biscuit)
    return library.save_sheet(biscuit, replace(found.persona, facts=tuple(facts)), found.rev)


def shows(library, biscuit):
    return [list(c.shows) for c in library.conversations(biscuit)]


def test_a_link_follows_a_statement_reworded_in_its_place(library, biscuit, talk):
    state(library, [SIX, "Storms? No thank you.", SOCK], biscuit)
    assert shows(library, biscuit) == [[SIX, "Storms? No thank you."]]
    assert [r["what"] for r in library.history(talk)["revisions"]] == ["linked", "written"]


def test_a_link_follows_a_statement_reworded_and_moved(library, biscuit, talk):
    state(library, [SOCK, "Thunder scares me very much.", SIX], biscuit)
    assert shows(library, biscuit) == [[SIX, "Thunder scares me very much."]]


def test_links_to_a_statement_that_is_removed_go(library, biscuit, talk):
    state(library, [SIX, SOCK], biscuit)
    assert shows(library, biscuit) == [[SIX]]


def test_a_statement_cut_and_pasted_elsewhere_finds_its_links_again(library, biscuit, talk):
    state(library, [SIX, SOCK], biscuit)
    state(library, [SIX, SOCK, THUNDER], biscuit)
    assert shows(library, biscuit) == [[SIX, THUNDER]]


def test_a_link_taken_by_the_writer_does_not_come_back(library, biscuit, talk):
    library.link(talk, 1, [SIX])
    state(library, [SIX, SOCK], biscuit)
    state(library, [SIX, SOCK, THUNDER], biscuit)
    assert shows(library, biscuit) == [[SIX]]


def test_only_linked_conversations_get_a_new_version(library, biscuit, talk):
    other = library.add(biscuit, "Dinner", TALK)
    state(library, [SIX, "Thunder frightens me.", SOCK], biscuit)
    assert (library.load(other)["rev"], library.load(talk)["rev"]) == (1, 2)


def test_a_conversation_in_the_bin_follows_too(library, biscuit, talk):
    library.remove(talk)
    state(library, [SIX, "Thunder frightens me.", SOCK], biscuit)
    library.recover(talk)
    assert shows(library, biscuit) == [[SIX, "Thunder frightens me."]]


def test_sheet_and_links_are_one_step(library, biscuit, talk):
    with pytest.raises(KeyError), library.transaction():
        state(library, [SIX, "Thunder frightens me.", SOCK], biscuit)
        raise KeyError
    assert shows(library, biscuit) == [[SIX, THUNDER]] and library.character(biscuit).persona.facts[1] == THUNDER


def test_linking_is_an_ordinary_version_and_takes_no_word(library, biscuit, talk):
    before = library.load(talk)
    answer = library.link(talk, 1, [SOCK, SIX])
    after = library.load(talk)
    assert (answer["ok"], answer["rev"], after["shows"], after["turns"]) == (True, 2, [SIX, SOCK], before["turns"])
    assert library.link(talk, 1, [SIX, SOCK])["rev"] == 2  # a repeat


def test_linking_an_older_version_is_a_conflict(library, talk):
    library.save(talk, 1, "0" * 16, "The storm", [turn.to_dict() for turn in TALK[:1]])
    assert library.link(talk, 1, [])["error"] == "conflict"
    assert library.link("nobody", 1, [])["error"] == "missing"


def test_only_statements_of_the_sheet_can_be_linked(library, biscuit, talk):
    with pytest.raises(StudioError, match="on the sheet"):
        library.link(talk, 1, ["I can fly."])
    assert shows(library, biscuit) == [[SIX, THUNDER]]


@pytest.mark.parametrize(
    ("before", "after", "became"),
    [
        ("a", "a", {}),
        ([SIX, THUNDER], [THUNDER, SIX], {}),
        ([SIX], ["Quite other words"], {SIX: "Quite other words"}),
        ([SIX, THUNDER], [THUNDER], {SIX: ""}),
        ([SIX, THUNDER], ["I am seven.", THUNDER, SOCK], {SIX: "I am seven."}),
        ([SIX, THUNDER], [SOCK, THUNDER, "Zzz"], {SIX: ""}),
        ([SIX, THUNDER], ["Thunder scares me a lot.", "I am sixteen."], {SIX: "I am sixteen.", THUNDER: "Thunder scares me a lot."}),
    ],
)
def test_what_statements_have_become(before, after, became):
    assert rewordings(before, after) == became
