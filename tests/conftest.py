"""What many tests start from."""

import pytest

from studio.services.library import Library


@pytest.fixture
def library(tmp_path):
    """A library without characters in a home of its own."""
    library = Library(tmp_path / "home", tmp_path / "no-examples")
    yield library
    library.close()
