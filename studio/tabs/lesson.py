"""The page of one lesson, read from its folder: what each component of the Train tab shows now."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.domain import blend, catalogue, checks, dataset
from studio.services.library import Character
from studio.services.models import Choice
from studio.services.studio import Studio
from studio.tabs import earlier, fits, learning, pictures
from studio.tabs.arriving import Shown

PARTS = (
    "empty", "needs", "before", "title", "model", "teach", "back", "fetching", "fetch_words", "fetch_bar", "download", "halt",
    "debut", "picture", "kicker", "first", "summary",
    "lesson", "head", "words", "company", "bar", "surprised", "chart", "curves", "running", "pause", "stop", "broken", "on", "more", "source", "again", "strip",
    "takes", "question", "ask", "t0", "t3", "way", "t1", "t2",
    "earlier", "timer",
)  # fmt: skip


def page(studio: Studio, persona_id: str | None, model_id: str | None, question: int, fresh: bool) -> Shown:
    """What is to be seen for this character. `fresh`: a new lesson is wanted although there is an earlier one.

    While recipes are tried, that is what is to be seen.
    """
    if not persona_id:
        return _visible() | {"timer": {"active": False}, "earlier": {"value": ""}}
    who = studio.library.character(persona_id)
    folder = newest(studio, persona_id)
    fresh = fresh or studio.jobs.running() in studio.library.searches(persona_id)
    below = {"earlier": {"value": earlier.stamp(studio, persona_id)}}
    if folder and not (fresh and studio.jobs.state(folder) != "running"):
        return _visible("lesson") | learning.shown(studio, who, folder, question) | below
    ready = len(dataset.teachable(studio.library.conversations(persona_id)))
    if ready < checks.FEWEST:
        return _visible("empty") | {"needs": {"value": needs(who, ready)}, "timer": {"active": False}} | below
    return _visible("before") | _before(studio, who, model_id) | below


def newest(studio: Studio, persona_id: str) -> Path | None:
    """This character's newest lesson that was ever started; a blend is none."""
    begun = (folder for folder in studio.library.adapters(persona_id) if studio.jobs.state(folder) != "waiting")
    return next((folder for folder in begun if read_json(folder / "spec.json").get("kind") != blend.KIND), None)


def changed(now: Shown, before: Mapping[str, Any]) -> list[dict[str, Any] | None]:
    """Per part what has to be sent, None where the window shows it already: so nothing flickers."""
    return [None if name not in now or now[name] == before.get(name) else now[name] for name in PARTS]


def read_json(path: Path) -> dict[str, Any]:
    """A small file of a job; empty before it is there."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def needs(who: Character, ready: int) -> str:
    """Why there is nothing to teach yet."""
    there = f"There {'is' if ready == 1 else 'are'} {ready}."
    if who.conversations > ready:
        there = f"{ready} of the {who.conversations} written can be learned from; Prepare shows what the others need."
    return f"{who.persona.name} needs at least {checks.FEWEST} conversations. {there}"


def _visible(*parts: str) -> Shown:
    return {part: {"visible": part in parts} for part in ("empty", "before", "debut", "lesson")}


# ---------------------------------------------------------------- before a lesson
def _before(studio: Studio, who: Character, model_id: str | None) -> Shown:
    choices = studio.models.choices()
    model = next((c for c in choices if c.id == model_id), choices[0])
    here = model.path is not None and not model.why_not
    return {
        "title": {"value": f"Teach {who.persona.name}"},
        "model": {"choices": fits.cards(studio, who.id)},
        "teach": {"visible": here, "value": f"Teach {who.persona.name}"},
        "back": {"visible": newest(studio, who.id) is not None},
        "fetching": {"visible": not here},
        **({} if here else _fetching(studio, model)),
        "timer": {"active": not here and studio.jobs.running() == _model_folder(studio, model)},
    }


def model_label(choice: Choice) -> str:
    """Two lines for the card of a model: its title, and what has to be known before it is chosen."""
    return f"{choice.title}\n{choice.sentence}{f' {choice.why_not}' if choice.why_not else ''}"


def _model_folder(studio: Studio, model: Choice) -> Path | None:
    # The practice model and the user's own folders are never fetched.
    return studio.library.model_folder(model.id) if model.repo and model.id != catalogue.PRACTICE else None


def _fetching(studio: Studio, model: Choice) -> Shown:
    folder = _model_folder(studio, model)
    state = studio.jobs.state(folder) if folder else "waiting"
    phases = [e for e in studio.jobs.events(folder) if e["kind"] == "phase"] if folder else []
    running = state == "running"
    words = (
        f"{model.title} is not on this computer yet. Fetching it is the only time the studio goes online."
        if folder and not studio.settings.offline
        else model.why_not
    )
    if running:
        words = f"{phases[-1]['text']}." if phases else "Asking for the model."
    elif model.path:
        words, folder = model.why_not, None  # it is here, and not to be taught
    elif state in ("failed", "interrupted") and folder:
        words = studio.jobs.failure(folder)
    return {
        "fetch_words": {"value": words},
        "fetch_bar": {"value": pictures.share(phases[-1].get("share") if phases else None), "visible": running},
        "download": {
            "visible": bool(folder) and not running and not studio.settings.offline,
            "value": "Go on fetching" if state in ("failed", "interrupted", "stopped") else "Download",
        },
        "halt": {"visible": running},
    }
