"""What may be blended, and what a blend is called."""

import pytest

from studio.domain import blend
from studio.domain.blend import Blend
from studio.domain.errors import StudioError


def test_a_blend_of_two_is_kept_as_it_was_ordered():
    wanted = Blend(("nib-1", "marlow-2"), (0.5, 1.0), "ties").checked()
    recipe = wanted.to_dict() | {"names": ["Nib, 2026-11-22 09:00", "Marlow, 2026-11-20 18:30"]}
    assert recipe["parents"] == ["nib-1", "marlow-2"]
    assert blend.told({"recipe": recipe}) == "blend of Nib, 2026-11-22 09:00 0.5 and Marlow, 2026-11-20 18:30 1 (ties)"


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (Blend(("a",), (1.0,)), "two to 4 voices"),
        (Blend(("a", "a"), (1.0, 1.0)), "two to 4 voices"),
        (Blend(("a", "b", "c", "d", "e"), (1.0,) * 5), "two to 4 voices"),
        (Blend(("a", "b"), (1.0, 0.0)), "above 0"),
        (Blend(("a", "b"), (1.0,)), "above 0"),
        (Blend(("a", "b"), (1.0, float("nan"))), "above 0"),
        (Blend(("a", "b"), (1.0, 1.0), "magic"), "not known"),
    ],
)
def test_what_can_not_be_blended_is_refused_with_a_sentence(wanted, sentence):
    with pytest.raises(StudioError, match=sentence):
        wanted.checked()
