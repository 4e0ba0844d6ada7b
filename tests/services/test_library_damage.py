"""A damaged disk is noticed, mended where a whole copy exists, and never shown as what was written."""

import contextlib
import json
import random
import shutil
import sqlite3

import pytest

from studio.domain.conversation import Conversation, Turn
from studio.domain.errors import StudioError
from studio.domain.persona import Persona
from studio.services import database
from studio.services.library import Library

SEED = 20261121


def spoken(*texts):
    return [Turn(f"t{n}", "model" if n % 2 else "user", text) for n, text in enumerate(texts)]


def opened(home):
    return Library(home, home / "no-examples")


@pytest.fixture
def home(tmp_path):
    """A closed data folder with one character, thirteen conversations, history, a backup and a plain copy."""
    home = tmp_path / "home"
    with contextlib.closing(opened(home)) as library:
        biscuit = library.create(Persona("Biscuit", facts=("six",)))
        marked = Conversation("", "Marked", tuple(spoken("Hello.", "Is it dinner?")), ("t",), "needs work", ("six",))
        library.add_many(biscuit, [marked])
        for n in range(12):
            made = library.add(biscuit, f"Title {n}", spoken(f"Visitor says {n} " * 20, f"Biscuit answers {n} " * 20), tags=["t"])
            shown = library.load(made)
            more = {"id": "more", "role": "model", "text": f"and {n}", "others": [f"or {n}", "neither"], "drafted": True}
            library.save(made, 1, f"{n:016x}", f"Title {n}", [*shown["turns"], more])
        library._records.back_up()
    return home


def content(library):
    """All that is shown to a person."""
    cast = library.characters()
    return {c.id: (c.persona, library.conversations(c.id), library.listing(c.id), c.avatar) for c in cast}


def change(home, query, *values):
    with contextlib.closing(sqlite3.connect(home / "studio.db")) as db:
        db.execute(query, values)
        db.commit()


def test_one_changed_byte_anywhere_never_shows_wrong_text(home, tmp_path):
    with contextlib.closing(opened(home)) as library:
        true = content(library)
    dice, file, restored = random.Random(SEED), (home / "studio.db").read_bytes(), 0
    for n in range(60):
        place = dice.randrange(200) if n % 3 == 0 else dice.randrange(len(file))
        flipped = bytearray(file)
        flipped[place] ^= 1 << dice.randrange(8) if n % 2 else dice.randrange(1, 256)
        copy = tmp_path / f"copy-{n}"
        shutil.copytree(home, copy)
        (copy / "studio.db").write_bytes(flipped)
        with contextlib.closing(opened(copy)) as library:
            assert content(library) == {k: (p, c, rows, library.character(k).avatar) for k, (p, c, rows, _) in true.items()}, (
                f"seed {SEED}, try {n}, byte {place}"
            )
            restored += bool(library.notices())
        shutil.rmtree(copy)
    print(f"seed {SEED}: 60 changed bytes, {restored} noticed and mended, 0 wrong texts shown")


def cut(file):
    file.write_bytes(file.read_bytes()[:-5000])


def empty(file):
    file.write_bytes(b"")


def zero(file):
    file.write_bytes(bytes(file.stat().st_size))


def garbage(file):
    file.write_bytes(random.Random(SEED).randbytes(20_000))


@pytest.mark.parametrize("spoil", [cut, empty, zero, garbage, lambda file: file.unlink()], ids=["cut", "empty", "zeros", "garbage", "gone"])
@pytest.mark.parametrize("left", ["both", "mirror", "backup"])
def test_a_lost_database_comes_back_from_its_copies(home, spoil, left):
    with contextlib.closing(opened(home)) as library:
        true = {k: v[:2] for k, v in content(library).items()}
    for lost in {"both": (), "mirror": ("backups",), "backup": ("personas",)}[left]:
        shutil.rmtree(home / lost)
    spoil(home / "studio.db")
    with contextlib.closing(opened(home)) as library:
        assert {k: v[:2] for k, v in content(library).items()} == true
        assert "1 characters and 13 conversations were restored" in library.notices()[0]
    with contextlib.closing(opened(home)) as library:
        assert library.notices() == [] and {k: v[:2] for k, v in content(library).items()} == true


def test_the_damaged_file_is_kept_untouched(home):
    garbage(home / "studio.db")
    spoiled = (home / "studio.db").read_bytes()
    opened(home).close()
    (kept,) = (home / "damaged").glob("*.db")
    assert kept.read_bytes() == spoiled


def test_a_damaged_record_is_mended_while_the_studio_runs(home):
    library = opened(home)
    row = library.listing(library.characters()[0].id)["rows"][0]
    true = library.load(row["id"])
    change(home, "UPDATE record SET body = replace(body, 'Visitor', 'Villain') WHERE id = ?", row["id"])
    assert library.load(row["id"]) == true
    change(home, "UPDATE record SET body = replace(body, 'Visitor', 'Villain') WHERE id = ?", row["id"])
    change(home, "UPDATE history SET body = replace(body, 'Visitor', 'Villain') WHERE id = ? AND rev = 2", row["id"])
    assert library.load(row["id"]) == true  # from the plain copy
    assert "is mended" in library.notices()[-1]
    library.close()


def test_an_older_version_is_named_as_such(home):
    shutil.rmtree(home / "personas")
    library = opened(home)
    (home / "personas").rename(home / "away")
    row = library.listing(library.characters()[0].id)["rows"][0]
    for table in ("record", "history"):
        change(home, f"UPDATE {table} SET body = replace(body, 'Visitor', 'Villain') WHERE id = ? AND rev = 2", row["id"])
    loaded = library.load(row["id"])
    assert loaded["rev"] == 3 and [turn["id"] for turn in loaded["turns"]] == ["t0", "t1"]
    assert library.history(row["id"])["revisions"][0]["what"] == "restored" and "as it was saved on" in library.notices()[-1]
    library.close()


def test_what_no_copy_has_is_an_error_and_not_a_text(home):
    library = opened(home)
    biscuit = library.characters()[0].id
    row = library.listing(biscuit)["rows"][0]
    shutil.rmtree(home / "personas")
    for table in ("record", "history"):
        change(home, f"UPDATE {table} SET body = replace(body, 'says', 'shouts') WHERE id = ?", row["id"])
    answer = library.load(row["id"])
    assert answer["ok"] is False and answer["error"] == "damaged" and "not shown" in answer["message"]
    with pytest.raises(StudioError, match="damaged"):
        library.save(row["id"], 2, "f" * 16, "x", [])
    assert row["title"] not in [c.title for c in library.conversations(biscuit)] and len(library.conversations(biscuit)) == 12
    library.close()


def test_a_lost_sheet_does_not_take_its_conversations_along(home):
    (folder,) = (home / "personas").iterdir()
    (folder / "persona.json").unlink()
    shutil.rmtree(home / "backups")
    (home / "studio.db").unlink()
    with contextlib.closing(opened(home)) as library:
        (character,) = library.characters()
        assert (character.persona.name, character.conversations) == ("Recovered character", 13)


def test_a_plain_copy_that_somebody_edited_is_kept_aside(home):
    (folder,) = (home / "personas").iterdir()
    file = folder / "conversations.jsonl"
    edited = file.read_bytes().replace(b"Visitor says 3", b"Visitor SINGS 3")
    file.write_bytes(edited)
    (folder / "persona.json").write_text(json.dumps({"name": "Mine"}))
    with contextlib.closing(opened(home)) as library:
        library.flush()
        assert "SINGS" not in "".join(t.text for c in library.conversations(library.characters()[0].id) for t in c.turns)
        assert sum("kept beside it" in sentence for sentence in library.notices()) == 2
    (aside,) = folder.glob("conversations.jsonl.changed-*")
    assert aside.read_bytes() == edited and b"SINGS" not in file.read_bytes()
    opened(home).close()
    assert len(list(folder.glob("*.changed-*"))) == 2


def test_sums_that_a_power_cut_left_old_are_no_false_alarm(home):
    (folder,) = (home / "personas").iterdir()
    (folder / "SHA256SUMS").write_text("")
    (folder / ".conversations.jsonl.1.part").write_text("half")
    with contextlib.closing(opened(home)) as library:
        library.save_sheet(library.characters()[0].id, Persona("Biscuit", facts=("seven",)), 1)
    assert sorted(file.name for file in folder.iterdir()) == ["SHA256SUMS", "conversations.jsonl", "persona.json"]


def test_a_backup_is_made_when_something_changed_and_old_ones_go(home, monkeypatch):
    library = opened(home)
    records, biscuit = library._records, library.characters()[0].id
    count = len(database.backups(home / "studio.db"))
    records.back_up()
    assert len(database.backups(home / "studio.db")) == count
    for day in range(1, 12):
        monkeypatch.setattr(database, "_now", lambda day=day: f"203001{day:02d}-120000-000000000")
        library.add(biscuit, f"day {day}", spoken("a", "b"))
        records.back_up()
    names = [copy.name for copy in database.backups(home / "studio.db")]
    assert [name[7:15] for name in names] == [f"203001{day:02d}" for day in range(5, 12)]
    assert all(r.whole for r in database.revisions(home / "backups" / names[-1]))
    library.close()


def test_a_backup_that_does_not_verify_replaces_nothing(home):
    library = opened(home)
    before = database.backups(home / "studio.db")
    library.add(library.characters()[0].id, "new", spoken("a", "b"))
    change(home, "UPDATE record SET body = replace(body, 'Visitor', 'Villain')")
    library._records.back_up()
    assert database.backups(home / "studio.db") == before and "backup was not made" in library.notices()[-1]
    library.close()


def test_a_newer_studios_folder_is_refused_in_a_sentence(home):
    change(home, "CREATE TABLE later (x)")
    change(home, "PRAGMA user_version = 2")
    before = (home / "studio.db").read_bytes()
    with pytest.raises(StudioError, match="newer Persona Studio"):
        opened(home)
    assert (home / "studio.db").read_bytes() == before


def test_a_healthy_start_says_nothing(home):
    with contextlib.closing(opened(home)) as library:
        assert library.notices() == []
