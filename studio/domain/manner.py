"""The sentences of a sheet on how a character talks, as far as they say something a machine can hold lines to."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields

from studio.domain.facts import NUMBER, value
from studio.domain.rules import VoiceRules
from studio.domain.words import straight

_MOST = r"(?:at most|no more than|not more than|never more than|never longer than|no longer than|up to)"
_NO_CONTRACTIONS = re.compile(
    r"\b(?:(?:every|each|all) words? (?:is |are |said |spoken |written )*(?:whole|in full|out)\b"
    r"|(?:never|does not|doesn't) (?:contracts?|shortens?|uses? contractions|says? contractions)\b"
    r"|(?:no|without) (?:any )?(?:contractions|contracted words|shortened words)\b)",
    re.IGNORECASE,
)
_NO_EXCLAMATIONS = re.compile(
    r"\b(?:never|no|without|not) (?:uses? |an? |any |one |single )*exclamation (?:marks?|points?)\b", re.IGNORECASE
)
_EXCLAMATIONS = re.compile(rf"\b{_MOST} ({NUMBER}) exclamation (?:marks?|points?)\b", re.IGNORECASE)
_CAPITALS = re.compile(
    rf"\bcapitals?\b[^.;]*?\b(?:{_MOST} )(once|twice|{NUMBER})(?: words?| times?)? (?:in|per|to) (?:a|an|each|every|one|any) (?:reply|answer)\b",
    re.IGNORECASE,
)
_NO_CAPITALS = re.compile(r"\b(?:never|no|without) (?:uses? |writes? |shouts? )?(?:in )?(?:any )?capitals\b", re.IGNORECASE)
_TIMES = {"once": 1, "twice": 2}
_SENTENCE = re.compile(
    rf"\bsentences? (?:of |with |has |have |is |are )*{_MOST} ({NUMBER}) words\b|\b{_MOST} ({NUMBER}) words (?:in|to|per) (?:a|an|each|every|one|any) sentence\b",
    re.IGNORECASE,
)
_REPLY = re.compile(
    rf"\b(?:reply|replies|answers?) (?:of |with |has |have |is |are )*{_MOST} ({NUMBER}) words\b"
    rf"|\b{_MOST} ({NUMBER}) words (?:in|to|per) (?:a|an|each|every|one|any) (?:reply|answer)\b",
    re.IGNORECASE,
)
_AGE = re.compile(rf"\b(?:talks|speaks|sounds|words) (?:like|as|of) an? ({NUMBER})[- ]years?[- ]olds?\b", re.IGNORECASE)
_QUOTED = re.compile(r"[“\"‘]([^“”\"‘]{1,60})[”\"]")
_NEVER = re.compile(r"\b(?:never|does not|doesn't|must not) (?:say|says|use|uses)\b", re.IGNORECASE)
_LIKES = re.compile(r"\b(?:often|always|likes to|loves to) (?:say|says|use|uses)\b", re.IGNORECASE)


def understood(sentences: Iterable[str]) -> VoiceRules:
    """The rules these sentences mean. What a machine can't hold lines to is left to the writer."""
    kept = [straight(sentence) for sentence in sentences]
    return VoiceRules(
        longest_sentence=_least(_SENTENCE, kept),
        longest_reply=_least(_REPLY, kept),
        reading_age=_least(_AGE, kept),
        forbidden=_quoted(_NEVER, kept),
        favourites=_quoted(_LIKES, kept),
        no_contractions=any(map(_NO_CONTRACTIONS.search, kept)),
        capitals=0 if any(map(_NO_CAPITALS.search, kept)) else _least(_CAPITALS, kept),
        exclamations=0 if any(map(_NO_EXCLAMATIONS.search, kept)) else _least(_EXCLAMATIONS, kept),
    )


def count(rules: VoiceRules) -> int:
    """How many rules are set."""
    return sum(getattr(rules, field.name) != field.default for field in fields(VoiceRules))


def _least(pattern: re.Pattern[str], sentences: Sequence[str]) -> int | None:
    numbers = [_number(next(filter(None, match.groups()))) for sentence in sentences for match in pattern.finditer(sentence)]
    return min(numbers, default=None)


def _number(said: str) -> int:
    return _TIMES.get(said.casefold()) or value(said)


def _quoted(telling: re.Pattern[str], sentences: Sequence[str]) -> tuple[str, ...]:
    """What stands in quotation marks after the words that tell, up to the end of their sentence."""
    parts = [part for sentence in sentences for part in re.split(r"[.;](?= |$)", sentence)]
    found = [quote for part in parts if (match := telling.search(part)) for quote in _QUOTED.findall(part[match.end() :])]
    return tuple(dict.fromkeys(quote.strip(" ,.!?") for quote in found))
