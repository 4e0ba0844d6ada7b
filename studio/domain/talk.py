"""A conversation with the character on one page, and with the plain model beside it. What is asked is never lost."""

from dataclasses import dataclass, replace
from typing import Literal

from studio.domain.conversation import Turn

Side = Literal["plain", "voiced"]
Turns = tuple[Turn, ...]
TOO_LONG = "The answer was cut off because the conversation is very long. Start again, or remove the oldest lines."


@dataclass(frozen=True)
class Talk:
    """Two columns of turns. While an answer is spoken, `asked` holds the question and `before` all that stood here until then."""

    voiced: Turns = ()
    plain: Turns = ()
    asked: str = ""
    repeated: bool = False  # the question stood here already: another answer is wanted
    unsent: str = ""  # a question that found no answer and goes back to the box
    before: "Talk | None" = None
    kept: str = ""  # the answer that was kept last, by its turn's id

    def side(self, side: Side) -> Turns:
        """The turns of one column."""
        return self.voiced if side == "voiced" else self.plain

    def having(self, side: Side, turns: Turns) -> "Talk":
        """This talk with one column replaced."""
        return replace(self, voiced=turns) if side == "voiced" else replace(self, plain=turns)

    @property
    def empty(self) -> bool:
        """Whether nothing has been said."""
        return not self.voiced and not self.plain

    def asking(self, question: Turn, sides: tuple[Side, ...]) -> "Talk":
        """The question put to these columns."""
        talk = replace(self, asked=question.text, repeated=False, unsent="", before=self)
        for side in sides:
            talk = talk.having(side, (*talk.side(side), question))
        return talk

    def asking_again(self, sides: tuple[Side, ...]) -> "Talk | None":
        """The last question without its answers, in those of these columns that end with it; None where nothing was answered."""
        asked = next((self.side(side)[-2] for side in reversed(sides) if len(self.side(side)) > 1), None)
        if asked is None:
            return None
        talk = replace(self, asked=asked.text, repeated=True, unsent="", before=self)
        for side in sides:
            if self.side(side)[-2:-1] == (asked,):
                talk = talk.having(side, self.side(side)[:-1])
        return talk

    def awaiting(self, side: Side) -> bool:
        """Whether this column ends with a question."""
        turns = self.side(side)
        return bool(turns) and turns[-1].role == "user"

    def settled(self) -> "Talk":
        """This talk once the speaking is over, in time or not: a column that got no word is as it was before the question."""
        if not self.asked or self.before is None:
            return self
        talk = replace(self, asked="", repeated=False, before=None)
        for side in ("plain", "voiced"):
            if self.awaiting(side):
                talk = talk.having(side, self.before.side(side))
        unheard = (talk.plain, talk.voiced) == (self.before.plain, self.before.voiced)
        return replace(talk, unsent=self.asked) if unheard and not self.repeated else talk

    def taken_back(self) -> "Talk":
        """This talk as it was before the question, which goes back to the box."""
        before = self.before or Talk()
        return before if self.repeated else replace(before, unsent=self.asked)

    def fresh(self) -> "Talk":
        """A new talk that remembers this one; an empty one gives back what it remembers."""
        return (self.before or self) if self.empty else Talk(before=self)
