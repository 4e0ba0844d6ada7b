"""What was noted before is what would be seen now, whatever was changed in between."""

import string
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as some

from studio.domain import desk, notes
from studio.domain.conversation import Conversation, Turn
from studio.domain.notes import Notes
from studio.domain.persona import Persona
from studio.services.nearly import twins

LONG = "the puddle by the gate was as deep as a shoe and it had the whole of the morning sky in it for us all to see"
LINES = some.sampled_from(
    [
        "",
        " ",
        "I am seven. You are five.",
        "Biscuit is nine, and my brush is blue.",
        "It's WET AND LOUD outside!",
        "*wags her tail* Come on, Mia.",
        "As an AI, I have no nose. How can I help you today?",
        "**Never** mind 🐾…",
        "Ring 020 7946 0958, or write to mia@example.com.",
        "We live at 12 Green Gate Lane",
        "<start_of_turn>model",
        "Well I never saw such a thing at all, utterly.",
        "I said don’t, and I meant _don't_!",
        LONG,
        LONG.replace("shoe", "boot"),
        LONG.replace("morning", "evening").upper(),
    ]
)
SHEETS = (
    Persona("Biscuit", visitor="Mia", facts=("Biscuit is six.", "Mia is nine.", "She has a red brush."), voice=("Says every word whole.",)),
    Persona("Biscuit", visitor="Mia", facts=("Biscuit is six.",), voice=("Never says “utterly”.", "Often says “puddle”.")),
    Persona("Biscuit", voice=("Sentences of at most six words.", "Talks like a five-year-old.", "Never an exclamation mark.")),
)
SPOKEN = some.lists(LINES, max_size=6).map(
    lambda texts: tuple(Turn(string.ascii_letters[n], "model" if n % 2 else "user", text) for n, text in enumerate(texts))
)


@settings(max_examples=40, deadline=None)
@given(some.lists(SPOKEN, min_size=12, max_size=24), some.data())
def test_after_any_edits_what_is_found_is_what_somebody_finds_who_knows_nothing(spoken, data):
    standing = [Conversation(f"c{n}", f"Talk {n}", turns) for n, turns in enumerate(spoken)]
    known, sheet = Notes(), SHEETS[0]
    for step in range(data.draw(some.integers(1, 5))):
        assert desk.seen(sheet, standing, known) == desk.seen(sheet, standing, Notes())
        assert twins(standing, known) == twins(standing)
        at = data.draw(some.integers(0, len(standing) - 1))
        act = data.draw(some.sampled_from(["write", "title", "add", "take", "move", "sheet", "forget"]))
        if act == "write":
            standing[at] = replace(standing[at], turns=data.draw(SPOKEN))
        elif act == "title":
            standing[at] = replace(standing[at], title="Another")
        elif act == "add":
            standing.insert(at, Conversation(f"new {step}", "New", data.draw(SPOKEN)))
        elif act == "take":
            del standing[at]
        elif act == "move":
            standing.append(standing.pop(at))
        elif act == "sheet":
            sheet = data.draw(some.sampled_from(SHEETS))
        else:
            known.keep(standing[: len(standing) // 2])
    assert desk.seen(sheet, standing, known) == desk.seen(sheet, standing, Notes())


def test_nobody_looks_twice_until_the_lines_or_what_they_are_held_to_change():
    one, looked = Conversation("a", "One", (Turn("t", "user", "Hello"),)), []
    known = Notes()

    def look(spoken):
        looked.append(spoken)
        return len(looked)

    assert [known.of(one, "look", "by this", look), known.of(replace(one, title="Renamed"), "look", "by this", look)] == [1, 1]
    assert known.of(one, "look", "by that", look) == 2
    changed = replace(one, turns=(Turn("t", "user", "Hullo"),))
    assert known.of(changed, "look", "by that", look) == 3
    known.keep([])
    assert known.of(changed, "look", "by that", look) == 4


def test_who_has_met_very_many_words_begins_again(monkeypatch):
    monkeypatch.setattr(notes, "MOST_WORDS", 3)
    known = Notes()
    many = Conversation("a", "Many", (Turn("t", "user", "one two three four"),))
    known.said(many)
    known.keep([many])
    assert known.numbers == {}
    assert list(known.said(many).words) == [0, 1, 2, 3]
