"""Conversations as people type them: names, colons, and whatever else stands between."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain.errors import BadFile
from studio.domain.formats import script, scriptlines
from studio.domain.formats.speakers import folded

WALK = [("user", "Come on."), ("model", "Not yet."), ("user", "It is water."), ("model", "It has sky.")]
PLAIN = "Mia: Come on.\nBiscuit: Not yet.\nMia: It is water.\nBiscuit: It has sky.\n"


def read(content, character=""):
    result = script.read("dog.txt", content.encode(), character)
    return [[(t.role, t.text) for t in c.turns] for c in result.conversations]


def titles(content):
    return [c.title for c in script.read("dog.txt", content.encode()).conversations]


FORMS = {
    "plain": PLAIN,
    "Windows": PLAIN.replace("\n", "\r\n"),
    "bold": PLAIN.replace("Mia:", "**Mia:**").replace("Biscuit:", "**Biscuit**:"),
    "underlined and italic": PLAIN.replace("Mia:", "__Mia:__").replace("Biscuit:", "*Biscuit:*"),
    "dashes": "".join(f"- {line}\n" for line in PLAIN.splitlines()),
    "dashes and bold": PLAIN.replace("Mia:", "- **Mia:**").replace("Biscuit:", "- **Biscuit:**"),
    "quoted": "".join(f"> {line}\n" for line in PLAIN.splitlines()),
    "indented as a whole": "".join(f"      {line}\n" for line in PLAIN.splitlines()),
    "a blank line between any two": PLAIN.replace("\n", "\n\n"),
    "a space before the colon": PLAIN.replace(":", " :"),
    "full width": PLAIN.replace(": ", "："),
    "capitals": PLAIN.replace("Mia", "MIA", 1),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_every_form_says_the_same(content):
    assert read(content) == [WALK]


BETWEEN = {
    "a blank line": "\n",
    "dashes": "---\n",
    "stars": "\n* * *\n\n",
    "number signs": "###\n",
    "two blank lines": "\n\n",
    "a title": "# Rain\n",
    "a smaller title": "\n## Rain\n\n",
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
def test_what_separates_conversations(between):
    assert read(PLAIN + between + PLAIN) == [WALK, WALK]


@pytest.mark.parametrize("between", ["\n\n\n", "---\n", "\n# Rain\n\n"])
def test_where_a_blank_line_stands_between_any_two_lines_more_is_needed(between):
    spaced = PLAIN.replace("\n", "\n\n")
    assert read(spaced + between + spaced) == [WALK, WALK]


def test_titles():
    assert titles("# Rain\n" + PLAIN + "\nThe other day\n\n" + PLAIN + "---\n" + PLAIN) == ["Rain", "The other day", "Come on."]


def test_lines_without_a_name_go_on():
    assert read("Mia: Come\non.\nBiscuit: Not yet.\n    There is\n\n      a puddle.\nMia: Oh.\n") == [
        [("user", "Come\non."), ("model", "Not yet.\nThere is\n\n  a puddle."), ("user", "Oh.")]
    ]


def test_a_word_before_a_colon_is_no_speaker_if_it_comes_up_once_in_a_long_script():
    assert read(PLAIN * 5 + "Mia: Oh.\nNote: it is blue.\n")[0][-1] == ("user", "Oh.\nNote: it is blue.")


def test_an_indented_line_never_speaks():
    assert read(PLAIN + "Mia: She said:\n    Biscuit: sit\n")[0][-1] == ("user", "She said:\nBiscuit: sit")


def test_paragraphs():
    assert read("# Rain\nMia: Come on.\n\nIt is late.\nBiscuit: No.\n")[0] == [("user", "Come on.\n\nIt is late."), ("model", "No.")]


def test_a_name_alone_on_its_line_and_a_direction_in_brackets():
    assert read("Mia:\nCome on.\nBiscuit (sits): No.\n") == [[("user", "Come on."), ("model", "(sits) No.")]]


def test_times_and_addresses_are_no_names():
    assert read("Mia: At 12:30?\nhttp://example.org\n12: noon\nBiscuit: Yes.\n") == [
        [("user", "At 12:30?\nhttp://example.org\n12: noon"), ("model", "Yes.")]
    ]


def test_the_character_is_who_is_named_so():
    assert read(PLAIN, "mia")[0][0] == ("model", "Come on.")
    assert read(PLAIN, "Somebody else") == [WALK]


@pytest.mark.parametrize(
    ("content", "character"),
    [
        ("Assistant: Hello.\nHuman: Hi.\n", "Assistant"),
        ("You: Hi.\nRex: Woof.\n", "Rex"),
        ("Rex: Woof.\nYou: Hi.\n", "Rex"),
        ("Q: Why?\nA: So.\n", "A"),
        ("Rex: Hi.\nTom: Woof.\n\nAnn: Hi.\nTom: Woof.\n", "Tom"),
        ("Rex: Hi.\nTom: Woof.\nRex: Bye.\n", "Tom"),
    ],
)
def test_the_character_is_who_answers(content, character):
    result = script.read("dog.txt", content.encode())
    assert dict(result.mapping)[character] == "the character"
    assert sorted(dict(result.mapping).values())[1:] == ["the visitor"] * (len(result.mapping) - 1)


def test_more_than_two_speak_and_the_others_are_visitors():
    result = script.read("dog.txt", b"Mia: Hi.\nTom: Ho.\nBiscuit: Woof.\nMum: Bed.\nBiscuit: No.\n")
    assert [(t.role, t.text) for t in result.conversations[0].turns] == [
        ("user", "Hi.\n\nHo."),
        ("model", "Woof."),
        ("user", "Bed."),
        ("model", "No."),
    ]
    assert result.mapping == (("Mia", "the visitor"), ("Tom", "the visitor"), ("Biscuit", "the character"), ("Mum", "the visitor"))


def test_words_that_nobody_says_are_named():
    result = script.read("dog.txt", f"It was a dark and stormy night.\nIt rained.\n---\n{PLAIN}".encode())
    assert [str(s) for s in result.skipped] == [
        "dog.txt, line 1: nobody says these words. Put a name and a colon before them, or remove them."
    ]
    assert len(result.conversations) == 1


def test_a_text_in_which_nobody_speaks_is_refused():
    with pytest.raises(BadFile) as caught:
        read("Once upon a time.\n")
    assert str(caught.value) == (
        "dog.txt, the whole file: no line in it begins with a name and a colon. Write who speaks before what is said, like “Mia: Come on.” "
        "Nothing was brought in."
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PLAIN, True),
        ("Mia: Hi.\nBiscuit: Woof.\n", True),
        ("Once upon a time there was a dog.\nIt barked.\n", False),
        ("From: a\nTo: b\nSubject: c\n\nHello there.\n", False),
        ("Note: one.\n" + "And so it went on.\n" * 20, False),
        ("User: Hi.\n", True),
        ("Rex: Hi.\n", False),
    ],
)
def test_what_is_a_script(content, expected):
    assert script.is_script(content) is expected
    assert script.is_script("Rex: Hi.\n", "Rex")


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_any_name_can_stand_before_a_colon_and_is_found_again(name):
    chosen = scriptlines.label(name, "Character")
    (piece,) = scriptlines.pieces(f"{chosen}: Woof: no.")
    assert (folded(piece.name), piece.said) == (folded(chosen), "Woof: no.")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aB:*_- #>(\n\t ）：", max_size=120))
def test_any_text_ends_in_conversations_or_a_sentence(content):
    try:
        result = script.read("dog.txt", content.encode())
    except BadFile as error:
        assert str(error).startswith("dog.txt")
    else:
        assert all(str(s).startswith("dog.txt, line ") for s in result.skipped)
