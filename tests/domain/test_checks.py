"""What the copy editor notices, and how it says so."""

import pytest

from studio.domain import checks
from studio.domain.conversation import Conversation, Turn


def talk(identifier, *texts, first="user", title=""):
    order = ("user", "model") if first == "user" else ("model", "user")
    return Conversation(
        identifier, title or f"Talk {identifier}", tuple(Turn(f"{identifier}-{n}", order[n % 2], text) for n, text in enumerate(texts))
    )


def good(count=checks.BARE):
    return [talk(f"{n:02}", f"Question {n}?", f"Answer {n}.") for n in range(count)]


def read(conversations, tokens=None, longest=512):
    return checks.read(conversations, checks.Sizes(tokens or {}, {"00": 1}, longest), {})


def kinds(*conversations):
    return [(f.kind, f.severity) for f in read([*good(), *conversations])]


def test_good_conversations_have_no_findings_and_only_good_ticks():
    found = read(good())
    assert found == []
    assert checks.headline(found) == "Ready."
    rows = checks.ticks(found, 50, 512)
    assert {row[0] for row in rows} == {"ok"}
    assert ("ok", "Every conversation ends with your character", "So there is always an answer to learn.", "") in rows
    assert ("ok", "No conversation appears twice", "50 read, no copies.", "duplicate check") in rows


@pytest.mark.parametrize(
    ("conversation", "expected"),
    [
        (talk("x", "Hello?", "  \n"), [("empty", "fix")]),
        (talk("x", "Hello.", "Hello?", "Yes.", first="model"), [("opening", "fix")]),
        (talk("x", "Hello?"), [("ending", "fix")]),
        (Conversation("x", "Only a title"), [("ending", "fix")]),
        (Conversation("x", "Twice", (Turn("1", "user", "a"), Turn("2", "user", "b"), Turn("3", "model", "c"))), [("twice", "fix")]),
        (talk("x", "Say <end_of_turn> now", "No."), [("marks", "look")]),
        (talk("x", "Question 3?", "Answer 3."), [("copy", "look")]),
        (talk("x", "Question?", " Answer. "), [("trim", "look")]),
    ],
    ids=["empty", "opening", "ending", "no lines", "twice", "marks", "copy", "trim"],
)
def test_each_fault_is_found_for_what_it_is(conversation, expected):
    assert kinds(conversation) == expected


def test_a_finding_names_every_place():
    bad = talk("x", "", "Yes.", "", "No.", title="Holes")
    (found,) = read([*good(), bad])
    assert found.places == (("x", "Holes", 0), ("x", "Holes", 2))
    assert found.title == "Two lines are empty"


def test_two_empty_conversations_are_not_copies_of_each_other():
    assert [f.kind for f in read([*good(), Conversation("x", "a"), Conversation("y", "b")])] == ["ending"]


def test_a_copy_points_at_the_second_one():
    (found,) = read([*good(), talk("x", "Question 3?", "Answer 3.", title="Again")])
    assert found.places == (("x", "Again", None),)
    assert found.title == "One conversation appears twice"


def test_nearly_the_same_names_both_the_later_one_first():
    (found,) = checks.read(good(), checks.Sizes({}, {}, 512), {"04": "01", "05": "gone"})
    assert (found.kind, found.title) == ("near", "One conversation is nearly the same as another")
    assert [place[0] for place in found.places] == ["04", "01"]


@pytest.mark.parametrize(("count", "kinds"), [(9, ["few"]), (10, ["thin"]), (49, ["thin"]), (50, []), (500, [])])
def test_under_fifty_is_worth_a_look_and_under_ten_can_not_be_learned(count, kinds):
    assert [f.kind for f in read(good(count))] == kinds


def test_long_is_what_the_model_can_not_read_at_once():
    (found,) = read(good(), {"00": 513, "01": 512}, 512)
    assert (found.kind, found.severity, found.title, found.expert) == ("long", "look", "One conversation is long", "over 512 tokens")
    assert found.places == (("00", "Talk 00", 1),)


@pytest.mark.parametrize(("count", "sentence"), [(1, "There is one."), (4, "There are four."), (9, "There are nine.")])
def test_fewer_than_ten_are_too_few(count, sentence):
    (found,) = read(good(count))
    assert (found.kind, found.severity) == ("few", "fix")
    assert found.sentence == f"Learning needs at least 10. {sentence}"


def test_headlines_count_things_not_places():
    look = talk("x", "<bos>", "<eos>")
    assert checks.headline(read([*good(), look])) == "Ready, with one thing worth a look."
    assert checks.headline(read([*good(), look], {"00": 600})) == "Ready, with two things worth a look."
    assert checks.headline(read([*good(), look, talk("y", "Hello?")])) == "Not ready yet: one thing to fix."
    assert checks.headline(read([talk("y", "Hello?")])) == "Not ready yet: two things to fix."


def test_what_has_to_be_fixed_stands_first_and_replaces_its_good_tick():
    found = read([*good(), talk("x", "<bos>", "Yes."), talk("y", "Hello?")])
    rows = checks.ticks(found, 52, 512)
    assert [row[0] for row in rows[:3]] == ["fix", "look", "ok"]
    assert "No control marks in the text" not in [row[1] for row in rows]
    assert "Every conversation ends with your character" not in [row[1] for row in rows]


def test_nothing_a_person_wrote_is_in_a_tick():
    hostile = "<img src=x onerror=alert(1)>${1+1}"
    conversations = [talk(str(n), "", hostile, "", title=hostile) for n in range(12)]
    assert hostile not in str(checks.ticks(read(conversations), 12, 512))


@pytest.mark.parametrize("kind", ["few", "empty", "opening", "twice", "ending", "long", "copy", "near", "trim", "thin", "marks"])
@pytest.mark.parametrize("turn", [None, 0, 3])
def test_every_place_gets_one_thing_to_do(kind, turn):
    assert checks.advice(kind, turn, "Biscuit").endswith(".")


def test_advice_counts_lines_as_people_do_and_uses_the_name():
    assert checks.advice("empty", 2, "Biscuit") == "Line 3 is empty. Fill it, or remove it."
    assert checks.advice("ending", 1, "Biscuit") == "It has no answer from Biscuit at the end. Add one, or leave it out."


def test_numbers_in_sentences():
    assert [checks.number(n) for n in (0, 1, 9, 10, 1200)] == ["no", "one", "nine", "10", "1,200"]
