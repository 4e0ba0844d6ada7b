"""The page of one lesson, read from its folder: what each component of the Train tab shows now."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studio.domain import catalogue, checks, dataset, progress
from studio.domain.persona import Persona
from studio.services.library import Character
from studio.services.models import Choice
from studio.services.studio import Studio
from studio.tabs import fits, pictures

Shown = dict[str, dict[str, Any]]  # component name -> its properties
Take = tuple[float, str, str]  # epoch, question, answer

NEAR = 0.08  # of a pass: close enough to its end to be called so

PARTS = (
    "empty", "needs", "before", "title", "model", "teach", "back", "fetching", "fetch_words", "fetch_bar", "download", "halt",
    "debut", "picture", "kicker", "first", "summary",
    "lesson", "head", "words", "bar", "surprised", "chart", "running", "stop", "broken", "more", "again", "strip",
    "takes", "question", "ask", "t0", "t1", "t2", "t3",
    "timer",
)  # fmt: skip


def page(studio: Studio, persona_id: str | None, model_id: str | None, question: int, fresh: bool) -> Shown:
    """What is to be seen for this character. `fresh`: a new lesson is wanted although there is an earlier one."""
    if not persona_id:
        return _visible() | {"timer": {"active": False}}
    who = studio.library.character(persona_id)
    folder = newest(studio, persona_id)
    if folder and not (fresh and studio.jobs.state(folder) != "running"):
        return _lesson(studio, who, folder, question)
    ready = len(dataset.teachable(studio.library.conversations(persona_id)))
    if ready < checks.FEWEST:
        return _visible("empty") | {"needs": {"value": needs(who, ready)}, "timer": {"active": False}}
    return _visible("before") | _before(studio, who, model_id)


def newest(studio: Studio, persona_id: str) -> Path | None:
    """This character's newest lesson that was ever started."""
    return next((folder for folder in studio.library.adapters(persona_id) if studio.jobs.state(folder) != "waiting"), None)


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


# ---------------------------------------------------------------- during and after
def _lesson(studio: Studio, who: Character, folder: Path, question: int) -> Shown:
    state = studio.jobs.state(folder)
    story = progress.lesson(studio.jobs.events(folder))
    spec, result = read_json(folder / "spec.json"), read_json(folder / "result.json")
    kept = (folder / "adapter_model.safetensors").is_file()
    done = state == "done"
    first = first_words(story, spec) if done else ""
    said = sentence(studio, folder, state, story)
    parts = ["lesson"] + (["debut"] if first else [])
    return {
        **_visible(*parts),
        **(_debut(who, story, spec, result, first) if first else {}),
        "head": {"value": headline(state, story, result, kept)},
        "words": {"value": said, "visible": bool(said)},
        "bar": {
            "value": pictures.passes(
                story.epochs if done and not ended_early(story) else story.epoch, story.epochs or spec["recipe"]["epochs"]
            )
        },
        "surprised": {"value": f"How surprised {who.persona.name} is"},
        "chart": {"value": pictures.curve(story.learned, story.unseen, story.steps, story.epochs, story.best_step) + reading(story, state)},
        "running": {"visible": state == "running"},
        "stop": {
            "interactive": not (folder / "stop").exists(),
            "value": "Stopping at the next step" if (folder / "stop").exists() else "Stop and keep what is learned",
        },
        "broken": {"visible": state in ("stopped", "failed", "interrupted")},
        "more": {"visible": done},
        "again": {"value": f"Teach {who.persona.name} again", "variant": "secondary" if first else "primary"},
        "strip": {"value": strip(story, spec, result, state, time.time())},
        **_takes(story, spec, question, state == "running", done),
        "timer": {"active": state == "running"},
    }


def headline(state: progress.State, story: progress.Lesson, result: Mapping[str, Any], kept: bool) -> str:
    """The state of a lesson in one sentence, and one more that calms."""
    pass_ = min(max(1, story.epochs), int(story.epoch) + 1)
    if state == "running":
        left = "" if story.seconds_left is None else f" {sentence_case(progress.in_words(story.seconds_left))} left."
        lede = "You can close this tab. Learning goes on, and after an interruption it picks up from the last safe copy."
        return _head(f"Learning.{left}" if story.step or story.phase == "Learning" else "Getting ready.", lede)
    if state == "done":
        took = f"Finished in {progress.in_words(result['seconds'])}." if result else "Finished."
        early = f"Nothing got better any more, so learning ended in pass {pass_}. " if ended_early(story) else ""
        return _head(took, f"{early}The best version was kept. You can teach it more whenever you write more.")
    if state == "stopped" and not kept:
        return _head(
            f"Learning stopped at pass {pass_}.",
            "Nothing was better than the plain model yet, so nothing was kept. What you wrote is safe.",
        )
    if state == "stopped":
        return _head(f"Learning stopped at pass {pass_}. What was learned is kept.", "You can talk to this version, or go on from here.")
    return _head(f"Learning stopped at pass {pass_}.")


def ended_early(story: progress.Lesson) -> bool:
    """Whether a finished lesson did fewer steps than it was given, because it had stopped getting better."""
    return int(story.ended.get("step", story.steps)) < story.steps


def _head(title: str, lede: str = "") -> str:
    return f"<h1>{title}</h1>" + (f'<p class="lede">{lede}</p>' if lede else "")


def sentence_case(words: str) -> str:
    """With a capital letter in front."""
    return words[:1].upper() + words[1:]


def sentence(studio: Studio, folder: Path, state: progress.State, story: progress.Lesson) -> str:
    """What the job itself says: its phase while it gets ready, or why it ended."""
    if state == "running":
        return "" if story.phase == "Learning" else f"{story.phase or 'Starting'}."
    return studio.jobs.failure(folder) if state in ("failed", "interrupted") else ""


def reading(story: progress.Lesson, state: progress.State) -> str:
    """How to read the curve, under it."""
    mark, verdict, meaning = progress.reading(story)
    score = next((loss for step, loss in story.unseen if step == story.best_step), None)
    expert = f" <small>best validation loss {score:.2f}</small>" if score is not None and math.isfinite(score) else ""
    if not mark:
        wait = "Two more measurements, then the lines can be read." if state == "running" else "Too few measurements to say more."
        return f'<p class="read">{wait if story.unseen else "The curve begins with the first measurement."}{expert}</p>'
    return f'<p class="read {mark}"><b>{verdict}</b> {meaning}{expert}</p>'


def strip(story: progress.Lesson, spec: Mapping[str, Any], result: Mapping[str, Any], state: progress.State, now: float) -> str:
    """Memory, speed, depth and safe copy; what is not measured yet is left out."""
    recipe = spec["recipe"]
    memory = result.get("peak_rss_mb") or story.memory_mb
    tokens = result.get("tokens_per_second") or story.tokens_per_second
    entries = [("Memory", f"{memory / 1000:.1f} GB", "")] if memory else []
    if state == "running" and story.seconds_left and story.steps > story.step:
        a_minute = 60 * recipe["batch_size"] * recipe["accumulation"] * (story.steps - story.step) / story.seconds_left
        entries.append(("Speed", f"{a_minute:,.0f} conversations a minute", f"{tokens or 0:,.0f} tokens a second"))
    elif result.get("seconds"):
        a_minute = 60 * recipe["batch_size"] * recipe["accumulation"] * result["steps"] / result["seconds"]
        entries.append(("Speed", f"{a_minute:,.0f} conversations a minute", f"{tokens or 0:,.0f} tokens a second"))
    entries.append(("Depth", depth(recipe["rank"]), f"rank {recipe['rank']}"))
    if story.saved_at and state != "done":
        entries.append(("Safe copy", ago(now - story.saved_at), "checkpoint"))
    return pictures.strip(entries)


def depth(rank: int) -> str:
    """How much of the model may change, in a word."""
    return "light" if rank < 16 else "medium" if rank < 32 else "deep"


def ago(seconds: float) -> str:
    """How long ago, by whole minutes, so that it changes once a minute."""
    if seconds < 60:
        return "just now"
    return sentence_case(f"{progress.in_words(seconds // 60 * 60)} ago").removeprefix("About ")


# ---------------------------------------------------------------- the voice arriving
def _takes(story: progress.Lesson, spec: Mapping[str, Any], question: int, running: bool, done: bool) -> Shown:
    questions: Sequence[str] = spec["samples"]
    asked = questions[min(question, len(questions) - 1)] if questions else ""
    said = [take for take in story.takes if take[1] == asked]
    chosen = best_takes(story, said) if done else said
    bubbles = dict(zip(("t0", "t1", "t2", "t3"), arranged(chosen), strict=True))
    shown: Shown = {"takes": {"visible": bool(said)}, "question": {"visible": len(questions) > 1}, "ask": {"value": asked}}
    for name, take in bubbles.items():
        newest_ = name == "t3" and running
        shown[name] = {
            "visible": bool(take),
            "value": take[2] if take else "",
            "label": when(take[0], newest_, done and name == "t3") if take else "Answer",
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


def when(epoch: float, now: bool = False, kept: bool = False) -> str:
    """At what point of the lesson something was said."""
    if epoch == 0:
        return "Before learning"
    whole = round(epoch)
    if now:
        return f"Pass {max(1, math.ceil(epoch - NEAR))}, just now"
    point = f"After pass {whole}" if abs(epoch - whole) < NEAR else f"During pass {math.ceil(epoch)}"
    return f"{point}, kept" if kept else point


def first_words(story: progress.Lesson, spec: Mapping[str, Any]) -> str:
    """What the kept version answered to the first question."""
    said = [take for take in story.takes if spec["samples"] and take[1] == spec["samples"][0]]
    learned = [take[2] for take in best_takes(story, said) if take[0] > 0]
    return learned[-1].strip() if learned else ""


def _debut(who: Character, story: progress.Lesson, spec: Mapping[str, Any], result: Mapping[str, Any], first: str) -> Shown:
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
