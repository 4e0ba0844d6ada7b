"""A lesson on another machine: the zip that goes there, and the one that comes back."""

from pathlib import Path
from typing import Any

import gradio as gr

from studio.domain.errors import NotReady
from studio.domain.training import Preset
from studio.services import elsewhere, homecoming
from studio.services.studio import Studio
from studio.tabs import expert, form
from studio.tabs.wiring import html, says

LEDE = (
    "The zip holds all that a lesson needs: your conversations, the model and pace you chose, and a notebook that leads through it on a rented graphics card. "
    "It is the one thing here that takes your words off this computer, so give it only to a machine you trust. "
    "What comes back is one file, learned.zip: drop it here, and it stands among the earlier lessons like any other."
)
NOBODY = "There is no character yet. Make one first, with New character above."
# The file is made when it is asked for, and then fetched by the browser at once.
TAKE = "(file) => { const link = document.createElement('a'); link.href = file.url; link.download = file.orig_name; link.click(); }"


# ---------------------------------------------------------------- handlers
def pack(studio: Studio, persona_id: str | None, model_id: str | None, preset: Preset, edited: str, *values: Any) -> str:
    """Make the zip; returns the file. The fields count where their writer changed one."""
    if not persona_id:
        raise NotReady(NOBODY)
    recipe = expert.recipe(values) if edited == persona_id else None
    model = model_id or form.last_model(studio, persona_id)
    content = elsewhere.made(studio.library, studio.models, studio.settings, persona_id, model, preset, recipe)
    folder = studio.library.scratch / persona_id
    folder.mkdir(exist_ok=True)
    path = folder / elsewhere.file_name(studio.library, persona_id)
    studio.library.write_bytes(path, content)
    return str(path)


def bring_home(studio: Studio, file: str | None) -> tuple[None, dict[str, Any], str]:
    """Bring in what was learned there; empties the field and says what came."""
    if not file:
        raise NotReady("Nothing was dropped. Drop the file learned.zip here.")
    came = homecoming.bring_home(studio.library, studio.models, Path(file))
    return None, gr.update(value=came.sentence(), visible=True), ""


# ---------------------------------------------------------------- layout
def build() -> tuple[gr.Button, gr.DownloadButton, gr.File, gr.Textbox]:
    """The fold: the button that makes the zip, the link it is fetched by, the field for what comes back, and the line that says what came."""
    with gr.Accordion("Train on another machine", open=False, elem_classes=["own", "away"]):
        html(f'<p class="fine">{LEDE}</p>')
        with gr.Row(elem_classes="acts"):
            button = gr.Button("Save the zip", size="md", min_width=0, elem_classes=["icon", "i-down"])
        file = gr.DownloadButton("The zip", visible="hidden")
        drop = gr.File(label="Drop learned.zip here, or choose it", file_types=[".zip"], type="filepath", interactive=True, height=150)
        came = says("", "aside", label="What came home", show_label=False, container=False, visible=False)
    return button, file, drop, came
