"""Whatever is wrong with a saved chat costs one line and no more, and is said."""

import json

import pytest

from studio.domain.errors import BadFile
from studio.domain.formats import logs

HEADER = {"user_name": "Ana", "character_name": "Tansy", "create_date": "2026-03-01@20h11m", "chat_metadata": {"integrity": "6f"}}
GREETING = {
    "name": "Tansy",
    "is_user": False,
    "is_system": False,
    "send_date": "March 1, 2026 8:11pm",
    "mes": "Mind the nettles.",
    "extra": {},
}
WHO = {"name": "Ana", "is_user": True, "is_system": False, "send_date": "March 1, 2026 8:12pm", "mes": "Who are you?"}
TANSY = {
    "name": "Tansy", "is_user": False, "is_system": False, "send_date": "March 1, 2026 8:12pm", "mes": "Tansy. Sit.",
    "swipe_id": 1, "swipes": ["A witch.", "Tansy. Sit."], "swipe_info": [{}, {}], "gen_started": "x", "gen_finished": "y",
}  # fmt: skip


def visitor(text, name="Ana"):
    return {"name": name, "is_user": True, "is_system": False, "mes": text}


def character(text, name="Tansy"):
    return {"name": name, "is_user": False, "is_system": False, "mes": text}


def log(*rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def read(*rows):
    return logs.read("tansy.jsonl", log(*rows))


def said(found):
    return [[(turn.role, turn.text) for turn in c.turns] for c in found.conversations]


def sentences(found):
    return [str(s) for s in found.skipped]


CHAT = [[("user", "Who are you?"), ("model", "Tansy. Sit.")]]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (b"{", "what stands at character 2 is not JSON. Mend or remove that line."),
        (b"[" * 100_000, "brackets stand inside brackets more than 60 times. Mend or remove that line."),
        (b'{"mes": ' + b"[" * 70 + b"]" * 70 + b"}", "brackets stand inside brackets more than 60 times. Mend or remove that line."),
        (b'{"send_date": ' + b"9" * 5_000 + b"}", "there is a number of thousands of digits. Mend or remove that line."),
        (b'["a"]', "this is not a line of dialogue. Mend or remove that line."),
        (b"NaN", "this is not a line of dialogue. Mend or remove that line."),
    ],
    ids=["cut", "nested", "deep", "digits", "list", "NaN"],
)
def test_a_row_that_can_not_be_read_gives_a_sentence_and_the_others_stay(row, sentence):
    found = logs.read("tansy.jsonl", log(HEADER, WHO) + b"\n" + row + b"\n" + log(TANSY))
    assert (said(found), sentences(found)) == (CHAT, [f"tansy.jsonl, line 3: {sentence}"])


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"name": "x"}, "mes: there is no such field. Mend or remove that line."),
        ({}, "mes: there is no such field. Mend or remove that line."),
        (
            {"mes": "x", "name": "Tansy"},
            "is_user: it is not said who speaks: true is the visitor, false the character. Mend or remove that line.",
        ),
        (
            {"mes": "x", "is_user": "yes"},
            "is_user: it is not said who speaks: true is the visitor, false the character. Mend or remove that line.",
        ),
        ({"mes": 5, "is_user": False}, "mes: a number stands where a text belongs. Put it in quotation marks, or remove it."),
        ({"mes": None, "is_user": False}, "mes: there is no text. Fill it in, or remove that line."),
        ({"mes": " \n", "is_user": False}, "mes: there is no text. Fill it in, or remove that line."),
        ({"mes": "x" * 100_001, "is_user": False}, "mes: this text has more than 100,000 characters. Shorten it."),
    ],
)
def test_a_row_that_can_not_be_used_gives_a_sentence_and_the_others_stay(row, sentence):
    found = read(HEADER, WHO, row, TANSY)
    assert (said(found), sentences(found)) == (CHAT, [f"tansy.jsonl, line 3, {sentence}"])


def test_a_half_character_is_never_stored():
    data = (
        log(WHO)
        + b'\n{"name": "Tansy", "is_user": false, "mes": "\\ud800"}\n{"name": "T\xff", "is_user": false, "mes": "\xff"}\n'
        + log(TANSY)
    )
    found = logs.read("tansy.jsonl", data)
    cure = "Type that place again and save the file as UTF-8."
    assert sentences(found) == [f"tansy.jsonl, line {n}, mes: there is half a character that can't be stored. {cure}" for n in (2, 3)]
    assert said(found) == CHAT


def test_what_grows_too_long_by_joining_is_named():
    found = read(WHO, character("x" * 60_000), character("y" * 60_000), character("Sit."))
    assert [len(text) for _, text in said(found)[0]] == [12, 60_006]
    assert sentences(found) == [
        "tansy.jsonl, line 3, mes: together with what the same one said just before, this has more than 100,000 characters. Shorten it."
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "tansy.jsonl is empty. Choose another file. Nothing was brought in."),
        (b"\xff\xfe", "tansy.jsonl is empty. Choose another file. Nothing was brought in."),
        (b'{"messages": []}\n{"messages": []}',
         "tansy.jsonl holds no line of a SillyTavern chat. Choose a .jsonl file that SillyTavern exported. Nothing was brought in."),
        (bytes(range(256)) * 4,
         "tansy.jsonl holds no line of a SillyTavern chat. Choose a .jsonl file that SillyTavern exported. Nothing was brought in."),
    ],
    ids=["empty", "empty UTF-16", "another format", "bytes"],
)  # fmt: skip
def test_what_holds_no_chat_is_refused_with_a_sentence(data, sentence):
    with pytest.raises(BadFile) as caught:
        logs.read("tansy.jsonl", data)
    assert str(caught.value) == sentence
