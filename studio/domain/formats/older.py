"""Characters of programs from before the card V1, under the names that V1 has for their fields.

Sources: text-generation-webui, https://github.com/oobabooga/text-generation-webui (user_data/characters, and upload_character in modules/chat.py),
whose JSON is that of the Pygmalion notebooks.
"""

from collections.abc import Mapping
from typing import Any

_NAMES = {
    "char_name": "name",
    "char_persona": "description",
    "context": "description",
    "char_greeting": "first_mes",
    "greeting": "first_mes",
    "world_scenario": "scenario",
    "example_dialogue": "mes_example",
}
_PYGMALION = {"char_name", "char_persona", "char_greeting"}
_WEBUI = {"name", "context"}


def recognises(value: Any) -> bool:
    """Whether this is such a character."""
    return isinstance(value, dict) and bool(value.keys() & _PYGMALION or value.keys() >= _WEBUI)


def renamed(value: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Its fields as a card V1 names them; and what each of those is called in the file."""
    fields: dict[str, Any] = {}
    called: dict[str, str] = {}
    for name, given in value.items():
        plain = _NAMES.get(name, name)
        plain = plain if not fields.get(plain) else name
        fields[plain], called[plain] = given, name
    return fields, called
