"""Gemma's chat markup, family by family, written out so that every learned character is known.

Sources: the chat templates shipped with google/gemma-2-*-it, gemma-3-*-it and gemma-4-*-it. The trainer asserts before each run that what
stands here equals what the model's own template renders.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from studio.domain.conversation import Turn
from studio.domain.errors import StudioError

BOS = "<bos>"
TOP_K, TOP_P = 64, 0.95  # from how many words, and from which share of their likelihood, the next is drawn: Gemma's published defaults
_MARKS = re.compile(
    r"<(?=/?(?:bos|eos|pad|unk|mask|start_of_turn|end_of_turn|start_of_image|end_of_image|image_soft_token|unused\d+)>|\||(?:turn|channel|tool_call|tool_response|tool|image|audio)\|>)"
)


@dataclass(frozen=True)
class Dialect:
    """How one Gemma family marks up a conversation."""

    name: str
    start: str
    end: str
    folds_system: bool  # True: the system text stands before the first user turn; False: it has a turn of its own
    knows_system: bool  # whether the family's own template accepts a system message at all
    thought: str = ""  # what the generation prompt adds after the model header (an empty thought, thinking off)


GEMMA2 = Dialect("gemma2", "<start_of_turn>", "<end_of_turn>", folds_system=True, knows_system=False)
GEMMA3 = Dialect("gemma3", "<start_of_turn>", "<end_of_turn>", folds_system=True, knows_system=True)
GEMMA4 = Dialect("gemma4", "<|turn>", "<turn|>", folds_system=False, knows_system=True)
GEMMA4_LARGE = Dialect("gemma4-large", "<|turn>", "<turn|>", folds_system=False, knows_system=True, thought="<|channel>thought\n<channel|>")


class Segment(NamedTuple):
    """A stretch of the text the model sees; `learned` when its tokens carry loss."""

    text: str
    learned: bool


def dialect_of(model_type: str, empty_thought: bool = False) -> Dialect:
    """The dialect for a config's `model_type`; `empty_thought` says the model's template opens replies with one (Gemma 4 12B and up)."""
    if model_type in ("gemma", "gemma2"):
        return GEMMA2
    if model_type.startswith("gemma3"):
        return GEMMA3
    if model_type.startswith("gemma4"):
        return GEMMA4_LARGE if empty_thought else GEMMA4
    raise StudioError(f"This folder holds a “{model_type}” model. The studio works with Gemma models; choose one of those.")


def dialect_in(model_type: str, template: str | None) -> Dialect:
    """The dialect for a config's `model_type`, where the model's chat template has this text."""
    return dialect_of(model_type, "<|channel>thought\\n<channel|>" in (template or ""))


def plain(text: str) -> str:
    """The text as it is put between the marks: outer whitespace gone, and anything that looks like a mark broken with a space."""
    return unmarked(text.strip())


def unmarked(text: str) -> str:
    """The text with a space in anything that looks like a mark."""
    return _MARKS.sub("< ", text) if "<" in text else text


def has_marks(text: str) -> bool:
    """Whether the text holds something the model would read as a control token."""
    return "<" in text and bool(_MARKS.search(text))


def segments(turns: Sequence[Turn], system: str, dialect: Dialect) -> list[Segment]:
    """One conversation as the model sees it. Learned: each reply and the mark that ends it; the newline after it is only read.

    `"".join(s.text)` is what goes to the tokenizer, with exactly one `<bos>`.
    """
    system = plain(system)
    lead = BOS
    if system and not dialect.folds_system:
        lead += f"{dialect.start}system\n{system}{dialect.end}\n"
    out: list[Segment] = []
    for n, turn in enumerate(turns):
        folded = f"{system}\n\n" if n == 0 and system and dialect.folds_system else ""
        header = f"{lead}{dialect.start}{turn.role}\n{folded}"
        lead = ""
        if turn.role == "model":
            out += [Segment(header, False), Segment(plain(turn.text) + dialect.end, True), Segment("\n", False)]
        else:
            out.append(Segment(f"{header}{plain(turn.text)}{dialect.end}\n", False))
    return out


def taught(row: Sequence[Segment], spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Which tokens of a row carry loss: those that begin in a learned segment. `spans`: where each token begins and ends, in characters.

    The one mask there is: the trainer learns by it, and Prepare shows it.
    """
    learned = bytearray(sum(len(s.text) for s in row) + 1)
    place = 0
    for segment in row:
        if segment.learned:
            learned[place : place + len(segment.text)] = b"\1" * len(segment.text)
        place += len(segment.text)
    return [stop > start and bool(learned[start]) for start, stop in spans]


def prompt(turns: Sequence[Turn], system: str, dialect: Dialect) -> str:
    """The text after which the model is to answer: all turns and an opened model turn."""
    read = "".join(s.text for s in segments(turns, system, dialect)) if turns else BOS
    return f"{read}{dialect.start}model\n{dialect.thought}"


def rows(turns: Sequence[Turn], system: str, dialect: Dialect) -> list[list[Segment]]:
    """The training rows of one conversation: one, or, where the family opens replies with an empty thought that its history never shows, one per reply.

    Source of the second rule: Gemma 4 12B/26B/31B templates add the thought only to the generation prompt.
    """
    if not dialect.thought:
        return [segments(turns, system, dialect)]
    out = []
    for n, turn in enumerate(turns):
        if turn.role == "model":
            out.append(
                [Segment(prompt(turns[:n], system, dialect), False), Segment(plain(turn.text) + dialect.end, True), Segment("\n", False)]
            )
    return out


def chat_template(dialect: Dialect) -> str | None:
    """A Jinja template for families whose own one refuses a system message (Gemma 1 and 2): Gemma 3's folding. None: keep the model's own."""
    if dialect.knows_system:
        return None
    return (
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set lead = messages[0]['content'] | trim + '\n\n' %}{% set turns = messages[1:] %}"
        "{% else %}{% set lead = '' %}{% set turns = messages %}{% endif %}{% for message in turns %}"
        "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
        "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' + (lead if loop.first else '') + message['content'] | trim + '<end_of_turn>\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
    )
