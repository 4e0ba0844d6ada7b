"""Chats from SillyTavern become conversations, with the replies that were chosen and without what was hidden."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain.formats import logs
from studio.domain.persona import Persona
from tests.domain.formats.saved_chat import CHAT, GREETING, HEADER, TANSY, WHO, character, log, read, said, visitor

NOTICE = {"name": "SillyTavern System", "is_user": False, "is_system": True, "mes": "You deleted a chat."}
NARRATOR = {
    "name": "System",
    "is_user": False,
    "is_system": False,
    "mes": "Night falls.",
    "extra": {"type": "narrator", "isSmallSys": True},
}


def test_a_chat_is_read():
    found = read(HEADER, GREETING, WHO, TANSY)
    assert (found.kind, said(found), found.greetings, found.skipped, found.persona) == (
        "SillyTavern chat",
        CHAT,
        ("Mind the nettles.",),
        (),
        Persona("Tansy"),
    )
    assert found.conversations[0].title == "tansy"
    assert dict(found.mapping) == {
        "user_name": "not used", "character_name": "not used", "create_date": "not used", "chat_metadata": "not used",
        "name": "Tansy is the character", "is_user": "who speaks: the visitor or the character", "is_system": "hidden lines: there are none",
        "send_date": "not used", "mes": "what is said", "swipe_id": "which reply was chosen",
        "swipes": "the reply that was chosen; the others are not used", "swipe_info": "not used", "gen_started": "not used", "gen_finished": "not used",
    }  # fmt: skip


def test_who_is_known_by_name_is_the_character_even_if_others_speak_more():
    rows = [WHO, {"name": "Bo", "is_user": False, "mes": "One."}, {"name": "Bo", "is_user": False, "mes": "Two."}, TANSY]
    data = log(*rows)
    found = logs.read("chat.jsonl", data, " tansy")
    assert (found.persona.name, found.conversations[0].turns[-1].role) == ("Tansy", "model")
    assert logs.read("chat.jsonl", data).persona.name == "Bo"


@pytest.mark.parametrize(
    "header", [[], [{"user_name": "unused", "character_name": "unused", "chat_metadata": {}}], [{"chat_metadata": {}}]]
)
def test_a_chat_is_read_with_any_row_of_names_or_none(header):
    assert said(read(*header, WHO, TANSY)) == CHAT


def test_hidden_lines_and_the_narrator_stay_out():
    found = read(HEADER, NOTICE, GREETING, WHO, NARRATOR, {**TANSY, "mes": "Hidden.", "is_system": True}, TANSY)
    assert (said(found), found.greetings, found.skipped) == (CHAT, ("Mind the nettles.",), ())
    assert dict(found.mapping)["is_system"] == "hidden lines: 3 of them, not used"


@pytest.mark.parametrize(
    ("fields", "reply"),
    [
        ({"mes": "b", "swipes": ["a", "b", "c"], "swipe_id": 1}, "b"),
        ({"mes": "a", "swipes": ["a", "b", "c"], "swipe_id": 2}, "c"),
        ({"mes": "b, mended by hand", "swipes": ["a", "b"], "swipe_id": 1}, "b, mended by hand"),
        ({"mes": "", "swipes": ["a", "b"], "swipe_id": 0}, "a"),
        ({"mes": "b", "swipes": ["a", "b"], "swipe_id": 7}, "b"),
        ({"mes": "b", "swipes": ["a", "b"], "swipe_id": -1}, "b"),
        ({"mes": "b", "swipes": "a", "swipe_id": 0}, "b"),
        ({"mes": "b", "swipes": [], "swipe_id": 0}, "b"),
        ({"mes": "b", "swipes": ["a"], "swipe_id": "0"}, "b"),
        ({"mes": {"message": "b"}, "swipes": [{"message": "a"}, {"message": "b"}], "swipe_id": 1}, "b"),
    ],
)
def test_the_chosen_reply_counts(fields, reply):
    assert said(read(WHO, {**TANSY, **fields}))[0][1] == ("model", reply)


def test_what_comes_before_the_first_visitor_is_one_greeting():
    found = read(HEADER, GREETING, character("Come in."), WHO, TANSY)
    assert (found.greetings, said(found)) == (("Mind the nettles.\n\nCome in.",), CHAT)


def test_a_greeting_alone_is_a_greeting():
    found = read(HEADER, GREETING)
    assert (found.greetings, found.conversations) == (("Mind the nettles.",), ())


def test_lines_of_one_speaker_in_a_row_are_joined():
    found = read(WHO, visitor("Well?"), TANSY, character("Tea?"), visitor("Yes."))
    assert said(found) == [[("user", "Who are you?\n\nWell?"), ("model", "Tansy. Sit.\n\nTea?"), ("user", "Yes.")]]


def test_in_a_group_the_one_who_speaks_most_is_the_character():
    found = read(
        character("Rain again.", "Wren"),
        WHO,
        TANSY,
        character("She means it.", "Wren"),
        visitor("Tea?"),
        character("Yes."),
        character("Now."),
    )
    assert found.greetings == ()
    assert said(found) == [[
        ("user", "Wren: Rain again.\n\nWho are you?"), ("model", "Tansy. Sit."), ("user", "Wren: She means it.\n\nTea?"), ("model", "Yes.\n\nNow.")
    ]]  # fmt: skip
    assert dict(found.mapping)["name"] == "Tansy is the character; visitors, with their name in front, are Wren"


def test_a_long_chat_goes_on_in_the_next_conversation():
    rows = [row for n in range(600) for row in (visitor(f"{n}?"), character(f"{n}."))]
    found = read(HEADER, GREETING, *rows)
    assert [len(c.turns) for c in found.conversations] == [500, 500, 200]
    assert [c.title for c in found.conversations] == ["tansy (1)", "tansy (2)", "tansy (3)"]
    assert [c.turns[0].text for c in found.conversations] == ["0?", "250?", "500?"]
    ids = [i for c in found.conversations for i in (c.id, *(t.id for t in c.turns))]
    assert len(set(ids)) == len(ids)


def test_two_chats_in_one_file_stay_two():
    found = read(HEADER, GREETING, WHO, TANSY, HEADER, character("Again?"), visitor("Me."), character("You."))
    assert said(found) == [*CHAT, [("user", "Me."), ("model", "You.")]]
    assert found.greetings == ("Mind the nettles.", "Again?")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_every_usual_encoding_is_read(encoding, end):
    text = log(HEADER, GREETING, WHO, TANSY).decode().replace("\n", end) + end
    assert said(logs.read("tansy.jsonl", text.encode(encoding))) == CHAT


def test_line_ends_inside_a_text_do_not_cut_it():
    found = read(visitor("a\u2028b\u2029c\x85d\x1ce"), character("one\r\ntwo\0three"))
    assert said(found) == [[("user", "a\u2028b\u2029c\x85d\x1ce"), ("model", "one\ntwo\0three")]]


def test_odd_json_is_read_as_far_as_it_goes():
    row = b'{"mes": "First", "x": NaN, "is_user": false, "name": "Tansy", "mes": "Tansy. Sit."}'
    assert said(logs.read("tansy.jsonl", log(WHO) + b"\n" + row)) == CHAT


def test_reading_twice_gives_the_same():
    assert read(HEADER, WHO, TANSY) == read(HEADER, WHO, TANSY)
    assert read(HEADER, WHO, TANSY).conversations[0].id != read(WHO, TANSY).conversations[0].id


def test_a_name_without_an_ending_and_half_a_character_makes_a_title():
    assert logs.read("ta\udcffnsy", log(WHO, TANSY)).conversations[0].title == "ta?nsy"
    assert len(logs.read("x" * 255 + ".jsonl", log(WHO, TANSY)).conversations[0].title) == 180


def test_a_file_that_names_every_row_differently_makes_no_endless_mapping():
    assert len(read(WHO, TANSY, *({f"field {n}": n, **TANSY} for n in range(500))).mapping) == 80


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=40).filter(lambda t: t == t.strip())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5), st.booleans(), st.sampled_from(["utf-8", "utf-16"]))
def test_every_text_comes_back(pairs, greeted, encoding):
    rows = [row for asked, answered in pairs for row in (visitor(asked), character(answered))]
    found = logs.read("t.jsonl", log(HEADER, *[GREETING] * greeted, *rows).decode().encode(encoding))
    assert said(found) == [[turn for asked, answered in pairs for turn in (("user", asked), ("model", answered))]]
    assert found.skipped == ()


def test_a_large_log_is_read_in_a_time_that_grows_with_its_length_only():
    words = [f"word{n}" for n in range(50)]
    draw = random.Random(7)
    rows = [
        row for _ in range(2_000) for row in (visitor(" ".join(draw.choices(words, k=40))), character(" ".join(draw.choices(words, k=400))))
    ]
    assert sum(len(c.turns) for c in read(HEADER, *rows).conversations) == 4_000
