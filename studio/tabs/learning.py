"""What the page shows of a lesson that runs or has run: its state in words, the curves and how to read them, the figures under them."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studio.domain import cost, measures, progress, together, verdict
from studio.domain.measures import Measure
from studio.services.library import Character
from studio.services.studio import Studio
from studio.tabs import arriving, continuing, curves, pictures
from studio.tabs.arriving import Shown

ON = "Go on from here"


def shown(studio: Studio, who: Character, folder: Path, question: int) -> Shown:
    """The lesson in this folder, all parts of the page that belong to it."""
    state, events, now = studio.jobs.state(folder), studio.jobs.events(folder), time.time()
    story, rows = progress.lesson(together.heard_by(events, who.id)), measures.table(events)
    whole, result = (studio.library.read_json(folder / f"{name}.json", {}) for name in ("spec", "result"))
    company = together.told(whole, events, result.get("best_step"))
    spec, result = together.seen_by(whole, who.id), together.result_of(result, who.id)
    kept = (folder / "adapter_model.safetensors").is_file()
    done = state == "done"
    first = arriving.first_words(story, spec) if done else ""
    first_step = next((event.get("from_step", 0) for event in reversed(events) if event["kind"] == "start"), 0)
    said = sentence(studio, folder, state, story)
    asked_to_stop, asked_to_pause = (folder / "stop").exists(), (folder / "pause").exists()
    return {
        **(arriving.debut(who, story, spec, result, first) if first else {}),
        "debut": {"visible": bool(first)},
        "head": {"value": headline(state, story, result, kept, now)},
        "words": {"value": said, "visible": bool(said)},
        "company": {"value": company, "visible": bool(company)},
        "bar": {"value": bar(story, spec, done)},
        "surprised": {"value": "How surprised they are together" if company else f"How surprised {who.persona.name} is"},
        "chart": {"value": chart(story, spec, state)},
        "curves": {"value": curves.all_curves(rows, story.steps)},
        "running": {"visible": state == "running"},
        "pause": {
            "interactive": not (asked_to_stop or asked_to_pause),
            "value": "Pausing at the next step" if asked_to_pause else "Pause",
        },
        "stop": {
            "interactive": not asked_to_stop,
            "value": "Stopping at the next step" if asked_to_stop else "Stop and keep what is learned",
        },
        "broken": {"visible": state in ("stopped", "paused", "failed", "interrupted")},
        "on": {"value": "Go on" if state == "paused" else ON},
        "more": {"visible": done},
        "source": continuing.sources(studio, who.id, folder) if done else {"visible": False},
        "again": {"value": f"Teach {who.persona.name} again", "variant": "secondary" if first else "primary"},
        "strip": {"value": strip(story, spec, result, state, rows, now) + (took(studio, spec, result, rows, first_step) if done else "")},
        **arriving.takes(story, spec, question, state == "running", done),
        "timer": {"active": state == "running"},
    }


def bar(story: progress.Lesson, spec: Mapping[str, Any], done: bool) -> str:
    """The passes bar; full where a lesson did all it was given."""
    epoch = story.epochs if done and not ended_early(story) else story.epoch
    return pictures.passes(epoch, story.epochs or spec["recipe"]["epochs"])


def headline(state: progress.State, story: progress.Lesson, result: Mapping[str, Any], kept: bool, now: float) -> str:
    """The state of a lesson in one sentence, and one more that calms."""
    pass_ = min(max(1, story.epochs), int(story.epoch) + 1)
    if state == "running":
        seconds = progress.seconds_left(story, now)
        left = "" if seconds is None else f" {sentence_case(progress.in_words(seconds))} left."
        lede = "You can close this tab. Learning goes on, and after an interruption it picks up from the last safe copy."
        return _head(f"Learning.{left}" if story.step or story.phase == "Learning" else "Getting ready.", lede)
    if state == "done":
        took = f"Finished in {progress.in_words(result['seconds'])}." if result else "Finished."
        early = f"Nothing got better any more, so learning ended in pass {pass_}. " if ended_early(story) else ""
        return _head(took, f"{early}The best version was kept. You can teach it more whenever you write more.")
    if state == "paused":
        at = f", at step {story.step} of {story.steps}" if story.steps else ""
        return _head(
            "Paused.", f"Pass {pass_} of {max(1, story.epochs)} waits for you{at}. Go on when you like; nothing has to be done again."
        )
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
    """What the job itself says: its phase while it gets ready and its newest note, or why it ended."""
    if state in ("failed", "interrupted"):
        return studio.jobs.failure(folder)
    if story.ended.get("why") == "unstable":
        return ""  # the sentence beside the curve says it
    phase = "" if state != "running" or story.phase == "Learning" else f"{story.phase or 'Starting'}."
    return " ".join(filter(None, (phase, *story.notes[-1:])))


def chart(story: progress.Lesson, spec: Mapping[str, Any], state: progress.State) -> str:
    """The two lines, and under them how to read them."""
    drawn = pictures.curve(story.learned, story.unseen, story.steps, story.epochs, story.best_step)
    read = verdict.read(story, spec["recipe"]["learning_rate"], state == "done")
    score = next((loss for step, loss in story.unseen if step == story.best_step), None)
    expert = f" <small>best validation loss {score:.2f}</small>" if score is not None and math.isfinite(score) else ""
    if read.kind == "early":
        wait = "Two more measurements, then the lines can be read." if state == "running" else "Too few measurements to say more."
        return f'{drawn}<p class="read">{wait if story.unseen else "The curve begins with the first measurement."}{expert}</p>'
    return f'{drawn}<p class="read {read.mark} {read.kind}"><b>{read.title}</b> {read.sentence}{expert}</p>'


def strip(
    story: progress.Lesson, spec: Mapping[str, Any], result: Mapping[str, Any], state: progress.State, rows: Sequence[Measure], now: float
) -> str:
    """Memory, speed, depth and safe copy; what is not measured yet is left out."""
    recipe = spec["recipe"]
    memory = result.get("peak_rss_mb") or story.memory_mb
    tokens = result.get("tokens_per_second") or story.tokens_per_second
    entries = [("Memory", f"{memory / 1000:.1f} GB", "")] if memory else []
    took = rows[-1].seconds if rows else 0.0
    if story.step and took:
        a_minute = 60 * recipe["batch_size"] * recipe["accumulation"] * story.step / took
        entries.append(("Speed", f"{a_minute:,.0f} conversations a minute", f"{tokens or 0:,.0f} tokens a second"))
    entries.append(("Depth", depth(recipe["rank"]), f"rank {recipe['rank']}"))
    if story.saved_at and state != "done":
        entries.append(("Safe copy", ago(now - story.saved_at), "checkpoint"))
    return pictures.strip(entries)


def took(studio: Studio, spec: Mapping[str, Any], result: Mapping[str, Any], rows: Sequence[Measure], first: int) -> str:
    """What the lesson took, in one quiet line; nothing for a lesson of an older studio, which did not count.

    Tokens and energy are counted since the last start, at step `first`; what went before is told by the share of the steps.
    """
    if not result.get("tokens") or result["steps"] <= first or spec.get("elsewhere"):
        return ""  # what another machine took is not told of this one
    prices = cost.from_dict(studio.library.read_json(studio.settings.assets / "prices.json", {}))
    whole = result["steps"] / (result["steps"] - first)
    energy = result.get("energy_wh")
    seconds = max(result["seconds"], rows[-1].seconds if rows else 0.0)
    parameters = studio.models.choice(spec["model"]).parameters
    said = cost.sentence(seconds, None if energy is None else energy * whole, result["tokens"] * whole, parameters, prices)
    return f'<p class="fine">{said}</p>'


def depth(rank: int) -> str:
    """How much of the model may change, in a word."""
    return "light" if rank < 16 else "medium" if rank < 32 else "deep"


def ago(seconds: float) -> str:
    """How long ago, by whole minutes, so that it changes once a minute."""
    if seconds < 60:
        return "just now"
    return sentence_case(f"{progress.in_words(seconds // 60 * 60)} ago").removeprefix("About ")
