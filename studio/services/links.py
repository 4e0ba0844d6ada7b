"""What becomes of the links between conversations and statements when the statements are written anew."""

from collections.abc import Sequence

from rapidfuzz.distance import Indel

CLOSE = 0.6  # similarity from which one statement is another one reworded


def rewordings(before: Sequence[str], after: Sequence[str]) -> dict[str, str]:
    """Each statement that is gone, with what it has become: the one in its place, or the most similar new one; "" where there is none."""
    gone = [one for one in dict.fromkeys(before) if one not in after]
    new = [one for one in dict.fromkeys(after) if one not in before]
    differ = [(old, now) for old, now in zip(before, after, strict=False) if old != now]
    if len(before) == len(after) and len(differ) == 1 and len(gone) == len(new) == 1:
        return dict(differ)
    pairs = sorted(((Indel.normalized_similarity(old, now), old, now) for old in gone for now in new), reverse=True)
    found: dict[str, str] = {}
    for alike, old, now in pairs:
        if alike >= CLOSE and old not in found and now not in found.values():
            found[old] = now
    return {old: found.get(old, "") for old in gone}
