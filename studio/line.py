"""The straight line without a window: prepare, train, chat and export one character, and report what was measured."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.domain import progress
from studio.domain.catalogue import PRACTICE
from studio.domain.conversation import Turn
from studio.domain.errors import StudioError
from studio.domain.sizes import FileKind
from studio.domain.training import Preset
from studio.services import orders
from studio.services.studio import Studio

LOOK_EVERY = 1.0  # seconds between two looks at a job
QUESTIONS = ("Hello!", "What is your name?", "What do you like to eat?", "It is raining outside.", "Good night.")


def demo(
    studio: Studio, say: Callable[[str], None], model_id: str = PRACTICE, preset: Preset = "balanced", file: FileKind = "Q4_K_M"
) -> dict[str, Any]:
    """Take the first bundled character from its conversations to a GGUF file; returns the report. Raises StudioError where a job ends badly."""
    who = studio.library.characters()[0]
    say(f"{who.persona.name}: {who.conversations} conversations.")
    adapter = train(studio, who.id, model_id, preset, say)
    lesson, result = read(adapter / "spec.json"), read(adapter / "result.json")
    chat = audition(studio, adapter, say)
    folder = export(studio, adapter, file, say)
    proof = read(folder / "certificate.json")
    told = {"nmse_f32": proof["master"]["nmse"], "greedy_matches": proof["master"]["matches"], "greedy_prompts": len(proof["answers"])}
    made = read(folder / "result.json") | told | {"certificate": proof}
    return {
        "character": who.persona.name,
        "dataset": {
            "conversations": lesson["dataset"]["conversations"], "train_examples": result["train_examples"], "validation_examples": result["validation_examples"],
            "trained_tokens": result["trained_tokens"],
        },
        "training": {
            key: result[key]
            for key in ("base_model", "seconds", "steps", "best_step", "tokens_per_second", "peak_rss_mb", "validation_nll_base", "validation_nll_adapter")
        },
        "chat": chat,
        "export": made,
    }  # fmt: skip


def train(studio: Studio, persona_id: str, model_id: str, preset: Preset, say: Callable[[str], None]) -> Path:
    """One lesson from order to end; returns the adapter's folder."""
    recipe = orders.recipe_for(studio.library, studio.models, persona_id, model_id, preset)
    folder = orders.order_lesson(studio.library, studio.models, persona_id, model_id, preset, recipe)
    studio.jobs.start("train", folder)
    return follow(studio, folder, lesson_words, say)


def export(studio: Studio, adapter: Path, file: FileKind, say: Callable[[str], None]) -> Path:
    """One export from order to checked file; returns its folder."""
    folder = orders.order_export(studio.library, studio.models, adapter, file, read(adapter / "spec.json")["name"].lower())
    studio.jobs.start("export", folder)
    return follow(studio, folder, lambda events: next((e["text"] for e in reversed(events) if e["kind"] == "phase"), ""), say)


def follow(studio: Studio, folder: Path, words: Callable[[list[dict[str, Any]]], str], say: Callable[[str], None]) -> Path:
    """Say what a job does until it ends; raises StudioError with the reason where it did not reach its end."""
    said = ""
    while True:
        ended = studio.jobs.wait(folder, LOOK_EVERY)
        now = words(studio.jobs.events(folder))
        if now and now != said:
            say(f"  {now}")
            said = now
        if ended:
            break
    if studio.jobs.state(folder) != "done":
        raise StudioError(f"{studio.jobs.failure(folder)} ({folder / 'log.txt'})")
    return folder


def lesson_words(events: list[dict[str, Any]]) -> str:
    """How a lesson stands, in one line that changes at each evaluation."""
    lesson = progress.lesson(events)
    if not lesson.unseen:
        return lesson.phase
    step, loss = lesson.unseen[-1]
    return f"{lesson.phase}: {step} of {lesson.steps or '?'} steps, validation loss {loss:.2f}"


def audition(studio: Studio, adapter: Path, say: Callable[[str], None]) -> list[dict[str, str]]:
    """The same questions to the plain model (as it comes) and to the character, greedy."""
    spec = read(adapter / "spec.json")
    model, system = Path(spec["model_path"]), spec["persona"]["system"]
    heard = []
    for question in QUESTIONS:
        turn = (Turn("0", "user", question),)
        base = "".join(list(studio.voice.speak(model, None, turn, "", 0.0))[-1:])
        character = "".join(list(studio.voice.speak(model, adapter, turn, system, 0.0))[-1:])
        heard.append({"prompt": question, "base": base, "adapter": character})
        say(f"  {question}\n    before: {base}\n    {spec['name']}: {character}")
    studio.voice.rest()
    return heard


def report(measured: dict[str, Any], seconds: float) -> str:
    """The short report a person reads."""
    data, lesson, made = measured["dataset"], measured["training"], measured["export"]
    return "\n".join(
        (
            f"{measured['character']} learned from {data['train_examples']} conversations ({data['trained_tokens']} tokens) in {lesson['seconds']:.0f} seconds.",
            f"Validation loss {lesson['validation_nll_base']:.2f} before, {lesson['validation_nll_adapter']:.2f} after; {lesson['tokens_per_second']:.0f} tokens a second.",
            f"File: {made['path']} ({made['bytes'] / 1e6:.1f} MB, {made['quantization']}). Before it was made small: "
            f"{made['greedy_matches']} of {made['greedy_prompts']} answers word for word, NMSE {made['nmse_f32']:.1e}.",
            f"{made['certificate']['verdict']}:",
            *(f"  {check['title']}: {check['sentence']}" for check in made["certificate"]["checks"]),
            f"The whole line took {progress.in_words(seconds)}.",
        )
    )


def read(path: Path) -> dict[str, Any]:
    """A small JSON file of a job."""
    return dict(json.loads(path.read_text("utf-8")))


def run(studio: Studio, say: Callable[[str], None], json_file: Path | None) -> int:
    """The `demo` command; writes the report to `json_file` where one is given. Returns the exit code."""
    began = time.monotonic()
    measured = demo(studio, say)
    say(report(measured, time.monotonic() - began))
    if json_file:
        json_file.write_text(json.dumps(measured, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return 0
