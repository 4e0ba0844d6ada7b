"""The copy editor's desk: every check there is over all conversations of one character, and which of them shall be quiet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from studio.domain import checks, coverage, dataset, facts, habits, leakage, likeness, manner, private, rules, voiceprint
from studio.domain.checks import Finding, Sizes
from studio.domain.conversation import Conversation
from studio.domain.errors import StudioError
from studio.domain.notes import Notes
from studio.domain.persona import Persona, Silence
from studio.domain.training import Recipe
from studio.domain.words import words

NAMED = ("start", "phrase", "fact")  # several findings of one kind, told apart by their words
HABITS = ("start", "phrase", "finish", "unused", "thin")  # meant once, meant for good: these stay quiet as the conversations grow
LONGEST_REASON = 300


@dataclass(frozen=True)
class Reading:
    """What the studio found when it read one character's conversations."""

    persona: Persona
    conversations: tuple[Conversation, ...]
    tokens: Mapping[str, int]  # by conversation; empty where there is no model to count with
    longest: int
    findings: tuple[Finding, ...]  # those that speak
    quiet: tuple[tuple[Finding, Silence], ...]  # those that are silenced, as long as they find no more

    @cached_property
    def parts(self) -> dataset.Split:
        """What a lesson would learn from, and what it would keep back."""
        return dataset.split(dataset.teachable(self.conversations), Recipe().validation, Recipe().seed)

    @cached_property
    def voice(self) -> voiceprint.Voiceprint:
        """The fingerprint of all replies."""
        return voiceprint.measure(text for c in self.conversations for text in c.replies)

    @cached_property
    def shown(self) -> tuple[coverage.Shown, ...]:
        """Which conversations show which statement of the sheet."""
        return coverage.read(self.persona, self.conversations)

    @cached_property
    def map(self) -> list[tuple[float, float]]:
        """A place for each conversation, from -1 to 1: what is alike lies together."""
        return likeness.layout([words(" ".join(turn.text for turn in c.turns)) for c in self.conversations])


def seen(persona: Persona, conversations: Sequence[Conversation], notes: Notes) -> list[Finding]:
    """What the lines themselves show: all but what stands in `checks`. `notes`: what is known of these conversations; more afterwards."""
    parts = dataset.split(dataset.teachable(conversations), Recipe().validation, Recipe().seed)
    return [
        *rules.read(conversations, manner.understood(persona.voice), notes),
        *facts.read(conversations, persona, notes),
        *habits.read(conversations, notes),
        *private.read(conversations, notes),
        *leakage.read(parts, notes),
    ]


def read(
    persona: Persona,
    conversations: Sequence[Conversation],
    sizes: Sizes,
    twins: Mapping[str, str],
    shown: Iterable[Finding] | None = None,
) -> Reading:
    """Read everything. `sizes` and `twins` as in `checks.read`; `shown` is what `seen` found, where somebody has looked before."""
    shown = seen(persona, conversations, Notes()) if shown is None else shown
    found = checks.in_order([*checks.read(conversations, sizes, twins), *shown])
    reasons = {silence.check: silence for silence in persona.silenced}
    held = {check_of(f): reasons[check_of(f)] for f in found if is_quiet(f, reasons.get(check_of(f)))}
    loud = tuple(f for f in found if check_of(f) not in held)
    quiet = tuple((f, held[check_of(f)]) for f in found if check_of(f) in held)
    return Reading(persona, tuple(conversations), sizes.tokens, sizes.longest, loud, quiet)


def check_of(finding: Finding) -> str:
    """The name a finding is silenced under."""
    return f"{finding.kind}: {finding.words}" if finding.kind in NAMED else finding.kind


def is_quiet(finding: Finding, silence: Silence | None) -> bool:
    """Whether a finding is silenced: it can be learned from as it is, and is a habit or no more than it was when it was silenced."""
    if silence is None or finding.severity == "fix":
        return False
    return finding.kind in HABITS or len(finding.places) <= silence.places


def silenced(persona: Persona, finding: Finding, reason: str) -> Persona:
    """The sheet on which this finding is silent; raises StudioError without a reason, or where it has to be mended."""
    said = " ".join(reason.split())
    if finding.severity == "fix":
        raise StudioError("This can't be silenced: such conversations are left out of learning. Mend it, or leave it.")
    if not said:
        raise StudioError("Nothing was silenced. Write why first, so that you know it later.")
    if len(said) > LONGEST_REASON:
        raise StudioError(f"Nothing was silenced. A reason has at most {LONGEST_REASON} characters; this one has {len(said)}.")
    others = _others(persona.silenced, check_of(finding))
    return replace(persona, silenced=(*others, Silence(check_of(finding), said, len(finding.places))))


def heard(persona: Persona, check: str) -> Persona:
    """The sheet on which this check speaks again."""
    return replace(persona, silenced=_others(persona.silenced, check))


def _others(silences: Iterable[Silence], check: str) -> tuple[Silence, ...]:
    return tuple(silence for silence in silences if silence.check != check)
