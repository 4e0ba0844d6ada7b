"""One lesson for several characters, told apart by their system texts: who is in it, and the lesson as one of them sees it.

The `spec.json` of such a lesson has the usual fields, which are those of its first character, and `company`: for each, the first included, its `persona_id`,
`name`, `persona`, `samples` and `dataset` (its own counts). In the journal evaluations carry `each` (persona_id -> loss) and samples `persona`; in
`result.json` stands `each` (persona_id -> its own figures). A lesson of one has none of these.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from studio.domain.errors import NotReady
from studio.domain.persona import Persona
from studio.domain.progress import Event

SILENT = (
    "{name} has no text on how it talks, so the model could not tell whose turn it is. Nothing was started. "
    "Write that text on the character sheet in Write, or leave {name} out."
)
SAME = (
    "{one} and {other} have the same text on how they talk, so the model could not tell them apart. Nothing was started. "
    "Change one of the two on the character sheet in Write, or leave one out."
)


def check(sheets: Sequence[Persona]) -> None:
    """Raise NotReady unless each of these has a system text, and no two the same."""
    texts: dict[str, str] = {}
    for sheet in sheets:
        text = " ".join(sheet.system.split())
        if not text:
            raise NotReady(SILENT.format(name=sheet.name))
        if text in texts:
            raise NotReady(SAME.format(one=texts[text], other=sheet.name))
        texts[text] = sheet.name


def owners(spec: Mapping[str, Any]) -> list[str]:
    """The ids of all characters a lesson belongs to."""
    return [member["persona_id"] for member in spec.get("company", ())] or [spec.get("persona_id", "")]


def beside(spec: Mapping[str, Any], persona_id: str) -> tuple[str, ...]:
    """The names of the others that learned in the same lesson."""
    return tuple(member["name"] for member in spec.get("company", ()) if member["persona_id"] != persona_id)


def seen_by(spec: Mapping[str, Any], persona_id: str) -> dict[str, Any]:
    """The spec with one character's sheet, lines and counts in the usual fields."""
    own = next((member for member in spec.get("company", ()) if member["persona_id"] == persona_id), None)
    return {**spec, **own, "dataset": {**spec["dataset"], **own["dataset"]}} if own else dict(spec)


def result_of(result: Mapping[str, Any], persona_id: str) -> dict[str, Any]:
    """The result with one character's own figures."""
    return {**result, **result.get("each", {}).get(persona_id, {})}


def heard_by(events: Iterable[Event], persona_id: str) -> list[Event]:
    """The journal with the answers of this character alone; the losses are those of all together, by which the best version is chosen."""
    return [event for event in events if event["kind"] != "sample" or event.get("persona", persona_id) == persona_id]


def measured_on(events: Iterable[Event], persona_id: str) -> list[Event]:
    """The journal with this character's answers and its own validation losses."""
    return [_own(event, persona_id) for event in heard_by(events, persona_id) if persona_id in event.get("each", {persona_id: 0})]


def _own(event: Event, persona_id: str) -> Event:
    return {**event, "loss": event["each"][persona_id]} if "each" in event else event


def listed(names: Sequence[str]) -> str:
    """Names as people say them: “Marlow, Nib and Quillfeather”."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def company(names: Sequence[str]) -> str:
    """“with Marlow and Quillfeather”; empty for a lesson of one."""
    return f"with {listed(names)}" if names else ""


def told(spec: Mapping[str, Any], events: Iterable[Event], step: int | None = None) -> str:
    """Who learns together, and how surprised each is by its own unseen conversations now (or at a step) and was before; empty for a lesson of one."""
    members = spec.get("company", ())
    if not members:
        return ""
    looks = {event["step"]: event["each"] for event in events if event["kind"] == "evaluation" and "each" in event}
    sentence = f"{listed([member['name'] for member in members])} learn together."
    if not looks:
        return sentence
    first, last = looks[min(looks)], looks[step if step in looks else max(looks)]
    each = [_figure(member["name"], first.get(member["persona_id"]), last.get(member["persona_id"]), len(looks) > 1) for member in members]
    return f"{sentence} How surprised each is by its own unseen conversations: {'; '.join(filter(None, each))}."


def _figure(name: str, first: float | None, last: float | None, later: bool) -> str:
    if first is None or last is None:
        return ""
    return f"{name} {last:.2f}, before learning {first:.2f}" if later else f"{name} {last:.2f}"
