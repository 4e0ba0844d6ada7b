"""Files that come in as one step and go out again, in a real library and with real tables."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from studio.domain.conversation import Conversation, Turn, to_jsonl
from studio.domain.errors import BadFile, NotFound, NotReady
from studio.domain.formats import delivery, png
from studio.domain.persona import Persona
from studio.services import exchange
from studio.services.library import Library
from studio.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("PERSONA_STUDIO_KILLS", "60")) // 6
TWO = [
    Conversation("", "The puddle", (Turn("a", "user", "Come on."), Turn("b", "model", "It has the SKY.")), ("rain",)),
    Conversation("", "Bed", (Turn("c", "user", "Sleep."), Turn("d", "model", "No.\n\nNo!")), ()),
]


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "home", PROJECT / "personas")
    yield library
    library.close()


@pytest.fixture
def settings(library):
    return Settings(project=PROJECT, home=library.home)


@pytest.fixture
def pip(library):
    return library.create(Persona("Pip", visitor="Mia", ink="blue"))


def said(conversations):
    return [(c.title, [(t.role, t.text) for t in c.turns], c.tags) for c in conversations]


def held(library):
    """Everything a library holds, as one value."""
    return {c.id: (c.persona, said(library.conversations(c.id)), library.portrait(c.id)) for c in library.characters()}


def found(readings):
    return [(one.file, one.found) for one in readings if one.found]


def test_several_files_come_in_as_one_step_that_can_be_taken_back(library, settings, pip, tmp_path):
    (tmp_path / "one.jsonl").write_text(to_jsonl(TWO), "utf-8")
    (tmp_path / "two.txt").write_text("Mia: Hello.\nPip: Woof.\n", "utf-8")
    (tmp_path / "odd.txt").write_text("Once upon a time.", "utf-8")
    library.add_many(pip, TWO[:1])
    before = held(library)
    readings = exchange.read_files([tmp_path / n for n in ("one.jsonl", "two.txt", "odd.txt", "none.txt")], "Pip", settings)
    assert [bool(one.found) for one in readings] == [True, True, False, False]
    assert readings[2].skipped[0].what == "nothing in it is in a form the studio reads."
    assert readings[3].refusal == "none.txt, the whole file: it is not there. Look at the name again. Nothing was brought in."
    arrived = exchange.bring_in(library, found(readings), pip)
    assert [title for title, _, _ in said(library.conversations(pip))] == ["The puddle", "Bed", "Hello.", "The puddle"]
    exchange.take_back(library, arrived)
    assert held(library) == before


def test_a_fault_in_the_middle_brings_in_nothing_at_all(library, pip):
    readings = exchange.read_text("Mia: Hello.\nPip: Woof.\n", "Pip")
    broken = Conversation("", "x" * 201, TWO[0].turns)
    one = readings[0].found
    before = held(library)
    with pytest.raises(Exception, match="A title has at most 200"):
        exchange.bring_in(library, [("a", one), ("b", type(one)("script", (), (broken,)))], None)
    assert held(library) == before
    with pytest.raises(NotFound, match="Nothing was added"):
        exchange.bring_in(library, [("a", one)], "nobody")
    assert held(library) == before


def test_what_was_made_ready_stands_above_what_was_begun_meanwhile(library, pip):
    made = library.ready(pip, TWO)
    library.add(pip, "Begun meanwhile", TWO[0].turns)
    library.add_ready(made)
    assert [title for title, _, _ in said(library.conversations(pip))] == ["The puddle", "Bed", "Begun meanwhile"]
    assert library.listing(pip, "sleep")["total"] == 1, "and it is found by its words"


def test_what_is_written_while_an_import_is_taken_back_goes_to_the_bin_with_it(library, pip):
    puddle, bed = library.add_many(pip, TWO)
    library.remove(bed)
    made = library.leaving([puddle, bed, "nobody's"])
    library.save(puddle, 1, "a" * 16, "The sea", [turn.to_dict() for turn in TWO[0].turns])
    library.leave(made)
    assert library.conversations(pip) == []
    library.recover(puddle)
    assert (library.load(puddle)["title"], library.load(puddle)["rev"]) == ("The sea", 4)


def test_a_character_that_came_in_goes_to_the_bin_whole(library):
    before = held(library)
    arrived = exchange.bring_in(library, found(exchange.read_text("Mia: Hello.\nPip: Woof.\n", "")), None)
    assert [(one.is_new, len(one.conversations)) for one in arrived] == [(True, 1)]
    new = library.character(arrived[0].persona)
    assert (new.persona.name, new.conversations) == (exchange.PASTED, 1)
    exchange.take_back(library, arrived)
    assert held(library) == before
    assert [name for _, name, _ in library.bin()] == [exchange.PASTED]


def test_every_bundled_character_travels_to_another_studio_to_the_byte(library, settings, tmp_path):
    other = Library(tmp_path / "other", tmp_path / "none")
    try:
        for character in library.characters():
            package = tmp_path / exchange.file_name(character.persona, "package")
            package.write_bytes(exchange.take_out(library, character.id, "package", settings))
            arrived = exchange.bring_in(other, found(exchange.read_files([package], "", settings)), None)
            assert exchange.take_out(other, arrived[0].persona, "package", settings) == package.read_bytes()
            there = other.character(arrived[0].persona)
            assert there.persona == character.persona
            assert there.avatar.read_bytes() == character.avatar.read_bytes()
    finally:
        other.close()


def test_a_card_becomes_a_character_with_its_picture(library, settings, pip, tmp_path):
    library.add_many(pip, TWO)
    library.set_avatar(pip, ".png", png.plain())
    card = tmp_path / "pip.png"
    card.write_bytes(exchange.take_out(library, pip, "card-v3-png", settings))
    readings = exchange.read_files([card], "", settings)
    new = exchange.bring_in(library, found(readings), None)[0].persona
    assert (said(library.conversations(new)), library.portrait(new)) == (said(TWO), (png.plain(), ".png"))
    into = exchange.bring_in(library, found(readings), pip)[0]
    assert (into.is_new, len(library.conversations(pip))) == (False, 4)


def test_a_card_without_conversations_gives_another_character_nothing(library, settings, pip, tmp_path):
    card = tmp_path / "pip.json"
    card.write_bytes(exchange.take_out(library, pip, "card-v2-json", settings))
    with pytest.raises(NotReady, match="^There are no conversations in it. Nothing was brought in. Choose another file.$"):
        exchange.bring_in(library, found(exchange.read_files([card], "", settings)), pip)


def test_a_chat_begins_with_the_characters_greeting(library, settings, tmp_path):
    lines = [{"user_name": "Mia", "character_name": "Tansy"}, {"name": "Tansy", "is_user": False, "mes": "Mind the nettles."}]
    lines += [{"name": "Mia", "is_user": True, "mes": "Hello."}, {"name": "Tansy", "is_user": False, "mes": "Sit."}]
    (tmp_path / "chat.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    arrived = exchange.bring_in(library, found(exchange.read_files([tmp_path / "chat.jsonl"], "", settings)), None)
    persona = library.character(arrived[0].persona).persona
    assert (persona.name, persona.greeting) == ("Tansy", "Mind the nettles.")


def test_parquet_comes_back_with_titles_and_tags(library, settings, pip, tmp_path):
    library.add_many(pip, TWO)
    table = tmp_path / "pip.parquet"
    table.write_bytes(exchange.take_out(library, pip, "parquet", settings))
    assert pyarrow.parquet.read_table(table).column_names == ["title", "tags", "messages"]
    readings = exchange.read_files([table], "Pip", settings)
    assert said(readings[0].found.conversations) == said(TWO)
    assert readings[0].skipped == ()


def test_a_folder_that_datasets_has_saved_is_read_part_by_part(settings, tmp_path):
    rows = [{"prompt": f"Question {n}?", "response": f"Answer {n}." if n != 2 else None, "picture": b"\xff"} for n in range(4)]
    parts = {"train": datasets.Dataset.from_list(rows), "test": datasets.Dataset.from_list(rows[:1])}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "talk"))
    (one,) = exchange.read_files([tmp_path / "talk"], "", settings)
    assert [c.turns[0].text for c in one.found.conversations] == ["Question 0?", "Question 1?", "Question 3?", "Question 0?"]
    assert [str(s) for s in one.skipped] == [
        "talk, row 3: there is no conversation here in a form the studio knows. "
        "Give it a list called messages or conversations, or two texts called prompt and response."
    ]
    assert dict(one.found.mapping)["prompt"] == "the visitor"


def test_the_files_of_such_a_folder_can_be_chosen_one_by_one(settings, tmp_path):
    datasets.Dataset.from_list([{"prompt": "Hello?", "response": "Yes."}]).save_to_disk(str(tmp_path / "talk"))
    (one,) = exchange.read_files(sorted((tmp_path / "talk").iterdir()), "", settings)
    assert (Path(one.file).suffix, said(one.found.conversations)) == (".arrow", [("Hello?", [("user", "Hello?"), ("model", "Yes.")], ())])


def test_files_that_only_describe_a_data_set_say_so(settings, tmp_path):
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(BadFile, match="These files only describe a data set. Nothing was brought in."):
        exchange.read_files([tmp_path / "state.json"], "", settings)


def test_a_table_that_keeps_lines_as_a_group_of_lists_is_read(settings, tmp_path):
    rows = [{"conversations": {"from": ["human", "gpt"], "value": [f"Question {n}?", "Yes."]}, "id": n} for n in range(2)]
    datasets.Dataset.from_list(rows).to_parquet(str(tmp_path / "old.parquet"))
    (one,) = exchange.read_files([tmp_path / "old.parquet"], "", settings)
    assert [[t.text for t in c.turns] for c in one.found.conversations] == [["Question 0?", "Yes."], ["Question 1?", "Yes."]]
    assert (one.found.kind, one.skipped) == ("ShareGPT", ())


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems have pipes with a name")
def test_what_is_no_file_is_not_waited_for(settings, tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    (one,) = exchange.read_files([tmp_path / "pipe.json"], "", settings)
    assert one.refusal == "pipe.json, the whole file: this is not a file. Choose a file or a folder. Nothing was brought in."


def test_a_row_of_a_table_that_is_no_text_costs_only_itself(settings, tmp_path):
    good = pyarrow.array(["Hello?", "Still there?"])
    broken = pyarrow.Array.from_buffers(
        pyarrow.string(), 2, [None, pyarrow.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0"), pyarrow.py_buffer(b"Hi\xff\xfe")]
    )
    pyarrow.parquet.write_table(pyarrow.table({"prompt": good, "response": broken}), tmp_path / "t.parquet")
    (one,) = exchange.read_files([tmp_path / "t.parquet"], "", settings)
    assert [[t.text for t in c.turns] for c in one.found.conversations] == [["Hello?", "Hi"]]
    assert [s.where for s in one.skipped] == ["t.parquet, row 2"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"Hello."])
def test_what_is_no_table_is_refused_with_a_sentence(settings, tmp_path, content):
    (tmp_path / "t.parquet").write_bytes(content)
    (one,) = exchange.read_files([tmp_path / "t.parquet"], "", settings)
    assert (
        one.refusal
        == "t.parquet, the whole file: this is no table that can be read, or it is damaged. Copy it again from where it came. Nothing was brought in."
    )


def test_any_other_folder_is_read_file_by_file(settings, tmp_path):
    folder = tmp_path / "talk"
    (folder / "data").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in ("data/a.jsonl", "b.jsonl", ".hidden/c.jsonl", "dataset_infos.json"):
        (folder / name).write_text(to_jsonl(TWO[:1]), "utf-8")
    assert [one.file for one in exchange.read_files([folder], "", settings)] == ["b.jsonl", "data/a.jsonl"]


def test_somebody_is_found_by_name_and_by_id(library, pip):
    assert exchange.named(library, " pip ") == exchange.named(library, pip) == pip
    library.create(Persona("Pip"))
    with pytest.raises(NotFound, match="2 characters are called “Pip”. Nothing was changed. Use one of these instead of the name: "):
        exchange.named(library, "Pip")
    with pytest.raises(NotFound, match="There is no character called “Pop”. Nothing was changed. There are Biscuit, "):
        exchange.named(library, "Pop")


def test_a_new_character_gets_the_ink_that_fewest_have(library):
    taken = [c.persona.ink for c in library.characters()]
    arrived = exchange.bring_in(library, found(exchange.read_text("A: Hi.\nB: Ho.\n", "")), None)
    assert taken.count(library.character(arrived[0].persona).persona.ink) == 0


@pytest.mark.parametrize("key", [way.key for way in delivery.WAYS if way.key not in ("parquet", "package")])
def test_a_bundled_character_can_be_taken_out_in_every_form(library, settings, tmp_path, key):
    character = library.characters()[0]
    file = tmp_path / exchange.file_name(character.persona, key)
    file.write_bytes(exchange.take_out(library, character.id, key, settings))
    (one,) = exchange.read_files([file], character.persona.name, settings)
    assert one.skipped == ()
    assert len(one.found.conversations) == character.conversations or key == "alpaca"


BRINGER = """
import sys
from pathlib import Path
from studio.domain.formats import reading
from studio.services import exchange
from studio.services.library import Library
library = Library(Path(sys.argv[1]), Path("none"))
found = reading.read("x.txt", "".join(f"# {n}\\nMia: Question {n}?\\nPip: Answer {n}.\\n" for n in range(60)).encode())
while True:
    for back in (exchange.bring_in(library, [("x.txt", found)], sys.argv[2]), exchange.bring_in(library, [("x.txt", found)], None)):
        print(len(back[0].conversations), flush=True)
    exchange.take_back(library, back)
"""


@pytest.mark.slow
def test_a_studio_that_is_killed_while_files_come_in_has_all_of_them_or_none(tmp_path):
    home, dice = tmp_path / "home", random.Random(5)
    library = Library(home, tmp_path / "none")
    pip = library.create(Persona("Pip"))
    library.close()
    surroundings = {**os.environ, "PYTHONPATH": str(PROJECT)}
    for _ in range(KILLS):
        child = subprocess.Popen([sys.executable, "-c", BRINGER, str(home), pip], stdout=subprocess.PIPE, cwd=tmp_path, env=surroundings)
        assert child.stdout.readline() == b"60\n"
        time.sleep(dice.random() * 0.2)
        child.kill()
        child.communicate()
        library = Library(home, tmp_path / "none")
        held = [c.conversations for c in library.characters()]
        thrown = [len(library._records.shelf(who, "conversation")) for who, _, _ in library.bin()]
        library.close()
        assert held[0] >= 60 and [count % 60 for count in held + thrown] == [0] * len(held + thrown)
