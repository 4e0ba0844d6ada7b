"""A character: who it is and how it talks."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from studio.domain.errors import BadFile, StudioError

INKS = ("blue", "plum", "petrol", "berry", "bronze", "slate")
LONGEST_NAME = 60
MOST_LINES = 10
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$")  # device names on Windows


@dataclass(frozen=True)
class Silence:
    """A check that shall be quiet, why, and at how many places it had something to say: where it finds more, it speaks again."""

    check: str
    reason: str
    places: int


@dataclass(frozen=True)
class Persona:
    """The character sheet. Everything a writer can say about a character that is not a conversation."""

    name: str
    description: str = ""
    visitor: str = "Visitor"
    voice: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    system: str = ""
    greeting: str = ""
    ink: str = "slate"
    silenced: tuple[Silence, ...] = ()
    audition: tuple[str, ...] = ()  # lines the writer wants to hear answered, the same in every lesson

    def checked(self) -> "Persona":
        """This sheet with outer spaces gone; raises StudioError where it can't be kept."""
        tidy = replace(
            self, name=" ".join(self.name.split()), visitor=" ".join(self.visitor.split()) or "Visitor", system=self.system.strip()
        )
        if not tidy.name or len(tidy.name) > LONGEST_NAME:
            raise StudioError(f"A character needs a name of 1 to {LONGEST_NAME} characters. Nothing was changed.")
        if tidy.ink not in INKS:
            raise StudioError(f"There is no ink called {tidy.ink}. Choose one of {', '.join(INKS)}.")
        if len(tidy.audition) > MOST_LINES:
            raise StudioError(
                f"There are {len(tidy.audition)} lines to try; up to {MOST_LINES} can be asked. Nothing was changed. Take some out."
            )
        return tidy

    def to_dict(self) -> dict[str, Any]:
        """As it stands in `persona.json`."""
        sheet = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {k: v for k, v in sheet.items() if v or k not in ("silenced", "audition")}


def from_dict(value: Any, source: str) -> Persona:
    """The sheet in a `persona.json`; raises BadFile naming `source` and the field."""
    if not isinstance(value, Mapping):
        raise BadFile(f"{source} does not hold a character sheet.")
    sheet: dict[str, Any] = {}
    for field in fields(Persona):
        if field.name not in value:
            continue
        given = value[field.name]
        if field.name == "silenced":
            sheet[field.name] = _silences(given, source)
            continue
        listed = field.name in ("voice", "facts", "audition")
        good = isinstance(given, list) and all(isinstance(v, str) for v in given) if listed else isinstance(given, str)
        if not good:
            raise BadFile(f"{source}: “{field.name}” should be {'a list of sentences' if listed else 'a text'}.")
        sheet[field.name] = tuple(given) if listed else given
    if "name" not in sheet:
        raise BadFile(f"{source} has no name for the character.")
    return Persona(**sheet).checked()


def _silences(given: Any, source: str) -> tuple[Silence, ...]:
    right = isinstance(given, list) and all(
        isinstance(one, Mapping) and {name: type(v) for name, v in one.items()} == {"check": str, "reason": str, "places": int}
        for one in given
    )
    if not right:
        raise BadFile(f"{source}: “silenced” should be a list of checks with their reasons.")
    return tuple(Silence(**one) for one in given)


def slug(name: str) -> str:
    """A folder and file name any system accepts: small ASCII letters, digits and dashes; `character` where nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    short = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    return "character" if not short or _RESERVED.match(short) else short
