"""One version of one stored thing, under a seal that shows whether it is still what was written."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

Kind = Literal["sheet", "conversation", "avatar"]
TYPES = {"rev": int, "place": int, "at": float}


@dataclass(frozen=True)
class Revision:
    """A character sheet, a conversation or a portrait as it stood once. `persona` is the id of the character it belongs to."""

    id: str
    persona: str
    kind: Kind
    rev: int
    op: str  # the writer's own name for this save, so that a repeat is seen as one
    at: float  # seconds since 1970
    what: str  # "written", "removed", ...: a word for the list of versions
    removed: float | None  # when it went to the bin
    place: int  # where it stands in its list, smallest first
    body: str  # canonical JSON
    sha256: str = ""

    def seal(self) -> str:
        """SHA-256 over all that is kept, so that no single altered byte can pass for what was written."""
        return hashlib.sha256(
            json.dumps([getattr(self, name) for name in SEALED], ensure_ascii=False).encode("utf-8", "surrogatepass")
        ).hexdigest()

    def sealed(self) -> "Revision":
        """This version under its seal."""
        return replace(self, sha256=self.seal())

    @property
    def whole(self) -> bool:
        """Whether this is, to the byte, what was sealed."""
        return self.sha256 == self.seal()

    def stamp(self) -> dict[str, Any]:
        """All but the body: what a plain copy carries beside its text."""
        return {name: value for name, value in ((name, getattr(self, name)) for name in COLUMNS) if name != "body"}


COLUMNS = tuple(field.name for field in fields(Revision))
SEALED = COLUMNS[:-1]


def from_columns(values: Mapping[str, Any]) -> Revision | None:
    """The version these values hold, or None where they can't be one."""
    right = all(type(values.get(name)) is TYPES.get(name, str) for name in COLUMNS if name != "removed")
    if not right or values["kind"] not in get_args(Kind) or not isinstance(values.get("removed"), float | None):
        return None
    return Revision(**{name: values[name] for name in COLUMNS})


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: the one way a body is written."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
