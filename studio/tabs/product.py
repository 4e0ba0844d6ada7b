"""What Export shows as the disk has it: the work under way, the finished file with its certificate, and the answers side by side."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from studio.domain import sizes
from studio.services import exports
from studio.services.adapters import Adapter
from studio.services.studio import Studio
from studio.tabs import diploma, pictures
from studio.tabs.room import FILES, RARE, size_word

FIRST = 3  # questions whose answers are seen at once


class Bench(NamedTuple):
    """Everything in the room that changes, in the order Gradio gets it. In a handler's answer, what is left out stays as it is."""

    empty: Any = gr.skip()
    empty_words: Any = gr.skip()
    page: Any = gr.skip()
    headline: Any = gr.skip()
    lesson: Any = gr.skip()
    file: Any = gr.skip()
    needs: Any = gr.skip()
    four_bit: Any = gr.skip()
    name: Any = gr.skip()
    acts: Any = gr.skip()
    send: Any = gr.skip()
    make: Any = gr.skip()
    ollama: Any = gr.skip()
    how: Any = gr.skip()
    work: Any = gr.skip()
    phase: Any = gr.skip()
    bar: Any = gr.skip()
    stop: Any = gr.skip()
    note: Any = gr.skip()
    taken: Any = gr.skip()
    taken_words: Any = gr.skip()
    cert: Any = gr.skip()
    there: Any = gr.skip()
    there_words: Any = gr.skip()
    command: Any = gr.skip()
    product: Any = gr.skip()
    path: Any = gr.skip()
    recipe: Any = gr.skip()
    modelfile: Any = gr.skip()
    answers: Any = gr.skip()
    counted: Any = gr.skip()
    rows: Any = gr.skip()
    timer: Any = gr.skip()
    seen: Any = gr.skip()
    sending: Any = gr.skip()


def to_send(studio: Studio, persona_id: str) -> str:
    """The folder of the newest file, where it is there and still to be sent to Ollama; else empty."""
    folder, made = next(iter(studio.library.exports(persona_id)), None), exports.newest(studio.library, persona_id)
    return str(folder) if made and made.wanted and made.folder == folder else ""


def fingerprint(studio: Studio, persona_id: str) -> str:
    """Changes whenever the page has something new to show."""
    folder = next(iter(studio.library.exports(persona_id)), None)
    return f"{folder}:{studio.jobs.state(folder)}:{len(studio.jobs.events(folder))}" if folder else ""


def cards(studio: Studio, adapter: Adapter, also: sizes.Kind | None = None) -> list[tuple[str, sizes.Kind]]:
    """The three sizes, and the rare kind that is wanted `also`, with what they come to for this model."""
    bytes_, without = exports.estimates(studio.models, adapter.model), exports.without_engine()
    offered: dict[sizes.Kind, tuple[str, str]] = {**FILES, **({also: RARE[also]} if also in RARE else {})}
    found: list[tuple[str, sizes.Kind]] = []
    for kind, (word, sentence) in offered.items():
        if kind == sizes.ADAPTER:
            size, advice = (adapter.folder / "adapter_model.safetensors").stat().st_size, ""
        else:
            size, advice = bytes_[kind], exports.advice(studio.models, adapter.model, kind)
        missing = "Needs llama.cpp, which is not on this computer." if without and kind in sizes.MIXED else ""
        found.append((f"{word}, {sizes.in_words(size)}\n{missing or advice or sentence} ({kind})", kind))
    return found


def needs(studio: Studio, adapter: Adapter, kind: sizes.Kind) -> str:
    """How much disk the work will take, and how much there is."""
    need, free = exports.room(studio.models, adapter.model, kind), shutil.disk_usage(studio.library.home).free
    return f"Making and checking it takes {sizes.in_words(need)} of disk for a while. There is {sizes.in_words(free)} free."


def at_work(studio: Studio, persona_id: str, sending: str) -> dict[str, Any]:
    """The left side: what can be pressed, or how far the work is."""
    folder = next(iter(studio.library.exports(persona_id)), None)
    state = studio.jobs.state(folder) if folder else "waiting"
    events = studio.jobs.events(folder) if folder and state == "running" else []
    told = next((e for e in reversed(events) if e["kind"] == "phase"), {})
    working, status = state == "running", studio.ollama.status()
    ready = status.state == "running"
    return {
        "acts": gr.update(visible=not working and not sending),
        "send": gr.update(value="Send to Ollama", visible=ready),
        "make": gr.update(value="Only make the file" if ready else "Make the file", variant="secondary" if ready else "primary"),
        "ollama": status.sentence,
        "how": gr.update(visible=not ready),
        "work": gr.update(visible=working or bool(sending)),
        "phase": "Sending the file to Ollama" if sending else str(told.get("text", "Getting ready")),
        "bar": pictures.share(None if sending else told.get("share")),
        "stop": gr.update(value="Stop", visible=working or bool(sending), interactive=not (folder / "stop").exists() if folder else True),
        "timer": gr.update(active=working),
        "seen": fingerprint(studio, persona_id),
    }


def outcome(studio: Studio, persona_id: str, name: str) -> dict[str, Any]:
    """The right side: certificate, file and answers of the newest finished export, and what became of the last try."""
    folder, made = next(iter(studio.library.exports(persona_id)), None), exports.newest(studio.library, persona_id)
    ended = note(ending(studio, folder)) if folder and (made is None or made.folder != folder) else note("")
    return {
        "note": ended,
        "cert": diploma.checked(made.checks, made.at, made.result.get("merged_into") == "nf4") if made else diploma.waiting(),
        "there": gr.update(visible=bool(made and made.delivered)),
        "there_words": f"{name} is in Ollama. Open it and choose {made.delivered}, or type:" if made else "",
        "command": exports.recipe(made)[1] if made else "",
        "product": gr.update(visible=made is not None),
        "path": gr.update(value=str(made.file), label=f"The file, {size_word(made.spec['file'])}, {sizes.in_words(made.result['bytes'])}")
        if made
        else "",
        "recipe": "\n".join(exports.recipe(made)) if made else "",
        "modelfile": (made.folder / "Modelfile").read_text("utf-8") if made else "",
        **side_by_side(made.answers if made else []),
    }


def ending(studio: Studio, folder: Path) -> str:
    """Why the last try left no file, in a sentence; empty while it still runs."""
    state = studio.jobs.state(folder)
    if state == "stopped":
        return "Stopped. No file was made, and what was learned is safe."
    return studio.jobs.failure(folder) if state in ("failed", "interrupted") else ""


def side_by_side(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answers of the studio, of the file and, once it was asked there, in Ollama; those that differ come first."""
    rows = sorted((_row(answer) for answer in answers), key=lambda row: len(set(row["takes"].values())) == 1)
    same = sum(len(set(row["takes"].values())) == 1 for row in rows)
    return {
        "answers": gr.update(visible=bool(rows)),
        "counted": f"<h2>All asked the same <small>{same} of {len(rows)} answers are the same, word for word</small></h2>",
        "rows": rows,
    }


def _row(answer: Mapping[str, Any]) -> dict[str, Any]:
    places = {"In the studio": "app", "In the file": "file", "In Ollama": "ollama"}
    takes = {place: str(answer[key]) for place, key in places.items() if key in answer}
    told = {f"{place}, in other words" if words != answer["app"] else place: words for place, words in takes.items()}
    return {"asked": answer["prompt"], "takes": told}


def note(words: str, kind: str = "warn") -> dict[str, Any]:
    """The line under the buttons."""
    return gr.update(value=words, visible=bool(words), elem_classes=["says", "aside", kind])
