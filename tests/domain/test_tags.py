"""Tags: tidy, short, and none of them twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.domain.conversation import findable
from studio.domain.errors import StudioError
from studio.domain.tags import LONGEST_TAG, retagged, tag


def test_a_tag_is_kept_without_needless_spaces():
    assert tag("  first \n rain ") == "first rain"
    assert tag("x" * LONGEST_TAG) == "x" * LONGEST_TAG


@pytest.mark.parametrize("text", ["", "  \n", "x" * (LONGEST_TAG + 1), "rain, night"])
def test_what_cannot_be_a_tag_is_refused_in_a_sentence(text):
    with pytest.raises(StudioError, match="Nothing was changed"):
        tag(text)


@pytest.mark.parametrize(
    ("add", "drop", "left"),
    [
        (["night"], [], ("Rain", "STRASSE", "night")),
        (["rain", "straße"], [], ("Rain", "STRASSE")),
        (["a", "A", "b"], [], ("Rain", "STRASSE", "a", "b")),
        ([], ["RAIN", "nowhere"], ("STRASSE",)),
        (["rain"], ["Rain"], ("STRASSE", "rain")),
    ],
)
def test_small_and_capital_letters_make_no_second_tag(add, drop, left):
    assert retagged(("Rain", "STRASSE"), add, drop) == left


WORDS = st.lists(st.sampled_from(["Rain", "rain", "RAIN", "night", "Night", "e\u0301", "é", "x"]), max_size=6)


@given(WORDS, WORDS, WORDS)
def test_what_is_added_is_there_and_what_is_dropped_is_gone_whatever_the_letters(before, add, drop):
    after = [findable(one) for one in retagged(tuple(before), add, drop)]
    added, dropped = {findable(one) for one in add}, {findable(one) for one in drop}
    assert set(after) == ({findable(one) for one in before} - dropped) | added
    assert all(after.count(one) == 1 for one in added - {findable(one) for one in before})
