"""A character comes out of a card as its author meant it, and goes into a card without losing a word."""

import base64
import io
import json

import pytest
from PIL import Image, PngImagePlugin

from studio.domain.errors import BadFile
from studio.domain.formats import cards
from studio.domain.persona import Persona

V1 = {
    "name": "Tansy",
    "description": "{{char}} is a hedge witch. She lives\r\nin a leaning house.",
    "personality": "dry, kind",
    "scenario": "<USER> has knocked at <BOT>'s door.",
    "first_mes": "Mind the nettles, {{user}}.",
    "mes_example": "<START>\n{{user}}: Who are you?\n{{char}}: Tansy. The {{Char}} of the hedge.\n*She points at a chair.*\n\nSit.\n<START>\n"
    "{{user}}: Is it raining?\n{{char}}: It is always raining.\n{{user}}: And now?\n{{char}}: Now it is pouring.\n",
}
V2 = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        **V1,
        "creator_notes": "For slow evenings.",
        "system_prompt": "{{original}}\nWrite as {{char}}.",
        "post_history_instructions": "Stay in character.",
        "alternate_greetings": ["Shut the door, {{USER}}.", "", "It is you again."],
        "tags": ["witch", "cosy", "witch"],
        "creator": "A. Author",
        "character_version": "1.2",
        "extensions": {"talkativeness": "0.5", "fav": False},
        "character_book": {
            "extensions": {},
            "entries": [
                {"keys": ["cat"], "content": "{{char}}'s cat is called Sprig.", "extensions": {}, "enabled": True, "insertion_order": 20},
                {"keys": ["dog"], "content": "A fact that is switched off.", "extensions": {}, "enabled": False, "insertion_order": 1},
                {"keys": ["tea"], "content": "The tea is nettle tea.", "extensions": {}, "enabled": True, "insertion_order": 10},
            ],
        },
    },
}
V3 = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        **V2["data"],
        "nickname": "Tan",
        "group_only_greetings": ["Oh, a crowd."],
        "assets": [{"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}, {"type": "user_icon", "uri": "ccdefault:", "name": "Wren", "ext": "png"}],
        "character_book": {"entries": [{"keys": [], "content": "@@depth 4\n@@@role user\n\nIt is autumn.", "enabled": True, "insertion_order": 0}]},
    },
}  # fmt: skip


def as_json(card):
    return json.dumps(card, ensure_ascii=False).encode()


def as_png(**texts):
    """A card as other programs write it, made by another library."""
    info, held = PngImagePlugin.PngInfo(), io.BytesIO()
    for keyword, card in texts.items():
        info.add_text(keyword, card if isinstance(card, str) else base64.b64encode(as_json(card)).decode())
    Image.new("RGB", (4, 6), (90, 80, 70)).save(held, "PNG", pnginfo=info)
    return held.getvalue()


def with_data(**fields):
    return as_json({**V2, "data": {**V2["data"], **fields}})


def said(conversation):
    return [(turn.role, turn.text) for turn in conversation.turns]


def sentences(found):
    return [str(s) for s in found.skipped]


def refusal(name, data):
    with pytest.raises(BadFile) as caught:
        cards.read(name, data)
    return str(caught.value)


EXAMPLES = [
    [("user", "Who are you?"), ("model", "Tansy. The Tansy of the hedge.\n*She points at a chair.*\n\nSit.")],
    [("user", "Is it raining?"), ("model", "It is always raining."), ("user", "And now?"), ("model", "Now it is pouring.")],
]


def test_a_card_v1_is_read():
    found = cards.read("tansy.json", as_json(V1))
    assert found.kind == "Character card V1"
    assert found.persona == Persona(
        "Tansy",
        description="Tansy is a hedge witch.",
        system="Tansy is a hedge witch. She lives\nin a leaning house.\n\nPersonality: dry, kind\n\nScenario: Visitor has knocked at Tansy's door.",
        greeting="Mind the nettles, Visitor.",
    )
    assert [said(c) for c in found.conversations] == EXAMPLES
    assert [c.title for c in found.conversations] == ["Who are you?", "Is it raining?"]
    assert (found.greetings, found.skipped, found.picture) == ((), (), b"")
    assert found.mapping[:2] == (("name", "the character's name"), ("description", "the instructions, and the line under the name"))


def test_a_card_v2_is_read():
    found = cards.read("tansy.json", as_json(V2))
    assert found.kind == "Character card V2"
    assert found.persona.system.startswith("Write as Tansy.\n\nTansy is a hedge witch.")
    assert found.persona.facts == ("The tea is nettle tea.", "Tansy's cat is called Sprig.")
    assert found.greetings == ("Shut the door, Visitor.", "It is you again.")
    assert [c.tags for c in found.conversations] == [("witch", "cosy")] * 2
    assert {field for field, meaning in found.mapping if meaning == "not used"} == {
        "creator_notes", "post_history_instructions", "creator", "character_version", "extensions"
    }  # fmt: skip


def test_a_card_v3_is_read():
    found = cards.read("tansy.json", as_json(V3))
    assert (found.kind, found.persona.name, found.persona.visitor) == ("Character card V3", "Tansy", "Wren")
    assert found.persona.greeting == "Mind the nettles, Wren."
    assert found.persona.description == "Tan is a hedge witch.", "a nickname is what {{char}} stands for"
    assert found.persona.facts == ("It is autumn.",), "the lines that say how to insert it are no fact"
    assert "Oh, a crowd." not in found.greetings


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ({"chara": V1}, "Tansy"),
        ({"chara": V2}, "Tansy"),
        ({"Chara": V2}, "Tansy"),
        ({"ccv3": V3}, "Tansy"),
        ({"chara": {**V1, "name": "Old"}, "ccv3": V3}, "Tansy"),
        ({"ccv3": V3, "chara": {**V1, "name": "Old"}}, "Tansy"),
        ({"chara": json.dumps(V1)}, "Tansy"),
    ],
    ids=["V1", "V2", "capital", "V3", "both", "both the other way round", "not packed"],
)
def test_a_card_in_a_picture_is_read_with_its_picture(texts, name):
    data = as_png(**texts)
    found = cards.read("tansy.png", data)
    assert (found.persona.name, found.skipped) == (name, ())
    with Image.open(io.BytesIO(found.picture)) as image:
        assert (image.size, image.getpixel((0, 0)), image.text) == ((4, 6), (90, 80, 70), {})


def test_where_the_newer_text_is_damaged_the_older_one_counts():
    found = cards.read("tansy.png", as_png(ccv3="!!!", chara=V2))
    assert found.kind == "Character card V2"
    assert sentences(found) == [
        "tansy.png, tEXt “ccv3” at byte 34: this is not base64, in which cards are written. Export the card again from the program it came from."
    ]


def test_a_cut_picture_still_gives_its_character():
    found = cards.read("tansy.png", as_png(chara=V2)[:-30])
    assert (found.persona.name, found.picture) == ("Tansy", b"")
    assert sentences(found) == ["tansy.png, picture: the picture is cut off. Choose a picture for the character yourself."]


@pytest.mark.parametrize(
    "text", ["{{char}} <BOT> <char> {{user}} <USER>", "{{CHAR}} <bot> <Char> {{User}} <user>", "{{ char }} <Bot> <CHAR> {{ user }} <User>"]
)
def test_macros_are_filled_in_whatever_their_case(text):
    assert cards.read("a.json", with_data(first_mes=text)).persona.greeting == "Tansy Tansy Tansy Visitor Visitor"


def test_names_that_look_like_macros_are_filled_in_once():
    found = cards.read("a.json", with_data(name="{{user}}", first_mes="I am {{char}}. {{// a remark}}{{comment: another}}"))
    assert found.persona.greeting == "I am {{user}}."


@pytest.mark.parametrize(
    ("description", "line"),
    [
        ("One. Two.", "One."),
        ("Really?! Yes.", "Really?!"),
        ("Mr.Abbot grows 2.5 beans. Two.", "Mr.Abbot grows 2.5 beans."),
        ("彼女は魔女です。家は傾いている。", "彼女は魔女です。"),
        ("no end", "no end"),
        ("word " * 50, "word " * 23 + "word…"),
        ("x" * 200, "x" * 119 + "…"),
    ],
)
def test_the_line_under_the_name_is_the_first_sentence(description, line):
    persona = cards.read("a.json", with_data(description=description)).persona
    assert persona.description == line
    assert len(persona.description) <= 120


def test_reading_twice_gives_the_same_and_another_file_other_ids():
    assert cards.read("a.json", as_json(V2)) == cards.read("a.json", as_json(V2))
    ours, other = cards.read("a.json", as_json(V2)), cards.read("a.json", as_json(V2) + b" ")
    assert ours.conversations[0].id != other.conversations[0].id
    ids = [i for c in ours.conversations for i in (c.id, *(t.id for t in c.turns))]
    assert len(set(ids)) == len(ids)


def test_talk_inside_the_description_and_the_book_becomes_conversations():
    description = (
        '[Tansy = "dry", "kind"]\n<START>\n{{user}}: "Describe your hut?"\n{{char}}: *She waves.* "It leans."\n*It does.*\n'
        '{{user}}: "And you?"\n{{char}}: "So do I."\n[Genre: cosy]'
    )
    entries = [{"keys": ["cat"], "content": "{{user}}: A cat?\n{{char}}: Sprig.", "enabled": True, "insertion_order": 1}]
    entries.append({"keys": ["tea"], "content": "The tea is nettle tea.\n{{char}}: Drink it.", "enabled": True, "insertion_order": 2})
    card = {"spec": "chara_card_v2", "data": {"name": "Tansy", "description": description, "character_book": {"entries": entries}}}
    found = cards.read("tansy.json", as_json(card))
    assert [[(t.role, t.text) for t in c.turns] for c in found.conversations] == [
        [
            ("user", '"Describe your hut?"'),
            ("model", '*She waves.* "It leans."\n*It does.*'),
            ("user", '"And you?"'),
            ("model", '"So do I."'),
        ],
        [("user", "A cat?"), ("model", "Sprig.")],
    ]
    assert found.persona.system == '[Tansy = "dry", "kind"]\n\n[Genre: cosy]'
    assert found.persona.facts == ("The tea is nettle tea.\nTansy: Drink it.",)
    assert [c.id for c in found.conversations] == [c.id for c in cards.read("renamed.json", as_json(card)).conversations]
    assert dict(found.mapping)["description"] == "the instructions, and the line under the name, and conversations"


def test_what_another_program_would_fill_in_is_named():
    card = {
        "name": "Tansy",
        "description": "{{random:Dry,Kind}}.{{newline}}{{noop}}{{group}} is old.",
        "first_mes": "It is {{time}}, {{user}}.",
    }
    card["mes_example"] = "{{user}}: Now?\n{{char}}: {{time}}."
    found = cards.read("tansy.json", as_json(card))
    assert found.persona.system == "{{random:Dry,Kind}}.\nTansy is old."
    told = "so it came in as it is written. Write in the studio what is meant there."
    assert sentences(found) == [
        f"tansy.json, description: only another program knows what stands for “{{{{random:Dry,Kind}}}}”, {told}",
        f"tansy.json, first_mes: only another program knows what stands for “{{{{time}}}}”, {told}",
        f"tansy.json, mes_example, example 1: only another program knows what stands for “{{{{time}}}}”, {told}",
    ]


def test_base64_as_it_stands_in_addresses_is_read():
    packed = base64.urlsafe_b64encode(json.dumps({**V1, "description": "ÿþ?>" * 9}, ensure_ascii=False).encode()).decode().rstrip("=")
    picture = io.BytesIO()
    text = PngImagePlugin.PngInfo()
    text.add_text("chara", packed)
    Image.new("RGB", (2, 2)).save(picture, "PNG", pnginfo=text)
    assert "_" in packed and cards.read("tansy.png", picture.getvalue()).persona.system.startswith("ÿþ?>")
