"""Mends that lose no word: what a finding can put right by itself, as an edited conversation for an ordinary save."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

from studio.domain import gemma
from studio.domain.checks import Kind
from studio.domain.conversation import Conversation, Turn

_BOLD = re.compile(r"(\*\*|__)(?=\S)([^*_\n]{1,200}?)(?<=\S)\1")


def _trimmed(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    return tuple(replace(turn, text=turn.text.strip()) if turn.text.strip() else turn for turn in turns)


def _filled(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    return tuple(turn for turn in turns if turn.text.strip())


def _joined(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """One line of each stretch with one speaker, under the name of its first."""
    groups = [list(group) for _, group in groupby(turns, key=lambda turn: turn.role)]
    return tuple(replace(group[0], text="\n".join(text for turn in group if (text := turn.text.strip()))) for group in groups)


def _unmarked(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    return tuple(replace(turn, text=gemma.unmarked(turn.text)) for turn in turns)


def _unbold(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    return tuple(replace(turn, text=_BOLD.sub(r"\2", turn.text)) if turn.role == "model" else turn for turn in turns)


# What the button says, and what it does to the lines.
MENDS: dict[Kind, tuple[str, Callable[[tuple[Turn, ...]], tuple[Turn, ...]]]] = {
    "trim": ("Take the blanks off", _trimmed),
    "empty": ("Remove the empty lines", _filled),
    "twice": ("Join the lines of one speaker", _joined),
    "marks": ("Break the marks with a space", _unmarked),
    "layout": ("Take the bold marks off", _unbold),
}
REMOVE: dict[Kind, str] = {"copy": "Move the copies to the bin"}  # they stay there for 30 days


def button(kind: Kind) -> str:
    """What the button that mends this says; empty where nothing can be mended without the writer."""
    return MENDS[kind][0] if kind in MENDS else REMOVE.get(kind, "")


def mended(kind: Kind, conversation: Conversation) -> Conversation:
    """The conversation with this put right; the same one where nothing was to be done."""
    return replace(conversation, turns=MENDS[kind][1](conversation.turns))
