"""One door for files that leave: every form a character can be taken out in, and what each of them leaves behind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from studio.domain import gemma
from studio.domain.conversation import Conversation, to_jsonl
from studio.domain.dataset import teachable, to_gemma_jsonl
from studio.domain.errors import NotFound, NotReady
from studio.domain.formats import cards, package, writing
from studio.domain.persona import Persona


@dataclass(frozen=True)
class Whole:
    """A character with all that belongs to it."""

    persona: Persona
    conversations: Sequence[Conversation]
    picture: bytes = b""
    ending: str = ".png"  # of the picture's file

    @property
    def png(self) -> bytes:
        """The picture where it is a PNG, else nothing."""
        return self.picture if self.ending == ".png" else b""


class Way(NamedTuple):
    """One form."""

    key: str  # on the command line
    title: str
    expert: str  # what it is called elsewhere
    ending: str  # of the file's name
    write: Callable[[Whole], bytes]
    left: Callable[[Whole], str]  # a sentence about what stays behind; empty where nothing does
    talk: bool = True  # whether there is nothing in it without a conversation


def _nothing(whole: Whole) -> str:
    return ""


def _alpaca(whole: Whole) -> str:
    return " ".join(part for part in (writing.to_alpaca(whole.conversations)[1], _titles(whole)) if part)


def _titles(whole: Whole) -> str:
    return "Titles and tags have no place in this form and stay behind." if any(c.title or c.tags for c in whole.conversations) else ""


def _tags(whole: Whole) -> str:
    return "Tags have no place in this form and stay behind." if any(c.tags for c in whole.conversations) else ""


def _sheet(whole: Whole) -> str:
    return "The character sheet stays behind." if whole.persona.system else ""


def _picture(whole: Whole) -> str:
    return "The portrait is not a PNG, so the card has a plain picture." if whole.picture and not whole.png else ""


def _faceless(whole: Whole) -> str:
    return "The portrait stays behind: this form has words only." if whole.picture else ""


def _unlearned(whole: Whole) -> str:
    left = len(whole.conversations) - len(teachable(whole.conversations))
    these = "One conversation is" if left == 1 else f"{left:,} conversations are"
    told = f"{these} left out: only what begins with the visitor, takes turns and ends with the character can be learned." if left else ""
    return " ".join(part for part in (told, _titles(whole)) if part)


def _marked(dialect: gemma.Dialect) -> Callable[[Whole], bytes]:
    return lambda whole: to_gemma_jsonl(teachable(whole.conversations), whole.persona.system, dialect).encode()


WAYS = (
    Way(
        "package", "Everything, in one package", "Persona Studio, zip", ".persona.zip",
        lambda w: package.written(w.persona, w.conversations, w.picture, w.ending), _nothing, talk=False,
    ),
    Way("card-v3-png", "A character card, as a picture", "card V3, PNG", ".card.png", lambda w: cards.card_v3_png(w.persona, w.conversations, w.png), _picture, talk=False),
    Way("card-v3-json", "A character card, as text", "card V3, JSON", ".card.json", lambda w: cards.card_v3(w.persona, w.conversations).encode(), _faceless, talk=False),
    Way("card-v2-png", "An older character card, as a picture", "card V2, PNG", ".card-v2.png", lambda w: cards.card_v2_png(w.persona, w.conversations, w.png), _picture, talk=False),
    Way("card-v2-json", "An older character card, as text", "card V2, JSON", ".card-v2.json", lambda w: cards.card_v2(w.persona, w.conversations).encode(), _faceless, talk=False),
    Way("messages", "Conversations for most programs", "OpenAI messages, JSONL", ".messages.jsonl", lambda w: writing.to_openai(w.conversations, w.persona.system).encode(), _titles),
    Way("sharegpt", "Conversations for training programs", "ShareGPT, JSONL", ".sharegpt.jsonl", lambda w: writing.to_sharegpt(w.conversations, w.persona.system).encode(), _nothing),
    Way("alpaca", "Single questions and answers", "Alpaca, JSON", ".alpaca.json", lambda w: writing.to_alpaca(w.conversations, w.persona.system)[0].encode(), _alpaca),
    Way("csv", "A table for a spreadsheet", "CSV", ".csv", lambda w: writing.to_csv(w.conversations).encode(), _sheet),
    Way("parquet", "A table for data programs", "Parquet", ".parquet", lambda w: to_jsonl(w.conversations).encode(), _sheet),  # the rows it is made of
    Way("script", "A script to read or print", "text", ".txt", lambda w: writing.to_script(w.conversations, w.persona.name, w.persona.visitor).encode(), _tags),
    Way("gemma3", "Learning text for Gemma 1, 2 and 3", "chat template, JSONL", ".gemma3.jsonl", _marked(gemma.GEMMA3), _unlearned),
    Way("gemma4", "Learning text for Gemma 4, E2B and E4B", "chat template, JSONL", ".gemma4.jsonl", _marked(gemma.GEMMA4), _unlearned),
    Way("gemma4-large", "Learning text for the larger Gemma 4", "chat template, JSONL", ".gemma4-large.jsonl", _marked(gemma.GEMMA4_LARGE), _unlearned),
)  # fmt: skip


def way(key: str) -> Way:
    """The form of this name; raises NotFound naming those there are."""
    found = next((way for way in WAYS if way.key == key), None)
    if found is None:
        raise NotFound(f"There is no form called “{key}”. Nothing was written. Choose one of {', '.join(way.key for way in WAYS)}.")
    return found


def taken(key: str, whole: Whole) -> bytes:
    """The file's bytes (for Parquet, the rows it is made of); raises NotReady where it would be empty."""
    chosen = way(key)
    if chosen.talk and not whole.conversations:
        raise NotReady(
            f"{whole.persona.name} has no conversations yet. Nothing was written. Write one first, or take out a card or the package."
        )
    made = chosen.write(whole)
    if chosen.talk and made.strip() in (b"", b"[]"):
        raise NotReady(f"Nothing was written: this form can hold none of the conversations. {chosen.left(whole)} Choose another form.")
    return made
