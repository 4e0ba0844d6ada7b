"""What the checks have noted of each conversation, so that nothing is read twice that has not changed."""

from array import array
from collections.abc import Callable, Iterable
from itertools import accumulate, chain
from typing import Any, NamedTuple, TypeVar

from studio.domain.conversation import Conversation, Turn
from studio.domain.words import words

MOST_WORDS = 1_000_000  # different ones; whoever has met more begins again
Note = TypeVar("Note")


class Numbers(dict[str, int]):
    """Words by numbers, given out as they are met; `names` is the way back."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self._marked: dict[str, tuple[int, set[int]]] = {}

    def marked(self, mark: str, bears: Callable[[str], bool]) -> set[int]:
        """The numbers of those words met so far that bear a mark; each is looked at once."""
        upto, numbers = self._marked.get(mark, (0, set[int]()))
        numbers.update(n for n, word in enumerate(self.names[upto:], upto) if bears(word))
        self._marked[mark] = (len(self.names), numbers)
        return numbers

    def __missing__(self, word: str) -> int:
        self[word] = len(self.names)
        self.names.append(word)
        return self[word]


class Said(NamedTuple):
    """The words of a conversation as numbers, and where each of its lines ends among them."""

    words: "array[int]"
    ends: "array[int]"

    def line(self, n: int) -> "array[int]":
        """The words of one line."""
        return self.words[self.ends[n - 1] if n else 0 : self.ends[n]]


class Notes:
    """The notes on one character's conversations. What is noted of one may depend on its lines, and on nothing else that isn't given."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self._kept: dict[str, tuple[tuple[Turn, ...], dict[str, tuple[Any, Any]]]] = {}
        self._whole: dict[str, tuple[Any, Any]] = {}

    def of(self, spoken: Conversation, check: str, given: Any, look: Callable[[Conversation], Note]) -> Note:
        """What this check noted of these lines, looking only where it has not yet. `given` is what else it goes by."""
        known = self._of(spoken)
        if check not in known or known[check][0] != given:
            known[check] = (given, look(spoken))
        note: Note = known[check][1]
        return note

    def once(self, check: str, given: Any, look: Callable[[], Note]) -> Note:
        """What this check noted of all that is given, looking only where that is something else than the last time."""
        if check not in self._whole or self._whole[check][0] != given:
            self._whole[check] = (given, look())
        note: Note = self._whole[check][1]
        return note

    def put(self, spoken: Conversation, check: str, given: Any, note: Any) -> None:
        """Keep a note that was made elsewhere."""
        self._of(spoken)[check] = (given, note)

    def known(self, spoken: Conversation, check: str) -> Any:
        """A note that is there, whatever it went by."""
        return self._of(spoken)[check][1]

    def lacks(self, spoken: Conversation, check: str, given: Any) -> bool:
        """Whether this check would have to look."""
        known = self._of(spoken)
        return check not in known or known[check][0] != given

    def said(self, spoken: Conversation) -> Said:
        """The words of its lines."""
        return self.of(spoken, "said", None, self._numbered)

    def keep(self, conversations: Iterable[Conversation]) -> None:
        """Forget all others."""
        if len(self.numbers) > MOST_WORDS:
            self.numbers, self._kept, self._whole = Numbers(), {}, {}
        for gone in self._kept.keys() - {spoken.id for spoken in conversations}:
            del self._kept[gone]

    def _of(self, spoken: Conversation) -> dict[str, tuple[Any, Any]]:
        turns, known = self._kept.get(spoken.id, ((), None))
        if known is None or (turns is not spoken.turns and turns != spoken.turns):
            known = {}
            self._kept[spoken.id] = (spoken.turns, known)
        return known

    def _numbered(self, spoken: Conversation) -> Said:
        lines = [words(turn.text) for turn in spoken.turns]
        numbers = array("I", list(map(self.numbers.__getitem__, chain.from_iterable(lines))))
        return Said(numbers, array("I", accumulate(map(len, lines))))
