"""What tests of the services share: a library that is opened again and again, and a studio with a model to learn on."""

import pytest

from studio.services.library import Library
from tests.services import parcels
from tests.tabs import stage


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def opened(home, tmp_path):
    """Opens the studio's library, again and again; the last one is closed at the end."""
    stands = []

    def opened():
        while stands:
            stands.pop().close()
        stands.append(Library(home, tmp_path / "no-examples"))
        return stands[-1]

    yield opened
    while stands:
        stands.pop().close()


@pytest.fixture
def studio(library, tmp_path):
    """A studio whose practice model is a small stand-in on the disk."""
    studio = stage.studio(library, tmp_path)
    parcels.base(studio.models.practice)
    return studio
