"""A journal becomes a picture of the lesson, also when it is torn or told twice."""

import json

import pytest

from studio.domain import progress
from studio.domain.progress import Lesson


def event(kind, at=0.0, **facts):
    return {"kind": kind, "at": at, **facts}


def journal(*events):
    return "".join(json.dumps(e) + "\n" for e in events)


BEGUN = [
    event("phase", 0, text="Listening to the plain model"),
    event("evaluation", 1, step=0, epoch=0, loss=3.0),
    event("sample", 2, step=0, epoch=0, prompt="Rain?", text="Water."),
    event("phase", 3, text="Learning"),
    event("start", 10, steps=40, epochs=4, from_step=0),
]


def test_a_line_still_being_written_is_left_for_later():
    whole = journal(event("phase", text="Learning"))
    assert progress.read(whole + '{"kind": "st') == progress.read(whole) == [event("phase", text="Learning")]
    assert progress.read("") == []


def test_torn_lines_and_other_values_are_passed_over():
    text = '{"kind": "phase", "text": "a"}\n{"kind": "ste\n[1]\n7\n{"no": "kind"}\n{"kind": "done"}\n'
    assert [e["kind"] for e in progress.read(text)] == ["phase", "done"]


def test_an_empty_journal_is_a_lesson_that_has_not_begun():
    assert progress.lesson([]) == Lesson()


def test_a_running_lesson_tells_where_it_is_and_how_long_it_takes():
    steps = [event("step", 10 + 3 * n, step=n, epoch=n / 10, loss=3 - n / 20, tokens_per_second=400.0, memory_mb=900) for n in range(1, 11)]
    story = progress.lesson([*BEGUN, *steps, event("evaluation", 41, step=10, epoch=1.0, loss=2.0), event("saved", 42, step=10)])
    assert (story.step, story.steps, story.epoch, story.epochs) == (10, 40, 1.0, 4)
    assert story.seconds_left == pytest.approx(30 * 3 + 3 * 2), "thirty steps, and three looks as long as the one before learning"
    assert story.unseen == ((0, 3.0), (10, 2.0))
    assert (story.best_step, story.best_epoch) == (10, 1.0)
    assert (story.tokens_per_second, story.memory_mb, story.saved_at) == (400.0, 900, 42)
    assert story.takes == ((0, "Rain?", "Water."),)
    assert not story.ended


def test_time_left_is_unknown_before_the_first_step_and_after_the_end():
    assert progress.lesson(BEGUN).seconds_left is None
    assert progress.lesson([*BEGUN, event("step", 13, step=1, epoch=0.1, loss=3), event("done", 14)]).seconds_left is None


def test_a_lesson_that_goes_on_forgets_what_came_after_its_safe_copy():
    first = [
        *BEGUN,
        event("step", 20, step=10, epoch=1.0, loss=2.5),
        event("evaluation", 21, step=10, epoch=1.0, loss=2.4),
        event("sample", 22, step=10, epoch=1.0, prompt="Rain?", text="Drip."),
        event("step", 30, step=14, epoch=1.4, loss=2.3),
        event("evaluation", 31, step=14, epoch=1.4, loss=2.2),
        event("sample", 31, step=14, epoch=1.4, prompt="Rain?", text="Lost."),
        event("failed", 32, message="No more memory."),
    ]
    story = progress.lesson([*first, event("start", 100, steps=40, epochs=4, from_step=10)])
    assert (story.step, story.epoch) == (10, 1.0)
    assert story.learned == ((10, 2.5),)
    assert story.unseen == ((0, 3.0), (10, 2.4))
    assert [take[2] for take in story.takes] == ["Water.", "Drip."]
    assert not story.ended
    again = progress.lesson(
        [*first, event("start", 100, steps=40, epochs=4, from_step=10), event("step", 102, step=11, epoch=1.1, loss=2.2)]
    )
    assert again.seconds_left == pytest.approx(2 * 29 + 3 * 2), "and the looks at steps 20, 30 and 40"


def test_the_first_of_equally_good_versions_is_the_best():
    story = progress.lesson([event("evaluation", step=s, epoch=s / 10, loss=2.0) for s in (10, 20)])
    assert (story.best_step, story.best_epoch) == (10, 1.0)


def test_what_a_job_notes_is_kept_once_and_in_order():
    notes = [event("note", n, text=text) for n, text in enumerate(("Smaller steps.", "Shorter ones.", "Smaller steps."))]
    story = progress.lesson([*BEGUN, *notes, event("start", 12, steps=40, epochs=4, from_step=0)])
    assert story.notes == ("Smaller steps.", "Shorter ones.")


def test_a_paused_lesson_has_ended_for_now():
    story = progress.lesson([*BEGUN, event("step", 13, step=1, epoch=0.1, loss=3), event("paused", 14)])
    assert story.ended["kind"] == "paused"
    assert story.seconds_left is None


def test_between_two_steps_the_time_left_goes_down_by_no_more_than_a_step():
    steps = [event("step", 10 + 3 * n, step=n, epoch=n / 10, loss=3.0) for n in range(1, 11)]
    story = progress.lesson([*BEGUN, *steps])
    assert progress.seconds_left(story, 41) == pytest.approx(story.seconds_left - 1)
    assert progress.seconds_left(story, 400) == pytest.approx(story.seconds_left - 3)
    assert progress.seconds_left(Lesson(), 41) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "5 seconds"),
        (41, "40 seconds"),
        (55, "about one minute"),
        (240, "about four minutes"),
        (780, "about 13 minutes"),
        (5399, "about 90 minutes"),
        (7300, "about two hours"),
    ],
)
def test_a_length_of_time_as_people_say_it(seconds, words):
    assert progress.in_words(seconds) == words


def test_words_are_never_more_than_a_fifth_beside_the_truth():
    numbers = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    for seconds in range(13, 100_000):
        words = progress.in_words(seconds).removeprefix("about ").replace(" and a half", "").split()
        amount = float(numbers.index(words[0]) if words[0] in numbers else words[0])
        amount += 0.5 * ("half" in progress.in_words(seconds))
        said = amount * {"s": 1, "m": 60, "h": 3600}[words[1][0]]
        assert abs(said - seconds) <= 0.2 * seconds, (seconds, words)
