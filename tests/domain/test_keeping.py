"""How the rules of a voice are kept, each for itself."""

from studio.domain import keeping
from studio.domain.conversation import Conversation, Turn


def said(identifier, reply):
    return Conversation(identifier, "", (Turn("a", "user", "Hello?"), Turn("b", "model", reply)))


def test_each_rule_names_the_conversations_that_break_it():
    voice = ["Never an exclamation mark", "Smells come before sights", "No contractions"]
    found = keeping.read(voice, [said("a", "Hello!"), said("b", "It's me."), said("c", "It is me.")])
    assert [(one.rule, one.broken) for one in found] == [("Never an exclamation mark", ("a",)), ("No contractions", ("b",))]


def test_a_favourite_word_nobody_says_is_named():
    (found,) = keeping.read(["Often says “actually”"], [said("a", "Hello.")])
    assert (found.broken, found.unsaid) == ((), "actually")
