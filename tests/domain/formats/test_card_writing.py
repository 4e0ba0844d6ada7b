"""A character goes into a card and comes back without losing a word."""

import base64
import io
import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from studio.domain.conversation import Conversation, Turn
from studio.domain.errors import BadFile
from studio.domain.formats import cards, png
from studio.domain.persona import INKS, Persona

BISCUIT = Persona(
    "Biscuit",
    "A puppy",
    "Mia",
    ("Short sentences",),
    ("She is six.", "She can count to five."),
    "You are Biscuit.",
    "Is it dinner?",
    "blue",
)
TALK = (
    Conversation("a", "A door", (Turn("1", "user", "Who is there?"), Turn("2", "model", "ME.\n\nIt is me.")), ("short",)),
    Conversation("b", "Nothing yet", (), ()),
    Conversation("c", "", (Turn("9", "model", " A beginning of mine "), Turn("8", "model", ""), Turn("7", "user", "{{char}}: <START>"))),
)


def as_json(card):
    return json.dumps(card, ensure_ascii=False).encode()


def said(conversation):
    return [(turn.role, turn.text) for turn in conversation.turns]


def sentences(found):
    return [str(s) for s in found.skipped]


WRITERS = {
    "V2": lambda *a: cards.card_v2(*a).encode(),
    "V3": lambda *a: cards.card_v3(*a).encode(),
    "V2 picture": lambda persona, talk, greetings=(): cards.card_v2_png(persona, talk, b"", greetings),
    "V3 picture": lambda persona, talk, greetings=(): cards.card_v3_png(persona, talk, b"", greetings),
}


@pytest.mark.parametrize("form", WRITERS)
def test_a_character_that_was_written_comes_back_whole(form):
    found = cards.read("biscuit", WRITERS[form](BISCUIT, TALK, ("Woof.", " again ")))
    assert (found.kind[:17], found.persona, found.greetings, found.skipped) == (
        f"Character card {form[:2]}",
        BISCUIT,
        ("Woof.", " again "),
        (),
    )
    assert [c.body() for c in found.conversations] == [c.body() for c in TALK]
    assert found.mapping == (("extensions.persona_studio", "the whole character and its conversations, as Persona Studio wrote them"),)


def test_what_is_written_has_every_field_the_specifications_demand():
    v2, v3 = json.loads(cards.card_v2(BISCUIT, TALK)), json.loads(cards.card_v3(BISCUIT, TALK))
    texts = {"name", "description", "personality", "scenario", "first_mes", "mes_example", "creator_notes", "system_prompt"}
    texts |= {"post_history_instructions", "creator", "character_version"}
    for card, spec, version in ((v2, "chara_card_v2", "2.0"), (v3, "chara_card_v3", "3.0")):
        assert (card["spec"], card["spec_version"]) == (spec, version)
        assert all(isinstance(card["data"][name], str) for name in texts)
        assert (card["data"]["alternate_greetings"], card["data"]["tags"]) == ([], [])
        for entry in card["data"]["character_book"]["entries"]:
            assert {"keys", "content", "extensions", "enabled", "insertion_order", "use_regex", "constant"} <= entry.keys()
    assert v3["data"]["group_only_greetings"] == []
    assert "character_book" not in json.loads(cards.card_v2(Persona("A"), ()))["data"]
    assert v2["data"]["mes_example"].startswith("<START>\n{{user}}: Who is there?\n{{char}}: ME.\n\nIt is me.")


def test_a_picture_carries_the_card_and_stays_the_picture():
    own = png.with_texts("x", png.plain((1, 2, 3), 8, 8), {"chara": "an older card", "Comment": "by me"})
    written = cards.card_v3_png(BISCUIT, TALK, own)
    with Image.open(io.BytesIO(written)) as image:
        assert image.getpixel((3, 3)) == (1, 2, 3)
        assert set(image.text) == {"chara", "ccv3", "Comment"}
        older, newer = (json.loads(base64.b64decode(image.text[keyword])) for keyword in ("chara", "ccv3"))
    assert (older["spec"], newer["spec"]) == ("chara_card_v2", "chara_card_v3")
    assert older["data"] | {"extensions": 0, "group_only_greetings": []} == newer["data"] | {"extensions": 0}
    assert (older["data"]["extensions"], set(newer["data"]["extensions"])) == ({}, {"persona_studio"})
    with pytest.raises(BadFile, match="The picture, byte 1: this is not a PNG. Save it as PNG in a picture program. Nothing was written."):
        cards.card_v2_png(BISCUIT, TALK, b"<svg/>")


def changed(**fields):
    card = json.loads(cards.card_v2(BISCUIT, TALK, ("Woof.",)))
    card["data"].update(fields)
    return cards.read("b.json", as_json(card))


@pytest.mark.parametrize(
    ("field", "value", "part", "expected"),
    [
        ("name", "Crumb", "name", "Crumb"),
        ("first_mes", "Dinner now, {{user}}?", "greeting", "Dinner now, Mia?"),
        ("scenario", "A garden.", "system", "You are Biscuit.\n\nPersonality: Short sentences\n\nScenario: A garden."),
        ("character_book", None, "facts", ()),
    ],
)
def test_what_was_changed_in_another_program_counts_as_it_stands_now(field, value, part, expected):
    found = changed(**{field: value})
    assert getattr(found.persona, part) == expected
    assert (found.persona.visitor, found.persona.voice, found.persona.ink) == ("Mia", ("Short sentences",), "blue")
    assert [c.body() for c in found.conversations] == [c.body() for c in TALK]
    assert len(found.mapping) == 2
    assert found.mapping[1][1].endswith(", changed since in another program")


def test_examples_and_greetings_from_another_program_are_added():
    found = changed(
        mes_example="{{user}}: Who is there?\n{{char}}: ME.\n\nIt is me.\n<START>\n{{user}}: New?\n{{char}}: New.",
        alternate_greetings=["Hi."],
    )
    assert [said(c) for c in found.conversations[3:]] == [[("user", "New?"), ("model", "New.")]]
    assert found.greetings == ("Hi.",)
    assert [field for field, _ in found.mapping] == ["extensions.persona_studio", "alternate_greetings", "mes_example"]


def test_windows_line_ends_and_spaces_from_another_program_are_no_change():
    card = json.loads(cards.card_v2(BISCUIT, TALK[:2]))
    card["data"].update(mes_example=card["data"]["mes_example"].replace("\n", "\r\n") + "\r\n", first_mes=BISCUIT.greeting + "\n", fav=True)
    assert len(cards.read("b.json", as_json(card)).mapping) == 1


def own(**changes):
    card = json.loads(cards.card_v2(BISCUIT, TALK[:2]))
    card["data"]["extensions"]["persona_studio"].update(changes)
    return cards.read("b.json", json.dumps(card).encode())


WHERE = "b.json, extensions, persona_studio"


@pytest.mark.parametrize(
    ("sheet", "sentence"),
    [
        (5, "the sheet does not hold a character sheet. The rest of the card was read instead. Look through the sheet in Write."),
        (
            {"name": "B", "facts": "x"},
            "the sheet: “facts” should be a list of sentences. The rest of the card was read instead. Look through the sheet in Write.",
        ),
        ({"name": "\ud800"}, "a text there can't be stored. The rest of the card was read instead. Look through the sheet in Write."),
        (
            {"name": "B", "system": "x" * 100_001},
            "a text there can't be stored. The rest of the card was read instead. Look through the sheet in Write.",
        ),
    ],
    ids=["no sheet", "wrong type", "half a character", "too long"],
)
def test_where_our_own_sheet_is_damaged_the_rest_of_the_card_is_read(sheet, sentence):
    found = own(sheet=sheet)
    assert sentences(found) == [f"{WHERE}, sheet: {sentence}"]
    assert (found.persona.name, found.persona.greeting, found.persona.facts) == ("Biscuit", BISCUIT.greeting, BISCUIT.facts)
    assert said(found.conversations[0]) == said(TALK[0])


@pytest.mark.parametrize(
    ("conversation", "sentence"),
    [
        (5, "a number stands where a group of fields belongs. Remove that item."),
        ({"title": 5, "turns": []}, "turns: this conversation can't be kept as it is. A title has at most 200 characters. Write this conversation anew in Write."),
        ({"title": "", "turns": [{"id": "1", "role": "system", "text": "x"}]}, "turns: this conversation can't be kept as it is. Line 1 is not a line of dialogue. Write this conversation anew in Write."),
        ({"title": "", "turns": [{"id": "\ud800", "role": "user", "text": "x"}]}, "tags: these are not words. Write this conversation anew in Write."),
        ({"title": "", "turns": [], "tags": [5]}, "tags: these are not words. Write this conversation anew in Write."),
    ],
)  # fmt: skip
def test_a_damaged_conversation_of_our_own_costs_only_itself(conversation, sentence):
    found = own(conversations=[conversation, json.loads(TALK[0].body())])
    separator = ": " if conversation == 5 else ", "
    assert sentences(found) == [f"{WHERE}, conversations, item 1{separator}{sentence}"]
    assert found.conversations[0].body() == TALK[0].body()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TURNS = st.lists(st.tuples(st.sampled_from(["user", "model"]), TEXTS), max_size=5)
TALKS = st.lists(st.tuples(TEXTS, TURNS, st.lists(TEXTS, max_size=2)), max_size=3)
PERSONAS = st.builds(
    Persona,
    name=TEXTS.filter(lambda t: t.split()),
    description=TEXTS,
    visitor=TEXTS,
    voice=st.lists(TEXTS, max_size=2).map(tuple),
    facts=st.lists(TEXTS, max_size=3).map(tuple),
    system=TEXTS,
    greeting=TEXTS,
    ink=st.sampled_from(INKS),
).map(Persona.checked)


def talks(drawn):
    return [
        Conversation(str(n), title, tuple(Turn(str(i), role, text) for i, (role, text) in enumerate(turns)), tuple(tags))
        for n, (title, turns, tags) in enumerate(drawn)
    ]


@settings(max_examples=60, deadline=None)
@given(PERSONAS, TALKS, st.lists(TEXTS, max_size=2).map(tuple), st.sampled_from(list(WRITERS)))
def test_every_character_comes_back_whole(persona, drawn, greetings, form):
    found = cards.read("b", WRITERS[form](persona, talks(drawn), greetings))
    assert (found.persona, found.greetings, found.skipped) == (persona, greetings, ())
    assert [c.body() for c in found.conversations] == [c.body() for c in talks(drawn)]


# What no part of the format can be taken for: no outer spaces, no angle brackets or braces, no colon, no decorator.
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<{:@\r"), min_size=1, max_size=30).filter(
    lambda t: t == t.strip()
)
NAMES = st.text(string.ascii_letters, min_size=1, max_size=20)
PAIRS = st.lists(st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=3), max_size=3)


@settings(max_examples=60, deadline=None)
@given(NAMES, PLAIN, st.lists(PLAIN, max_size=3).map(tuple), st.lists(PLAIN, max_size=2).map(tuple), PAIRS, st.sampled_from(["V2", "V3"]))
def test_without_our_extension_everything_a_card_can_say_comes_back(name, greeting, facts, greetings, drawn, form):
    talk = talks(
        [("", [(role, text) for pair in pairs for role, text in zip(("user", "model"), pair, strict=True)], ["a"]) for pairs in drawn]
    )
    card = json.loads(WRITERS[form](Persona(name, facts=facts, greeting=greeting), talk, greetings))
    card["data"]["extensions"] = {}
    found = cards.read("b.json", as_json(card))
    assert (found.persona.name, found.persona.greeting, found.persona.facts, found.greetings) == (name, greeting, facts, greetings)
    assert [said(c) for c in found.conversations] == [said(c) for c in talk]
    assert all(c.tags == ("a",) for c in found.conversations)
