"""Earlier lessons, under the lesson: an empty element for a small module of plain JavaScript, which speaks JSON to the routes in `past`.

Names and notes are words a writer typed, so they never become markup; the module puts them in as text.
"""

import hashlib
import json
from pathlib import Path

import gradio as gr

from studio.services.studio import Studio
from studio.settings import Settings

MOUNT = """
import("/studio/assets/runs.js?v=VERSION").then(module => {
  const runs = module.mount(element, props.value);
  watch('value', () => runs.refresh(props.value));
}).catch(error => {
  console.error(error);
  element.textContent = "The earlier lessons could not be shown. Nothing is lost. Start the studio again, then reload this page.";
});
"""


def stamp(studio: Studio, persona_id: str) -> str:
    """Whose lessons they are, and a word that changes whenever one of them begins, is evaluated, ends or goes to the bin."""
    running = studio.jobs.running()
    seen = [(folder.name, _looks(studio, folder) if folder == running else _size(folder)) for folder in studio.library.adapters(persona_id)]
    return json.dumps({"persona": persona_id, "seen": hashlib.sha256(repr(seen).encode()).hexdigest()[:12]})


def _looks(studio: Studio, folder: Path) -> str:
    return f"running, {sum(event['kind'] == 'evaluation' for event in studio.jobs.events(folder))}"


def _size(folder: Path) -> int:
    journal = folder / "events.jsonl"
    return journal.stat().st_size if journal.is_file() else 0


def build(settings: Settings) -> gr.HTML:
    """The element; it shows itself when there is a lesson to show."""
    script = MOUNT.replace("VERSION", version(settings))
    return gr.HTML("", html_template="", apply_default_css=False, js_on_load=script, elem_id="earlier-lessons")


def version(settings: Settings) -> str:
    """A short hash of the module, so that a browser never keeps an old one."""
    files = [settings.assets / "runs.js", settings.assets / "editor" / "parts.js", settings.assets / "editor" / "difference.js"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
