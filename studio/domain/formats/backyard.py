"""A character of Backyard AI, whose archives (BYAF) hold it and its scenarios apart, under the names a card has for its fields.

Source: Backyard Archive Format 1, https://github.com/ahoylabs/byaf, specs/v1.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MANIFEST = "manifest.json"
CALLED = {
    "name": "displayName",
    "description": "persona",
    "scenario": "narrative",
    "system_prompt": "formattingInstructions",
    "first_mes": "firstMessages",
    "alternate_greetings": "firstMessages of further scenarios",
    "mes_example": "messages and exampleMessages",
    "character_book": "loreItems",
}
_NAMES = re.compile(r"(?<!\{)#?\{(user|character)\}(?!\})")
_MARKS = {"user": "{{user}}", "character": "{{char}}"}


def card(character: Mapping[str, Any], scenarios: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields of a card; what is of another type than it should be is handed on, for the card's reader to name."""
    first = scenarios[0] if scenarios else {}
    greetings = [_marked(one.get("text")) for scenario in scenarios for one in _objects(scenario.get("firstMessages"))]
    talks = [talk for scenario in scenarios for talk in ("\n".join(_examples(scenario)), "\n".join(_said(scenario))) if talk]
    return {
        "name": character.get("displayName") or character.get("name"),
        "description": _marked(character.get("persona")),
        "scenario": _marked(first.get("narrative")),
        "system_prompt": _marked(first.get("formattingInstructions")),
        "first_mes": greetings[0] if greetings else "",
        "alternate_greetings": greetings[1:],
        "mes_example": "\n".join(f"<START>\n{talk}" for talk in talks),
        "character_book": {"entries": [{"content": _marked(one.get("value"))} for one in _objects(character.get("loreItems"))]},
    }


def paths(manifest: Mapping[str, Any], name: str) -> list[str]:
    """The paths that the manifest lists under a name."""
    listed = manifest.get(name)
    return [path for path in listed if isinstance(path, str)] if isinstance(listed, list) else []


def picture(character: Mapping[str, Any], path: str) -> str:
    """The path of the character's first picture, whose own file is at `path`; empty where there is none."""
    images = [one.get("path") for one in _objects(character.get("images"))]
    return f"{path.rpartition('/')[0]}/{images[0]}" if images and isinstance(images[0], str) else ""


def _examples(scenario: Mapping[str, Any]) -> Iterator[str]:
    for one in _objects(scenario.get("exampleMessages")):
        text = _marked(one.get("text"))
        if isinstance(text, str) and text.strip():
            yield text if "{{user}}:" in text or "{{char}}:" in text else f"{{{{char}}}}: {text}"


def _said(scenario: Mapping[str, Any]) -> Iterator[str]:
    for one in _objects(scenario.get("messages")):
        human = one.get("type") == "human"
        outputs = [one] if human else sorted(_objects(one.get("outputs")), key=lambda output: str(output.get("activeTimestamp", "")))
        text = _marked(outputs[-1].get("text")) if outputs else None
        if isinstance(text, str) and text.strip():
            yield f"{{{{{'user' if human else 'char'}}}}}: {text}"


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _marked(text: Any) -> Any:
    return _NAMES.sub(lambda found: _MARKS[found[1]], text) if isinstance(text, str) else text
