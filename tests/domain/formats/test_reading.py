"""One door for every file: what is in it decides, then its name; and whatever is wrong with it, a sentence comes out."""

import json
import random
import time

import pytest

from studio.domain import dataset, gemma
from studio.domain.conversation import Conversation, Turn, fault, to_jsonl
from studio.domain.errors import BadFile, StudioError
from studio.domain.formats import cards, pairs, reading, spreadsheet, writing
from studio.domain.formats.found import Found
from studio.domain.persona import Persona

TALK = (
    Turn("1", "user", "Come on."),
    Turn("2", "model", "There is a “puddle”, and it\n\nhas sky."),
    Turn("3", "user", "Und nun? 🐾"),
    Turn("4", "model", "=Woof."),
)
TALKS = [
    Conversation("a", "Rain", TALK, ("wet",)),
    Conversation("b", "Sun", TALK[:2]),
    Conversation("c", "Hm", (Turn("1", "user", "Sit."), TALK[3])),
]
BISCUIT = Persona("Biscuit", greeting="Woof.")
LOG = "\n".join(
    json.dumps(row)
    for row in (
        {"user_name": "Mia", "character_name": "Biscuit", "chat_metadata": {}},
        {"name": "Mia", "is_user": True, "mes": "Come on."},
        {"name": "Biscuit", "is_user": False, "mes": "Not yet."},
    )
)
FILES = {
    "ours.jsonl": (to_jsonl(TALKS), "Persona Studio conversations"),
    "openai.jsonl": (writing.to_openai(TALKS, "You are Biscuit."), "OpenAI messages"),
    "sharegpt.jsonl": (writing.to_sharegpt(TALKS, "You are Biscuit."), "ShareGPT"),
    "sharegpt.json": (json.dumps([json.loads(line) for line in writing.to_sharegpt(TALKS).split("\n")[:-1]], indent=2), "ShareGPT"),
    "compact.json": (json.dumps({"data": [json.loads(line) for line in writing.to_openai(TALKS).split("\n")[:-1]]}), "OpenAI messages"),
    "alpaca.json": (writing.to_alpaca(TALKS, "You are Biscuit.")[0], "Alpaca"),
    "pairs.csv": ('prompt,response\r\nCome on.,"Not, yet."\r\nSit.,"No\nway"\r\n', "questions and answers"),
    "table.csv": (writing.to_csv(TALKS), "table of conversations"),
    "gemma3.jsonl": (dataset.to_gemma_jsonl(TALKS, "You are Biscuit.", gemma.GEMMA3), "Gemma text"),
    "gemma4.jsonl": (dataset.to_gemma_jsonl(TALKS, "You are Biscuit.", gemma.GEMMA4_LARGE), "Gemma text"),
    "gemma.txt": ("".join(s.text for c in TALKS for s in gemma.segments(c.turns, "", gemma.GEMMA4)), "Gemma text"),
    "script.md": (writing.to_script(TALKS, "Biscuit", "Mia"), "script"),
    "log.jsonl": (LOG, "SillyTavern chat"),
    "card.json": (cards.card_v2(BISCUIT, TALKS), "Character card V2"),
}
BYTES = {name: content.encode() for name, (content, _) in FILES.items()} | {"card.png": cards.card_v3_png(BISCUIT, TALKS)}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, (_, kind) in FILES.items()] + [("card.png", "Character card V3")])
@pytest.mark.parametrize("called", ["{}", "{}.txt", "dog", "dog.json", "dog.csv"])
def test_what_is_in_a_file_decides_and_not_its_name(name, kind, called):
    found = reading.read(called.format(name), BYTES[name], "Biscuit")
    assert found.kind == kind
    assert found.conversations
    assert not any(fault(c.title, [vars(t) for t in c.turns]) for c in found.conversations)


@pytest.mark.parametrize("name", ["ours.jsonl", "sharegpt.json", "table.csv", "gemma.txt", "script.md"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_marks_of_other_encodings(name, encoding):
    found = reading.read(name, FILES[name][0].removeprefix("\ufeff").encode(encoding), "Biscuit")
    assert [[t.text for t in c.turns] for c in found.conversations] == [[t.text for t in c.turns] for c in TALKS]


def test_rows_of_every_dialect_in_one_file():
    rows = [
        line for name in ("ours.jsonl", "openai.jsonl", "sharegpt.jsonl", "gemma3.jsonl") for line in FILES[name][0].split("\n") if line
    ]
    rows += [json.dumps({"prompt": "Sit.", "response": "No."}), "# a remark", json.dumps({"name": "Biscuit"})]
    found = reading.read("all.jsonl", "\n".join(rows).encode())
    assert found.kind == "Persona Studio conversations and OpenAI messages and ShareGPT and Gemma text and questions and answers"
    assert len(found.conversations) == 13
    assert [s.where for s in found.skipped] == ["all.jsonl, line 14, column 1", "all.jsonl, line 15"]


@pytest.mark.parametrize(
    ("value", "card", "log"),
    [
        ({"spec": "chara_card_v2", "data": {}}, True, False),
        ({"spec": "chara_card_v3", "data": {}}, True, False),
        ({"name": "a", "first_mes": "b", "mes_example": "c", "scenario": ""}, True, False),
        ({"name": "a", "first_mes": "b"}, False, False),
        ({"spec": ["chara_card_v2"]}, False, False),
        ({"user_name": "Mia"}, False, True),
        ({"is_user": True, "mes": "x"}, False, True),
        ({"messages": []}, False, False),
        ([], False, False),
        ("chara_card_v2", False, False),
    ],
)
def test_cards_and_logs_are_recognised(value, card, log):
    assert (reading.is_card(value), reading.is_log(value)) == (card, log)


def test_a_card_that_lacks_some_of_its_fields_is_a_card():
    for value in ({"name": "Biscuit", "first_mes": "Woof."}, {"data": {"name": "Biscuit", "first_mes": "Woof."}}):
        assert reading.read("dog.json", json.dumps(value).encode()).persona.greeting == "Woof."


def test_an_odd_byte_in_a_log_costs_one_line_of_it():
    found = reading.read("log.jsonl", LOG.encode() + b'\n{"name": "Biscuit", "is_user": false, "mes": "Stra\xdfe"}')
    assert [[t.text for t in c.turns] for c in found.conversations] == [["Come on.", "Not yet."]]
    assert [s.where for s in found.skipped] == ["log.jsonl, line 4, mes"]


@pytest.mark.parametrize("data", [b"Once upon a time there was a dog.\nIt barked.\n", b"PK\x03\x04 a Word file", b"name,age\nBiscuit,6\n"])
def test_a_file_nobody_understands_is_told_what_can_be_read(data):
    with pytest.raises(BadFile) as caught:
        reading.read("story.txt", data)
    assert str(caught.value) == (
        "story.txt, the whole file: nothing in it is in a form the studio reads. Save it as one of those it knows: "
        "a character card (PNG, WebP, JSON or CHARX), a persona package, a character of text-generation-webui (YAML), a SillyTavern chat (JSONL), "
        "OpenAI messages, ShareGPT or Alpaca (JSON or JSONL), the studio's own table (CSV), a table with columns like prompt and response "
        "(CSV or TSV), Gemma's markup, or a script in which every line begins with a name and a colon. "
        "Nothing was brought in."
    )


def test_a_file_whose_name_promises_json_is_told_what_is_wrong_with_its_json():
    with pytest.raises(BadFile) as caught:
        reading.read("dog.jsonl", b"{'messages': []}\n")
    assert str(caught.value) == (
        "dog.jsonl, line 1, column 2: this can't be read as JSON: a name in double quotation marks is missing. "
        "Mend it. What comes after it was not read. Nothing was brought in."
    )


TRAPS = {
    "empty": (b"", "dog.json, the whole file: there is nothing in it. Choose a file with conversations in it. Nothing was brought in."),
    "an empty list": (
        b"[]",
        "dog.json, line 1: there is no conversation here in a form the studio knows. Give it a list called messages or "
        "conversations, or two texts called prompt and response. Nothing was brought in.",
    ),
    "brackets": (
        b"[" * 100_000,
        "dog.json, line 1, column 62, entry 1: brackets stand inside brackets more than 60 times. Mend it. "
        "What comes after it was not read. Nothing was brought in.",
    ),
    "a long number": (
        b'{"messages": [{"role": "user", "content": %s}]}' % (b"1" * 5000),
        "dog.json, line 1, messages, item 1, content: there is no text under content. Fill it in, or remove that item. Nothing was brought in.",
    ),
    "NaN": (
        b'{"messages": [{"role": "user", "content": NaN}]}',
        "dog.json, line 1, messages, item 1, content: there is no text under content. Fill it in, or remove that item. Nothing was brought in.",
    ),
    "half a character": (
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        "dog.json, line 1, messages, item 1, content: there is half a character that can't be stored. Type it again. Nothing was brought in.",
    ),
    "zero characters": (
        b"\0" * 100,
        "dog.json, the whole file: there is nothing in it. Choose a file with conversations in it. Nothing was brought in.",
    ),
    "another encoding": (
        b'{"messages": [{"role": "user", "content": "Stra\xdfe"}]}',
        "dog.json, line 1, column 48: there is a character that is not written in UTF-8. Open the file in a text editor, save it as UTF-8, "
        "and bring it in again. Nothing was brought in.",
    ),
}


@pytest.mark.parametrize(("data", "sentence"), TRAPS.values(), ids=TRAPS)
def test_every_trap_ends_in_its_sentence(data, sentence):
    with pytest.raises(BadFile) as caught:
        reading.read("dog.json", data)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("value", [None, True, 5, "x", [], {}, [[]], [{}], {"role": "user"}, ["x", None], [["x"]]], ids=repr)
@pytest.mark.parametrize(
    "key",
    [
        "messages",
        "conversations",
        "role",
        "content",
        "from",
        "value",
        "prompt",
        "response",
        "history",
        "text",
        "title",
        "tags",
        "system",
        "data",
    ],
)
def test_a_wrong_type_at_any_place_costs_only_its_row(key, value):
    good = {"messages": [{"role": "user", "content": "Sit."}]}
    for line in [
        {"messages": [{"role": "user", "content": "x"}], "title": "t", key: value},
        {"messages": [{"role": "user", "content": "x", key: value}]},
        {"conversations": [{"from": "human", "value": "x", key: value}]},
        {"prompt": "x", "response": "y", key: value},
        {"instruction": "x", "output": "y", key: value},
        {"text": "<bos>", key: value},
    ]:
        found = reading.read("dog.jsonl", f"{json.dumps(line)}\n{json.dumps(good)}".encode())
        assert found.conversations[-1].turns[-1].text == "Sit."
        assert all(str(s).startswith("dog.jsonl, line 1") for s in found.skipped)


def mutated(random_, samples):
    data = bytearray(random_.choice(samples))
    for _ in range(random_.randint(1, 4)):
        at = random_.randrange(len(data) + 1)
        kind = random_.randrange(4)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << random_.randrange(8)
        elif kind == 1:
            del data[at : at + random_.randint(1, 200)]
        elif kind == 2:
            other = random_.choice(samples)
            start = random_.randrange(len(other))
            data[at:at] = other[start : start + random_.randint(1, 200)]
        else:
            data = data[:at] if random_.random() < 0.3 else data[at:] + data[:at]
    return bytes(data)


@pytest.mark.parametrize("seed", range(5))
def test_of_five_hundred_harmed_files_each_ends_in_conversations_or_a_sentence_with_its_name(seed):
    random_ = random.Random(seed)
    read = 0
    for n in range(100):
        data = mutated(random_, list(BYTES.values()))
        name = random_.choice(["dog.json", "dog.jsonl", "dog.csv", "dog.txt", "dog.png", "dog"])
        try:
            found = reading.read(name, data, random_.choice(["", "Biscuit"]))
        except StudioError as error:
            assert name in str(error), (seed, n)
        else:
            read += 1
            check(name, found)
    assert read > 20


def check(name, found: Found):
    assert all(name in str(s) and str(s).endswith(".") for s in found.skipped)
    for c in found.conversations:
        assert not fault(c.title, [vars(t) for t in c.turns])
        assert all(a.role != b.role for a, b in zip(c.turns, c.turns[1:], strict=False))
        c.body().encode()
    json.dumps([found.kind, found.mapping, [str(s) for s in found.skipped]], ensure_ascii=False).encode()


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "md", "pairs"])
def test_ten_thousand_conversations_are_read_in_seconds(form):
    many = [
        Conversation(str(n), "Rain", tuple(Turn(str(k), "model" if k % 2 else "user", "word " * 49 + str(n)) for k in range(10)))
        for n in range(10_000)
    ]
    content = {
        "jsonl": lambda: writing.to_sharegpt(many),
        "json": lambda: json.dumps([json.loads(line) for line in writing.to_openai(many).split("\n")[:-1]]),
        "csv": lambda: writing.to_csv(many),
        "md": lambda: writing.to_script(many, "Biscuit", "Mia"),
        "pairs": lambda: "prompt,response\r\n" + "".join(f"{'word ' * 250},{'word ' * 250}\r\n" for _ in range(10_000)),
    }[form]()
    data = content.encode()
    start = time.process_time()
    found = reading.read(f"dog.{form}", data, "Biscuit")
    assert len(found.conversations) == 10_000
    assert time.process_time() - start < 10


def test_a_reader_alone_reads_its_own_files():
    assert len(spreadsheet.read("table.csv", BYTES["table.csv"]).conversations) == 3
    assert len(pairs.read("pairs.csv", BYTES["pairs.csv"]).conversations) == 2


@pytest.mark.parametrize("ending", [".png", ".charx", ".persona.zip"])
def test_a_damaged_beginning_of_what_is_no_text_sends_nobody_to_a_text_editor(ending):
    sentence = f"pip{ending}, byte 1: no such file begins like this: it is damaged, or another one under this name. Copy it again from where it came."
    with pytest.raises(BadFile) as error:
        reading.read(f"pip{ending}", b"\x99" + BYTES["card.png"][1:])
    assert str(error.value) == f"{sentence} Nothing was brought in."


@pytest.mark.parametrize(
    "book",
    [
        {"entries": {"0": {"uid": 0, "key": ["eldoria"], "content": "A forest."}}},
        {"name": "Woods", "entries": [{"keys": ["eldoria"], "content": "A forest."}]},
    ],
    ids=["a world", "a book"],
)
def test_a_world_book_without_its_character_says_what_it_is(book):
    with pytest.raises(BadFile) as caught:
        reading.read("woods.json", json.dumps(book, indent=1).encode())
    assert str(caught.value).startswith("woods.json, entries: this is a world book: facts that belong to a character, and no character")
