"""From entries to conversations: what all readers have in common."""

import pytest

from studio.domain.conversation import fault
from studio.domain.formats import assembly
from studio.domain.formats.assembly import Entry, Line
from studio.domain.formats.found import Skipped

HELLO = [Line("dog, line 1", "user", "Hello."), Line("dog, line 1", "model", "Woof.")]


def entry(lines=HELLO, **values):
    return Entry("dog, line 1", "ShareGPT", lines, **values)


@pytest.mark.parametrize(
    ("name", "guess"),
    [("biscuit.jsonl", "biscuit"), ("my  dog.v2.json", "my dog.v2"), (".json", ".json"), ("\udc80.csv", "?"), ("x" * 300, "x" * 59 + "…")],
)
def test_a_character_without_a_name_is_called_like_its_file(name, guess):
    found = assembly.gather(name, b"", [entry([Line("", "system", " You are a dog. "), *HELLO])])
    assert (found.persona.name, found.persona.system) == (guess, "You are a dog.")


def test_system_prompts_of_one_conversation_are_joined():
    lines = [Line("", "system", "You are a dog."), *HELLO, Line("", "system", "Be brief."), *HELLO]
    found = assembly.gather("dog", b"", [entry(lines)])
    assert found.persona.system == "You are a dog.\n\nBe brief."
    assert [t.text for t in found.conversations[0].turns] == ["Hello.", "Woof.", "Hello.", "Woof."]


def test_a_conversation_that_can_not_be_kept_has_no_say_in_what_all_share():
    broken = entry([Line("", "system", "You are a cat."), Line("dog, line 2", "user", "x" * 100_001)])
    found = assembly.gather("dog", b"", [entry([Line("", "system", "You are a dog."), *HELLO]), broken, Skipped("dog, line 3", "a.", "b.")])
    assert found.persona.system == "You are a dog."
    assert [s.where for s in found.skipped] == ["dog, line 2", "dog, line 3"]


def test_neighbours_that_together_are_too_long():
    half = [Line("dog, line 7", "user", "x" * 60_000)]
    assert str(assembly.gather("dog", b"", [entry(), entry(half * 2)]).skipped[0]) == (
        "dog, line 7: the text has 120,002 characters, and a line has at most 100,000. Split it."
    )


def test_names_come_from_the_bytes_and_the_place():
    first, again, other = (assembly.gather("dog", data, [entry(), entry()]).conversations for data in (b"a", b"a", b"b"))
    assert first == again
    assert len({c.id for c in first + other}) == 4
    assert len({t.id for c in first + other for t in c.turns}) == 8
    assert not any(fault(c.title, [vars(t) for t in c.turns]) for c in first)


@pytest.mark.parametrize(("given", "title"), [("Rain", "Rain"), ("", "Hello."), (" ", " ")])
def test_titles(given, title):
    assert assembly.gather("dog", b"", [entry(title=given)]).conversations[0].title == title
