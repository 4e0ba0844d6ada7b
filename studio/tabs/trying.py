"""Try several recipes: the fold in Train where the studio looks for a better way of learning, and what it has found."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from studio.domain import search
from studio.domain.errors import Busy, NotReady
from studio.domain.search import Trial
from studio.domain.training import Preset, Recipe
from studio.services import searches
from studio.services.searches import Search
from studio.services.studio import Studio
from studio.tabs import curves, expert, fits, form, pictures
from studio.tabs.wiring import LATEST, bind, html, on_view

SENTENCE = (
    "Let the studio try a few ways of learning for some minutes, and keep the best. It begins with the one chosen here; "
    "the conversations kept back tell which is better. What your character has learned so far stays as it is."
)
STATES: dict[search.State, str] = {
    "running": "learning now", "finished": "finished", "behind": "behind the others, ended early", "unsteady": "became unsteady",
    "cut": "cut short, the time was over", "memory": "too much for the memory", "broken": "broken off",
}  # fmt: skip
HEADS = (("Step size", "learning rate"), ("Depth", "rank"), ("Passes", "epochs"), ("Surprise", "validation loss"), ("How it went", ""))
USED = "It is filled in under Choices for experts. Teach with it whenever you like."
GONE = "There is no search with a better recipe. Nothing was changed. Try several recipes first."


# ---------------------------------------------------------------- handlers
def offers(studio: Studio, persona_id: str | None, model_id: str | None, preset: Preset, edited: str, *values: Any) -> dict[str, Any]:
    """The lengths a search can have, each with how many lessons that is on this computer."""
    if not persona_id:
        return gr.skip()
    model = model_id or form.last_model(studio, persona_id)
    seconds = a_lesson(studio, persona_id, model, preset, edited, values)
    labels = [(f"{minutes} minutes\n{search.lessons(minutes, seconds)}".strip(), minutes) for minutes in search.MINUTES]
    return gr.update(choices=labels)


def start(studio: Studio, persona_id: str, model_id: str | None, preset: Preset, edited: str, minutes: int, *values: Any) -> str:
    """Order a search that begins with what is chosen, and start it; returns that nothing is said of an earlier one."""
    if studio.jobs.running():
        raise Busy("The studio is busy with other work already. What you wrote is safe. Wait until that ends, or stop it first.")
    model = model_id or form.last_model(studio, persona_id)
    base = form.chosen(studio, persona_id, model, preset, edited, values)
    folder = searches.order(studio.library, studio.models, persona_id, model, preset, base, minutes)
    studio.voice.rest()
    studio.jobs.start("search", folder)
    return ""


def stop(studio: Studio, persona_id: str) -> None:
    """Ask the search to end with what it has."""
    studio.jobs.stop(_newest(studio, persona_id).folder)


def go_on(studio: Studio, persona_id: str) -> None:
    """Start the newest search again: it goes on where it was."""
    folder = _newest(studio, persona_id).folder
    studio.voice.rest()
    studio.jobs.start("search", folder)


def use(studio: Studio, persona_id: str) -> list[Any]:
    """Fill the form with the best recipe of the newest search; from then on the fields are the writer's own."""
    found = _newest(studio, persona_id)
    best = search.winner(found.trials, found.base)
    if best is None:
        raise NotReady(GONE)
    recipe = search.varied(found.base, best.rate, best.rank, best.passes)
    return [found.model, persona_id, f'<p class="fine">{USED}</p>', *expert.values(recipe)]


def opened(studio: Studio, persona_id: str | None) -> tuple[dict[str, Any], str]:
    """The fold opens by itself while a search runs; what was said about another character goes."""
    found = searches.newest(studio.library, studio.jobs, persona_id) if persona_id else None
    return gr.update(open=True) if found and found.state == "running" else gr.skip(), ""


def seen(studio: Studio, persona_id: str | None) -> list[Any]:
    """What the fold shows now, in the order of `PARTS`."""
    found = searches.newest(studio.library, studio.jobs, persona_id) if persona_id else None
    shown = page(studio, found) if found else nothing()
    return [gr.update(**shown[part]) for part in PARTS]


PARTS = ("asked", "stop", "on", "bar", "found", "use", "tick")


# ---------------------------------------------------------------- what they are made of
def _newest(studio: Studio, persona_id: str) -> Search:
    found = searches.newest(studio.library, studio.jobs, persona_id)
    if found is None:
        raise NotReady(GONE)
    return found


def a_lesson(studio: Studio, persona_id: str, model_id: str, preset: Preset, edited: str, values: Sequence[Any]) -> float | None:
    """Seconds of one lesson by what is chosen; None while that can't be told."""
    here = fits.desk(studio, persona_id, model_id)
    plan = form.chosen(studio, persona_id, model_id, preset, edited, values) if here else None
    return form.seconds(studio, model_id, plan, here, form.measured_pace(studio, model_id))


def nothing() -> dict[str, dict[str, Any]]:
    """The fold before any search."""
    hidden: dict[str, Any] = {"visible": False}
    return {"asked": {"visible": True}, "stop": hidden, "on": hidden, "bar": hidden, "found": hidden, "use": hidden, "tick": {"active": False}}  # fmt: skip


def page(studio: Studio, found: Search) -> dict[str, dict[str, Any]]:
    """The fold while a search runs, and after it."""
    running, broken = found.state == "running", found.state in ("interrupted", "failed", "stopped", "paused")
    asked = (found.folder / "stop").exists()
    return {
        "asked": {"visible": not running},
        "stop": {"visible": running, "interactive": not asked, "value": "Stopping" if asked else "Stop and keep what is found"},
        "on": {"visible": broken},
        "bar": {"visible": running, "value": f'<p class="fine">{found.phase or "Getting ready"}.</p>{pictures.share(found.share)}'},
        "found": {"visible": True, "value": told(studio, found)},
        "use": {"visible": not running and search.winner(found.trials, found.base) is not None},
        "tick": {"active": running},
    }


def told(studio: Studio, found: Search) -> str:
    """What was found: a sentence, the curves over each other, and a row for each lesson. Numbers and the studio's own words only."""
    failed = studio.jobs.failure(found.folder) if found.state in ("failed", "interrupted") else ""
    ended = "" if found.state == "running" else search.sentence(found.trials, found.base, found.kept_back)
    better = "ok" if found.state != "running" and search.winner(found.trials, found.base) else ""
    words = (spoken(line, mark) for line, mark in ((failed, "look"), (found.note, "look"), (ended, better)) if line)
    return "".join(words) + picture(found.trials, found.base) + table(found.trials, found.base)


def spoken(line: str, mark: str) -> str:
    """A verdict, its first sentence standing out."""
    first, dot, rest = line.partition(". ")
    return f'<p class="read {mark}"><b>{first}{dot.strip()}</b> {rest}</p>'


def picture(trials: Sequence[Trial], base: Recipe) -> str:
    """The surprise at unseen replies in each lesson, in one frame; the best and one's own stand out."""
    drawn = [trial for trial in trials if len(trial.curve) > 1]
    if not drawn:
        return ""
    low, high = curves.frame([trial.curve for trial in drawn])
    most, best = max(step for trial in drawn for step, _ in trial.curve), search.best(trials)
    lines = "".join(
        f'<path class="{line_of(trial, best, base)}" d="{curves.path(trial.curve, most, low, high)}"/>'
        for trial in sorted(drawn, key=lambda trial: (trial is best, search.is_base(trial, base)))
    )
    said = f"Surprise at unseen replies of {len(drawn)} lessons, between {low:.2f} and {high:.2f}"
    return (
        f'<div class="ps-frame" role="img" aria-label="{said}"><svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="ps-line-grid" d="M0,4H100"/><path class="ps-line-grid" d="M0,96H100"/>{lines}</svg><i>{high:.2f}</i><i>{low:.2f}</i></div>'
        '<p class="ps-keys"><span>the best</span><span class="ps-key-1">yours</span><span class="ps-key-rest">the others</span></p>'
    )


def line_of(trial: Trial, best: Trial | None, base: Recipe) -> str:
    """How the curve of a lesson is drawn."""
    return "ps-line-0" if trial is best else "ps-line-1" if search.is_base(trial, base) else "ps-line-rest"


def table(trials: Sequence[Trial], base: Recipe) -> str:
    """A row for each lesson, as it was begun."""
    if not trials:
        return ""
    heads = "".join(f'<th scope="col">{plain}{f" <small>{word}</small>" if word else ""}</th>' for plain, word in HEADS)
    best = search.best(trials)
    rows = "".join(row(trial, trial is best, search.is_base(trial, base)) for trial in trials)
    caption = "Surprise at replies it has never seen: less is better."
    return f'<table class="tries"><caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def row(trial: Trial, best: bool, own: bool) -> str:
    """One lesson."""
    loss = "–" if trial.loss is None else f"{trial.loss:.2f}"
    marks = "".join(f" <em>{word}</em>" for word, there in (("best", best), ("yours", own)) if there)
    cells = (plain(trial.rate), str(trial.rank), str(trial.passes), loss, STATES[trial.state] + marks)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def plain(rate: float) -> str:
    """A step size as it is typed: three figures after the zeros at most, no exponent."""
    return f"{float(f'{rate:.3g}'):.12f}".rstrip("0")


# ---------------------------------------------------------------- the parts
def build() -> dict[str, Any]:
    """The fold, by the names of its parts."""
    parts: dict[str, Any] = {"tick": gr.Timer(1, active=False)}
    with gr.Accordion("Try several recipes", open=False, elem_classes=["experts", "trying"]) as parts["fold"]:
        html(f'<p class="help">{SENTENCE}</p>')
        with gr.Column(min_width=0) as parts["asked"]:
            parts["minutes"] = gr.Radio(
                [(f"{minutes} minutes", minutes) for minutes in search.MINUTES],
                value=search.MINUTES[0],
                label="For how long?",
                interactive=True,
                elem_classes="choices",
            )
            with gr.Row(elem_classes="acts"):
                parts["start"] = gr.Button("Start trying", size="md", min_width=0)
                parts["on"] = gr.Button("Go on with the last search", size="md", visible=False, min_width=0)
        parts["bar"] = html("", visible=False)
        with gr.Row(elem_classes="acts"):
            parts["stop"] = gr.Button("Stop and keep what is found", size="md", visible=False, elem_classes=["icon", "i-stop"], min_width=0)
        parts["found"] = html("", visible=False)
        with gr.Row(elem_classes="acts"):
            parts["use"] = gr.Button("Use the best one", size="md", visible=False, min_width=0)
        parts["used"] = html("")
    return parts


def wire(studio: Studio, persona: gr.Radio, tab: gr.Tab, room: dict[str, Any], drawer: dict[str, Any], edited: gr.State) -> None:
    """What happens when something in the fold is pressed."""
    quiet: Any = {"show_progress": "hidden"}
    parts, model = room["tries"], room["model"]
    fields = list(drawer["fields"].values())
    look: Any = {"fn": bind(seen, studio), "inputs": persona, "outputs": [parts[part] for part in PARTS], "show_progress": "hidden"}
    wanted = [persona, model, room["pace"], edited]
    turned = on_view(tab, persona).success(bind(opened, studio), persona, [parts["fold"], parts["used"]], **quiet, **LATEST)
    turned.success(**look, **LATEST)
    asked = [parts["fold"].expand, model.input, room["pace"].input, room["promise"].change]  # the last: this computer was measured
    gr.on(asked, bind(offers, studio), [*wanted, *fields], parts["minutes"], **quiet)
    parts["start"].click(bind(start, studio), [*wanted, parts["minutes"], *fields], parts["used"], **quiet).success(**look)
    parts["stop"].click(bind(stop, studio), persona, None, **quiet).success(**look)
    parts["on"].click(bind(go_on, studio), persona, None, **quiet).success(**look)
    parts["tick"].tick(**look)
    parts["use"].click(bind(use, studio), persona, [model, edited, parts["used"], *fields], **quiet)
