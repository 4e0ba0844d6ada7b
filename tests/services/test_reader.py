"""What was found is there before anybody asks, and is what stands now."""

import time
from pathlib import Path

import pytest

from studio.domain import facts, gemma, manner
from studio.domain.conversation import Conversation, Turn
from studio.domain.errors import NotFound
from studio.domain.persona import Persona
from studio.services import reader
from studio.services.library import Library
from studio.services.models import Models
from studio.services.reader import Reader
from tests.domain.test_all_checks import alike, many
from tests.tabs import stage

TEXT = "the puddle by the gate was as deep as a shoe and it had the whole of the morning sky in it for us"


def lines(*texts):
    return [Turn(f"t{n}", "model" if n % 2 else "user", text) for n, text in enumerate(texts)]


@pytest.fixture
def models(library, tmp_path):
    return Models(stage.practice(tmp_path), library, offline=True)


@pytest.fixture
def read(library, models):
    made = Reader(library, models, pause=0.02)
    yield made
    made.close()


def test_nothing_is_read_twice_until_something_is_written(library, read):
    who = stage.character(library, 12)
    first = read.read(who, "practice")
    assert read.read(who, "practice") is first
    library.add(who, "Half", lines("Hello?"))
    assert [f.kind for f in read.read(who, "practice").findings] == ["ending", "thin"]
    assert read.read(who, None).tokens == {}


def test_nothing_is_found_in_the_bundled_characters_and_their_sheets_are_held_to_every_line(tmp_path):
    project = Path(__file__).parents[2]
    library = Library(tmp_path / "home", project / "personas")
    read = Reader(library, Models(project / "assets" / "practice-model", library, offline=True))
    for character in library.characters():
        found = read.read(character.id, "practice")
        assert (character.persona.name, found.findings, found.quiet) == (character.persona.name, (), ())
        assert len(found.tokens) == len(found.conversations) == character.conversations >= 70
        assert facts.count(character.persona) and manner.count(manner.understood(character.persona.voice))
    library.close()


def test_it_is_read_in_the_background_as_one_writes(library, read):
    who = stage.character(library, 12)
    read.read(who, "practice")
    read.follow()
    library.add(who, "Half", lines("Hello?"))
    until = time.monotonic() + 30
    while read._readings[who, "practice"][0] != library.stamp() and time.monotonic() < until:
        time.sleep(0.02)
    stamp, found = read._readings[who, "practice"]
    assert stamp == library.stamp()
    assert [f.kind for f in found.findings] == ["ending", "thin"]


def test_a_character_that_goes_ends_nothing(library, read):
    who, other = stage.character(library, 12), library.create(Persona("Other"))
    read.read(who, None)
    read.follow()
    library.delete(who)
    library.add(other, "Half", lines("Hello?"))
    until = time.monotonic() + 30
    while read._readings.get((other, "practice"), (0,))[0] != library.stamp() and time.monotonic() < until:
        time.sleep(0.02)
    assert read._readings[other, "practice"][0] == library.stamp(), "the thread goes on reading"
    with pytest.raises(NotFound):
        read.read(who, None)


def test_the_first_reading_waits_for_nobody(library, read):
    read.follow()
    who = stage.character(library, 12)
    until = time.monotonic() + 30
    while read._readings.get((who, "practice"), (0,))[0] != library.stamp() and time.monotonic() < until:
        time.sleep(0.02)
    assert read._readings[who, "practice"][0] == library.stamp(), "written, and read before anybody asked"


def test_a_long_conversation_is_found_at_the_line_that_does_not_fit(library, read):
    who = stage.character(library, 50)
    long = library.add(who, "Long", lines("one two", *(" ".join([word] * 100) for word in ("three", "four", "five")), "six", "seven"))
    (found,) = read.read(who, "practice").findings
    assert (found.kind, found.places) == ("long", ((long, "Long", 3),))


def test_the_tokens_of_a_conversation_and_where_it_is_cut_are_those_of_its_whole_text(library):
    models = Models(Path(__file__).parents[2] / "assets" / "practice-model", library, offline=True)
    who = library.create(Persona("Biscuit", system="You are a dog."))
    for n in range(12):
        library.add(who, f"Talk {n}", lines(*[f"{TEXT} {'What?' * k} 🐾" for k in range(n, n + 2 * n + 24)], "No.", "Yes."))
    found, dialect = Reader(library, models).read(who, "practice"), models.dialect("practice")
    places = []
    for c in found.conversations:
        text = "".join(s.text for s in gemma.segments(c.turns, "You are a dog.", dialect))
        tokens = models.tokens("practice", text)
        assert found.tokens[c.id] == len(tokens)
        if len(tokens) > found.longest:
            begun = [len("".join(s.text for s in gemma.segments(c.turns[:n], "You are a dog.", dialect))) for n in range(1, len(c.turns))]
            places.append((c.id, c.title, sum(start <= tokens[found.longest].start for start in begun)))
    assert 0 < len(places) < 12
    assert next(f.places for f in found.findings if f.kind == "long") == tuple(places)


def test_tokens_are_those_of_the_model(library, read, models):
    who = stage.character(library, 12)
    found = read.read(who, "practice")
    assert set(found.tokens.values()) == {11}
    assert found.longest == 256
    assert models.counts("practice", ["a b c", ""]) == [3, 0]


def test_nearly_the_same_is_found_and_copies_and_others_are_not():
    def said(n, text):
        return Conversation(f"{n}", f"T{n}", tuple(lines("What did you see on the way to school today then?", text)))

    spoken = [
        said(0, TEXT),
        said(1, TEXT + " "),  # a copy
        said(2, TEXT.replace("morning", "evening").replace("shoe", "boot")),
        said(3, "I saw nothing at all because I kept my eyes shut the whole way, and I only heard the gulls and the bell."),
        said(4, "Yes."),
        said(5, "Yes."),
    ]
    assert reader.twins(spoken) == {"2": "0"}


def test_many_conversations_have_no_twins_by_chance_and_those_all_alike_are_all_found():
    assert reader.twins(many(300)) == {}
    assert len(reader.twins(alike(300))) == 299


def test_a_thousand_conversations_are_read_with_the_real_tokenizer_within_a_second(library):
    models = Models(Path(__file__).parents[2] / "assets" / "practice-model", library, offline=True)
    who = library.create(Persona("Biscuit", visitor="Mia", voice=("Never an exclamation mark",), facts=("Biscuit is six.",)))
    library.add_many(who, many(1000))
    read = Reader(library, models)
    took = []
    for n in range(3):
        library.add(who, f"New {n}", lines("Hello?", f"Hello {n}."))
        start = time.process_time()
        read.read(who, "practice")
        took.append(time.process_time() - start)
    assert min(took) < 1.0


def test_what_is_read_again_is_what_somebody_reads_who_knows_nothing(library, read, models):
    who = stage.character(library, 12)
    ids = library.add_many(who, many(20))
    for step in range(4):
        head = library.load(ids[step])
        head["turns"][1]["text"] = f"{TEXT} It's {'LOUD AND ' * step}wet."
        assert library.save(ids[step], head["rev"], "", head["title"], head["turns"])["ok"]
        if step == 2:
            library.remove(ids[7])
        assert read.read(who, "practice") == Reader(library, models).read(who, "practice")
        assert read.read(who, None) == Reader(library, models).read(who, None)
