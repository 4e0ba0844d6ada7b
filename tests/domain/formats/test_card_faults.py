"""Whatever is wrong with a card costs what is wrong and no more, and is said."""

import base64
import json

import pytest

from studio.domain.errors import BadFile
from studio.domain.formats import cards, png

CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Tansy",
        "description": "A witch.",
        "first_mes": "Mind the nettles, {{user}}.",
        "mes_example": "{{user}}: Who are you?\n{{char}}: Tansy.",
        "creator_notes": "For slow evenings.",
    },
}


def as_json(card):
    return json.dumps(card, ensure_ascii=False).encode()


def as_png(**texts):
    return png.with_texts("x", png.plain((1, 2, 3), 4, 4), texts)


def with_data(**fields):
    return json.dumps({**CARD, "data": {**CARD["data"], **fields}}).encode()


def sentences(found):
    return [str(s) for s in found.skipped]


def refusal(name, data):
    with pytest.raises(BadFile) as caught:
        cards.read(name, data)
    return str(caught.value)


WRONG = {
    "number": ({"description": 5}, "a.json, description: a number stands where a text belongs. Put it in quotation marks, or remove it."),
    "list": ({"first_mes": ["Hi"]}, "a.json, first_mes: a list stands where a text belongs. Put it in quotation marks, or remove it."),
    "surrogate": ({"scenario": "\ud800"}, "a.json, scenario: there is half a character that can't be stored. Type that place again and save the file as UTF-8."),
    "long": ({"personality": "x" * 100_001}, "a.json, personality: this text has more than 100,000 characters. Shorten it."),
    "text": ({"alternate_greetings": "Hi"}, "a.json, alternate_greetings: a text stands where a list belongs. Put it into a list, or remove that field."),
    "item": ({"alternate_greetings": ["Hi", None, 7]}, "a.json, alternate_greetings, item 3: a number stands where a text belongs. Put it in quotation marks, or remove it."),
    "tag": ({"tags": [True]}, "a.json, tags, item 1: yes or no stands where a text belongs. Put it in quotation marks, or remove it."),
    "book": ({"character_book": []}, "a.json, character_book: a list stands where a group of fields belongs. Remove that field."),
    "entries": ({"character_book": {"entries": {}}}, "a.json, character_book, entries: a group of fields stands where a list belongs. Put it into a list, or remove that field."),
    "entry": ({"character_book": {"entries": ["x"]}}, "a.json, character_book, entries, item 1: a text stands where a group of fields belongs. Remove that item."),
    "fact": ({"character_book": {"entries": [{"content": {}}]}}, "a.json, character_book, entries, item 1, content: a group of fields stands where a text belongs. Put it in quotation marks, or remove it."),
    "extensions": ({"extensions": "x"}, "a.json, extensions: a text stands where a group of fields belongs. Remove that field."),
    "name": ({"name": ""}, "a.json, name: the character has no name and is called “a”. Change the name in its sheet."),
    "long name": ({"name": "T" * 61}, "a.json, name: the name is longer than 60 characters and was cut. Change the name in its sheet."),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_field_that_can_not_be_used_gives_a_sentence_and_the_others_stay(case):
    fields, sentence = WRONG[case]
    found = cards.read("a.json", with_data(**fields))
    assert sentences(found) == [sentence]
    assert len(found.conversations) == 1


@pytest.mark.parametrize("order", [float("nan"), float("inf"), -float("inf"), 10**400, True, "3", None, []])
def test_an_order_of_any_kind_keeps_the_facts(order):
    entries = [{"content": "a", "insertion_order": 1}, {"content": "b", "insertion_order": order}, {"content": "c", "insertion_order": 2}]
    assert sorted(cards.read("a.json", with_data(character_book={"entries": entries})).persona.facts) == ["a", "b", "c"]


REFUSED = {
    "empty": (b"", "a.json, the whole file: there is nothing in it. Choose another file. Nothing was brought in."),
    "blank": (b"\xef\xbb\xbf \r\n ", "a.json, the whole file: there is nothing in it. Choose another file. Nothing was brought in."),
    "no JSON": (b"Hello there.", "a.json, line 1, column 1: this can't be read as JSON: a value is missing. Choose a character card as PNG, WebP, JSON or CHARX. Nothing was brought in."),
    "nested": (b"[" * 100_000, "a.json, line 1, column 61: brackets stand inside brackets more than 60 times. Choose a character card as PNG, WebP, JSON or CHARX. Nothing was brought in."),
    "deep": (b'{"first_mes":' + b"[" * 61 + b"]" * 61 + b"}", "a.json, line 1, column 73, at “first_mes”: brackets stand inside brackets more than 60 times. Choose a character card as PNG, WebP, JSON or CHARX. Nothing was brought in."),
    "digits": (b'{"name": ' + b"9" * 5_000 + b"}", "a.json, line 1, column 10, at “name”: there is a number of thousands of digits. Choose a character card as PNG, WebP, JSON or CHARX. Nothing was brought in."),
    "another": (b'{"name": "left-pad", "description": "A package", "version": "1.0"}', "a.json, the whole file: this is JSON without a character card in it. Choose a character card as PNG, WebP, JSON or CHARX. Nothing was brought in."),
    "list": (b"[1, NaN]", "a.json, the whole file: this is JSON without a character card in it. Choose a character card as PNG, WebP, JSON or CHARX. Nothing was brought in."),
    "half UTF-16": ("{}".encode("utf-16") + b"x", "a.json, byte 7: the file ends in the middle of a character. Copy it again from where it came. Nothing was brought in."),
    "WebP": (b"RIFF\0\0\0\0WEBP", "a.json, the whole file: this is a picture without a character card in it. Choose a character card as PNG, WebP, JSON or CHARX. Nothing was brought in."),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_holds_no_card_is_refused_with_a_sentence(case):
    data, sentence = REFUSED[case]
    assert refusal("a.json", data) == sentence


def test_pictures_without_a_card_say_so():
    assert refusal("a.png", as_png(Comment="x")) == (
        "a.png, the whole file: this is a picture without a character card in it. Choose a character card as PNG, WebP, JSON or CHARX. Nothing was brought in."
    )
    assert refusal("a.png", as_png(chara=base64.b64encode(b"[]").decode())) == (
        "a.png, tEXt “chara” at byte 34: this is JSON without a character card in it. Export the card again from the program it came from. Nothing was brought in."
    )


@pytest.mark.parametrize(
    "data",
    [as_json(CARD).decode().encode("utf-8-sig"), as_json(CARD).decode().encode("utf-16"), json.dumps(CARD, indent=1).replace("\n", "\r\n").encode()],
    ids=["BOM", "UTF-16", "CRLF"],
)  # fmt: skip
def test_every_usual_encoding_is_read(data):
    assert cards.read("a.json", data).persona == cards.read("a.json", as_json(CARD)).persona


def test_odd_json_is_read_as_far_as_it_goes():
    data = as_json(CARD).replace(b'"name":', b'"name": "First", "x": NaN, "y": Infinity, "name":').replace(b"Mind the", b"Mind\\u0000the")
    persona = cards.read("a.json", data).persona
    assert (persona.name, persona.greeting) == ("Tansy", "Mind\0the nettles, Visitor.")


def test_a_byte_that_is_no_utf8_costs_one_field():
    found = cards.read("a.json", as_json(CARD).replace(b"For slow", b"F\xfcr slow").replace(b"Mind the", b"Mind \xfc"))
    assert sentences(found) == [
        "a.json, first_mes: there is half a character that can't be stored. Type that place again and save the file as UTF-8."
    ]


def test_a_newer_card_is_read_and_named():
    found = cards.read("a.json", as_json({**CARD, "spec_version": "3.1"}))
    assert sentences(found) == ["a.json, spec_version: this card was made for version 3.1, which is newer than the studio. Look it over."]


def test_a_half_character_in_the_name_of_a_field_or_of_the_file_is_never_passed_on():
    found = cards.read("a\udcff.json", json.dumps({**CARD["data"], "\ud800" * 90: "x", "name": 5}).encode())
    json.dumps([found.mapping, sentences(found)], ensure_ascii=False).encode()
    assert found.persona.name == "a?"
