"""The examples inside a card become conversations."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain.formats import cards


def read(text):
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Tansy", "mes_example": text}}
    return cards.read("a.json", json.dumps(card).encode())


def said(conversation):
    return [(turn.role, turn.text) for turn in conversation.turns]


def sentences(found):
    return [str(s) for s in found.skipped]


EXAMPLE_FORMS = {
    "names": ("Visitor: Hi\nTansy: Ho", [[("user", "Hi"), ("model", "Ho")]]),
    "the first programs": ("You: Hi\nTansy : Ho", [[("user", "Hi"), ("model", "Ho")]]),
    "Chinese colons": ("{{user}}：你好\n{{char}}：嗯。", [[("user", "你好"), ("model", "嗯。")]]),
    "User": ("<START>\nUser: Hi\nTansy: Ho", [[("user", "Hi"), ("model", "Ho")]]),
    "old macros": ("<start>\n<USER>: Hi\n<BOT>: Ho", [[("user", "Hi"), ("model", "Ho")]]),
    "no space": ("<START>{{user}}:Hi\n{{char}}:Ho", [[("user", "Hi"), ("model", "Ho")]]),
    "windows lines": ("<START>\r\n{{user}}: Hi\r\n\r\n{{char}}: Ho\r\n", [[("user", "Hi"), ("model", "Ho")]]),
    "text on the next line": ("{{user}}:\nHi\n{{char}}:\nHo\nHa", [[("user", "Hi"), ("model", "Ho\nHa")]]),
    "two in a row": ("{{user}}: Hi\n{{user}}: You\n{{char}}: Ho\n{{char}}: Ha", [[("user", "Hi\n\nYou"), ("model", "Ho\n\nHa")]]),
    "empty lines of dialogue": ("{{user}}: Hi\n{{char}}: \n{{user}}: You\n{{char}}: Ho", [[("user", "Hi\n\nYou"), ("model", "Ho")]]),
    "other line ends": ("{{user}}: a\u2028b\x85c\x1cd\n{{char}}: e", [[("user", "a\u2028b\x85c\x1cd"), ("model", "e")]]),
    "the character first": ("{{char}}: I begin.", [[("model", "I begin.")]]),
    "no answer": ("{{user}}: Hi\nTansy the Wise: Ho", [[("user", "Hi\nTansy the Wise: Ho")]]),
    "empty blocks": ("<START>\n<START>\n\n<START>\n{{user}}: Hi\n{{char}}: Ho\n<START>", [[("user", "Hi"), ("model", "Ho")]]),
}


@pytest.mark.parametrize("form", EXAMPLE_FORMS)
def test_examples_are_read_in_every_form(form):
    text, expected = EXAMPLE_FORMS[form]
    found = read(text)
    assert ([said(c) for c in found.conversations], found.skipped) == (expected, ())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Nobody is named here.", "no line begins with {{user}}: or {{char}}:, so nobody speaks."),
        ("{{user}}: " + "x" * 100_001 + "\n{{char}}: y", "one line is longer than 100,000 characters."),
        ("{{user}}: a\n{{char}}: b\n" * 251, "this conversation has 502 lines; at most 500 fit."),
    ],
    ids=["nobody", "long line", "many lines"],
)
def test_an_example_that_can_not_be_kept_gives_a_sentence_and_the_others_stay(text, sentence):
    found = read(f"<START>\n{text}\n<START>\n{{{{user}}}}: Hi\n{{{{char}}}}: Ho")
    assert sentences(found) == [f"a.json, mes_example, example 1: {sentence} Mend this example in the card, or write it anew in Write."]
    assert [said(c) for c in found.conversations] == [[("user", "Hi"), ("model", "Ho")]]


def test_words_that_nobody_says_are_named():
    found = read("It rains.\n{{user}}: Hi\n{{char}}: Ho")
    assert sentences(found) == [
        "a.json, mes_example, example 1: the words before the first name belong to nobody. Add them to the first line in Write."
    ]


def test_headings_begin_new_examples_and_name_them():
    found = read(
        "Example Dialog 1: The first day\n\n{{user}}: Hi.\n\n{{char}}: Welcome!\n\n**Example Dialogue 2: A review**\n{{user}}: Well?\n"
        "{{char}}: A seven.\nExample 3 is better, they say.\n"
    )
    assert [(c.title, said(c)) for c in found.conversations] == [
        ("Example Dialog 1: The first day", [("user", "Hi."), ("model", "Welcome!")]),
        ("Example Dialogue 2: A review", [("user", "Well?"), ("model", "A seven.\nExample 3 is better, they say.")]),
    ]
    assert found.skipped == ()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from(["{{user}}: %s", "{{char}}: %s", "%s", "[%s]", "  %s", "", "<START>", "{{char}}:%s <START> {{user}}: %s"]),
        max_size=12,
    )
)
def test_no_word_of_a_description_is_lost_wherever_talk_stands_in_it(forms):
    words = [f"w{n}" for n in range(2 * len(forms))]
    lines = [form % tuple(words[2 * n : 2 * n + form.count("%s")]) for n, form in enumerate(forms)]
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Tansy", "description": "\n".join(lines), "first_mes": "Hi."}}
    found = cards.read("a.json", json.dumps(card).encode())
    told = " ".join([found.persona.system, *(turn.text for c in found.conversations for turn in c.turns)])
    assert [word for line in lines for word in re.findall(r"w\d+", line) if not re.search(rf"\b{word}\b", told)] == []
    assert all(c.turns[0].role == "user" and len(c.turns) > 1 for c in found.conversations)
