"""Quick answers in Chat: the tick, what it says, and the making of a copy before the first answer from it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import gradio as gr

from studio.domain import sizes
from studio.services import partners, quick
from studio.services.partners import Partner
from studio.services.quick import Copy
from studio.services.studio import Studio
from studio.tabs import room

LABEL = "Answer faster"
GAIN = "Two to three times as quick, from a rounded copy of the model: now and then a word differs from the exact voice, which answers without this tick."
QUICK = "the quick copy answers"  # beside the name of who does
MAKING = "Making the quick copy, {:.0%} done. This happens once. Stop leaves nothing behind."


def copy_of(studio: Studio, partner: Partner) -> Copy | None:
    """The copy this partner answers from, where quick answers are wanted and it can have one."""
    return partners.copy_of(studio.library, studio.models, partner) if quick.wanted(studio.library) else None


def box() -> gr.Checkbox:
    """The tick."""
    return gr.Checkbox(label=LABEL, info=GAIN, container=False, interactive=True, visible=False)


def beginning(studio: Studio, partner: Partner, alone: bool) -> str:
    """Where a partner comes from, and that it is the quick copy that answers where it is."""
    return "<br>".join(filter(None, [room.beginning(partner, alone), QUICK * bool(copy_of(studio, partner))]))


def tick(studio: Studio, *there: Partner | None) -> Any:
    """The tick as it is for those in the room; it is not shown where nobody could be quicker."""
    copies = [copy for one in there if one and (copy := partners.copy_of(studio.library, studio.models, one))]
    if not copies:
        return gr.update(visible=False)
    return gr.update(visible=True, value=quick.wanted(studio.library), info=f"{GAIN} {_cost(copies[0])}")


def _cost(copy: Copy) -> str:
    """What a copy takes, and how often."""
    often = f"for each lesson with DoRA, of which the newest {quick.MERGED} are kept" if copy.merged else "for all lessons on this model"
    return f"The copy takes {sizes.in_words(copy.size)} of your disk and is made once {often}, before the first quick answer."


def prepared(studio: Studio, copy: Copy | None) -> Iterator[str]:
    """Make what is missing of a copy before it can answer; yields what to tell meanwhile."""
    if copy and not copy.there:
        told = ""
        with closing(quick.made(studio.library, studio.voice, copy)) as shares:
            for share in shares:
                if told != (told := MAKING.format(share)):
                    yield told
