"""Earlier lessons, under the lesson: an empty element for a small module of plain JavaScript, which speaks JSON to the routes in `past`.

Names and notes are words a writer typed, so they never become markup; the module puts them in as text.
"""

import hashlib
import json

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
    """Whose lessons they are, and a word that changes whenever one of them begins, is evaluated or ends."""
    seen = [(folder.name, studio.jobs.state(folder), _looks(studio, folder.name)) for folder in studio.library.adapters(persona_id)]
    return json.dumps({"persona": persona_id, "seen": hashlib.sha256(repr(seen).encode()).hexdigest()[:12]})


def _looks(studio: Studio, name: str) -> int:
    folder = studio.library.home / "adapters" / name
    return sum(event["kind"] == "evaluation" for event in studio.jobs.events(folder))


def build(settings: Settings) -> gr.HTML:
    """The element; it shows itself when there is a lesson to show."""
    script = MOUNT.replace("VERSION", version(settings))
    return gr.HTML("", html_template="", apply_default_css=False, js_on_load=script, elem_id="earlier-lessons")


def version(settings: Settings) -> str:
    """A short hash of the module, so that a browser never keeps an old one."""
    files = [settings.assets / "runs.js", settings.assets / "editor" / "parts.js", settings.assets / "editor" / "difference.js"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
