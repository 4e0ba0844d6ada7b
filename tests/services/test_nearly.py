"""Who could be nearly the same as whom."""

import random
from array import array

from hypothesis import given
from hypothesis import strategies as st

from studio.domain.notes import Numbers
from studio.services import nearly


def numbered(texts):
    numbers = Numbers()
    return [array("I", [numbers[word] for word in text]) for text in texts]


@given(st.integers(0, 10_000))
def test_whatever_is_nearly_the_same_is_a_candidate(seed):
    rng = random.Random(seed)
    listed = [f"w{n}" for n in range(60)]
    text = rng.choices(listed, k=rng.randrange(20, 60))
    other = list(text)
    # So many words left out that the two still share the part of all their words that makes them nearly the same.
    for _ in range(int(2 * len(text) * (1 - nearly.SAME) / (2 - (1 - nearly.SAME)) / 2)):
        del other[rng.randrange(len(other))]
    strangers = [rng.choices(listed, k=40) for _ in range(5)]
    found = dict(nearly.candidates(numbered([text, *strangers, other])))
    assert 0 in found.get(6, [])


def test_texts_that_share_nothing_or_say_little_are_no_candidates():
    made = [["a", "b"], ["a", "b"], [], [f"x{n}" for n in range(30)], [f"y{n}" for n in range(30)]]
    assert list(nearly.candidates(numbered(made))) == []
