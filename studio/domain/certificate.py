"""What was checked on an exported file, and what may be said about it. A smaller file that differs never claims sameness."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

NO_ENGINE = "Not checked: the engine is missing."
NO_MEMORY = "Not checked: this computer has too little memory for the app's model beside the file."
_WAITING = "Checked after the file is made."
# (title, expert word), in the order of the certificate; the last one is checked when the character is sent to Ollama
TITLES: tuple[tuple[str, str], ...] = (
    ("It reads every word the same way", "token ids"),
    ("It knows who is speaking", "chat template"),
    ("It weighs every next word alike", "logits"),
    ("It gives the same answers", "greedy decoding"),
    ("It knows when to stop", "stop token"),
    ("It is still in character", "validation perplexity"),
    ("It speaks in Ollama too", "replay"),
)
WORDS, SPEAKERS, NUMBERS, ANSWERS, STOP, CHARACTER, OLLAMA = range(7)


@dataclass(frozen=True)
class Check:
    """One line of the certificate. `ok`: True it is so, False it is not, None it was not checked or only nearly so."""

    title: str
    sentence: str
    expert: str
    ok: bool | None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in `result.json`."""
        return asdict(self)


@dataclass(frozen=True)
class Answer:
    """One prompt answered by the app and by the file. `ended`: the app ended it by itself; `stopped`: the file did.

    `tie`: they part where two words were equally likely, so that the rounding of the last digit chose.
    """

    prompt: str
    app: str
    file: str
    ended: bool
    stopped: bool
    tie: bool = False

    @property
    def same(self) -> bool:
        """Word for word the same, and ended alike."""
        return self.app == self.file and self.ended == self.stopped

    def to_dict(self) -> dict[str, Any]:
        """As it stands in `result.json`."""
        return asdict(self)


def check(which: int, sentence: str, ok: bool | None) -> Check:
    """The check with the certificate's own words."""
    title, expert = TITLES[which]
    return Check(title, sentence, expert, ok)


def waiting() -> list[Check]:
    """The lines before there is a file."""
    return [check(n, _WAITING, None) for n in range(len(TITLES))]


def words(matched: int, total: int) -> Check:
    """Whether the file cuts text into the same pieces as the tokenizer that was trained with."""
    return check(WORDS, f"{matched:,} of {total:,} texts matched", matched == total > 0)


def speakers(matched: int, total: int, begun: tuple[int, int, int] = (0, 1, 0)) -> Check:
    """Whether prompts are marked up as in training. `begun`: how many of them have no, one, and more than one beginning."""
    none, _, more = begun
    if none or more:
        return check(SPEAKERS, f"{none + more:,} of {sum(begun):,} prompts begin {'twice' if more else 'without a mark'}", False)
    good = matched == total > 0
    return check(
        SPEAKERS,
        "the conversation format matches" if good else f"the conversation format differs in {total - matched:,} of {total:,} prompts",
        good,
    )


def answers(found: Sequence[Answer], exact: bool, faithful: bool, certain: bool) -> Check:
    """Whether the file answers like the app.

    `exact`: the file keeps every digit, so any difference is a fault. `faithful`: the numbers measured stay within what this kind of file may lose.
    `certain`: they were measured.
    """
    matched, total = sum(a.same for a in found), len(found)
    if not total:
        return check(ANSWERS, "Not checked: there were no test questions." if certain else NO_MEMORY, None)
    if matched == total and faithful:
        return check(ANSWERS, f"{matched} of {total} test questions, word for word", True)
    ties = sum(a.tie for a in found if not a.same)
    if exact and faithful and matched + ties == total:
        return check(ANSWERS, f"{matched} of {total} answers match word for word. In the rest two words were equally likely.", None)
    if exact or not faithful:
        return check(
            ANSWERS,
            f"{matched} of {total} answers match word for word. The file differs more than it may. Make it again, or use Chat.",
            False,
        )
    normal = " That is normal for a small file." if certain else " A small file may differ a little."
    return check(ANSWERS, f"{matched} of {total} answers match word for word.{normal}", None)


def stops(found: Sequence[Answer], marked: bool) -> Check:
    """Whether the file ends its answers where the app does. `marked`: the file names the turn-end token as an end."""
    ended, stopped, total = sum(a.ended for a in found), sum(a.stopped for a in found), len(found)
    if not marked:
        return check(STOP, "the file does not know the mark that ends an answer. Make it again.", False)
    if any(a.ended and not a.stopped and a.app == a.file for a in found):
        return check(STOP, f"{total - stopped} of {total} answers ran on where the app stops. Make the file again.", False)
    if not total:
        return check(STOP, "the end mark is known; no answer was tried", None)
    if not ended:
        return check(STOP, f"the end mark is known, but no answer ended by itself in {total} tries", None)
    if stopped < ended:
        return check(STOP, f"{stopped} of {total} answers ended by themselves, {ended} in the app", None)
    return check(
        STOP,
        f"no run-on replies in {total} tries" if stopped == total else f"{stopped} of {total} answers ended by themselves, as in the app",
        True,
    )


def headline(checks: Sequence[Mapping[str, Any]]) -> str:
    """The certificate's title. Only checked sameness is called exact."""
    own = {row["title"]: row["ok"] for row in checks if row["title"] != TITLES[OLLAMA][0]}
    if any(ok is False for ok in own.values()):
        return "The file does not speak like the character you trained"
    if own.get(TITLES[ANSWERS][0]) and all(own.values()):
        return "The file speaks exactly like the character you trained"
    if own.get(TITLES[WORDS][0]):
        return "The file speaks like the character you trained"
    return "The file is made, but was not checked"
