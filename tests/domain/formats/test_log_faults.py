"""Whatever is wrong with a saved chat costs one line and no more, and is said."""

import pytest

from studio.domain.errors import BadFile
from studio.domain.formats import logs
from tests.domain.formats.saved_chat import CHAT, HEADER, TANSY, WHO, character, log, read, said, sentences


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (b"{", "column 2: this can't be read as JSON: a name in double quotation marks is missing. Mend or remove that line."),
        (b"[" * 100_000, "column 61: brackets stand inside brackets more than 60 times. Mend or remove that line."),
        (
            b'{"mes": ' + b"[" * 70 + b"]" * 70 + b"}",
            "column 68, at “mes”: brackets stand inside brackets more than 60 times. Mend or remove that line.",
        ),
        (
            b'{"send_date": ' + b"9" * 5_000 + b"}",
            "column 15, at “send_date”: there is a number of thousands of digits. Mend or remove that line.",
        ),
        (b'["a"]', "this is not a line of dialogue. Mend or remove that line."),
        (b"NaN", "this is not a line of dialogue. Mend or remove that line."),
    ],
    ids=["cut", "nested", "deep", "digits", "list", "NaN"],
)
def test_a_row_that_can_not_be_read_gives_a_sentence_and_the_others_stay(row, sentence):
    found = logs.read("tansy.jsonl", log(HEADER, WHO) + b"\n" + row + b"\n" + log(TANSY))
    assert (said(found), sentences(found)) == (CHAT, [f"tansy.jsonl, line 3{', ' if sentence.startswith('column') else ': '}{sentence}"])


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
        (b"", "tansy.jsonl, the whole file: there is nothing in it. Choose another file. Nothing was brought in."),
        (b"\xff\xfe", "tansy.jsonl, the whole file: there is nothing in it. Choose another file. Nothing was brought in."),
        (b'{"messages": []}\n{"messages": []}',
         "tansy.jsonl, the whole file: there is no line of a SillyTavern chat in it. Choose a .jsonl file that SillyTavern exported. Nothing was brought in."),
        (bytes(range(256)) * 4,
         "tansy.jsonl, the whole file: there is no line of a SillyTavern chat in it. Choose a .jsonl file that SillyTavern exported. Nothing was brought in."),
    ],
    ids=["empty", "empty UTF-16", "another format", "bytes"],
)  # fmt: skip
def test_what_holds_no_chat_is_refused_with_a_sentence(data, sentence):
    with pytest.raises(BadFile) as caught:
        logs.read("tansy.jsonl", data)
    assert str(caught.value) == sentence
