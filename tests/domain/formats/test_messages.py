"""Conversations as lists of lines, in every dialect there is, and what is said where one of them is odd."""

import json

import pytest

from studio.domain.conversation import Conversation, Turn, fault, to_jsonl
from studio.domain.errors import BadFile
from studio.domain.formats import messages, reading

HELLO = [("user", "Hello."), ("model", "Woof.")]
TWO = [*HELLO, ("user", "Sit."), ("model", "No.")]


def found(*values, character=""):
    return messages.read("dog.jsonl", "\n".join(json.dumps(value) for value in values).encode(), character)


def said(conversation):
    return [(turn.role, turn.text) for turn in conversation.turns]


def sentences(*values, character=""):
    """The sentences about these rows, after one that is good."""
    return [str(s) for s in found({"messages": openai(*HELLO)}, *values, character=character).skipped]


def openai(*lines):
    return [{"role": "assistant" if role == "model" else role, "content": text} for role, text in lines]


def sharegpt(*lines, by="from", key="value", names=("human", "gpt")):
    return [{by: names[role == "model"], key: text} for role, text in lines]


DIALECTS = {
    "OpenAI": ({"messages": openai(*TWO)}, "OpenAI messages"),
    "Gemma's role": ({"messages": [{"role": role, "content": text} for role, text in TWO]}, "OpenAI messages"),
    "parts": (
        {"messages": [{"role": m["role"], "content": [{"type": "text", "text": m["content"]}]} for m in openai(*TWO)]},
        "OpenAI messages",
    ),
    "our own": ({"title": "t", "tags": [], "messages": openai(*TWO)}, "Persona Studio conversations"),
    "ShareGPT": ({"id": "x", "conversations": sharegpt(*TWO)}, "ShareGPT"),
    "conversation": ({"conversation": sharegpt(*TWO, names=("user", "assistant"))}, "ShareGPT"),
    "dialogue": ({"dialogue": sharegpt(*TWO, by="speaker", key="text", names=("User", "Bot"))}, "ShareGPT"),
    "items": ({"items": sharegpt(*TWO, names=("human", "chatgpt"))}, "ShareGPT"),
    "Open Assistant": ({"conversations": sharegpt(*TWO, by="role", key="text", names=("prompter", "assistant"))}, "ShareGPT"),
    "bing": ({"conversations": sharegpt(*TWO, names=("human", "bing"))}, "ShareGPT"),
    "UltraChat": ({"id": "0", "data": [text for _, text in TWO]}, "lists of lines"),
    "a list alone": ([text for _, text in TWO], "lists of lines"),
    "messages alone": (openai(*TWO), "OpenAI messages"),
    "pairs": ({"conversation": [["Hello.", "Woof."], ["Sit.", "No."]]}, "lists of lines"),
    "exchanges": ({"conversation": [{"human": "Hello.", "assistant": "Woof."}, {"human": "Sit.", "assistant": "No."}]}, "lists of lines"),
    "TRL": ({"prompt": openai(*TWO[:3]), "completion": openai(TWO[3])}, "OpenAI messages"),
}


@pytest.mark.parametrize(("value", "kind"), DIALECTS.values(), ids=DIALECTS)
def test_every_dialect_says_the_same(value, kind):
    result = found(value)
    assert [said(c) for c in result.conversations] == [TWO]
    assert (result.kind, result.skipped, result.persona) == (kind, (), None)


def test_every_dialect_in_one_file():
    result = found(*(value for value, _ in DIALECTS.values()))
    assert [said(c) for c in result.conversations] == [TWO] * len(DIALECTS)
    assert result.kind == "OpenAI messages and Persona Studio conversations and ShareGPT and lists of lines"


def test_what_each_field_is_taken_for():
    assert found({"id": 7, "conversations": [{"from": "system", "value": "Be brief."}, *sharegpt(*HELLO)]}).mapping == (
        ("conversations", "the lines of a conversation"),
        ("from: system", "how the character talks (system prompt)"),
        ("value", "what is said"),
        ("from: human", "the visitor"),
        ("from: gpt", "the character"),
        ("id", "not used"),
    )


def test_title_and_tags():
    one = found({"title": "Rain", "tags": ["wet"], "messages": openai(*HELLO)}).conversations[0]
    assert (one.title, one.tags) == ("Rain", ("wet",))
    assert (
        found({"messages": openai(("user", "  Come\n on,  Biscuit. " + "x" * 80))})
        .conversations[0]
        .title.startswith("Come on, Biscuit. xx")
    )


def test_our_own_file_comes_back():
    ours = [
        Conversation("a", "Rain", (Turn("1", "model", ""), Turn("2", "user", "Hm?")), ("wet",)),
        Conversation("b", "x", (Turn("1", "user", "y"),)),
    ]
    back = messages.read("dog.jsonl", to_jsonl(ours).encode()).conversations
    assert [(c.title, c.tags, said(c)) for c in back] == [(c.title, c.tags, said(c)) for c in ours]


def test_reading_twice_gives_equal_records_that_can_be_kept():
    values = [value for value, _ in DIALECTS.values()]
    first, again, other = found(*values), found(*values), found(*values[1:])
    assert first == again
    ids = [c.id for c in first.conversations] + [t.id for c in first.conversations for t in c.turns]
    assert len(set(ids)) == len(ids)
    assert not set(ids) & {c.id for c in other.conversations}
    assert not any(fault(c.title, [vars(t) for t in c.turns]) for c in first.conversations)


def test_neighbours_of_one_role_are_joined_with_a_blank_line():
    lines = sharegpt(("model", "I am here."), ("model", "Are you?"), ("user", "Yes."), ("user", ""), ("user", "Sit."), ("model", "No."))
    assert said(found({"conversations": lines}).conversations[0]) == [
        ("model", "I am here.\n\nAre you?"),
        ("user", "Yes.\n\nSit."),
        ("model", "No."),
    ]


def test_a_system_prompt_that_all_share_becomes_the_characters():
    system = {"role": "system", "content": "You are Biscuit."}
    result = found({"messages": [system, *openai(*HELLO)]}, {"system": "You are Biscuit.", "conversations": sharegpt(*HELLO)})
    assert (result.persona.name, result.persona.system) == ("dog", "You are Biscuit.")
    assert [said(c) for c in result.conversations] == [HELLO, HELLO]


def test_a_developer_message_is_a_system_prompt():
    assert found({"messages": [{"role": "developer", "content": "Be brief."}, *openai(*HELLO)]}).persona.system == "Be brief."


@pytest.mark.parametrize("second", [[{"role": "system", "content": "You are a cat."}], []])
def test_system_prompts_that_differ_are_left_out_and_that_is_said(second):
    result = found(
        {"messages": [{"role": "system", "content": "You are Biscuit."}, *openai(*HELLO)]}, {"messages": [*second, *openai(*HELLO)]}
    )
    assert result.persona is None
    assert dict(result.mapping)["role: system"] == "left out: the conversations do not share one system prompt"


def test_tool_messages_are_left_out_with_a_sentence():
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    result = found({"messages": [*openai(("user", "Weather?")), call, {"role": "tool", "content": "rain"}, *openai(("model", "Wet."))]})
    assert said(result.conversations[0]) == [("user", "Weather?"), ("model", "Wet.")]
    assert [str(s) for s in result.skipped] == [
        "dog.jsonl, line 1, messages, item 2: this only calls a tool. Nothing to do: the rest of the conversation was kept.",
        "dog.jsonl, line 1, messages, item 3: this is what a tool said, or what was said to one. "
        "Nothing to do: the rest of the conversation was kept.",
    ]


def test_pictures_are_left_out_with_a_sentence():
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "x"}}]
    result = found({"messages": [{"role": "user", "content": parts}, *openai(("model", "A cat."))]})
    assert said(result.conversations[0]) == [("user", "What is this?"), ("model", "A cat.")]
    assert [str(s) for s in result.skipped] == [
        "dog.jsonl, line 1, messages, item 1, content, part 2: this is not a text. Nothing to do: the rest of the conversation was kept."
    ]


def test_names_instead_of_roles_need_the_characters_name():
    lines = [{"speaker": "Mia", "text": "Hello."}, {"speaker": "BISCUIT ", "text": "Woof."}]
    assert said(found({"dialogue": lines}, character="Biscuit").conversations[0]) == HELLO
    assert sentences({"dialogue": lines}) == [
        "dog.jsonl, line 2, dialogue, item 1, speaker: “Mia” under speaker is not known. Write user, assistant or system there."
    ]


ODD = {
    "no value": (
        {"conversations": [*sharegpt(*HELLO), {"from": "human"}]},
        "line 2, conversations, item 3, value: there is no text under value. Fill it in, or remove that item.",
    ),
    "a number": (
        {"messages": [{"role": "user", "content": 5}]},
        "line 2, messages, item 1, content: there is no text under content. Fill it in, or remove that item.",
    ),
    "null": (
        {"messages": [{"role": "user", "content": None}]},
        "line 2, messages, item 1, content: there is no text under content. Fill it in, or remove that item.",
    ),
    "only a picture": (
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        "line 2, messages, item 1, content: there is no text under content. Fill it in, or remove that item.",
    ),
    "a role nobody knows": (
        {"messages": [{"role": "narrator", "content": "x"}]},
        "line 2, messages, item 1, role: “narrator” under role is not known. Write user, assistant or system there.",
    ),
    "a role that is no text": (
        {"messages": [{"role": ["user"], "content": "x"}]},
        "line 2, messages, item 1, role: there is no text under role. Write user or assistant there.",
    ),
    "an item that is none": (
        {"messages": [None]},
        "line 2, messages, item 1: this is not a line of dialogue. Give it a role and a text, or remove that item.",
    ),
    "nothing": ({"messages": []}, "line 2: nobody says anything in this conversation. Write some lines, or remove it."),
    "only white": (
        {"messages": openai(("user", " \n"))},
        "line 2: nobody says anything in this conversation. Write some lines, or remove it.",
    ),
    "half a character": (
        {"conversations": sharegpt(("user", "\ud83d"), HELLO[1])},
        "line 2, conversations, item 1, value: there is half a character that can't be stored. Type it again.",
    ),
    "half a character in the title": (
        {"title": "\ud83d", "messages": openai(*HELLO)},
        "line 2: there is half a character in the title or the tags. Type it again.",
    ),
    "half a character in a tag": (
        {"tags": ["\ud83d"], "messages": openai(*HELLO)},
        "line 2: there is half a character in the title or the tags. Type it again.",
    ),
    "half a character in a system prompt": (
        {"system": "\ud83d", "messages": openai(*HELLO)},
        "line 2, system: there is half a character that can't be stored. Type it again.",
    ),
    "half a character as a role": (
        {"messages": [{"role": "\ud83d", "content": "x"}]},
        "line 2, messages, item 1, role: “?” under role is not known. Write user, assistant or system there.",
    ),
    "too many lines": (
        {"messages": openai(*HELLO * 251)},
        "line 2: there are 502 lines, and a conversation has at most 500. Make several of it.",
    ),
    "too long a text": (
        {"messages": openai(("user", "x" * 100_001))},
        "line 2, messages, item 1, content: the text has 100,001 characters, and a line has at most 100,000. Split it.",
    ),
    "too long a title": (
        {"title": "x" * 201, "messages": openai(*HELLO)},
        "line 2: the title has 201 characters, and a title has at most 200. Write a shorter one.",
    ),
    "tags that are none": (
        {"tags": "wet", "messages": openai(*HELLO)},
        "line 2, tags: this is not a list of words. Add the tags in the studio.",
    ),
    "no conversation": (
        {"name": "Biscuit"},
        "line 2: there is no conversation here in a form the studio knows. "
        "Give it a list called messages or conversations, or two texts called prompt and response.",
    ),
}


@pytest.mark.parametrize(("value", "sentence"), ODD.values(), ids=ODD)
def test_what_is_odd_is_said_with_its_place_and_what_to_do(value, sentence):
    assert sentences(value) == [f"dog.jsonl, {sentence}"]


def test_a_file_without_one_good_conversation_is_refused_with_the_first_reason():
    with pytest.raises(BadFile) as caught:
        found({"messages": []}, {"messages": []}, {"messages": []})
    assert str(caught.value) == (
        "dog.jsonl, line 1: nobody says anything in this conversation. Write some lines, or remove it. "
        "2 more places could not be read. Nothing was brought in."
    )


def test_zero_characters_stay_in_a_text():
    assert said(found({"messages": openai(("user", "a\0b"))}).conversations[0]) == [("user", "a\0b")]


def test_fields_without_end_do_not_fill_the_mapping():
    assert len(found(*({"messages": openai(*HELLO), f"field {n}": 1} for n in range(100))).mapping) == 40


def test_texts_under_value_are_read_and_thoughts_are_left_out():
    parts = [{"type": "reasoning", "value": "Hm."}, {"type": "text", "value": "Woof."}]
    result = found(
        {"messages": [{"role": "user", "content": [{"type": "text", "value": "Hello."}]}, {"role": "assistant", "content": parts}]}
    )
    assert said(result.conversations[0]) == HELLO
    assert [s.where for s in result.skipped] == ["dog.jsonl, line 1, messages, item 2, content, part 1"]


PREFERRED = {
    "LLaMA-Factory": {"conversations": sharegpt(HELLO[0]), "chosen": sharegpt(HELLO[1])[0], "rejected": {"from": "gpt", "value": "Meow."}},
    "its second form": {"chosen_messages": openai(*HELLO), "rejected_messages": openai(HELLO[0], ("model", "Meow."))},
    "TRL": {"prompt": openai(HELLO[0]), "chosen": openai(HELLO[1]), "rejected": openai(("model", "Meow."))},
    "whole conversations": {"chosen": openai(*HELLO), "rejected": openai(HELLO[0], ("model", "Meow."))},
    "plain texts": {"prompt": "Hello.", "chosen": "Woof.", "rejected": "Meow."},
    "stack exchange": {"question": "Hello.", "response_j": "Woof.", "response_k": "Meow."},
}


@pytest.mark.parametrize("row", PREFERRED.values(), ids=PREFERRED)
def test_of_two_answers_the_better_one_is_the_characters(row):
    result = reading.read("dog.jsonl", json.dumps(row).encode())
    assert [said(c) for c in result.conversations] == [HELLO]


def test_an_answer_that_is_marked_as_unwanted_stays_out():
    rows = [{"messages": openai(*HELLO), "label": True}, {"messages": openai(*HELLO), "label": False}]
    rows.append({"prompt": "Hello.", "completion": "Meow.", "label": False})
    result = reading.read("dog.jsonl", "\n".join(map(json.dumps, rows)).encode())
    assert [said(c) for c in result.conversations] == [HELLO]
    assert [str(s) for s in result.skipped] == [
        f"dog.jsonl, line {n}, label: this answer is marked as one that is not wanted. Change label to true if it is to be learned."
        for n in (2, 3)
    ]


def test_a_chat_saved_by_text_generation_webui_is_one_conversation_that_begins_with_its_greeting():
    result = found(
        {"internal": [["<|BEGIN-VISIBLE-CHAT|>", "Is it dinner?"], ["Hello.", "Woof."]], "visible": [["", "x"], ["Hello.", "Woof."]]}
    )
    assert said(result.conversations[0]) == [("model", "Is it dinner?"), *HELLO]
