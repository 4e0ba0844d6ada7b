"""The persona package: to the byte there and back, and a sentence for whatever is wrong with one."""

import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.domain.conversation import FLAGS, Conversation, Turn
from studio.domain.errors import BadFile
from studio.domain.formats import package, png, reading
from studio.domain.persona import INKS, Persona

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
IDS = st.lists(st.text("0123456789abcdef", min_size=1, max_size=16), max_size=4, unique=True)
PERSONAS = st.builds(
    lambda ink, name, **sheet: Persona(name=f"P{name}", ink=ink, **sheet).checked(),
    ink=st.sampled_from(INKS), name=TEXT, description=TEXT, visitor=TEXT, voice=st.lists(TEXT).map(tuple), facts=st.lists(TEXT).map(tuple), system=TEXT, greeting=TEXT,
)  # fmt: skip
LISTS = st.lists(TEXT, max_size=2).map(tuple)
LINES = st.lists(
    st.builds(
        lambda text, others, drafted, marked: (text, others, drafted, tuple(n for n in range(len(others)) if marked[n])),
        TEXT, LISTS, st.booleans(), st.tuples(st.booleans(), st.booleans()),
    ),
    min_size=4, max_size=4,
)  # fmt: skip
CONVERSATIONS = st.builds(
    lambda title, ids, lines, *marks: Conversation("x", title, tuple(Turn(i, "model" if n % 2 else "user", *t) for n, (i, t) in enumerate(zip(ids, lines, strict=False))), *marks),
    TEXT, IDS, LINES, LISTS, st.sampled_from(FLAGS), LISTS,
)  # fmt: skip
BISCUIT = Persona("Biscuit", "A puppy", "Mia", ("Short.",), ("She is six.",), "You are Biscuit.", "Woof.", "blue")
PUDDLE = Conversation("1", "The puddle", (Turn("a", "user", "Come on."), Turn("b", "model", "Not\u2028yet.\n")), ("rain",))


def bodies(conversations):
    return [c.body() for c in conversations]


@given(PERSONAS, st.lists(CONVERSATIONS, max_size=3), st.sampled_from([(b"", ".png"), (b"<svg/>", ".svg"), (png.plain(), ".png")]))
def test_a_package_comes_back_to_the_byte(persona, conversations, portrait):
    data = package.written(persona, conversations, *portrait)
    found = reading.read("pip.zip", data)
    assert (found.persona, bodies(found.conversations), found.picture, found.ending) == (persona, bodies(conversations), *portrait)
    assert found.skipped == () and found.whole
    assert package.written(found.persona, found.conversations, found.picture, found.ending) == data


def test_a_package_says_what_is_in_it_and_is_a_charx_for_others():
    data = package.written(BISCUIT, [PUDDLE], png.plain())
    found = reading.read("biscuit.zip", data)
    assert found.kind == "Persona package"
    assert found.mapping == (
        ("persona.json", "the character sheet"),
        ("conversations.jsonl", "the conversations"),
        ("portrait.png", "the portrait"),
        ("card.json", "the same character for other programs, not read"),
    )
    card = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("card.json"))
    assert (card["spec"], card["data"]["name"]) == ("chara_card_v3", "Biscuit")


def changed(**entries):
    """Biscuit's package with other entries: None takes one out."""
    old, file = zipfile.ZipFile(io.BytesIO(package.written(BISCUIT, [PUDDLE], png.plain()))), io.BytesIO()
    parts = {name: old.read(name) for name in old.namelist()} | {name.replace("__", "."): content for name, content in entries.items()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in parts.items():
            if content is not None:
                new.writestr(name, content)
    return file.getvalue()


def test_packed_again_by_hand_it_is_still_read():
    assert bodies(reading.read("biscuit.zip", changed()).conversations) == bodies([PUDDLE])


AGAIN = "Take the character out again in the studio it came from. Nothing was brought in."
REFUSED = {
    "no sheet": ({"persona__json": None, "x/persona__json": b""}, "biscuit.zip, persona.json: there is no “persona.json” in the archive. " + AGAIN),
    "a sheet without a name": ({"persona__json": b"{}"}, "biscuit.zip, persona.json: the sheet has no name for the character. " + AGAIN),
    "half a character": ({"persona__json": b'{"name": "B", "system": "\\ud800"}'}, "biscuit.zip, persona.json: a text there can't be stored. " + AGAIN),
    "no object": ({"persona__json": b"[]"}, "biscuit.zip, persona.json: this is not a group of fields. " + AGAIN),
    "no JSON": ({"persona__json": b"{"}, "biscuit.zip, persona.json, line 1, column 2: this can't be read as JSON: a name in double quotation marks is missing. " + AGAIN),
    "something else": ({"package__json": b"{}"}, "biscuit.zip, package.json, format: this does not say that it is a package of Persona Studio. " + AGAIN),
    "newer": (
        {"package__json": b'{"format": "persona-studio-package", "version": 2}'},
        "biscuit.zip, package.json, version: a newer Persona Studio made this package. Update the studio, then bring it in again. Nothing was brought in.",
    ),
    "a bomb": (
        {"conversations__jsonl": b" " * 1_000_000},
        "biscuit.zip, conversations.jsonl: “conversations.jsonl” would unpack to more than 100 times its size. " + AGAIN,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("entries", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_package_that_can_not_be_used_is_refused_with_a_sentence(entries, sentence):
    with pytest.raises(BadFile) as caught:
        reading.read("biscuit.zip", changed(**entries))
    assert str(caught.value) == sentence


def test_two_files_of_one_name_are_refused():
    file = io.BytesIO(changed())
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("persona.json", b'{"name": "Somebody else"}')
    with pytest.raises(BadFile) as caught:
        reading.read("biscuit.zip", file.getvalue())
    assert str(caught.value) == "biscuit.zip, persona.json: the package holds two files of this name. " + AGAIN


SKIPPED = {
    "a broken line": (
        {"conversations__jsonl": PUDDLE.body().encode() + b"\n{\n"},
        "biscuit.zip, conversations.jsonl, line 2, column 2: this can't be read as JSON: a name in double quotation marks is missing. Mend or remove that line.",
    ),
    "no conversation": (
        {"conversations__jsonl": PUDDLE.body().encode() + b"\n5\n"},
        "biscuit.zip, conversations.jsonl, line 2: this is not a conversation. Mend or remove that line.",
    ),
    "a line of nobody": (
        {"conversations__jsonl": PUDDLE.body().encode() + b'\n{"title": "", "turns": [{}], "tags": []}\n'},
        "biscuit.zip, conversations.jsonl, line 2, turns: this conversation can't be kept as it is. Line 1 is not a line of dialogue. Write this conversation anew in Write.",
    ),
    "no picture": ({"portrait__png": b"GIF89a"}, "biscuit.zip, portrait.png: this is not a PNG picture. Choose a picture for the character yourself."),
    "a way out": ({"../../etc/x": b"x"}, "biscuit.zip, ../../etc/x: this studio does not know this part of a package. It was left out."),
}  # fmt: skip


@pytest.mark.parametrize(("entries", "sentence"), SKIPPED.values(), ids=SKIPPED)
def test_what_is_wrong_in_one_place_leaves_the_rest(entries, sentence):
    found = reading.read("biscuit.zip", changed(**entries))
    assert [str(s) for s in found.skipped] == [sentence]
    assert (found.persona, bodies(found.conversations)) == (BISCUIT, bodies([PUDDLE]))


def test_a_thousand_strange_files_are_told_of_in_one_sentence():
    found = reading.read("biscuit.zip", changed(**{f"x{n}": b"" for n in range(1_000)}))
    assert len(found.skipped) == 21
    assert str(found.skipped[-1]) == "biscuit.zip: 980 more files in it belong to no package. They were left out."
