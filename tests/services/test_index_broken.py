"""An index that is damaged, gone, of another database or still being read hides nothing, and is made again by itself."""

import shutil
import sqlite3

import pytest

from studio.domain.conversation import Conversation, Turn
from studio.domain.persona import Persona
from studio.domain.wanted import ALL, Filters
from studio.services import index
from tests.services.test_index import asked, character, found, naive


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scribble(path):
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)


def forge(path, name, value):
    with sqlite3.connect(path) as db:
        db.execute("UPDATE about SET value = ? WHERE name = ?", (value, name))
    db.close()


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("This is no database at all. " * 400),
        cut,
        scribble,
        lambda path: forge(path, "made of", "1 another database"),
        lambda path: forge(path, "made of", "0"),
        lambda path: forge(path, "closed", 0),
        lambda path: forge(path, "seal", "of another version"),
        lambda path: forge(path, "read", 10**9),
        lambda path: forge(path, "read", "many"),
    ],
    ids=["gone", "empty", "text", "cut", "scribbled", "of another", "older", "killed", "another history", "ahead", "odd"],
)
def test_an_index_that_is_not_to_be_trusted_is_made_again_and_nobody_hears_of_it(opened, home, harm):
    library = opened()
    who = character(library, *(f"The puddle number {n}, and the gate" for n in range(50)))
    right = asked(library, who, "puddle number 4")
    library.close()
    harm(home / "index.db")
    library = opened()
    assert found(library, who, "puddle number 4") == right == naive(library, who, "puddle number 4")
    assert asked(library, who, "puddle number 4") == right
    assert library.notices() == []


def test_an_index_that_breaks_while_the_studio_is_open_is_made_again(opened, home):
    library = opened()
    who = character(library, *(f"The puddle number {n}, and the gate" for n in range(50)))
    right = asked(library, who, "puddle")
    with sqlite3.connect(home / "index.db") as db:
        db.execute("DROP TABLE fact")
    db.close()
    assert found(library, who, "puddle") == right
    assert asked(library, who, "puddle") == right


def test_where_no_index_can_be_made_everything_is_still_found(opened, home):
    library = opened()
    who = character(library, "The puddle", "The gate")
    (home / "index.db").mkdir()
    for _ in range(index.MOST_FAULTS + 1):
        assert found(library, who, "puddle") == naive(library, who, "puddle")
        assert found(library, who, "", Filters(length="short")) == naive(library, who)
    assert library.index.search(who, ("puddle",), ALL) is None


def test_the_index_of_a_studio_that_was_killed_is_not_believed(opened, home, tmp_path):
    library = opened()
    who = character(library, "The puddle")
    asked(library, who, "puddle")
    library.add(who, "", [Turn("a", "user", "Another puddle")])
    asked(library, who, "puddle")
    shutil.copytree(home, tmp_path / "killed", ignore=shutil.ignore_patterns("studio.lock"))
    with sqlite3.connect(tmp_path / "killed" / "index.db") as db:
        assert db.execute("SELECT value FROM about WHERE name = 'closed'").fetchone() == (0,)
    db.close()


def test_a_database_that_was_built_again_gets_an_index_of_its_own(opened, home):
    library = opened()
    who = character(library, "The puddle", "The gate")
    right = asked(library, who, "puddle")
    library.close()
    (home / "studio.db").unlink()
    library = opened()
    assert len(library.notices()) == 1
    assert asked(library, who, "puddle") == right == naive(library, who, "puddle")


def test_many_are_read_in_the_background_and_found_meanwhile(opened):
    library = opened()
    who = library.create(Persona("Biscuit"))
    many = [Conversation("", f"Talk {n}", (Turn("a", "user", f"puddle {n % 7}"),), ("rain",) * (n % 2)) for n in range(3 * index.CHUNK + 5)]
    library.add_many(who, many)
    first = library.listing(who, "puddle 3", 0, 200, Filters(tag="rain"))
    assert library.tags(who) == [("rain", len(many) // 2)]
    library.index.wait()
    assert first == library.listing(who, "puddle 3", 0, 200, Filters(tag="rain"))
    assert library.index.search(who, ("puddle", "3"), Filters(tag="rain")) == naive(library, who, "puddle 3", Filters(tag="rain"))


def test_closing_in_the_middle_of_reading_loses_nothing(opened):
    library = opened()
    who = library.create(Persona("Biscuit"))
    library.add_many(who, [Conversation("", f"Talk {n}", (Turn("a", "user", "puddle"),)) for n in range(5 * index.CHUNK)])
    library.listing(who, "puddle")
    library = opened()
    assert len(asked(library, who, "puddle")) == 5 * index.CHUNK


def test_what_is_stored_in_a_transaction_that_is_taken_back_never_reaches_the_index(opened):
    library = opened()
    who = character(library, "The puddle")
    right = asked(library, who, "puddle")
    with pytest.raises(ZeroDivisionError), library.transaction():
        library.add(who, "", [Turn("a", "user", "Another puddle")])
        assert len(found(library, who, "puddle")) == 2
        raise ZeroDivisionError
    assert asked(library, who, "puddle") == found(library, who, "puddle") == right


def test_what_is_there_is_read_before_anybody_asks(opened):
    library = opened()
    who = library.create(Persona("Biscuit"))
    library.add_many(who, [Conversation("", f"Talk {n}", (Turn("a", "user", f"puddle {n % 7}"),)) for n in range(3 * index.CHUNK)])
    library.index.begin()
    library.index.begin()  # once is enough, and twice does no harm
    library.index.wait()
    assert library.index.search(who, ("puddle", "3"), ALL) == naive(library, who, "puddle 3")


def test_the_background_rests_while_somebody_asks_and_goes_on_afterwards(opened, monkeypatch):
    monkeypatch.setattr(index, "LONGEST_REST", 60.0)
    library = opened()
    who = library.create(Persona("Biscuit"))
    library.add_many(who, [Conversation("", f"Talk {n}", (Turn("a", "user", "puddle"),)) for n in range(3 * index.CHUNK)])
    with library.index.aside():
        library.index.begin()
        assert library.index.search(who, ("puddle",), ALL) is None
        assert library._records.page(who, ("puddle",), ALL, 0, 10)[0] == 3 * index.CHUNK
    library.index.wait()
    assert library.index.search(who, ("puddle",), ALL) == naive(library, who, "puddle")


def test_closing_while_the_background_rests_ends_it(opened):
    library = opened()
    who = library.create(Persona("Biscuit"))
    library.add_many(who, [Conversation("", "Talk", (Turn("a", "user", "puddle"),)) for _ in range(2 * index.CHUNK)])
    with library.index.aside():
        library.index.begin()
        library.index.close()
    library = opened()
    assert len(asked(library, who, "puddle")) == 2 * index.CHUNK
