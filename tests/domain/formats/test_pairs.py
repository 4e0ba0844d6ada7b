"""One question and one answer a row, as JSON and as tables."""

import json

import pytest

from studio.domain.errors import BadFile
from studio.domain.formats import pairs

HELLO = [("user", "Hello."), ("model", "Woof.")]
ALPACA = """[
  {"instruction": "Say hello.", "input": "", "output": "Woof."},
  {"instruction": "Translate.", "input": "Hund", "output": "Dog.", "system": ""},
  {"instruction": "And now?", "output": "Rain.", "history": [["Weather?", "Sun."], ["Sure?", "No."]]}
]"""
COLUMNS = [
    ("instruction", "output"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("input", "output"),
    ("user", "assistant"),
    ("Prompt", "RESPONSE"),
]


def said(conversation):
    return [(turn.role, turn.text) for turn in conversation.turns]


def found(*values):
    return pairs.read("dog.jsonl", "\n".join(json.dumps(value) for value in values).encode())


def test_alpaca():
    result = pairs.read("dog.json", ALPACA.encode())
    assert [said(c) for c in result.conversations] == [
        [("user", "Say hello."), ("model", "Woof.")],
        [("user", "Translate.\nHund"), ("model", "Dog.")],
        [("user", "Weather?"), ("model", "Sun."), ("user", "Sure?"), ("model", "No."), ("user", "And now?"), ("model", "Rain.")],
    ]
    assert (result.kind, result.skipped, result.persona) == ("Alpaca", (), None)
    assert result.mapping == (
        ("instruction", "the visitor"),
        ("input", "added to instruction"),
        ("output", "the character"),
        ("system", "how the character talks (system prompt)"),
        ("history", "what was said before"),
    )


@pytest.mark.parametrize(("asked", "answered"), COLUMNS, ids=map("/".join, COLUMNS))
def test_every_pair_of_columns_as_lines_and_as_a_table(asked, answered):
    as_lines = found({"id": 1, asked: "Hello.", answered: "Woof."})
    as_table = pairs.read("dog.csv", f"id,{asked},{answered}\r\n1,Hello.,Woof.\r\n".encode())
    for result in (as_lines, as_table):
        assert [said(c) for c in result.conversations] == [HELLO]
        assert result.mapping == (("id", "not used"), (asked, "the visitor"), (answered, "the character"))


def test_a_system_prompt_that_all_share():
    assert found(*[{"system_prompt": "Be brief.", "question": "Hello.", "response": "Woof."}] * 2).persona.system == "Be brief."


def test_a_table_with_tabs_and_the_mark_of_utf_16():
    result = pairs.read("dog.tsv", 'title\tprompt\tresponse\nRain\t"Hello.\nAgain."\tWoof.\n'.encode("utf-16"))
    assert [(c.title, said(c)) for c in result.conversations] == [("Rain", [("user", "Hello.\nAgain."), ("model", "Woof.")])]


NO_ANSWER = "there is no text under output. Fill it in, or remove that row."
ODD = {
    "no answer": ({"instruction": "a", "output": " "}, f"line 2, output: {NO_ANSWER}"),
    "a number": ({"instruction": "a", "output": 4}, f"line 2, output: {NO_ANSWER}"),
    "null": (
        {"instruction": None, "output": "b"},
        "line 2, instruction: there is no text under instruction. Fill it in, or remove that row.",
    ),
    "a history that is none": (
        {"instruction": "a", "output": "b", "history": [["x", "y"], ["z"]]},
        "line 2, history, item 2: this is not a question with its answer. Write it as a list of two texts, or remove it.",
    ),
    "a history of something else": (
        {"instruction": "a", "output": "b", "history": {"x": "y"}},
        "line 2, history, item 1: this is not a question with its answer. Write it as a list of two texts, or remove it.",
    ),
    "half a character": (
        {"instruction": "\ud800", "output": "b"},
        "line 2: there is half a character that can't be stored. Type it again.",
    ),
    "no question": (
        {"output": "b"},
        "line 2: there is no conversation here in a form the studio knows. "
        "Give it a list called messages or conversations, or two texts called prompt and response.",
    ),
}


@pytest.mark.parametrize(("value", "sentence"), ODD.values(), ids=ODD)
def test_what_is_odd_is_said_with_its_place_and_what_to_do(value, sentence):
    result = found({"instruction": "Hello.", "output": "Woof."}, value)
    assert [said(c) for c in result.conversations] == [HELLO]
    assert [str(s) for s in result.skipped] == [f"dog.jsonl, {sentence}"]


def test_other_things_under_optional_fields_count_as_nothing():
    odd = {"instruction": "Hello.", "output": "Woof.", "input": 5, "system": [], "title": {}, "history": None}
    assert [said(c) for c in found(odd).conversations] == [HELLO]


def test_a_table_of_something_else_is_refused():
    with pytest.raises(BadFile, match=r"^dog.csv, line 1, column 1: this can't be read as JSON"):
        pairs.read("dog.csv", b"name,age\nBiscuit,6\n")
