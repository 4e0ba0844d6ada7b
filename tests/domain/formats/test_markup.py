"""Gemma's markup read back is what was marked up."""

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from studio.domain import dataset, gemma
from studio.domain.conversation import Conversation, Turn
from studio.domain.errors import BadFile
from studio.domain.formats import markup
from studio.domain.formats.assembly import Entry

DIALECTS = (gemma.GEMMA2, gemma.GEMMA3, gemma.GEMMA4, gemma.GEMMA4_LARGE)
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("<|>\n"), max_size=40).filter(
    lambda text: not gemma.has_marks(text)
)
TALKS = st.lists(TEXT, min_size=1, max_size=6)
GEMMA3_TEXT = """<bos><start_of_turn>user
You are Biscuit.

Hello.<end_of_turn>
<start_of_turn>model
Woof.
Again.<end_of_turn>
<bos><start_of_turn>user
You are Biscuit.

Sit.<end_of_turn>
<start_of_turn>model
No.<end_of_turn>
"""
GEMMA4_TEXT = """<bos><|turn>system
You are Biscuit.<turn|>
<|turn>user
Hello.<turn|>
<|turn>model
<|channel>thought
Who is there?<channel|>Woof.
Again.<turn|>
"""


def talk(texts, identifier="a"):
    return Conversation(identifier, "x", tuple(Turn(str(n), "model" if n % 2 else "user", text) for n, text in enumerate(texts)))


def joined(turns, system, dialect):
    return "".join(s.text for s in gemma.segments(turns, system, dialect))


def said(conversation):
    return [(turn.role, turn.text) for turn in conversation.turns]


def read(content, name="dog.txt"):
    return markup.read(name, content.encode())


@pytest.mark.parametrize("content", [GEMMA3_TEXT, GEMMA4_TEXT], ids=["Gemma 3", "Gemma 4"])
def test_plain_text(content):
    result = read(content)
    assert said(result.conversations[0]) == [("user", "Hello."), ("model", "Woof.\nAgain.")]
    assert (result.kind, result.persona.system, result.skipped) == ("Gemma text", "You are Biscuit.", ())


def test_rows_of_json():
    rows = [{"text": piece} for piece in GEMMA3_TEXT.split("<bos>") if piece]
    result = read("\n".join(map(json.dumps, rows)), "dog.jsonl")
    assert [said(c) for c in result.conversations] == [
        [("user", "Hello."), ("model", "Woof.\nAgain.")],
        [("user", "Sit."), ("model", "No.")],
    ]
    assert result.mapping[0] == ("user", "the visitor")


def test_one_conversation_alone_does_not_tell_where_its_system_prompt_ends():
    result = read(GEMMA3_TEXT[: GEMMA3_TEXT.rindex("<bos>")])
    assert said(result.conversations[0])[0] == ("user", "You are Biscuit.\n\nHello.")
    assert result.persona is None


def test_rows_without_marks_are_told_as_they_are_read_and_none_is_kept():
    read = []
    rows = (read.append(n) or Entry(f"f, line {n}", "ShareGPT", []) for n in range(100))
    told = markup.settled(rows)
    assert next(told).where == "f, line 0"
    assert read == [0]
    assert len(list(told)) == 99


def test_a_turn_that_was_only_opened_for_an_answer_is_none():
    turns = talk(["Hello.", "Woof.", "Sit."]).turns
    for dialect in DIALECTS:
        result = read(gemma.prompt(turns, "", dialect))
        assert said(result.conversations[0]) == [("user", "Hello."), ("model", "Woof."), ("user", "Sit.")]


def test_what_others_write_at_the_end_is_understood():
    assert said(read("<start_of_turn>user\nHello.<end_of_turn>\n<start_of_turn>model\nWoof.<eos>").conversations[0]) == [
        ("user", "Hello."),
        ("model", "Woof."),
    ]


ODD = {
    "nobody": (
        "<start_of_turn>\nHello.<end_of_turn>",
        "turn 1: it is not said who speaks. Write user or model after the mark that begins the turn.",
    ),
    "somebody else": (
        "<|turn>cat\nHello.<turn|>",
        "turn 1: it is not said who speaks. Write user or model after the mark that begins the turn.",
    ),
    "outside": ("<|turn>user\nHello.<turn|> and more", "there is text outside the turns. Put it into a turn, or remove it."),
    "empty": ("<|turn>user\n<turn|>", "nobody says anything in this conversation. Write some lines, or remove it."),
    "half a character": ("<|turn>user\n\ud800<turn|>", "turn 1: there is half a character that can't be stored. Type it again."),
}


@pytest.mark.parametrize(("text", "sentence"), ODD.values(), ids=ODD)
def test_what_is_odd_is_said_with_its_place_and_what_to_do(text, sentence):
    result = read(json.dumps({"text": "<|turn>user\nHello.<turn|>"}) + "\n" + json.dumps({"text": text}), "dog.jsonl")
    assert str(result.skipped[0]).startswith("dog.jsonl, line 2")
    assert str(result.skipped[0]).endswith(sentence)
    assert len(result.conversations) == 1


def test_plain_text_names_the_line_where_an_odd_conversation_begins():
    assert str(read(GEMMA3_TEXT + "<bos><|turn>\nx").skipped[0]).startswith("dog.txt, line 14, turn 1: it is not said who speaks.")


def test_text_without_marks_is_refused():
    with pytest.raises(BadFile, match=r"^dog.txt, line 1: there is text outside the turns\. .*Nothing was brought in\.$"):
        read("Once upon a time.")


@settings(max_examples=60, deadline=None)
@given(TALKS, TEXT, st.sampled_from(DIALECTS))
def test_parsing_is_the_inverse_of_marking_up(texts, system, dialect):
    turns = talk(texts).turns
    lines = markup.parsed("dog", joined(turns, system, dialect)).lines
    lines = markup.unfolded(lines, gemma.plain(system)) if dialect.folds_system else lines
    expected = ([("system", gemma.plain(system))] if system.strip() else []) + [(t.role, gemma.plain(t.text)) for t in turns]
    assert [(line.role, line.text) for line in lines] == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(TALKS, min_size=2, max_size=4), TEXT, st.sampled_from(DIALECTS), st.booleans())
def test_a_file_written_by_the_studio_comes_back(talks, system, dialect, as_json):
    talks = [[f"{n}{texts[0]}", *texts[1:]] for n, texts in enumerate(talks)]  # else a common paragraph is a system prompt
    talks = [texts if len(texts) % 2 == 0 else [*texts, "Woof."] for texts in talks]  # the larger models' rows end with a reply
    conversations = [talk(texts, str(n)) for n, texts in enumerate(talks)]
    content = dataset.to_gemma_jsonl(conversations, system, dialect)
    if not as_json:
        content = "".join(json.loads(line)["text"] for line in content.split("\n") if line)
    result = read(content, "dog.jsonl" if as_json else "dog.txt")
    assert [said(c) for c in result.conversations] == [[(t.role, gemma.plain(t.text)) for t in c.turns] for c in conversations]
    assert (result.persona.system if result.persona else "") == gemma.plain(system)


def test_conversations_that_begin_alike_stay_apart_where_every_reply_is_a_row():
    conversations = [talk(["Hello.", "Woof."]), talk(["Hello.", "Woof.", "Sit.", "No."]), talk(["Hello.", "Woof."])]
    result = read(dataset.to_gemma_jsonl(conversations, "", gemma.GEMMA4_LARGE), "dog.jsonl")
    assert [said(c) for c in result.conversations] == [said(c) for c in conversations]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "<bos>",
                "<start_of_turn>",
                "<end_of_turn>",
                "<|turn>",
                "<turn|>",
                "user\n",
                "model\n",
                "<|channel>thought\n",
                "<channel|>",
                "a",
                "\n\n",
            ]
        )
    )
)
def test_any_order_of_marks_ends_in_conversations_or_a_sentence(pieces):
    assume("".join(pieces).strip())
    try:
        result = read("".join(pieces))
    except BadFile as error:
        assert str(error).startswith("dog.txt")
    else:
        assert all(str(s).startswith("dog.txt, line ") for s in result.skipped)
