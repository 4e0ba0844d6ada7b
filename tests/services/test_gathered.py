"""A character's conversations, kept up to date, are those that stand in the database."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from studio.domain import conversation
from studio.domain.conversation import Conversation, Turn
from studio.domain.persona import Persona
from studio.services import selection
from studio.services.records import PART


def talk(text):
    return Conversation("", text, (Turn("a", "user", text), Turn("b", "model", "Yes.")))


def standing(library, who):
    return [conversation.from_body(head.id, head.body) for head in library._records.shelf(who, "conversation")]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    some.lists(some.tuples(some.sampled_from(["add", "save", "remove", "recover", "move", "many"]), some.integers(0, 10**6)), max_size=8)
)
def test_whatever_is_done_they_are_as_they_stand(library, acts):
    who, other = library.create(Persona("Biscuit")), library.create(Persona("Marlow"))
    ids = library.add_many(who, [talk(f"Talk {n}") for n in range(PART + 3)])
    kept, gone = library.gathered(who), []
    assert kept.now() == standing(library, who)
    for act, number in acts:
        one = ids[number % len(ids)]
        if act == "add":
            ids.append(library.add(who, f"New {number}", [Turn("a", "user", "New")]))
        elif act == "save" and one not in gone:
            head = library.load(one)
            assert library.save(one, head["rev"], "", f"Saved {number}", head["turns"])["ok"]
        elif act == "remove" and one not in gone:
            library.remove(one)
            gone.append(one)
        elif act == "recover" and gone:
            library.recover(gone.pop())
        elif act == "move" and one not in gone:
            library.selection.move(selection.new_op(), [one], other if number % 2 else who)
        elif act == "many":
            ids += library.add_many(who, [talk(f"More {n}") for n in range(2 * PART)])
        assert kept.now() == standing(library, who) == library.conversations(who)


def test_what_has_not_changed_is_not_parsed_again(library):
    who = library.create(Persona("Biscuit"))
    first, second = library.add_many(who, [talk("One"), talk("Two")])
    kept = library.gathered(who)
    before = kept.now()
    assert library.save(second, 1, "", "Two again", [{"id": "a", "role": "user", "text": "Two again"}], shrink=True)["ok"]
    after = kept.now()
    assert after[0] is before[0] and after[0].id == first
    assert after[1].title == "Two again"


def test_all_who_ask_share_what_is_parsed_as_long_as_somebody_keeps_it(library):
    who = library.create(Persona("Biscuit"))
    library.add_many(who, [talk("One"), talk("Two")])
    kept = library.gathered(who)
    assert library.gathered(who) is kept
    assert [id(c) for c in library.conversations(who)] == [id(c) for c in kept.now()]


def test_what_is_taken_back_was_never_gathered(library):
    who = library.create(Persona("Biscuit"))
    library.add_many(who, [talk("One"), talk("Two")])
    kept = library.gathered(who)
    before, inside = kept.now(), []
    with pytest.raises(ZeroDivisionError), library.transaction():
        library.add(who, "Three", [Turn("a", "user", "Three")])
        inside += library.conversations(who)
        raise ZeroDivisionError
    assert [c.title for c in inside] == ["Three", "One", "Two"]
    assert kept.now() == library.conversations(who) == before


def test_what_is_written_while_they_are_read_is_in_them_whole(library):
    who = library.create(Persona("Biscuit"))
    ids = library.add_many(who, [talk(f"Talk {n}") for n in range(6 * PART)])
    over = threading.Event()

    def write():
        for n, identifier in enumerate(ids[::-7]):
            head = library.load(identifier)
            assert library.save(identifier, head["rev"], "", f"Saved {n}", head["turns"])["ok"]
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    kept = library.gathered(who)
    seen = [kept.now()]
    while not over.is_set():
        seen.append(kept.now())
    writer.join()
    assert {len(one) for one in seen} == {len(ids)}
    assert kept.now() == standing(library, who)
