"""What the studio writes for other programs comes back as it was, over all of Unicode, as far as each form can hold it."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain import dataset, gemma
from studio.domain.conversation import Conversation, Turn, to_jsonl
from studio.domain.formats import reading, writing
from studio.domain.formats.found import Skipped

CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from("'=+-@\t\r\n\",;#:")
TEXT = st.text(CHARACTERS, max_size=30)
SYSTEM = st.just("") | st.text(CHARACTERS, min_size=1, max_size=20).filter(lambda text: text == text.strip())
LINE = st.text(CHARACTERS.filter(lambda c: c not in "\n\r"), max_size=12).map(lambda line: line.strip(" \t"))
WRITTEN = st.lists(LINE, max_size=4).map("\n".join).map(lambda text: text.strip("\n"))
TITLE = TEXT.filter(bool)
TAGS = st.lists(TEXT, max_size=3).map(tuple)


def conversation(texts, title="x", tags=(), first=0):
    return Conversation("a", title, tuple(Turn(str(n), "model" if (n + first) % 2 else "user", text) for n, text in enumerate(texts)), tags)


def conversations(text=TEXT, title=TITLE, tags=TAGS, smallest=1):
    texts = st.lists(text, min_size=smallest, max_size=5).filter(lambda texts: any(text.strip() for text in texts))
    return st.lists(st.builds(conversation, texts, title, tags, st.integers(0, 1)), min_size=1, max_size=4)


def turns(found):
    return [[(t.role, t.text) for t in c.turns] for c in found]


def labels(found):
    return [(c.title, c.tags) for c in found]


def system_of(found):
    return found.persona.system if found.persona else ""


def read(name, content, character=""):
    return reading.read(name, content.encode(), character)


@settings(max_examples=60, deadline=None)
@given(conversations(), SYSTEM)
def test_sharegpt_comes_back(given_ones, system):
    found = read("dog.jsonl", writing.to_sharegpt(given_ones, system))
    assert (found.kind, found.skipped) == ("ShareGPT", ())
    assert (turns(found.conversations), labels(found.conversations), system_of(found)) == (turns(given_ones), labels(given_ones), system)


@settings(max_examples=60, deadline=None)
@given(conversations(), SYSTEM)
def test_openai_messages_come_back(given_ones, system):
    found = read("dog.jsonl", writing.to_openai(given_ones, system))
    assert (found.kind, found.skipped) == ("OpenAI messages", ())
    assert (turns(found.conversations), system_of(found)) == (turns(given_ones), system)


@settings(max_examples=60, deadline=None)
@given(conversations())
def test_our_own_messages_come_back(given_ones):
    found = read("dog.jsonl", to_jsonl(given_ones))
    assert (found.kind, found.skipped) == ("Persona Studio conversations", ())
    assert (turns(found.conversations), labels(found.conversations)) == (turns(given_ones), labels(given_ones))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT).filter(lambda pair: all(text.strip() for text in pair)), min_size=1, max_size=4), SYSTEM)
def test_alpaca_comes_back(pairs, system):
    given_ones = [conversation(pair) for pair in pairs]
    content, left_out = writing.to_alpaca(given_ones, system)
    found = read("dog.json", content)
    assert (found.kind, found.skipped, left_out) == ("Alpaca", (), "")
    assert (turns(found.conversations), system_of(found)) == (turns(given_ones), system)


@settings(max_examples=60, deadline=None)
@given(conversations())
def test_the_table_comes_back(given_ones):
    found = read("dog.csv", writing.to_csv(given_ones))
    assert (found.kind, found.skipped) == ("table of conversations", ())
    assert (turns(found.conversations), labels(found.conversations)) == (turns(given_ones), labels(given_ones))


@settings(max_examples=60, deadline=None)
@given(
    conversations(WRITTEN, LINE.filter(lambda title: title and title == title.strip()), st.just(()), 2),
    st.sampled_from(["Biscuit", "Mr. Abbot", "Professor: Quillfeather (retired)", "!", "Jo", "小狗", "**"]),
    st.sampled_from(["Mia", "Biscuit", "visitor", "child", "ä"]),
)
def test_a_script_comes_back(given_ones, character, visitor):
    found = read("dog.md", writing.to_script(given_ones, character, visitor), character)
    assert (found.kind, found.skipped) == ("script", ())
    assert (turns(found.conversations), [c.title for c in found.conversations]) == (turns(given_ones), [c.title for c in given_ones])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(TEXT.filter(lambda t: t == gemma.plain(t)), min_size=2, max_size=4).filter(any), min_size=1, max_size=3),
    st.sampled_from([gemma.GEMMA3, gemma.GEMMA4]),
)
def test_gemmas_markup_comes_back(texts, dialect):
    given_ones = [conversation([f"{n}{first}", *others]) for n, (first, *others) in enumerate(texts)]
    found = read("dog.jsonl", dataset.to_gemma_jsonl(given_ones, "", dialect))
    assert (turns(found.conversations), found.skipped) == (turns(given_ones), ())


def test_openai_refuses_other_fields_so_there_are_none():
    assert json.loads(writing.to_openai([conversation(["Hello."], "Rain", ("wet",))])) == {
        "messages": [{"role": "user", "content": "Hello."}]
    }


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ([], ""),
        (
            [["Hello.", "Woof.", "Sit."]],
            "Alpaca holds one question with one answer: 1 of 2 conversations has other lines and was left out.",
        ),
        (
            [["Hello."], ["Hello.", " "]],
            "Alpaca holds one question with one answer: 2 of 3 conversations have other lines and were left out.",
        ),
    ],
)
def test_alpaca_says_how_many_it_can_not_hold(others, sentence):
    content, left_out = writing.to_alpaca([conversation(["Hello.", "Woof."]), *map(conversation, others)])
    assert json.loads(content) == [{"instruction": "Hello.", "input": "", "output": "Woof."}]
    assert left_out == sentence


def test_the_table_has_a_mark_for_spreadsheets_and_no_cell_they_would_compute():
    content = writing.to_csv([conversation(["=1+1", "+a", "-b", "@c", "\td", "\re", "'=f"], "=g", ("-h",))])
    assert content.encode().startswith(b"\xef\xbb\xbfconversation,title,tags,turn,role,text\r\n1,'=g,'-h,1,user,'=1+1\r\n")
    cells = [cell for row in csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(tuple("=+-@\t\r"))]


def test_a_script_looks_like_one():
    content = writing.to_script(
        [conversation(["Come on.", "Not yet.\n\nThere is a puddle."], "Rain"), conversation(["Hi."], "")], "Biscuit", "Mia"
    )
    assert content == "# Rain\nMia: Come on.\nBiscuit: Not yet.\n\n    There is a puddle.\n\n# Untitled\nMia: Hi.\n"


def test_what_was_skipped_becomes_a_table_with_line_and_field():
    table = writing.to_rejects(
        [
            ("a, b.jsonl", Skipped("a, b.jsonl, line 12, messages, item 3", "=this is odd.", "Mend it.")),
            ("dog.zip", Skipped("dog.zip, conversations.jsonl, line 2, turns", "it is odd.", "Mend it.")),
            ("dog.png", Skipped("dog.png, text “chara”", "it is odd.", "Mend it.")),
            ("dog.csv", Skipped("dog.csv, line 4", "it is odd.", "Mend it.")),
        ]
    )
    assert list(csv.reader(io.StringIO(table.removeprefix("\ufeff"), newline=""))) == [
        ["file", "line", "field", "what is wrong", "how to mend it"],
        ["a, b.jsonl", "12", "messages, item 3", "'=this is odd.", "Mend it."],
        ["dog.zip", "2", "conversations.jsonl, turns", "it is odd.", "Mend it."],
        ["dog.png", "", "text “chara”", "it is odd.", "Mend it."],
        ["dog.csv", "4", "", "it is odd.", "Mend it."],
    ]
