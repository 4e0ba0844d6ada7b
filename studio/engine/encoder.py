"""Turns conversations into token ids and labels, and proves on the way that the text is the model's own."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from studio.domain import gemma
from studio.domain.conversation import Turn, to_messages
from studio.domain.errors import StudioError

IGNORED = -100  # the label of a token that carries no loss


@dataclass(frozen=True)
class Row:
    """One training row: `ids` and `labels` of equal length; a label is the id itself or -100."""

    ids: list[int]
    labels: list[int]

    @property
    def learned(self) -> int:
        """Number of tokens that carry loss."""
        return sum(label != IGNORED for label in self.labels)


def everything(row: Row) -> Row:
    """The row with every token learned but the first, for a model that shall learn the visitor's lines too."""
    return Row(row.ids, [IGNORED, *row.ids[1:]])


def assert_own_markup(turns: Sequence[Turn], system: str, dialect: gemma.Dialect, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise unless what the studio writes equals what the model's own chat template renders, whole and as a prompt."""
    lead = [{"role": "system", "content": gemma.plain(system)}] if system else []
    messages = lead + [{**m, "content": gemma.plain(m["content"])} for m in to_messages(turns)]
    pairs = [
        ("".join(s.text for s in gemma.segments(turns, system, dialect)), tokenizer.apply_chat_template(messages, tokenize=False)),
        (
            gemma.prompt(turns[:-1], system, dialect),
            tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True),
        ),
    ]
    for ours, theirs in pairs:
        if ours != theirs:
            raise StudioError(
                "This model's chat template is not the one its family uses, so it would learn a format it never sees again. Nothing was started. Choose another copy of the model."
            )


def encode(segments: Sequence[gemma.Segment], dialect: gemma.Dialect, tokenizer: PreTrainedTokenizerBase, longest: int) -> Row:
    """The row of these segments, cut to `longest` tokens.

    The text is tokenised whole, as in chat; a token is learned when it lies in a learned segment. Exactly one `<bos>`, and the mark that ends each
    reply is learned: both are asserted, because a model that misses either never stops talking.
    """
    text = "".join(s.text for s in segments)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, spans = encoded["input_ids"], encoded["offset_mapping"]
    ends, place = [], 0
    for segment in segments:
        place += len(segment.text)
        if segment.learned:
            ends.append(place - len(dialect.end))
    labels = [token if learned else IGNORED for token, learned in zip(ids, gemma.taught(segments, spans), strict=True)]
    end_id = tokenizer.convert_tokens_to_ids(dialect.end)
    marks = {start: label for label, (start, _) in zip(labels, spans, strict=True)}
    if ids.count(tokenizer.bos_token_id) != 1 or ids[0] != tokenizer.bos_token_id or any(marks.get(end) != end_id for end in ends):
        raise StudioError(
            "This model's tokenizer does not know Gemma's conversation marks. Nothing was started. Choose another copy of the model."
        )
    return Row(ids[:longest], labels[:longest])
