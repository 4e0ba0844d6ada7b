"""Damaged files end in a sentence that names the file, the place, the field and a cure, or cost only the places that can't be read. All 10,000:
`bench mutations`."""

import pytest

from studio.settings import Settings
from tests import mutations

COUNT, PART = 300, 50


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    settings = Settings(project=mutations.PROJECT, home=tmp_path_factory.mktemp("home"))
    return mutations.seeds(settings), settings


@pytest.mark.parametrize("first", range(0, COUNT, PART))
def test_no_damaged_file_crashes_holds_up_or_is_refused_without_place_and_cure(given, tmp_path, first):
    made, settings = given
    wrong = {n: fault for n in range(first, first + PART) if (fault := mutations.fault(*mutations.mutation(made, n), tmp_path, settings))}
    assert wrong == {}
