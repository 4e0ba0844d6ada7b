"""Characters of text-generation-webui and of the Pygmalion notebooks, written after the pattern of theirs."""

import json

import pytest

from studio.domain.errors import BadFile
from studio.domain.formats import plainyaml, reading

TALK = "{{user}}: So how did you get into herbs?\n{{char}}: *She shrugs* They got into me.\n{{user}}: Ha.\n{{char}}: Mind the nettles."
SAID = [
    ("user", "So how did you get into herbs?"),
    ("model", "*She shrugs* They got into me."),
    ("user", "Ha."),
    ("model", "Mind the nettles."),
]
BLOCK = "\n".join(f"  {line}" if line else "" for line in f"Tansy's Persona: Tansy is a hedge witch.\n\n{TALK}".split("\n"))
QUOTED = json.dumps(f"Tansy's Persona: Tansy is a hedge witch.\n\n{TALK}")
FOLDED = "'Tansy''s Persona: Tansy is a hedge witch.\n\n\n  " + "\n\n  ".join(TALK.split("\n")) + "'"
YAML = {
    "a block": f"name: Tansy\ngreeting: |-\n  *She looks up*\n  Mind the step.\ncontext: |-\n{BLOCK}\n",
    "windows lines": f"name: Tansy\ngreeting: |-\n  *She looks up*\n  Mind the step.\ncontext: |-\n{BLOCK}\n".replace("\n", "\r\n"),
    "in quotation marks": f'name: "Tansy"\ncontext: {QUOTED}\ngreeting: "*She looks up*\\nMind the step."\n',
    "folded": f"# a remark\nname: Tansy\ncontext: {FOLDED}\ngreeting: '*She looks up*\n\n  Mind the step.'\nturn_template: ''\n",
}
PYGMALION = {
    "char_name": "Tansy",
    "char_persona": "Tansy's Persona: Tansy is a hedge witch.",
    "char_greeting": "*She looks up*\nMind the step.",
    "world_scenario": "",
    "example_dialogue": TALK.replace("{{user}}", "You").replace("{{char}}", "Tansy"),
}


def said(found):
    return [[(turn.role, turn.text) for turn in c.turns] for c in found.conversations]


@pytest.mark.parametrize("content", [*YAML.values(), json.dumps(PYGMALION)], ids=[*YAML, "JSON"])
def test_such_a_character_comes_in_with_its_talk(content):
    found = reading.read("Tansy.json" if content.startswith("{") else "Tansy.yaml", content.encode())
    assert (found.persona.name, found.persona.greeting) == ("Tansy", "*She looks up*\nMind the step.")
    assert found.persona.system == "Tansy's Persona: Tansy is a hedge witch."
    assert (said(found), found.skipped) == ([SAID], ())


def test_the_file_s_own_names_are_told():
    found = reading.read("Tansy.json", json.dumps({**PYGMALION, "example_dialogue": 5}).encode())
    assert dict(found.mapping)["char_persona"] == "the instructions, and the line under the name"
    assert str(found.skipped[0]).startswith("Tansy.json, example_dialogue: a number stands where a text belongs.")


def test_talk_behind_the_greeting_is_no_part_of_it():
    content = (
        f"name: Tansy\ncontext: A witch.\ngreeting: |-\n  Mind the step.\n{chr(10).join('  ' + line for line in TALK.split(chr(10)))}\n"
    )
    found = reading.read("Tansy.yml", content.encode())
    assert (found.persona.greeting, said(found)) == ("Mind the step.", [SAID])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("project: x\nentries:\n  - name: a\n", "the whole file: a character in YAML has a name and a context, and here they are not."),
        ("name: Tansy\nJust words.\ncontext: x\n", "line 2, column 1: no name with a colon stands at the beginning of this line."),
    ],
    ids=["another", "no YAML"],
)
def test_other_yaml_is_refused_and_never_taken_for_a_script(content, sentence):
    with pytest.raises(BadFile) as caught:
        reading.read("x.yaml", content.encode())
    assert str(caught.value) == f"x.yaml, {sentence} Choose a character card as PNG, WebP, JSON or CHARX. Nothing was brought in."


def test_lists_and_groups_are_seen_and_not_taken_for_texts():
    found = plainyaml.fields(
        'name: x # who\ntags: [a, b]\nmore:\n  - a\n  - b\ninner:\n  a: b\nempty:\nlong:\n  goes\n  on\ncode: "\\u00e9\\x41\\t"\n'
    )
    assert found == {"name": "x", "tags": [], "more": [], "inner": [], "empty": None, "long": "goes on", "code": "éA\t"}
