"""The panel in Write in which a character is taken out: a form, what it leaves behind, and the file."""

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from studio.domain.errors import NotReady, StudioError
from studio.domain.formats import delivery
from studio.services import exchange
from studio.services.studio import Studio
from studio.tabs.wiring import LATEST, bind, focus, html, once_seen, says

LEDE = "The package holds everything and can be brought in again as it was. The other forms are for other programs."
SHOW = "() => requestAnimationFrame(() => document.querySelector('#take').scrollIntoView({block: 'start'}))"
TO_PANEL, BACK = focus("#take h2"), focus("#write .write-end button")


class Panel(NamedTuple):
    """Everything in the panel that changes, in the order Gradio gets it."""

    panel: Any = gr.skip()
    note: Any = gr.skip()
    file: Any = gr.skip()


# ---------------------------------------------------------------- handlers
def offer(studio: Studio, persona_id: str | None, key: str) -> Panel:
    """The panel with the file in one form; where there is none, the reason."""
    is_open = gr.update(visible=True)
    try:
        path, left = made(studio, persona_id, key)
    except StudioError as error:
        return Panel(is_open, gr.update(value=str(error), visible=True), gr.update(value=None, interactive=False))
    return Panel(is_open, gr.update(value=left, visible=bool(left)), gr.update(value=str(path), interactive=True))


def close(studio: Studio) -> Panel:
    """Put the panel away."""
    return Panel(panel=gr.update(visible=False))


def made(studio: Studio, persona_id: str | None, key: str) -> tuple[Path, str]:
    """The file, under a name that stays the same, and what its form leaves behind."""
    if not persona_id:
        raise NotReady("There is no character yet. Make one first, with New character above.")
    whole = exchange.whole(studio.library, persona_id)
    content = exchange.take_out(studio.library, persona_id, key, studio.settings)
    folder = studio.library.scratch / studio.library.character(persona_id).id
    folder.mkdir(exist_ok=True)
    path = folder / exchange.file_name(whole.persona, key)
    studio.library.write_bytes(path, content)
    return path, delivery.way(key).left(whole)


# ---------------------------------------------------------------- layout and listeners
def build(studio: Studio, persona: gr.Radio) -> None:
    """The panel."""
    start = gr.Button("Take out", visible="hidden", elem_id="take-open")
    with gr.Column(elem_classes="folio", elem_id="take", visible=False) as panel:
        html(f'<h2 tabindex="-1">Take out</h2><p class="lede">{LEDE}</p>')
        way = gr.Dropdown(
            [(f"{way.title} ({way.expert})", way.key) for way in delivery.WAYS],
            value=delivery.WAYS[0].key, label="In which form?", interactive=True,
        )  # fmt: skip
        note = says("", "fine", label="Good to know", show_label=False, container=False, visible=False)
        with gr.Row(elem_classes="acts"):
            file = gr.DownloadButton("Save the file", variant="primary", size="lg")
            leave = gr.Button("Not now", size="lg", elem_classes="quiet")

    outputs, seen = list(Panel(panel, note, file)), {"show_progress_on": way}  # a table takes some seconds
    start.click(bind(offer, studio), [persona, way], outputs, **seen).success(None, js=SHOW).success(None, js=TO_PANEL)
    way.input(bind(offer, studio), [persona, way], outputs, **seen)
    leave.click(bind(close, studio), None, outputs, show_progress="hidden").success(None, js=BACK)
    once_seen("write", persona.change).success(bind(close, studio), None, outputs, show_progress="hidden", **LATEST)
