"""What a lesson that continues another one reads: what is new, and enough of what was there so that it is not forgotten."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from studio.domain import dataset
from studio.domain.conversation import Conversation
from studio.domain.dataset import Split

START = "start"  # the folder of a continuing lesson in which the earlier adapter lies, so that it stands when that lesson is deleted
OLD_FOR_EACH_NEW = 1  # so half of what is read was there before
FEWEST_OLD = 10


@dataclass(frozen=True)
class Continued:
    """A split, the names of the new conversations in it, and how many old ones are read again."""

    parts: Split
    new: tuple[str, ...]
    replayed: int


def mix(
    conversations: Sequence[Conversation], known: Collection[str], tested: Collection[str], share: float, seed: int, everything: bool
) -> Continued:
    """What a continuing lesson learns from.

    `known` and `tested` are the names (`dataset.name`) of all that earlier lessons have seen, and of what they kept back: that stays kept back.
    Of what is new the same share is kept back. `everything`: all old ones are read again, else as many as there are new ones.
    """
    new = [c for c in conversations if dataset.name(c) not in known]
    held = [c for c in conversations if dataset.name(c) in tested]
    old = [c for c in conversations if dataset.name(c) in known and dataset.name(c) not in tested]
    fresh = dataset.split(new, share, seed)
    count = len(old) if everything else min(len(old), max(FEWEST_OLD, OLD_FOR_EACH_NEW * len(fresh.train)))
    replayed = {c.id for c in random.Random(seed).sample(old, count)}
    train = {c.id for c in fresh.train} | replayed
    validation = {c.id for c in (*held, *fresh.validation)}
    parts = Split(tuple(c for c in conversations if c.id in train), tuple(c for c in conversations if c.id in validation))
    return Continued(parts, tuple(dataset.name(c) for c in new), len(replayed))
