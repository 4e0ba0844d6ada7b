"""The voice arriving: what was answered to the same lines before learning, on the way and now, and the first words."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from studio.domain import checks, progress
from studio.domain.persona import Persona
from studio.services.library import Character

Shown = dict[str, dict[str, Any]]  # component name -> its properties
Take = tuple[float, str, str]  # epoch, question, answer

NEAR = 0.08  # of a pass: close enough to its end to be called so


def takes(story: progress.Lesson, spec: Mapping[str, Any], question: int | None, running: bool, done: bool) -> Shown:
    """The answers to one of the lesson's lines, the first until one is chosen: before learning, two on the way, and the newest."""
    questions: Sequence[str] = spec["samples"]
    asked = questions[min(question or 0, len(questions) - 1)] if questions else ""
    said = [take for take in story.takes if take[1] == asked]
    bubbles = dict(zip(("t0", "t1", "t2", "t3"), arranged(best_takes(story, said) if done else said), strict=True))
    shown: Shown = {
        "takes": {"visible": bool(said)},
        "question": {"visible": len(questions) > 1, "choices": [(f"Line {n}", n - 1) for n in range(1, len(questions) + 1)]},
        "ask": {"value": asked},
        "way": {"visible": bool(bubbles["t1"] or bubbles["t2"])},
    }
    for name, take in bubbles.items():
        newest = name == "t3" and running
        shown[name] = {
            "visible": bool(take),
            "value": take[2] if take else "",
            "label": when(take[0], newest, done and name == "t3", bool(spec.get("continues"))) if take else "Answer",
        }
    return shown


def best_takes(story: progress.Lesson, said: Sequence[Take]) -> list[Take]:
    """The takes up to the version that was kept."""
    return [take for take in said if story.best_epoch is None or take[0] <= story.best_epoch]


def arranged(said: Sequence[Take]) -> list[Take | None]:
    """Four places: before learning, two on the way, and the newest."""
    before = said[0] if said and said[0][0] == 0 else None
    later = [take for take in said if take[0] > 0]
    way, newest_ = later[:-1], later[-1] if later else None
    middle = [way[len(way) // 3], way[2 * len(way) // 3]] if len(way) > 1 else [*way, None][:2] if way else [None, None]
    return [before, *middle, newest_]


def when(epoch: float, now: bool = False, kept: bool = False, continued: bool = False) -> str:
    """At what point of the lesson something was said."""
    if epoch == 0:
        return "Before this lesson" if continued else "Before learning"
    whole = round(epoch)
    if now:
        return f"Pass {max(1, math.ceil(epoch - NEAR))}, just now"
    point = f"After pass {whole}" if abs(epoch - whole) < NEAR else f"During pass {math.ceil(epoch)}"
    return f"{point}, kept" if kept else point


def first_words(story: progress.Lesson, spec: Mapping[str, Any]) -> str:
    """What the kept version answered to the first line."""
    said = [take for take in story.takes if spec["samples"] and take[1] == spec["samples"][0]]
    learned = [take[2] for take in best_takes(story, said) if take[0] > 0]
    return learned[-1].strip() if learned else ""


def debut(who: Character, story: progress.Lesson, spec: Mapping[str, Any], result: Mapping[str, Any], first: str) -> Shown:
    """The picture, and the first words beside it."""
    at = time.strftime("%H:%M", time.localtime(story.ended["at"])) if story.ended else ""
    return {
        "picture": {"value": f'<div class="picture"><img src="/studio/avatar/{who.id}" alt=""></div>'},
        "kicker": {"value": f'<p class="kicker">First words, {at}</p>'},
        "first": {"value": first},
        "summary": {"value": summary(who.persona, spec["dataset"], result)},
    }


def summary(persona: Persona, counts: Mapping[str, int], result: Mapping[str, Any]) -> str:
    """What was learned; that new conversations were met in the same voice is said only where it was measured."""
    base, now = result.get("validation_nll_base"), result.get("validation_nll_adapter")
    learned = f"{persona.name} has learned from {checks.number(counts['train'])} conversations"
    if base is not None and now is not None and now < base and counts["validation"]:
        new = counts["validation"]
        return f"{learned}, and answered {checks.number(new)} new {'one' if new == 1 else 'ones'} in the same voice."
    return f"{learned}."
