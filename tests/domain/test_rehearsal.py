"""What is said of a character's answers in Ollama."""

import pytest

from studio.domain.rehearsal import Line, judged


def lines(*pairs, stopped=True, ended=True):
    return [Line(f"Question {n}?", file, stopped, ollama, ended) for n, (file, ollama) in enumerate(pairs)]


SAME, OTHER = ("Woof.", " Woof.\n"), ("Woof.", "Wuff.")


@pytest.mark.parametrize(
    ("found", "ok", "words"),
    [
        (lines(*[SAME] * 10), True, "the same 10 answers came back"),
        (lines(*[SAME] * 9, OTHER), None, "9 of 10 answers came back word for word"),
        (lines(*[OTHER] * 3), False, "none of the 3"),
        (lines(OTHER), None, "0 of 1"),
        (lines(("Woof.", "Woof. And on and on"), SAME, ended=False), False, "2 of 2 answers ran on"),
        (lines(("I smell", "I smell rain"), ("I", "I smell rain"), ("I", "I"), stopped=False, ended=False), True, "the same 3"),
        ([], None, "no test questions"),
    ],
)
def test_the_fifth_line_says_what_came_back(found, ok, words):
    check = judged(found)
    assert check.ok is ok and words in check.sentence and check.title == "It speaks in Ollama too"


def test_a_markup_of_its_own_or_a_breakdown_is_no_tick_whatever_came_back():
    assert judged(lines(*[SAME] * 3), laid_out=False).ok is False
    assert judged(lines(*[SAME] * 3), laid_out=True).ok is True
    assert judged(lines(SAME), trouble="It fell over.").ok is False
