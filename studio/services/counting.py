"""Counts tokens piece by piece: a word that comes a thousand times is looked at once."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import BPE

AT_ONCE = 2048  # texts counted together: enough to keep every core busy, and little to remember
BLANK = "\u2581"  # stands for a blank in Gemma's vocabulary
_CUT = "\0"
_BLANKS = {"type": "Replace", "pattern": {"String": " "}, "content": BLANK}
_SPLIT = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}  # there is none left to split at


class Counting:
    """Counts the tokens of texts for one tokenizer."""

    def __init__(self, tokenizer: Tokenizer, marks: Sequence[str]) -> None:
        """`marks`: the control marks in the texts."""
        self.tokenizer = tokenizer
        self._marks = re.compile(f"({'|'.join(map(re.escape, marks))})") if is_by_word(tokenizer, marks) else None

    def counts(self, texts: Iterable[str]) -> Iterator[int]:
        """Number of tokens in each text, none of them special unless it stands there."""
        known, rest = _Known(), iter(texts)
        while some := list(islice(rest, AT_ONCE)):
            if self._marks is None:
                yield from self._whole(some)
                continue
            told = [known.of(self._pieces(text)) for text in some]
            new = known.met()
            known.update(zip(new, self._whole(new), strict=True))
            yield from (count + sum(map(known.__getitem__, unknown)) for count, unknown in told)

    def _whole(self, texts: list[str]) -> Iterator[int]:
        return map(len, self.tokenizer.encode_batch_fast(texts, add_special_tokens=False))

    def _pieces(self, text: str) -> list[str]:
        """The text cut around every mark and before every blank that follows something else."""
        if self._marks is None or BLANK in text or _CUT in text:
            return [text]
        return _CUT.join(self._marks.split(text)).replace(" ", f"{_CUT} ").replace(f" {_CUT}", " ").split(_CUT)


class _Known(dict[str, int]):
    """The tokens of pieces; those that are not known yet are remembered, and have none so far."""

    def __init__(self) -> None:
        super().__init__()
        self._new: list[str] = []

    def __missing__(self, piece: str) -> int:
        self._new.append(piece)
        return 0

    def of(self, pieces: Iterable[str]) -> tuple[int, list[str]]:
        """The tokens of those that are known, and the others."""
        begun = len(self._new)
        return sum(map(self.__getitem__, pieces)), self._new[begun:]

    def met(self) -> list[str]:
        """The pieces that were not known, each once; they are met no more."""
        met, self._new = list(dict.fromkeys(self._new)), []
        return met


def is_by_word(tokenizer: Tokenizer, marks: Sequence[str]) -> bool:
    """Whether a text has the tokens of its pieces: no entry of the vocabulary goes on over a blank, and the marks stand for themselves."""
    model, added = tokenizer.model, list(tokenizer.get_added_tokens_decoder().values())
    names = {token.content for token in added}
    if not isinstance(model, BPE) or model.dropout or model.ignore_merges or tokenizer.padding or tokenizer.truncation:
        return False
    if model.continuing_subword_prefix or model.end_of_word_suffix or not model.byte_fallback:
        return False
    if _told(tokenizer.normalizer) != _BLANKS or _told(tokenizer.pre_tokenizer) not in (None, _SPLIT) or not set(marks) <= names:
        return False
    if any(token.lstrip or token.rstrip or token.single_word for token in added):
        return False
    if any("<" in name[1:] or (name not in marks and name.startswith(tuple(marks))) for name in names):
        return False
    return not any(map(_goes_on, chain((name.replace(" ", BLANK) for name in names), tokenizer.get_vocab())))


def _told(part: Any) -> Any:
    return json.loads(part.__getstate__()) if part is not None else None


def _goes_on(entry: str) -> bool:
    """Whether a blank comes after something else in it."""
    return BLANK in entry.lstrip(BLANK)
