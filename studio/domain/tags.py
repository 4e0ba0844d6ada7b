"""The tags of a conversation: what one may be, and adding and taking off without doubles."""

from collections.abc import Iterable, Sequence

from studio.domain.conversation import findable
from studio.domain.errors import StudioError

LONGEST_TAG = 60
MOST_TAGS = 100


def tag(text: str) -> str:
    """A tag as it is kept, with outer and double spaces gone; raises StudioError where it can't be one."""
    tidy = " ".join(text.split())
    if not 0 < len(tidy) <= LONGEST_TAG:
        raise StudioError(f"A tag has 1 to {LONGEST_TAG} characters. Nothing was changed. Write another one.")
    if "," in tidy:
        raise StudioError(f"A tag has no commas, and “{tidy}” has one. Nothing was changed. Make two tags of it.")
    return tidy


def chosen(given: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
    """The tags a conversation shall have, none twice. One that it has already stays as it came; raises StudioError where one can't be kept."""
    wanted = retagged((), (one if one in before else tag(one) for one in given if one.strip()), ())
    if len(wanted) > MOST_TAGS:
        raise StudioError(f"A conversation has at most {MOST_TAGS} tags. Nothing was changed. Remove one first.")
    return wanted


def retagged(tags: Sequence[str], add: Iterable[str], drop: Iterable[str]) -> tuple[str, ...]:
    """These tags without some and with others at the end. Small and capital letters make no second tag."""
    gone = {findable(one) for one in drop}
    kept = [one for one in tags if findable(one) not in gone]
    known = {findable(one) for one in kept}
    for one in add:
        if findable(one) not in known:
            known.add(findable(one))
            kept.append(one)
    return tuple(kept)
