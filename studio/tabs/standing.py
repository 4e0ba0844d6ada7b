"""Where a character stands, read from the disk, and the words and the path that follow from it."""

from dataclasses import dataclass
from datetime import datetime

from studio.domain.dataset import teachable
from studio.domain.progress import Lesson, in_words, lesson
from studio.services.adapters import Adapter, learned
from studio.services.library import Character
from studio.services.studio import Studio

ENOUGH = 30  # conversations a first lesson wants
FEWEST = 10  # conversations below which there is no lesson
STEPS = (
    ("Write", "how your character talks"),
    ("Prepare", "we check it for you"),
    ("Train", "your computer studies"),
    ("Chat", "meet your character"),
    ("Export", "take it with you"),
)


@dataclass(frozen=True)
class Standing:
    """Where a character stands, read from the disk: every number shown comes from here."""

    character: Character
    usable: int  # conversations that can be learned from
    lesson: Lesson | None  # at work now
    learned: Adapter | None  # the newest finished one
    exported: float | None  # when the newest file was made, seconds since 1970

    @property
    def step(self) -> int:
        """The step of the path the character is at, 1 to 5."""
        if self.lesson:
            return 3
        if self.learned:
            return 5 if self.exported else 4
        if self.character.conversations < ENOUGH:
            return 1
        return 3 if self.usable >= FEWEST else 2


def read(studio: Studio, character: Character, count: bool = False) -> Standing:
    """What the disk says about a character; `count` also reads its conversations."""
    working = studio.jobs.running()
    at_work = working if working in studio.library.adapters(character.id) else None
    done = [folder for folder in studio.library.exports(character.id) if studio.jobs.state(folder) == "done"]
    return Standing(
        character,
        len(teachable(studio.library.conversations(character.id))) if count else character.conversations,
        lesson(studio.jobs.events(at_work)) if at_work else None,
        next((adapter for adapter in learned(studio.library, character.id) if adapter.finished), None),
        studio.jobs.events(done[0])[-1]["at"] if done else None,
    )


def headline(stand: Standing) -> str:
    """The one sentence about where the character stands."""
    name, written = stand.character.persona.name, stand.character.conversations
    if stand.lesson:
        left = stand.lesson.seconds_left
        return f"{name} is learning." + (f" {_capital(in_words(left))} left." if left is not None else "")
    if not written and not stand.learned:
        return f"{name} has no words yet."
    sentences = {
        1: f"{name} has {_conversations(written)}. About {ENOUGH} is a good start.",
        2: f"{name} has {_conversations(written)}. Most of them need a look.",
        3: f"{name} is written and ready to learn.",
        4: f"{name} is waiting to talk.",
        5: f"{name} is ready to travel.",
    }
    return sentences[stand.step]


def lede(stand: Standing) -> str:
    """What that means, in one or two sentences."""
    name, written = stand.character.persona.name, _conversations(stand.character.conversations)
    if stand.lesson:
        where = f"Pass {min(int(stand.lesson.epoch) + 1, stand.lesson.epochs)} of {stand.lesson.epochs}. " if stand.lesson.epochs else ""
        return f"{where}You can go on writing, or close this tab; learning carries on by itself."
    if stand.step == 4 and stand.learned:
        return f"It learned from {_conversations(stand.learned.conversations)} on {day(stand.learned.at)}. Ask {name} something it has never been asked."
    if stand.step == 5 and stand.exported:
        return (
            f"One file holds all that {name} learned, made on {day(stand.exported)}. It runs in Ollama, a free app, on other computers too."
        )
    if stand.step == 3:
        return f"There are {written}. Now your computer can study them and answer in the same voice. Nothing you wrote leaves this machine."
    if stand.step == 2:
        return "Prepare shows which lines have no answer yet, and leads you to each of them."
    return f"Short is fine: two to ten lines. Write what {name} would really say, including the odd wrong answer."


def next_step(stand: Standing, name: str) -> tuple[str, str]:
    """The tab that comes next, and the words on the button that leads there."""
    if stand.lesson:
        return "train", f"Watch {name} learn"
    if stand.step == 1:
        return "write", "Keep writing" if stand.character.conversations else "Write the first conversation"
    return {
        2: ("prepare", "Go to Prepare"),
        3: ("train", f"Teach {name}"),
        4: ("chat", f"Talk to {name}"),
        5: ("export", f"Export {name}"),
    }[stand.step]


def path(stand: Standing | None) -> str:
    """The five steps as markup, with what is done by the facts. No names in it."""
    here = stand.step if stand else 1
    done = _done(stand) if stand else {}
    rows = []
    for n, (title, note) in enumerate(STEPS, 1):
        state = "now" if n == here else "done" if n in done else "next"
        mark = {"now": "You are here", "done": "Done", "next": ""}[state]
        rows.append(
            f'<li class="{state}"><span class="n" aria-hidden="true">{n}</span><b>{title} <em>{mark}</em></b><span>{done.get(n, note)}</span></li>'
        )
    return f'<ol class="path">{"".join(rows)}</ol>'


def _done(stand: Standing) -> dict[int, str]:
    # What is behind the character, and the note that says so. Talking leaves no trace, so step 4 is never called done.
    written, done = stand.character.conversations, {}
    if written >= ENOUGH or stand.learned:
        done[1] = _conversations(written)
        if stand.usable >= FEWEST:
            done[2] = "all can be learned" if stand.usable == written else f"{stand.usable} can be learned"
    if stand.learned:
        done[3] = f"learned {day(stand.learned.at)}"
    if stand.exported:
        done[5] = f"made {day(stand.exported)}"
    return done


def brief_state(stand: Standing) -> str:
    """The small line on a card: “111 conversations · not trained yet”."""
    taught = f"trained {day(stand.learned.at)}" if stand.learned else "not trained yet"
    state = "learning now" if stand.lesson else taught
    return f"{_conversations(stand.character.conversations)} · {state}"


def brief(text: str, most: int = 26) -> str:
    """The text, cut where a button or a card ends."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _conversations(count: int) -> str:
    return f"{count} conversation{'' if count == 1 else 's'}"


def day(at: float) -> str:
    """A day as people say it: “3 November”."""
    when = datetime.fromtimestamp(at)
    return f"{when.day} {when:%B}"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
