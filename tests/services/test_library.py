"""A library keeps what people wrote: claims on a real database and real files."""

import json
import stat
import threading
import unicodedata
from pathlib import Path

import pytest

from studio.domain.conversation import Conversation, Turn, from_body, from_jsonl
from studio.domain.errors import Busy, NotFound, StudioError
from studio.domain.persona import Persona, from_dict
from studio.services.library import Library

BUNDLED = Path(__file__).parents[2] / "personas"
WORDS = "Straße, naïve, 🐾\u2028 line, \\ % _ ' \" \t and\nmore"


def turns(*texts):
    return [{"id": f"t{n}", "role": "model" if n % 2 else "user", "text": text} for n, text in enumerate(texts)]


def spoken(*texts):
    return [Turn(**turn) for turn in turns(*texts)]


def reopened(library):
    library.close()
    return Library(library.home, library.home / "no-examples")


@pytest.fixture
def biscuit(library):
    return library.create(Persona("Biscuit"))


def test_a_saved_conversation_can_be_read_back_after_reopening(library, biscuit):
    written = library.add(biscuit, "The puddle", spoken("Come on.", WORDS), tags=["rain"])
    answer = library.save(written, 1, "0" * 16, "The big puddle", turns("Come on.", WORDS, "Now"))
    assert answer["ok"] and answer["rev"] == 2 and len(answer["sha256"]) == 64
    again = reopened(library)
    loaded = again.load(written)
    assert (loaded["ok"], loaded["rev"], loaded["op"], loaded["title"]) == (True, 2, "0" * 16, "The big puddle")
    assert loaded["turns"] == turns("Come on.", WORDS, "Now")
    assert again.conversations(biscuit)[0].tags == ("rain",)
    assert again.notices() == []
    again.close()


def test_two_windows_never_overwrite_each_other(library, biscuit):
    written = library.add(biscuit, "Dinner", spoken("a", "b"))
    assert library.save(written, 1, "1" * 16, "Dinner", turns("a", "mine"))["ok"]
    answer = library.save(written, 1, "2" * 16, "Dinner", turns("a", "yours"))
    assert (answer["ok"], answer["error"], answer["rev"], answer["op"]) == (False, "conflict", 2, "1" * 16)
    assert answer["turns"] == turns("a", "mine") == library.load(written)["turns"]


def test_a_repeated_save_is_stored_once(library, biscuit):
    written = library.add(biscuit, "Dinner", spoken("a", "b"))
    once = library.save(written, 1, "1" * 16, "Dinner", turns("a", "c"))
    assert library.save(written, 1, "1" * 16, "Dinner", turns("a", "c")) == once
    assert [r["rev"] for r in library.history(written)["revisions"]] == [2, 1]


def test_many_threads_lose_no_save(library, biscuit):
    written, done = library.add(biscuit, "Race", spoken("a", "b")), []

    def save(n):
        base = 1
        while not (answer := library.save(written, base, f"{n:016x}", f"by {n}", turns("a", "b")))["ok"]:
            base = answer["rev"]
        done.append(answer["rev"])

    racers = [threading.Thread(target=save, args=(n,)) for n in range(1, 9)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(done) == list(range(2, 10))
    assert len({r["title"] for r in library.history(written)["revisions"]}) == 9


def test_history_tells_the_latest_first(library, biscuit):
    written = library.add(biscuit, "v1", spoken("a", "b"))
    for n in range(2, 7):
        assert library.save(written, n - 1, f"{n:016x}", f"v{n}", turns("a", f"b{n}"))["ok"]
    assert [r["title"] for r in library.history(written)["revisions"]] == ["v6", "v5", "v4", "v3", "v2", "v1"]
    page = library.history(written, before=5, limit=2)
    assert page["ok"] and [r["rev"] for r in page["revisions"]] == [4, 3]
    assert page["revisions"][0]["turns"] == turns("a", "b4")


def test_losing_most_lines_has_to_be_meant(library, biscuit):
    written = library.add(biscuit, "Long", spoken("a", "b", "c", "d"))
    for less in ([], turns("a"), [{"id": "x", "role": "user", "text": "another"}] * 1):
        answer = library.save(written, 1, "1" * 16, "Long", less)
        assert answer["error"] == "invalid" and "more than half" in answer["message"]
    assert library.load(written)["turns"] == turns("a", "b", "c", "d")
    assert library.save(written, 1, "2" * 16, "Long", turns("a", "b"))["ok"]
    assert library.save(written, 2, "3" * 16, "Long", turns("a"), shrink=True)["ok"]


@pytest.mark.parametrize(
    "bad", [None, "text", [{}], [{"id": "a", "role": "user", "text": "\ud800"}], [{"id": "a", "role": "x", "text": ""}]]
)
def test_a_malformed_save_changes_nothing(library, biscuit, bad):
    written = library.add(biscuit, "Whole", spoken("a", "b"))
    answer = library.save(written, 1, "1" * 16, "Whole", bad)
    assert answer["error"] == "invalid" and answer["message"].startswith("Not saved: ")
    assert library.load(written)["rev"] == 1


def test_a_conversation_rests_in_the_bin_and_returns_to_its_place(library, biscuit):
    ids = [library.add(biscuit, title, spoken("a", "b")) for title in ("first", "second", "third")]
    library.remove(ids[1])
    assert [row["title"] for row in library.listing(biscuit)["rows"]] == ["third", "first"]
    assert library.load(ids[1]) == {"ok": False, "error": "missing"}
    assert library.save(ids[1], 1, "1" * 16, "second", turns("a", "b")) == {"ok": False, "error": "missing"}
    assert [entry[:2] for entry in library.removed(biscuit)] == [(ids[1], "second")]
    library.recover(ids[1])
    assert [row["title"] for row in library.listing(biscuit)["rows"]] == ["third", "second", "first"]


def test_a_character_rests_in_the_bin_with_all_its_words(library, biscuit):
    written = library.add(biscuit, "Dinner", spoken("a", "b"))
    library.delete(biscuit)
    assert library.characters() == [] and library.bin()[0][:2] == (biscuit, "Biscuit")
    assert library.load(written)["error"] == "missing" and library.listing(biscuit)["total"] == 0
    with pytest.raises(NotFound, match="not here any more"):
        library.character(biscuit)
    again = reopened(library)
    again.restore(biscuit)
    assert again.load(written)["turns"] == turns("a", "b") and again.bin() == []
    again.close()


def test_the_bin_is_emptied_after_thirty_days(library, biscuit, monkeypatch):
    library.add(biscuit, "Dinner", spoken("a", "b"))
    library.delete(biscuit)
    library.close()
    monkeypatch.setattr("studio.services.library.IN_BIN", -1)  # as if the days had passed
    again = Library(library.home, library.home / "none")
    assert again.bin() == [] and not list((library.home / "bin").glob("*"))
    again.close()


def test_a_copy_is_a_character_of_its_own(library, biscuit):
    library.add(biscuit, "second", spoken("a", "b"))
    written = library.add(biscuit, "first", spoken("a", "b"), tags=["x"])
    library.set_avatar(biscuit, ".png", b"\x89PNG picture")
    copied = library.copy(biscuit, "Button")
    assert [(c.persona.name, c.conversations) for c in library.characters()] == [("Biscuit", 2), ("Button", 2)]
    assert [c.title for c in library.conversations(copied)] == ["first", "second"]
    library.save(written, 1, "1" * 16, "changed", turns("a", "c"))
    assert [c.title for c in library.conversations(copied)] == ["first", "second"]
    library.flush()
    assert library.character(copied).avatar.read_bytes() == b"\x89PNG picture"


def test_a_sheet_changed_in_another_window_is_not_overwritten(library, biscuit):
    assert library.save_sheet(biscuit, Persona("Biscuit", facts=("six",)), 1) == 2
    assert library.save_sheet(biscuit, Persona("Biscuit", facts=("six",)), 1) == 2  # a repeat
    with pytest.raises(StudioError, match="another window"):
        library.save_sheet(biscuit, Persona("Biscuit", facts=("seven",)), 1)
    assert library.character(biscuit).persona.facts == ("six",)


NAMES = ("a/../../b", "..", "🐾🐾", "CON", "Zoë", unicodedata.normalize("NFD", "Zoë"), "   x   y ", "<img src=x>", "%00", "猫")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_makes_a_safe_folder(library, name):
    made = library.create(Persona(name))
    library.add(made, name, spoken(name, "b"))
    library.flush()
    (folder,) = (library.home / "personas").iterdir()
    assert folder.name.endswith(f"--{made}") and folder.name.isascii() and len(folder.name) < 80
    assert from_dict(json.loads((folder / "persona.json").read_text("utf-8")), "x").name == " ".join(name.split())
    assert library.new_folder("exports", made).parent == library.home / "exports"


def test_a_name_of_300_letters_is_refused_in_a_sentence(library):
    with pytest.raises(StudioError, match="60 characters"):
        library.create(Persona("x" * 300))
    with pytest.raises(StudioError, match="half a character"):
        library.create(Persona("\ud800"))
    assert library.characters() == []


def test_a_search_looks_through_titles_and_every_line(library, biscuit):
    library.add(biscuit, "Rain", spoken("Come on.", "The SKY is in it.", "50% off_", unicodedata.normalize("NFD", "Zoë")))
    library.add(biscuit, "Sun", spoken("x" * 200 + "\nsecond line", "b"))
    found = {
        query: library.listing(biscuit, query)["total"] for query in ("", "rain", "the sky", "ZOË", "%", "_", "50%", "nothing", "x" * 9999)
    }
    assert found == {"": 2, "rain": 1, "the sky": 1, "ZOË": 1, "%": 1, "_": 1, "50%": 1, "nothing": 0, "x" * 9999: 0}
    sun = library.listing(biscuit, "sun")["rows"][0]
    assert sun == {"id": sun["id"], "rev": 1, "title": "Sun", "turns": 2, "opening": "x" * 80, "tags": [], "flag": ""}


def test_ten_thousand_conversations_are_paged_in_order(library, biscuit):
    dialogue = [Conversation("", f"Conversation {n:05d}", tuple(spoken(f"Turn of {n}.", "Let us play."))) for n in range(10_000)]
    library.add_many(biscuit, dialogue[::-1])
    page = library.listing(biscuit, "", 5000, 200)
    assert page["total"] == 10_000 and [row["title"] for row in page["rows"]] == [f"Conversation {n:05d}" for n in range(4999, 4799, -1)]
    assert library.listing(biscuit, "turn of 777", 0, 20)["total"] == 11
    page = "SELECT id FROM record WHERE persona = ? AND kind = 'conversation' AND removed IS NULL ORDER BY place, id LIMIT 9"
    plan = library._records._rows(f"EXPLAIN QUERY PLAN {page}", biscuit)
    assert "shelf" in plan[0][3]


def test_many_conversations_come_together_or_not_at_all(library, biscuit):
    two = [Conversation("", title, tuple(spoken("a", "b"))) for title in ("one", "two")]
    ids = library.add_many(biscuit, two)
    assert [row["id"] for row in library.listing(biscuit)["rows"]] == ids
    with pytest.raises(StudioError, match="Nothing was added"):
        library.add_many(biscuit, [*two, Conversation("", "x" * 999)])
    assert library.listing(biscuit)["total"] == 2


def test_the_bundled_characters_come_once(tmp_path):
    library = Library(tmp_path / "home", BUNDLED)
    cast = library.characters()
    assert [c.persona.name for c in cast] == ["Biscuit", "Marlow", "Professor Quillfeather"]
    assert all(c.avatar.read_bytes() == (BUNDLED / c.persona.name.split()[-1].lower() / "avatar.svg").read_bytes() for c in cast)
    shipped = from_jsonl((BUNDLED / "biscuit/conversations.jsonl").read_text("utf-8"), "x", f"{cast[0].id}-")
    assert library.conversations(cast[0].id) == shipped
    assert library.listing(cast[0].id)["rows"][0]["opening"] == "Come on, Biscuit. We will be late."
    library.delete(cast[1].id)
    library.close()
    again = Library(tmp_path / "home", BUNDLED)
    assert [c.persona.name for c in again.characters()] == ["Biscuit", "Professor Quillfeather"]
    again.close()


def test_new_conversations_stand_on_top_of_the_bundled_ones(tmp_path):
    library = Library(tmp_path / "home", BUNDLED)
    biscuit = library.characters()[0].id
    library.add(biscuit, "Mine", spoken("a", "b"))
    assert [row["title"] for row in library.listing(biscuit, limit=2)["rows"]] == ["Mine", "The puddle by the gate"]
    library.close()


def test_the_plain_copy_equals_the_database(tmp_path):
    library = Library(tmp_path / "home", BUNDLED)
    odd = library.create(Persona("Odd / 🐾", facts=(WORDS,)))
    library.add(odd, WORDS[:50], spoken(WORDS, "\0", "\u2028"), tags=[WORDS])
    library.add(odd, "empty", [])
    library.close()
    again = Library(tmp_path / "home", BUNDLED)
    for character in again.characters():
        (folder,) = (tmp_path / "home/personas").glob(f"*--{character.id}")
        assert from_dict(json.loads((folder / "persona.json").read_text("utf-8")), "x") == character.persona
        copied = from_jsonl((folder / "conversations.jsonl").read_bytes().decode(), "x", "")
        stored = again.conversations(character.id)
        assert [(c.title, c.tags, [(t.role, t.text) for t in c.turns]) for c in copied] == [
            (c.title, c.tags, [(t.role, t.text) for t in c.turns]) for c in stored
        ]
    again.close()


def test_the_plain_copy_alone_brings_everything_back(tmp_path):
    library = Library(tmp_path / "home", BUNDLED)
    biscuit = library.characters()[0].id
    library.add(biscuit, "Mine", spoken(WORDS, "b"), tags=["t"])
    before = {c.id: (c.persona, library.conversations(c.id)) for c in library.characters()}
    library.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "home/personas").rename(elsewhere / "personas")
    again = Library(elsewhere, BUNDLED)
    assert {c.id: (c.persona, again.conversations(c.id)) for c in again.characters()} == before
    assert "3 characters and 252 conversations were restored" in again.notices()[0]
    again.close()


def test_the_plain_copy_follows_by_itself(library, biscuit):
    library.add(biscuit, "Soon", spoken("a", "b"))
    (library.home / "personas").mkdir(exist_ok=True)
    seen, waited = threading.Event(), 0
    while not list((library.home / "personas").glob("*/SHA256SUMS")) and waited < 100:
        seen.wait(0.1)
        waited += 1
    assert "Soon" in next((library.home / "personas").glob("*/conversations.jsonl")).read_text("utf-8")


def test_a_renamed_character_has_one_folder(library, biscuit):
    library.flush()
    library.save_sheet(biscuit, Persona("Pickle"), 1)
    library.flush()
    assert [folder.name for folder in (library.home / "personas").iterdir()] == [f"pickle--{biscuit}"]


def test_folders_are_counted_up_and_belong_to_a_character(library, biscuit):
    folders = [library.new_folder("adapters", biscuit) for _ in range(11)]
    assert [folder.name for folder in folders] == [f"biscuit-{n}" for n in range(1, 12)]
    for at, folder in enumerate(folders[:3]):
        library.write_json(folder / "spec.json", {"persona_id": biscuit, "created": at})
    assert library.adapters(biscuit) == folders[2::-1] and library.exports(biscuit) == []
    assert library.character(biscuit).adapters == 3
    assert library.job_folders() == sorted(folders[:3])


def test_only_the_owner_can_read_the_folder(library, biscuit):
    library.add(biscuit, "Private", spoken("a", "b"))
    library.flush()
    _ = library.scratch, library.models_dir, library.new_folder("exports", biscuit)
    library._records.back_up()
    rights = {path: stat.S_IMODE(path.stat().st_mode) for path in [library.home, *library.home.rglob("*")]}
    assert {mode for path, mode in rights.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in rights.items() if path.is_file()} == {0o600}


def test_a_second_library_in_this_process_is_refused(library):
    with pytest.raises(Busy, match="already open"):
        Library(library.home, library.home / "none")


def test_a_body_is_what_is_stored(library, biscuit):
    written = library.add(biscuit, "Dinner", spoken("a", "b"), tags=["x"])
    head = library._records.head(written)
    assert from_body(written, head.body) == library.conversations(biscuit)[0] and from_body(written, head.body).body() == head.body
