"""What is mended is an ordinary save: it has a history, and what was there can be had back."""

from studio.domain.conversation import Turn
from studio.domain.persona import Persona, Silence
from studio.services.library import Library


def lines(*texts):
    return [Turn(f"t{n}", "model" if n % 2 else "user", text) for n, text in enumerate(texts)]


def test_a_mended_conversation_has_its_old_words_in_the_history(library):
    who = library.create(Persona("Biscuit"))
    bad, good = library.add(who, "Blanks", lines(" Hello? ", "Me.\n"), ["gate"]), library.add(who, "Good", lines("Hello?", "Me."))
    assert library.mend("trim", [bad, good, "gone"]) == 1
    found = {c.id: c for c in library.conversations(who)}
    assert [turn.text for turn in found[bad].turns] == ["Hello?", "Me."]
    assert found[bad].tags == ("gate",)
    now, before = library.history(bad)["revisions"]
    assert [turn["text"] for turn in before["turns"]] == [" Hello? ", "Me.\n"]
    assert (now["rev"], library.load(good)["rev"]) == (2, 1)
    assert library.mend("trim", [bad, good]) == 0


def test_what_is_silenced_is_kept_with_the_character_also_in_the_plain_copy(library):
    who = library.create(Persona("Biscuit", silenced=(Silence("email", "Made up.", 2),)))
    twin = library.copy(who, "Twin")
    library.close()
    (library.home / "studio.db").unlink()
    again = Library(library.home, library.home / "no-examples")
    assert [again.character(one).persona.silenced for one in (who, twin)] == [(Silence("email", "Made up.", 2),)] * 2
    again.close()


def test_removing_many_empty_lines_is_meant(library):
    who = library.create(Persona("Biscuit"))
    hollow = library.add(who, "Hollow", lines("Hello?", "Me.", "", "", " ", "\n"))
    assert library.mend("empty", [hollow]) == 1
    assert [turn.text for turn in library.conversations(who)[0].turns] == ["Hello?", "Me."]


def test_a_conversation_in_the_bin_is_left_alone(library):
    who = library.create(Persona("Biscuit"))
    gone = library.add(who, "Gone", lines(" Hello? ", "Me."))
    library.remove(gone)
    assert library.mend("trim", [gone]) == 0
    library.recover(gone)
    assert library.conversations(who)[0].turns[0].text == " Hello? "
