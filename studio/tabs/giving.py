"""Handing a character on, under its finished file in Export: the package, the card with its weights, and the Hugging Face Hub."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr

from studio.domain import licences, sizes
from studio.domain.errors import NotReady, StudioError
from studio.domain.persona import slug
from studio.services import adapters, exchange, exports, hub, parcel
from studio.services.exports import Made
from studio.services.studio import Studio
from studio.tabs import pictures
from studio.tabs.wiring import LATEST, Pick, bind, html, once_seen, says

WAYS = [
    ("Everything\nFor another Persona Studio: sheet, conversations, what was learned, certificate. (package, zip)", "package"),
    ("A character card\nFor other programs, with the weights in the place the format has for them. (card V3, CHARX)", "charx"),
]
ENDINGS = {"package": ".persona.zip", "charx": ".charx"}
HUB = "<p>A private place on huggingface.co, which only you can see. It gets the name that stands under “Name in Ollama”. You need an account there, and a key that may write.</p>"


class Gift(NamedTuple):
    """Everything here that changes, in the order Gradio gets it."""

    note: Any = gr.skip()
    file: Any = gr.skip()
    told: Any = gr.skip()
    bar: Any = gr.skip()
    token: Any = gr.skip()


# ---------------------------------------------------------------- handlers
def wrap(studio: Studio, persona_id: str | None, way: str) -> Gift:
    """Make the zip; the button that saves it appears with its size."""
    made = _made(studio, persona_id)
    lesson = next((one for one in adapters.learned(studio.library, persona_id or "") if str(one.folder) == made.spec["adapter"]), None)
    if lesson is None:
        raise NotReady(
            "What this file was made of is gone from the studio. The file itself is whole. Make it again from a lesson that is here."
        )
    whole = exchange.whole(studio.library, persona_id or "")
    folder = studio.library.scratch / (persona_id or "")
    folder.mkdir(exist_ok=True)
    path = folder / f"{slug(whole.persona.name)}{ENDINGS[way]}"
    (parcel.wrap if way == "package" else parcel.wrap_charx)(studio.library, whole, lesson, made, path)
    task = "" if exports.has_terms(made) else licences.of(made.spec["model"], not exports.thinks(made.folder)).task
    words = " ".join(filter(None, ("It holds your conversations with this character, word for word.", task)))
    label = f"Save {path.name}, {sizes.in_words(path.stat().st_size)}"
    return Gift(gr.update(value=words, visible=True), gr.update(value=str(path), label=label, visible=True))


def put(studio: Studio, persona_id: str | None, name: str, token: str) -> Iterator[Gift]:
    """Send the newest file to the Hub; the key leaves the box at once, whatever comes of it."""
    try:
        address = ""
        for text, share in hub.put(studio.settings, _made(studio, persona_id), name, token):
            address = text
            yield Gift(told=_said(text), bar=pictures.share(share), token="")
        yield Gift(told=_said(f"It is there, for you alone: {address}", "good"), bar="", token="")
    except StudioError as error:
        yield Gift(told=_said(str(error), "warn"), bar="", token="")


def away(studio: Studio, persona_id: str | None) -> Gift:
    """Another character came: nothing of the last one is offered any more."""
    hidden = gr.update(value=None, visible=False)
    return Gift(note=_said(""), file=hidden, told=_said(""), bar="", token="")


def _made(studio: Studio, persona_id: str | None) -> Made:
    made = exports.newest(studio.library, persona_id) if persona_id else None
    if made is None:
        raise NotReady("There is no file yet. Make it first, with the button above.")
    return made


def _said(words: str, kind: str = "quiet") -> dict[str, Any]:
    return gr.update(value=words, visible=bool(words), elem_classes=["says", "aside", kind])


# ---------------------------------------------------------------- layout and listeners
def build(studio: Studio, persona: gr.Radio, name: gr.Textbox) -> None:
    """Two folds under the file."""
    with gr.Accordion("Hand it on", open=False, elem_classes="giving"):
        way = Pick(WAYS, value="package", label="In which form?", interactive=True, elem_classes="choices")
        wrapped = gr.Button("Make it", size="md", min_width=0)
        note = says("", "fine", label="Good to know", show_label=False, container=False, visible=False)
        file = gr.DownloadButton("Save the file", size="md", visible=False, elem_classes=["icon", "i-down"])
    with gr.Accordion("Put it on the Hugging Face Hub", open=False):
        html(HUB)
        token = gr.Textbox(
            label="Your key", info="used once, kept nowhere", type="password", interactive=True, max_lines=1, elem_classes="short"
        )
        send = gr.Button("Send it there", size="md", min_width=0)
        told = says("", "aside", visible=False)
        bar = html("")
    outputs, calm = list(Gift(note, file, told, bar, token)), {"show_progress": "hidden"}
    wrapped.click(bind(wrap, studio), [persona, way], outputs, show_progress_on=wrapped)
    way.input(bind(away, studio), persona, outputs, **calm)
    send.click(bind(put, studio), [persona, name, token], outputs, trigger_mode="once", concurrency_limit=None, **calm)
    once_seen("export", persona.change).success(bind(away, studio), persona, outputs, **calm, **LATEST)
