"""Archives of Backyard AI, written after the pattern of its own test archives."""

import io
import json
import zipfile

import pytest

from studio.domain.errors import BadFile
from studio.domain.formats import png, reading

CHARACTER = {
    "schemaVersion": 1, "id": "tansy1", "name": "Tansy the Witch", "displayName": "Tansy", "persona": "{character} gathers herbs for {user}.",
    "loreItems": [{"key": "cat", "value": "{character}'s cat is called Sprig."}], "images": [{"path": "images/avatar.png", "label": ""}],
}  # fmt: skip
SCENARIO = {
    "schemaVersion": 1, "narrative": "A leaning house.", "formattingInstructions": "Write as {character}.",
    "firstMessages": [{"characterID": "tansy1", "text": "Mind the nettles, {user}."}],
    "exampleMessages": [{"characterID": "tansy1", "text": "#{user}: Who are you?\n#{character}: Tansy."}],
    "messages": [
        {"type": "human", "text": "Is it raining?"},
        {"type": "ai", "outputs": [{"text": "Always.", "activeTimestamp": "2025-06-12T20:00:00Z"}, {"text": "No.", "activeTimestamp": "2025-06-12T19:00:00Z"}]},
    ],
}  # fmt: skip
MANIFEST = {"schemaVersion": 1, "characters": ["characters/tansy1/character.json"], "scenarios": ["scenarios/scenario1.json"]}


def byaf(**changed):
    parts = {"manifest.json": MANIFEST, "characters/tansy1/character.json": CHARACTER, "scenarios/scenario1.json": SCENARIO, **changed}
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, value in parts.items():
            archive.writestr(path, value if isinstance(value, bytes) else json.dumps(value))
    return held.getvalue()


def test_a_character_comes_in_with_its_talk_and_its_picture():
    found = reading.read("tansy.byaf", byaf(**{"characters/tansy1/images/avatar.png": png.plain((1, 2, 3), 4, 4)}))
    assert found.kind == "Character card of Backyard AI"
    assert (found.persona.name, found.persona.greeting) == ("Tansy", "Mind the nettles, Visitor.")
    assert found.persona.system == "Write as Tansy.\n\nTansy gathers herbs for Visitor.\n\nScenario: A leaning house."
    assert found.persona.facts == ("Tansy's cat is called Sprig.",)
    assert [[turn.text for turn in c.turns] for c in found.conversations] == [["Who are you?", "Tansy."], ["Is it raining?", "Always."]]
    assert (found.picture, found.skipped) == (png.plain((1, 2, 3), 4, 4), ())
    assert dict(found.mapping)["persona"] == "the instructions, and the line under the name"


def test_a_picture_that_is_no_png_and_a_second_character_are_named():
    twice = {**MANIFEST, "characters": MANIFEST["characters"] * 2}
    found = reading.read("tansy.byaf", byaf(**{"manifest.json": twice, "characters/tansy1/images/avatar.png": b"\xff\xd8\xff"}))
    assert [str(s) for s in found.skipped] == [
        "tansy.byaf, manifest.json, characters: only the first of several characters came in. Export each by itself.",
        "tansy.byaf, images, item 1: there is no PNG picture at the path given there. Choose a picture for the character yourself.",
    ]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"manifest.json": b"{"},
            "manifest.json, line 1, column 2: this can't be read as JSON: a name in double quotation marks is missing.",
        ),
        ({"manifest.json": {}}, "manifest.json, characters: no character is named there."),
        ({"manifest.json": {"characters": ["../x"]}}, "../x: the path “../x” leads out of the archive."),
        ({"scenarios/scenario1.json": []}, "scenarios/scenario1.json: this is not a group of fields."),
    ],
    ids=["no JSON", "nobody", "astray", "a list"],
)
def test_an_archive_that_can_not_be_used_says_where_and_why(changed, sentence):
    with pytest.raises(BadFile) as caught:
        reading.read("tansy.byaf", byaf(**changed))
    assert str(caught.value) == f"tansy.byaf, {sentence} Export the card again from the program it came from. Nothing was brought in."
