"""What is learned, what is kept back, and the files both are written to."""

import json

from hypothesis import given
from hypothesis import strategies as st

from studio.domain import dataset, gemma
from studio.domain.conversation import Conversation, Turn


def talk(identifier, *texts):
    return Conversation(
        identifier, f"Talk {identifier}", tuple(Turn(str(n), "model" if n % 2 else "user", text) for n, text in enumerate(texts))
    )


def many(count):
    return [talk(f"{n:03}", f"Question {n}?", f"Answer {n}.") for n in range(count)]


def test_only_whole_conversations_are_taught():
    odd = Conversation("x", "Odd", (Turn("1", "model", "Hello."), Turn("2", "user", "Hello?")))
    assert [
        c.id for c in dataset.teachable([talk("a", "Q", "A"), talk("b", "Q"), talk("c", "Q", "  "), Conversation("d", "Nothing"), odd])
    ] == ["a"]


def test_a_tenth_is_kept_back():
    parts = dataset.split(many(100), 0.1, 7)
    assert (len(parts.train), len(parts.validation)) == (90, 10)


def test_nothing_is_kept_back_when_nothing_shall_be_and_one_at_least_from_ten_on():
    assert len(dataset.split(many(50), 0, 7).validation) == 0
    assert len(dataset.split(many(10), 0.01, 7).validation) == 1
    assert len(dataset.split(many(9), 0.01, 7).validation) == 0


def test_the_same_seed_gives_the_same_split_in_any_order_and_another_seed_another_one():
    first, again, other = dataset.split(many(60), 0.2, 7), dataset.split(many(60)[::-1], 0.2, 7), dataset.split(many(60), 0.2, 8)
    assert {c.id for c in first.validation} == {c.id for c in again.validation}
    assert {c.id for c in first.validation} != {c.id for c in other.validation}


def test_one_more_conversation_moves_few_others():
    before = {c.id for c in dataset.split(many(100), 0.1, 7).validation}
    after = {c.id for c in dataset.split([*many(100), talk("new", "Something else?", "Yes.")], 0.1, 7).validation}
    assert len(before ^ after) <= 2


def test_copies_stay_on_one_side():
    for seed in range(30):
        parts = dataset.split([talk(f"{n:02}", f"Question {n // 3}?", "Yes.") for n in range(60)], 0.2, seed)
        assert not {c.turns[0].text for c in parts.train} & {c.turns[0].text for c in parts.validation}


@given(st.integers(0, 60), st.floats(0, 0.5), st.integers(0, 2**31))
def test_every_conversation_stands_on_exactly_one_side(count, share, seed):
    parts = dataset.split(many(count), share, seed)
    assert sorted(c.id for c in (*parts.train, *parts.validation)) == [c.id for c in many(count)]


@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=12))
def test_a_snapshot_is_read_back_word_for_word(pairs):
    parts = dataset.split([talk(f"{n:02}", *pair) for n, pair in enumerate(pairs)], 0.2, 7)
    back = dataset.from_snapshot(dataset.snapshot(parts))
    said = [[(c.id, c.title, [(t.role, t.text) for t in c.turns]) for c in side] for side in (parts.train, parts.validation)]
    assert [[(c.id, c.title, [(t.role, t.text) for t in c.turns]) for c in side] for side in (back.train, back.validation)] == said


def test_a_snapshot_keeps_separators_that_look_like_line_ends():
    parts = dataset.Split((talk("a", "One\u2028two\x85", "Three\nfour"),), ())
    assert [t.text for t in dataset.from_snapshot(dataset.snapshot(parts)).train[0].turns] == ["One\u2028two\x85", "Three\nfour"]


def test_the_training_file_has_one_marked_up_text_a_line():
    lines = dataset.to_gemma_jsonl([talk("a", "Q\nq", "A"), talk("b", "É", "B")], "", gemma.GEMMA3).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"text": "<bos><start_of_turn>user\nQ\nq<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"},
        {"text": "<bos><start_of_turn>user\nÉ<end_of_turn>\n<start_of_turn>model\nB<end_of_turn>\n"},
    ]


def test_a_family_that_thinks_gets_a_line_for_every_reply():
    assert len(dataset.to_gemma_jsonl([talk("a", "Q", "A", "R", "B")], "", gemma.GEMMA4_LARGE).splitlines()) == 2
