"""The picture of the set: how the conversations are shared out, how long they are, how the voice sounds, and how alike they are."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from studio.domain.desk import Reading
from studio.domain.voiceprint import Voiceprint
from studio.tabs import pictures
from studio.tabs.wiring import html, says

MOST_TAGS = 12
FEWEST_ON_MAP = 3
HOW = "Dots that lie together are alike. Choose one to read it. The list of conversations does the same."
# A click on a dot tells its number; everything else on the map is quiet.
POINT = """element.addEventListener('click', event => {
  const dot = event.target.closest('[data-n]');
  if (dot) trigger('select', {index: Number(dot.dataset.n), value: Number(dot.dataset.n)});
});"""


class Survey(NamedTuple):
    """The parts of the page that change with what was read, in the order Gradio gets them."""

    panels: Any = gr.skip()
    tags: Any = gr.skip()
    voice_head: Any = gr.skip()
    voice: Any = gr.skip()
    favourites: Any = gr.skip()
    sky_box: Any = gr.skip()
    sky: Any = gr.skip()
    sky_how: Any = gr.skip()


def shown(reading: Reading, places: Sequence[tuple[float, float]] | None, compared: str) -> Survey:
    """The whole picture; `places` on the map where they are known better than by words, `compared` by what. Numbers go into markup; words somebody wrote go into text fields only."""
    parts, found = reading.parts, reading.conversations
    kept = {c.id for c in parts.validation}
    points = [(x, y, c.id in kept) for (x, y), c in zip(places or reading.map, found, strict=True)]
    tags = Counter(tag for c in found for tag in c.tags)
    said = ", ".join(f"{tag} {count:,}" for tag, count in tags.most_common(MOST_TAGS))
    favourites = ", ".join(favourite.word for favourite in reading.voice.favourites)
    return Survey(
        pictures.split(len(parts.train), len(parts.validation))
        + pictures.lengths([c.words for c in found])
        + pictures.lines([len(c.turns) for c in found])
        + pictures.shown([one.count for one in reading.shown]),
        gr.update(value=said, visible=bool(said)),
        f"How {reading.persona.name} sounds",
        pictures.strip(fingerprint(reading.voice)),
        gr.update(value=favourites, visible=bool(favourites)),
        gr.update(visible=len(points) >= FEWEST_ON_MAP),
        pictures.constellation(points),
        f'<p class="fine">{compared} {HOW}</p>',
    )


def fingerprint(voice: Voiceprint) -> list[tuple[str, str, str]]:
    """A voice in plain words: (what, how much, expert word)."""
    rows = [
        ("A sentence", f"{voice.sentence_median:.0f} words", f"one in ten has more than {voice.sentence_long:.0f}"),
        ("An answer", f"{voice.sentences_per_reply:.1f} sentences", f"{voice.replies:,} answers"),
        ("Exclamation marks", _in(voice.exclamations, 100), "of 100 sentences"),
        ("Questions", _in(voice.questions, 100), "of 100 sentences"),
        ("CAPITALS", _in(voice.capitals, 1000), "of 1,000 words"),
    ]
    if voice.reading_age is not None:
        rows.append(("Easy to read from", f"about {voice.reading_age:.0f} years", "Flesch-Kincaid"))
    return rows


def _in(share: float, total: int) -> str:
    count = share * total
    return "none" if share == 0 else "under one" if count < 0.5 else f"{count:.0f}"


def pointed(reading: Reading, n: object) -> str | None:
    """The conversation whose dot was clicked."""
    found: Sequence[Any] = reading.conversations
    return found[n].id if isinstance(n, int) and 0 <= n < len(found) else None


def lay_out() -> Survey:
    """The panels at the side."""
    panels = html("", elem_classes="panels")
    tags = says("", "aside", label="Tags, the commonest first", visible=False)
    voice_head = says("", "h2")
    voice = html("", elem_classes="print")
    favourites = says("", "aside", label="Favourite words, against everyday English", visible=False)
    with gr.Column(visible=False, elem_classes="sky", min_width=0) as sky_box:
        html("<h2>How alike they are</h2>")
        sky = gr.HTML("", js_on_load=POINT, apply_default_css=False)
        html('<p class="key"><span class="k-dot">learned</span><span class="k-square">kept back</span></p>')
        sky_how = html("")
    return Survey(panels, tags, voice_head, voice, favourites, sky_box, sky, sky_how)
