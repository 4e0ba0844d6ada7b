"""Chat: the writer meets the character, alone or beside the plain model it was made from."""

import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import gradio as gr

from studio.domain.conversation import Turn
from studio.domain.errors import Busy, NotReady, StudioError
from studio.domain.talk import Side, Talk
from studio.services import adapters, partners, quick
from studio.services.partners import Around, Partner
from studio.services.quick import Copy
from studio.services.studio import Studio
from studio.tabs import hastening
from studio.tabs.room import SIDES, Room, Talks, Who, buttons, called, columns, note, offered, temperature, titled, unless
from studio.tabs.speech import bubbles
from studio.tabs.wiring import LATEST, MISTAKE, Choose, bind, go, html, literal, once_seen, says, when

QUESTIONS = ("first", "second", "third")
INVITE = '<p class="invite">{}</p>'
ASK_PLAIN = INVITE.format("Ask the plain model anything. It has read nothing of yours.")
ASK_OTHER = INVITE.format("Ask the same here, and hear the difference.")
FACE = '<div class="face" aria-hidden="true"></div>'  # the style sheet knows whose


class Ear:
    """Hears, while an answer is spoken, that it is to end: because Stop was pressed, or because the writer went to another character. One a page."""

    heard: Literal["", "stop", "leave"] = ""


class Asked(NamedTuple):
    """Who is to answer in which column, the left one first, and in which mood; `taught`: whether the character can."""

    who: Who
    partners: dict[Side, Partner]
    taught: bool
    mood: float


# ---------------------------------------------------------------- handlers
def visit(
    studio: Studio, persona_id: str | None, talks: Talks, who: Who | None, partner: str | None, beside: str | None, seen: str | None = None
) -> Room:
    """The room as it is for this character, this choice of who answers (none in a tab not opened yet), and those chosen for either column.

    What was learned or kept since the last look, when `seen` was the newest, is chosen by itself.
    """
    if not persona_id:
        return Room()
    persona = studio.library.character(persona_id).persona
    around = _around(studio, persona_id)
    learned = next((one.adapter for one in around.own if one.adapter), None)
    newest = learned.folder.name if learned else ""
    taught = partners.chosen(around.own, partner if seen in (None, newest) else None)
    left = partners.chosen(around.others, beside) or around.others[0]
    given, choice = who, who or "character"
    who, talk = choice if taught else "before", talks.get(persona_id, Talk())
    questions = adapters.unheard(learned, len(QUESTIONS)) if learned else []
    shown = [gr.update(value=question, visible=bool(question)) for question in [*questions, "", "", ""][: len(QUESTIONS)]]
    return Room(
        unlearned=gr.update(visible=taught is None),
        unlearned_words=f"{persona.name} has not learned to talk yet. You can chat with the plain model meanwhile.",
        teach=gr.update(value=f"Teach {persona.name}"),
        bar=gr.update(visible=taught is not None),
        who=gr.update(
            choices=[(persona.name, "character"), (called(left, persona.name), "before"), ("Side by side", "both")],
            **unless(given, choice),
        ),
        plain_head=f"<h2>{literal(called(left, persona.name))} <small>{hastening.beginning(studio, left, len(around.others) == 1)}</small></h2>",
        beside=offered(around.others, left, beside),
        plain_invite=ASK_PLAIN if left.kind == "plain" else ASK_OTHER,
        name=persona.name,
        origin=f"<small>{hastening.beginning(studio, taught, len(around.own) == 1)}</small>" if taught else "",
        partner=offered(around.own, taught, partner),
        hello_words=f"Say hello. {persona.name} has been waiting.",
        first=shown[0],
        second=shown[1],
        third=shown[2],
        box=gr.update(
            placeholder="Ask the plain model" if who == "before" and left.kind == "plain" else f"Say something to {persona.name}"
        ),
        newest=newest,
        faster=hastening.tick(studio, taught, left),
        **columns(talk, who),
        **buttons(talk, who, taught is not None),
    )


def ask(
    studio: Studio, persona_id: str, talks: Talks, ear: Ear, who: Who, partner: str | None, beside: str | None, mood: float, text: str
) -> Iterator[Room]:
    """Put one question to whoever answers and show the answers as they grow. Whatever goes wrong, the question comes back."""
    question, talk = text.strip(), talks.get(persona_id, Talk())
    if talk.asked:
        raise Busy("An answer is still being spoken. Wait for its end, or press Stop. Your words are in the box.")
    if not question:
        return
    asked = _asked(studio, persona_id, who, partner, beside, mood)
    talk = talk.asking(Turn(_new_id(), "user", question), tuple(asked.partners))
    yield from _converse(studio, persona_id, talks, ear, asked, talk, box="")


def again(
    studio: Studio, persona_id: str, talks: Talks, ear: Ear, who: Who, partner: str | None, beside: str | None, mood: float
) -> Iterator[Room]:
    """Answer the last question another way; the answer that stands comes back when the new one does not."""
    asked = _asked(studio, persona_id, who, partner, beside, mood)
    talk = talks.get(persona_id, Talk()).asking_again(tuple(asked.partners))
    if talk is not None:
        yield from _converse(studio, persona_id, talks, ear, asked, talk)


def hurry(studio: Studio, on: bool, *here: Any) -> Room:
    """Remember whether answers shall come from quick copies, and show the room so."""
    quick.want(studio.library, on)
    return visit(studio, *here)


def put_back(studio: Studio, persona_id: str | None, talks: Talks, box: str) -> tuple[Any, Any]:
    """Give a question that found no answer back to the box, before anything typed there since."""
    talk = talks.get(persona_id or "", Talk())
    if not talk.unsent:
        return gr.skip(), gr.skip()
    words = talk.unsent if box.strip() in ("", talk.unsent) else f"{talk.unsent} {box}"
    return {**talks, persona_id: replace(talk, unsent="")}, words


def hush(studio: Studio, ear: Ear) -> Room:
    """Stop the answer. What was said stays; a question without a word of answer goes back to the box."""
    ear.heard = "stop"
    studio.voice.stop()
    return Room(stop=gr.update(interactive=False))


def leave(studio: Studio, talks: Talks, ear: Ear) -> None:
    """End what is being said by a character that is no longer open."""
    if any(talk.asked for talk in talks.values()):
        ear.heard = "leave"
        studio.voice.stop()


def keep(studio: Studio, persona_id: str, talks: Talks, who: Who) -> Room:
    """Put the conversation up to the last answer among the examples, once."""
    talk = talks.get(persona_id, Talk())
    if not talk.voiced or talk.awaiting("voiced"):
        raise NotReady("There is no answer to keep yet. Ask something first.")
    said = [turn.text for turn in talk.voiced]
    there = any([turn.text for turn in c.turns] == said for c in studio.library.conversations(persona_id))
    if not there and talk.kept != talk.voiced[-1].id:
        studio.library.add(persona_id, titled(said[0]), talk.voiced)
    talk = replace(talk, kept=talk.voiced[-1].id)
    return Room(
        talks={**talks, persona_id: talk}, note=note("Kept in Write. Edit it before the next lesson.", "good"), **buttons(talk, who, True)
    )


def restart(studio: Studio, persona_id: str, talks: Talks, who: Who) -> Room:
    """Begin a new conversation; pressed on an empty one, bring the last one back."""
    return _settled(studio, persona_id, talks, who, talks.get(persona_id, Talk()).fresh())


# ---------------------------------------------------------------- what they are made of
def _converse(studio: Studio, persona_id: str, talks: Talks, ear: Ear, asked: Asked, talk: Talk, box: str | None = None) -> Iterator[Room]:
    name = studio.library.character(persona_id).persona.name if "voiced" in asked.partners else "the plain model"
    ear.heard = ""

    def whole(words: str, kind: str = "quiet", **more: object) -> Room:
        if ear.heard == "leave":
            return Room(talks={**talks, persona_id: talk})  # the page shows another character by now
        parts = columns(talk, asked.who) | buttons(talk, asked.who, asked.taught)
        return Room(talks={**talks, persona_id: talk}, note=note(words, kind), **parts, **more)

    yield whole(waking(studio, name)) if box is None else whole(waking(studio, name), box=box)
    try:
        for side, partner in asked.partners.items():
            if ear.heard or not talk.awaiting(side):
                continue
            copy = hastening.copy_of(studio, partner)
            for words in hastening.prepared(studio, copy):
                yield Room(note=note(words))
            for said in _spoken(studio, partner, copy, side, talk, asked.mood) if not ear.heard else ():
                talk = said
                if ear.heard:
                    break
                yield Room(talks={**talks, persona_id: talk}, note=note(""), **{side: bubbles(talk.side(side))})
            if talk.awaiting(side) and not ear.heard:
                raise NotReady("No answer came. Your words are back in the box. Move the slider a little, or ask another way.")
    except StudioError as error:
        talk = talk.taken_back()
        yield whole(str(error), "warn")
    except Exception:
        # Raised further it would lay a red sign over the conversation and keep the question from coming back.
        logging.getLogger("studio").exception("An answer stopped")
        talk = talk.taken_back()
        yield whole(MISTAKE, "warn")
    else:
        talk = talk.settled()
        yield whole("")


def _spoken(studio: Studio, partner: Partner, copy: Copy | None, side: Side, talk: Talk, mood: float) -> Iterator[Talk]:
    heard, answer = talk.side(side), _new_id()
    for words in partners.speak(studio.voice, studio.models, studio.ollama, partner, heard, temperature(mood), copy):
        yield talk.having(side, (*heard, Turn(answer, "model", words)))


def _around(studio: Studio, persona_id: str) -> Around:
    return partners.around(studio.library, studio.models, studio.ollama, persona_id)


def _asked(studio: Studio, persona_id: str, who: Who, partner: str | None, beside: str | None, mood: float) -> Asked:
    """Who answers; raises NotFound where somebody chosen is gone."""
    around = _around(studio, persona_id)
    who = who if around.own else "before"
    chosen = {"plain": (around.others, beside), "voiced": (around.own, partner)}
    found = {side: partners.named(*chosen[side]) for side in SIDES[who]}
    return Asked(who, {side: one for side, one in found.items() if one}, bool(around.own), mood)


def _settled(studio: Studio, persona_id: str, talks: Talks, who: Who, talk: Talk) -> Room:
    taught = bool(_around(studio, persona_id).own)
    who = who if taught else "before"
    return Room(talks={**talks, persona_id: talk}, note=note(""), **columns(talk, who), **buttons(talk, who, taught))


def waking(studio: Studio, name: str) -> str:
    """What there is to wait for before the first word."""
    if studio.voice.busy():
        return "Somebody else is being answered. You are next."
    return "" if studio.voice.loaded() else f"Waking {name} up. The first answer takes a few seconds."


def _new_id() -> str:
    return uuid.uuid4().hex[:16]


# ---------------------------------------------------------------- the room
def build(studio: Studio, persona: gr.Radio) -> None:
    """The Chat tab."""
    parts: dict[str, Any] = {}
    with gr.Tab("Chat", id="chat", elem_id="chat") as tab:
        _head(parts)
        with gr.Row(elem_classes="compare"):
            _columns(parts)
        _composer(parts)
        parts["talks"], parts["newest"], ear = gr.State({}), gr.State(""), gr.State(Ear())
    _wire(studio, persona, tab, parts, ear)


def _head(parts: dict[str, Any]) -> None:
    """What is missing before the character can answer, and who answers, from which lesson, in which mood."""
    with gr.Row(elem_classes="unlearned", visible=False) as parts["unlearned"]:
        html(FACE)
        with gr.Column(min_width=280):
            parts["unlearned_words"] = says("", "headline", lines=1)
            parts["teach"] = gr.Button("Teach", variant="primary", size="lg", min_width=0)
    with gr.Row(elem_classes="chatbar") as parts["bar"]:
        parts["who"] = gr.Radio(
            [("Character", "character")],
            value="character",
            label="Who answers",
            show_label=False,
            container=False,
            interactive=True,
            elem_classes=["seg", "big"],
        )
        parts["mood"] = gr.Slider(
            0, 10, 5, step=1, label="Careful to playful", info="temperature", interactive=True, elem_classes="mood", buttons=[]
        )


def _columns(parts: dict[str, Any]) -> None:
    """The plain model on the left where it is asked too, the character on the right."""
    with gr.Column(elem_classes="plain", min_width=300, visible=False) as parts["plain_column"]:
        parts["plain_head"] = html("<h2>Before training</h2>")
        parts["beside"] = _choice("Heard beside")
        with gr.Column(elem_classes="hello", min_width=0) as parts["plain_hello"]:
            parts["plain_invite"] = html(ASK_PLAIN)
        parts["plain"] = _bubbles("Before training")
    with gr.Column(elem_classes="voiced", min_width=300) as parts["voiced_column"]:
        with gr.Row(elem_classes="heading"):
            parts["name"] = says("", "who")
            parts["origin"] = html("")
        parts["partner"] = _choice("Who answers here")
        with gr.Column(elem_classes="hello", min_width=0) as parts["hello"]:
            html(FACE)
            parts["hello_words"] = says("", "invite")
            for question in QUESTIONS:
                parts[question] = gr.Button("", size="md", visible=False, elem_classes="question")
        parts["voiced"] = _bubbles("The character")


def _composer(parts: dict[str, Any]) -> None:
    """Where the writer types, and what can be done with the last answer."""
    with gr.Row(elem_classes="composer"):
        parts["box"] = gr.Textbox(show_label=False, label="Your message", container=False, lines=1, max_lines=6, elem_classes="say")
        parts["send"] = gr.Button("Send", variant="primary", size="lg", min_width=0, scale=0)
        parts["stop"] = gr.Button("Stop", size="lg", min_width=0, scale=0, visible=False, elem_classes=["icon", "i-stop"])
    parts["note"] = says("", "aside", visible=False)
    acts = [
        ("again", "Another answer", "i-spark"),
        ("keep", "Keep the last answer as an example", "i-keep"),
        ("restart", "Start again", "i-undo"),
    ]
    with gr.Row(elem_classes="acts"):
        for name, word, icon in acts:
            parts[name] = gr.Button(word, size="sm", min_width=0, visible=False, elem_classes=["icon", icon, "quiet"])
    parts["faster"] = hastening.box()


def _wire(studio: Studio, persona: gr.Radio, tab: gr.Tab, parts: dict[str, Any], ear: gr.State) -> None:
    """What each button does, and when the room is looked at anew."""
    talks, who, partner, beside, box = (parts[name] for name in ("talks", "who", "partner", "beside", "box"))
    everything, calm = [parts[name] for name in Room._fields], {"show_progress": "hidden"}
    here = [persona, talks, who, partner, beside, parts["newest"]]
    asked = [persona, talks, ear, who, partner, beside, parts["mood"]]
    back = (bind(put_back, studio), [persona, talks, box], [talks, box])
    # Several pages may ask at once: the voice itself puts them in a row, and says so. Two presses on one page ask once.
    once = {"concurrency_limit": None, "trigger_mode": "once", **calm}
    gr.on([parts["send"].click, box.submit], bind(ask, studio), [*asked, box], everything, **once).then(*back, **calm)
    for question in QUESTIONS:
        parts[question].click(bind(ask, studio), [*asked, parts[question]], everything, **once).then(*back, **calm)
    parts["again"].click(bind(again, studio), asked, everything, **once)
    parts["stop"].click(bind(hush, studio), ear, everything, **calm)
    parts["keep"].click(bind(keep, studio), [persona, talks, who], everything, **calm)
    parts["restart"].click(bind(restart, studio), [persona, talks, who], everything, **calm)
    parts["faster"].input(bind(hurry, studio), [parts["faster"], *here], everything, **calm)
    parts["teach"].click(None, js=go("train"))
    when(tab.select, who.input, partner.input, beside.input).then(bind(visit, studio), here, everything, **calm, **LATEST)
    left = once_seen("chat", persona.change).success(bind(leave, studio), [talks, ear], None, **calm, **LATEST)
    left.success(bind(visit, studio), here, everything, **calm, **LATEST).success(*back, **calm, **LATEST)


def _choice(label: str) -> gr.Dropdown:
    return Choose([], label=label, show_label=False, container=False, interactive=True, visible=False, elem_classes="partner")


def _bubbles(label: str) -> gr.Chatbot:
    return gr.Chatbot(
        [], show_label=False, label=label, height=408, buttons=[], visible=False, render_markdown=False, group_consecutive_messages=False,
        latex_delimiters=[], elem_classes="talk",
    )  # fmt: skip
