"""What the chat room shows: its changing parts, and the words about a lesson that Chat and Export share."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import gradio as gr

from studio.domain import catalogue, sizes, together
from studio.domain.talk import Side, Talk
from studio.services.adapters import Adapter
from studio.services.partners import Partner
from studio.tabs.speech import bubbles

Who = Literal["character", "before", "both"]
Talks = Mapping[str, Talk]
SIDES: dict[Who, tuple[Side, ...]] = {"character": ("voiced",), "before": ("plain",), "both": ("plain", "voiced")}
LONGEST_TITLE = 60
PRACTICE = "practice model: for learning the studio, not for real characters"
# kind of file -> plain word, sentence
FILES: dict[sizes.FileKind, tuple[str, str]] = {
    "Q4_K_M": ("Small", "Runs on most laptops. Loses a little wit."),
    "Q8_0": ("Balanced", "Our choice. Hard to tell from the original."),
    "F16": ("Full", "Nothing lost. Needs a strong computer."),
}
# What few people need.
RARE: dict[sizes.Kind, tuple[str, str]] = {
    "Q6_K": ("Nearly balanced", "A little smaller than Balanced, and hardly less."),
    "Q5_K_M": ("Rather small", "Between Balanced and Small."),
    "BF16": ("Full, as the model came", "The number format most models come in."),
    "F32": ("Every digit", "Very large. For turning into something else."),
    "adapter": ("Only what was learned", "To put onto the same model elsewhere. It can't go to Ollama by itself."),
}
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")


class Room(NamedTuple):
    """Everything in the room that changes, in the order Gradio gets it. In a handler's answer, what is left out stays as it is."""

    talks: Any = gr.skip()
    unlearned: Any = gr.skip()
    unlearned_words: Any = gr.skip()
    teach: Any = gr.skip()
    bar: Any = gr.skip()
    who: Any = gr.skip()
    plain_column: Any = gr.skip()
    plain_head: Any = gr.skip()
    beside: Any = gr.skip()
    plain_hello: Any = gr.skip()
    plain_invite: Any = gr.skip()
    plain: Any = gr.skip()
    voiced_column: Any = gr.skip()
    name: Any = gr.skip()
    origin: Any = gr.skip()
    partner: Any = gr.skip()
    hello: Any = gr.skip()
    hello_words: Any = gr.skip()
    first: Any = gr.skip()
    second: Any = gr.skip()
    third: Any = gr.skip()
    voiced: Any = gr.skip()
    box: Any = gr.skip()
    send: Any = gr.skip()
    stop: Any = gr.skip()
    note: Any = gr.skip()
    again: Any = gr.skip()
    keep: Any = gr.skip()
    restart: Any = gr.skip()
    faster: Any = gr.skip()
    newest: Any = gr.skip()  # the newest lesson there was at the last look


def columns(talk: Talk, who: Who) -> dict[str, Any]:
    """Both columns: what was said or, where nothing was said yet, an invitation."""
    return {
        "plain_column": gr.update(visible="plain" in SIDES[who]),
        "plain_hello": gr.update(visible=not talk.plain),
        "plain": gr.update(value=bubbles(talk.plain), visible=bool(talk.plain)),
        "voiced_column": gr.update(visible="voiced" in SIDES[who]),
        "hello": gr.update(visible=not talk.voiced),
        "voiced": gr.update(value=bubbles(talk.voiced), visible=bool(talk.voiced)),
    }


def buttons(talk: Talk, who: Who, taught: bool) -> dict[str, Any]:
    """What can be pressed now."""
    speaking, answered = bool(talk.asked), any(talk.side(side) for side in SIDES[who])
    voiced = talk.voiced if "voiced" in SIDES[who] else ()
    kept = bool(voiced) and talk.kept == voiced[-1].id
    return {
        "send": gr.update(value="Send", visible=not speaking, variant="primary" if taught else "secondary"),
        "stop": gr.update(value="Stop", visible=speaking, interactive=True),
        "again": gr.update(value="Another answer", visible=answered, interactive=not speaking),
        "keep": gr.update(
            value="Kept as an example" if kept else "Keep the last answer as an example",
            visible=bool(voiced),
            interactive=not speaking and not kept,
        ),
        "restart": gr.update(
            value="Bring the conversation back" if talk.empty else "Start again",
            visible=not talk.empty or talk.before is not None,
            interactive=not speaking,
        ),
    }


def note(words: str, kind: str = "quiet") -> dict[str, Any]:
    """The line under the box."""
    return gr.update(value=words, visible=bool(words), elem_classes=["says", "aside", kind])


def chosen(learned: Sequence[Adapter], lesson: str | None) -> Adapter | None:
    """The lesson asked for, or else the newest."""
    return next((a for a in learned if a.folder.name == lesson), learned[0] if learned else None)


def temperature(mood: float) -> float:
    """Careful (0) to playful (10) as a sampling temperature: 0 is greedy, the middle is 0.7, the end 1.5."""
    return round(0.14 * mood if mood <= 5 else 0.7 + 0.16 * (mood - 5), 2)


def titled(first_line: str) -> str:
    """A title from the first thing said."""
    words = " ".join(first_line.split())
    return words if len(words) <= LONGEST_TITLE else words[:LONGEST_TITLE].rsplit(" ", 1)[0]


def size_word(kind: str) -> str:
    """What a kind of file is called on the page."""
    known = {str(kind): word for kind, (word, _) in {**FILES, **RARE}.items()}
    return known.get(kind, kind)


def called(partner: Partner, name: str) -> str:
    """What a partner is called where there is little room; `name` is the character's."""
    if partner.made and partner.kind == "file":
        return f"The file, {size_word(partner.made.spec['file'])}"
    return {"plain": "Before training", "ollama": f"In Ollama: {partner.name}"}.get(partner.kind, f"{name} in the studio")


def offered(there: Sequence[Partner], chosen: Partner | None, given: str | None) -> Any:
    """Who can answer in a column, in its list; not shown where that is only one. `given`: what the page has chosen."""
    key = chosen.key if chosen else None
    return gr.update(choices=[(partner_line(one), one.key) for one in there], visible=len(there) > 1, **unless(given, key))


def unless(given: str | None, wanted: str | None) -> dict[str, Any]:
    """A choice for the page, but where it has made it already: what somebody chose since then would be taken back."""
    return {} if given and given == wanted else {"value": wanted}


def partner_line(partner: Partner) -> str:
    """A partner in a list of all who can answer."""
    if partner.made and partner.kind == "file":
        then = time.localtime(partner.made.at)
        return f"The file for Ollama, {size_word(partner.made.spec['file'])} · made {day(partner.made.at, time.time())}, {then.tm_hour:02}:{then.tm_min:02}"
    if partner.adapter:
        return f"In the studio · learned {lesson_line(partner.adapter)}"
    return f"In Ollama · {partner.name}" if partner.kind == "ollama" else "Before training"


def beginning(partner: Partner, alone: bool) -> str:
    """Where a partner comes from, as far as no list beside it tells that (`alone`): numbers and the studio's own words."""
    if partner.kind == "plain":
        return PRACTICE if partner.model == catalogue.PRACTICE else "Gemma, as it comes"
    told = [occasion(partner.adapter)] if partner.adapter and alone else []
    return "<br>".join(told + [PRACTICE] * (partner.model == catalogue.PRACTICE))


def occasion(adapter: Adapter) -> str:
    """When a lesson was and how much it read: numbers and the studio's own words only."""
    how = "blended" if adapter.blended else "learned"
    when = f"{how} {day(adapter.at, time.time())}" if adapter.finished else "learned so far"
    return f"{when}, {adapter.conversations:,} conversations"


def lesson_line(adapter: Adapter) -> str:
    """A lesson in a list of several, which may all be of one day."""
    then = time.localtime(adapter.at)
    what = adapter.blended or " ".join(filter(None, (f"{adapter.conversations:,} conversations", together.company(adapter.beside))))
    return f"{day(adapter.at, time.time())}, {then.tm_hour:02}:{then.tm_min:02} · {what}"


def day(at: float, now: float) -> str:
    """A date as people say it; the year only where it is another one."""
    then = time.localtime(at)
    year = "" if then.tm_year == time.localtime(now).tm_year else f" {then.tm_year}"
    return f"{then.tm_mday} {MONTHS[then.tm_mon - 1]}{year}"
