"""How the replies keep the rules of a voice, each rule for itself: those that a machine can hold lines to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from studio.domain import manner, rules
from studio.domain.conversation import Conversation
from studio.domain.rules import VoiceRules


@dataclass(frozen=True)
class Kept:
    """A rule as it stands on the sheet, the conversations that break it, and the favourite words in it that nobody says."""

    rule: str
    broken: tuple[str, ...] = ()
    unsaid: str = ""


def read(voice: Iterable[str], conversations: Sequence[Conversation]) -> tuple[Kept, ...]:
    """Each rule that can be counted; the others are left to the writer."""
    return tuple(
        _kept(rule, understood, conversations) for rule in dict.fromkeys(voice) if (understood := manner.understood([rule])) != VoiceRules()
    )


def _kept(rule: str, understood: VoiceRules, conversations: Sequence[Conversation]) -> Kept:
    found = rules.read(conversations, understood)
    broken = dict.fromkeys(identifier for finding in found for identifier, _, _ in finding.places)
    return Kept(rule, tuple(broken), next((finding.words for finding in found if finding.kind == "unused"), ""))
