"""What can be put right by itself loses no word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.domain import checks, mending
from studio.domain.conversation import Conversation, Turn


def said(*lines):
    return Conversation("x", "X", tuple(Turn(str(n), role, text) for n, (role, text) in enumerate(lines)))


def texts(conversation):
    return [(turn.id, turn.role, turn.text) for turn in conversation.turns]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("trim", [("user", " Hello?\n"), ("model", "Me.")], [("0", "user", "Hello?"), ("1", "model", "Me.")]),
        ("empty", [("user", "Hello?"), ("model", " "), ("model", "Me.")], [("0", "user", "Hello?"), ("2", "model", "Me.")]),
        ("twice", [("user", "Hello?"), ("user", "You?"), ("model", "Me.")], [("0", "user", "Hello?\nYou?"), ("2", "model", "Me.")]),
        ("marks", [("user", "<bos>"), ("model", " <end_of_turn> ")], [("0", "user", "< bos>"), ("1", "model", " < end_of_turn> ")]),
        ("layout", [("user", "**You**?"), ("model", "**Me**, __me__, 2 ** 3.")], [("0", "user", "**You**?"), ("1", "model", "Me, me, 2 ** 3.")]),
    ],
)  # fmt: skip
def test_each_mend_does_what_its_button_says(kind, before, after):
    assert mending.button(kind)
    assert texts(mending.mended(kind, said(*before))) == after


def test_what_only_the_writer_can_mend_has_no_button():
    assert [kind for kind in ("long", "near", "ending", "opening", "email", "fact", "start", "few") if mending.button(kind)] == []
    assert mending.button("copy") == "Move the copies to the bin"


LINES = st.lists(st.tuples(st.sampled_from(["user", "model"]), st.text(alphabet="ab \n*_<>bos", max_size=12)), max_size=6)


@given(LINES, st.sampled_from(["trim", "empty", "twice", "marks"]))
def test_a_mended_conversation_has_the_same_letters_and_nothing_left_of_the_fault(lines, kind):
    before = said(*lines)
    after = mending.mended(kind, before)
    assert "".join("".join(t.text.split()) for t in after.turns) == "".join("".join(t.text.split()) for t in before.turns)
    assert kind not in [f.kind for f in checks.read([after], checks.Sizes({}, {}, 512), {})]
    assert mending.mended(kind, after) == after
