"""One conversation as the trainer sees it: what is learned, what is only read, and what would be cut off."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple

import gradio as gr

from studio.domain import gemma
from studio.domain.conversation import Conversation
from studio.domain.desk import Reading
from studio.services.models import Token
from studio.services.studio import Studio
from studio.tabs.wiring import html, says

View = Literal["read", "exact", "pieces", "numbers"]
State = Literal["learned", "read", "cut"]
Marked = list[tuple[str, str | None]]
VIEWS: list[tuple[str, View]] = [
    ("As it was written", "read"),
    ("As the model sees it", "exact"),
    ("Piece by piece", "pieces"),
    ("As numbers", "numbers"),
]
BETWEEN = ("\u2502", None)  # stands between two pieces


class Row(NamedTuple):
    """One training row: its segments, its text, its tokens, and what becomes of each token."""

    segments: Sequence[gemma.Segment]
    text: str
    tokens: Sequence[Token]
    states: Sequence[State]
    end: str  # the mark that ends each reply


class Shown(NamedTuple):
    """The parts of the page that show one conversation, in the order Gradio gets them."""

    text: Any = gr.skip()
    cut: Any = gr.skip()
    measure: Any = gr.skip()


def show(studio: Studio, reading: Reading, conversation: Conversation | None, model_id: str | None, view: View) -> Shown:
    """One conversation with its learned stretches marked; nothing where there is no conversation or no model to read it with."""
    if conversation is None or model_id is None:
        return Shown([], gr.update(value="", visible=False), "")
    rows, lost = rows_of(studio, reading, conversation, model_id), cut(studio, reading, conversation, model_id)
    return Shown(VIEW[view](reading, conversation, rows), gr.update(value=lost, visible=bool(lost)), measured(rows))


def cut(studio: Studio, reading: Reading, conversation: Conversation, model_id: str) -> str:
    """What of a conversation would be cut off, with names, the way it was written."""
    pieces = as_read(reading, conversation, rows_of(studio, reading, conversation, model_id))
    return "".join(text for text, state in pieces if state == "cut").strip()


def rows_of(studio: Studio, reading: Reading, conversation: Conversation, model_id: str) -> list[Row]:
    """The training rows of a conversation in the dialect of this model, with the trainer's own mask, cut where a lesson would cut."""
    rows, dialect = [], studio.models.dialect(model_id)
    for segments in gemma.rows(conversation.turns, reading.persona.system, dialect):
        text = "".join(s.text for s in segments)
        tokens = studio.models.tokens(model_id, text)
        taught = gemma.taught(segments, [(token.start, token.stop) for token in tokens])
        states: list[State] = ["cut" if n >= reading.longest else "learned" if learned else "read" for n, learned in enumerate(taught)]
        rows.append(Row(segments, text, tokens, states, dialect.end))
    return rows


def letters(row: Row) -> list[State]:
    """What becomes of each letter of a row. A blank between two tokens goes with them where they agree."""
    found: list[State] = ["read"] * len(row.text)
    for n, (token, state) in enumerate(zip(row.tokens, row.states, strict=True)):
        following = row.tokens[n + 1].start if n + 1 < len(row.tokens) and row.states[n + 1] == state else token.stop
        stop = max(token.stop, following)
        found[token.start : stop] = [state] * (stop - token.start)
    return found


def _runs(text: str, states: Sequence[State]) -> Iterable[tuple[str, State]]:
    place = 0
    for state, group in groupby(states):
        stop = place + len(list(group))
        yield text[place:stop], state
        place = stop


def as_read(reading: Reading, conversation: Conversation, rows: Sequence[Row]) -> list[tuple[str, State]]:
    """With names, the way it was written."""
    said = iter(learned for row in rows for learned in _replies(row))
    whole, states, place = rows[-1].text if rows else "", letters(rows[-1]) if rows else [], 0
    out: list[tuple[str, State]] = []
    for turn in conversation.turns:
        text = gemma.plain(turn.text)
        if turn.role == "model":
            pieces = list(next(said, [(text, "read")]))
            name = reading.persona.name
        else:
            at = whole.find(text, place)  # not there: a last line without an answer, where each answer is an example of its own
            pieces = list(_runs(text, states[at : at + len(text)])) if at >= 0 else [(text, "read")]
            place, name = max(at, place), reading.persona.visitor
        out += [(f"{name}: ", pieces[0][1] if pieces and pieces[0][1] == "cut" else "read"), *pieces]
        out.append(("\n", out[-1][1] if out[-1][1] == "cut" else "read"))
    return out


def _replies(row: Row) -> Iterable[Iterable[tuple[str, State]]]:
    """Each reply of a row without the mark that ends it."""
    states, place = letters(row), 0
    for segment in row.segments:
        if segment.learned:
            stop = place + len(segment.text) - len(row.end)
            yield list(_runs(row.text[place:stop], states[place:stop]))
        place += len(segment.text)


def _read(reading: Reading, conversation: Conversation, rows: Sequence[Row]) -> Marked:
    return _marked(as_read(reading, conversation, rows))


def _exact(reading: Reading, conversation: Conversation, rows: Sequence[Row]) -> Marked:
    return _marked(piece for row in rows for piece in _runs(row.text, letters(row)))


def _pieces(reading: Reading, conversation: Conversation, rows: Sequence[Row]) -> Marked:
    out: Marked = []
    for row in rows:
        for n, (token, state) in enumerate(zip(row.tokens, row.states, strict=True)):
            again = n > 0 and (token.start, token.stop) == (row.tokens[n - 1].start, row.tokens[n - 1].stop)
            piece = "\u2026" if again else row.text[token.start : token.stop].replace("\n", "\u21b5\n")  # a letter of several tokens: …
            if state != "cut":
                out += [(piece, "learned" if state == "learned" else None), BETWEEN]
    return out[:-1]


def _numbers(reading: Reading, conversation: Conversation, rows: Sequence[Row]) -> Marked:
    out: Marked = []
    for row in rows:
        known = [(token, state) for token, state in zip(row.tokens, row.states, strict=True) if state != "cut"]
        for state, group in groupby(known, key=lambda pair: pair[1]):
            out += [(" ".join(str(token.number) for token, _ in group), "learned" if state == "learned" else None), (" ", None)]
    return out[:-1]


VIEW = {"read": _read, "exact": _exact, "pieces": _pieces, "numbers": _numbers}


def _marked(pieces: Iterable[tuple[str, State]]) -> Marked:
    """As the component wants it; what would be cut is shown in a box of its own."""
    return [(text, "learned" if state == "learned" else None) for text, state in pieces if state != "cut" and text]


def measured(rows: Sequence[Row]) -> str:
    """How much of a conversation is learned, in a small line. Numbers and the studio's own words."""
    tokens, learned = sum(len(row.tokens) for row in rows), sum(row.states.count("learned") for row in rows)
    lost = sum(row.states.count("cut") for row in rows)
    parts = f", read as {len(rows)} examples" if len(rows) > 1 else ""
    end = f" The end is too long and would be cut off. <small>{lost:,} tokens over</small>" if lost else ""
    percent = round(learned / max(1, tokens) * 100)
    return f'<p class="fine">{percent} % of this is learned{parts}. <small>{learned:,} of {tokens:,} tokens</small>{end}</p>'


def lay_out() -> tuple[gr.Radio, Shown]:
    """The switch between the views, and what it switches."""
    view = gr.Radio(VIEWS, value="read", label="Show it", show_label=False, container=False, interactive=True, elem_classes="seg")
    text = gr.HighlightedText(
        [], color_map={"learned": "blue"}, show_label=False, label="Learned words", show_inline_category=False, elem_classes="marked"
    )
    lost = says("", "aside", "warn", label="This would be cut off", visible=False)
    return view, Shown(text, lost, html(""))
