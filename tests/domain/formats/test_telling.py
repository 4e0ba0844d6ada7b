"""What a person is told about a file before anything is stored."""

import pytest

from studio.domain.conversation import Conversation, Turn
from studio.domain.formats import telling
from studio.domain.formats.found import Found
from studio.domain.persona import Persona

PIP = Persona("Pip", greeting="Hi.")


def talk(*roles, text="x"):
    return Conversation("1", "A title", tuple(Turn(str(n), role, text) for n, role in enumerate(roles)))


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Found("ShareGPT", (), (talk("user"),)), "dog.jsonl holds 1 conversation, written as ShareGPT."),
        (Found("script", (), (talk("user"),) * 1_200), "dog.jsonl holds 1,200 conversations, written as script."),
        (Found("SillyTavern chat", ()), "dog.jsonl holds no conversations, written as SillyTavern chat."),
        (Found("Character card V2", (), persona=PIP, whole=True), "dog.jsonl is a character card V2 with Pip and no conversations."),
    ],
)
def test_the_first_sentence(found, sentence):
    assert telling.headline("dog.jsonl", found) == sentence


def test_what_is_understood_and_stays_out_is_said():
    found = Found("chat", (), (talk("user"), talk("model", "user")), greetings=("a", "b", "c"), persona=PIP, whole=True)
    first = "1 conversation begins with the character. The visitor has to speak first before it can be learned."
    answer = "1 conversation has no answer from the character yet."
    assert telling.left(found, into_existing=False) == ["3 further greetings stay out: a character has one.", first, answer]
    assert (
        telling.left(found, into_existing=True)[0] == "Only the conversations come in; the character sheet that stands here stays as it is."
    )
    assert telling.left(Found("chat", (), (talk("user", "model"),), greetings=("a",)), into_existing=False) == []


def test_five_conversations_are_shown_each_with_four_short_lines():
    glimpses = telling.first([talk("user", "model", "user", "model", "user", text="long\n" * 100)] * 9, "Mia", "Pip")
    assert len(glimpses) == 5
    lines = glimpses[1].split("\n")
    assert (lines[0], lines[-1]) == ("2. A title", "… and 1 more line")
    assert [line[:9] for line in lines[1:5]] == ["Mia: long", "Pip: long", "Mia: long", "Pip: long"]
    assert max(map(len, lines)) <= 170
    assert (telling.first_label(5), telling.first_label(1_200)) == ("All of it", "The first 5 of 1,200")
