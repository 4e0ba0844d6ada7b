"""Files are written whole or not at all, and no oftener than they change."""

import hashlib
import os

import pytest

from studio.domain.errors import StudioError
from studio.services import storage


@pytest.mark.parametrize("before", [None, b"", b"ab", b"abc", b"axc", b"abcd"])
@pytest.mark.parametrize("pieces", [[], [b""], [b"ab", b"c"], [b"abc"]])
def test_pieces_stand_as_one_file_and_what_stands_already_is_left(tmp_path, before, pieces):
    path, whole = tmp_path / "file", b"".join(pieces)
    if before is not None:
        path.write_bytes(before)
        os.utime(path, (1, 1))
    assert storage.rewrite(path, iter(pieces)) == hashlib.sha256(whole).hexdigest()
    assert path.read_bytes() == whole
    assert (path.stat().st_mtime == 1) == (before == whole)
    assert list(tmp_path.iterdir()) == [path]


def test_what_breaks_off_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def broken():
        yield b"new"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        storage.rewrite(path, broken())
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("file", b"old")]


def test_a_file_that_somebody_cuts_off_meanwhile_is_an_error_and_no_endless_wait(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")

    def pieces():
        yield b"abc"
        path.write_bytes(b"a")  # another program, before what is the same is read again
        yield b"dxf"

    with pytest.raises(StudioError):
        storage.rewrite(path, pieces())
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("file", b"a")]
