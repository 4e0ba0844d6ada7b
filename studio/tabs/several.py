"""Teaching several characters in one lesson: who else learns."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from studio.services.studio import Studio
from studio.tabs.wiring import Tick, html

SENTENCE = (
    "One lesson for all that are ticked, and one voice file that holds them. The model tells them apart by the text on how each talks, "
    "so those texts have to differ. Each keeps its share of conversations back."
)


def offered(studio: Studio, persona_id: str | None) -> dict[str, Any]:
    """The other characters that have conversations. The ticks are left alone: one may have been set while this was on its way."""
    others = [who for who in studio.library.characters() if who.id != persona_id and who.conversations]
    choices = [
        (f"{who.persona.name}, {who.conversations:,} conversation{'' if who.conversations == 1 else 's'}", f"{persona_id}:{who.id}")
        for who in others
    ]
    return gr.update(choices=choices if persona_id else [])


def chosen(studio: Studio, persona_id: str | None, ticked: Sequence[str] | None) -> tuple[str, ...]:
    """The ids of the characters ticked for this one. A tick knows whose it is: the page may still show another's for a moment."""
    here = {who.id for who in studio.library.characters()}
    pairs = [value.split(":", 1) for value in ticked or ()]
    return tuple(other for owner, other in pairs if owner == persona_id and other in here)


def build() -> gr.CheckboxGroup:
    """The fold; returns the ticks."""
    with gr.Accordion("Teach several at once", open=False, elem_classes=["own", "several"]):
        html(f'<p class="fine">{SENTENCE}</p>')
        return Tick([], label="Who else learns in this lesson?", interactive=True, elem_classes="company")
