"""A question asked is answered, or comes back."""

from studio.domain.conversation import Turn
from studio.domain.talk import Talk

HELLO = Turn("q1", "user", "Hello?")
WOOF = Turn("a1", "model", "Woof.")
BOTH = ("plain", "voiced")


def talked():
    return Talk(voiced=(HELLO, WOOF), plain=(Turn("q0", "user", "Hello?"), Turn("a2", "model", "Hello. How can I help?")))


def test_a_question_stands_in_every_column_it_is_put_to():
    talk = talked().asking(Turn("q2", "user", "Why?"), BOTH)
    assert talk.voiced[-1] == talk.plain[-1] == Turn("q2", "user", "Why?")
    assert talk.awaiting("voiced") and talk.asked == "Why?"


def test_a_stop_before_the_first_word_gives_the_question_back():
    settled = talked().asking(Turn("q2", "user", "Why?"), ("voiced",)).settled()
    assert settled.unsent == "Why?" and settled.voiced == talked().voiced and not settled.asked


def test_a_question_said_twice_comes_back_like_any_other():
    settled = talked().asking(Turn("q2", "user", "Hello?"), ("voiced",)).settled()
    assert settled.unsent == "Hello?"


def test_a_stop_amid_the_answer_keeps_what_was_said():
    talk = talked().asking(Turn("q2", "user", "Why?"), ("voiced",))
    talk = talk.having("voiced", (*talk.voiced, Turn("a3", "model", "Because the")))
    assert talk.settled().voiced[-1].text == "Because the" and not talk.settled().unsent


def test_a_stop_between_the_columns_keeps_the_one_that_answered():
    talk = talked().asking(Turn("q2", "user", "Why?"), BOTH)
    talk = talk.having("plain", (*talk.plain, Turn("a3", "model", "There are many reasons.")))
    assert talk.settled().plain[-1].text == "There are many reasons." and talk.settled().voiced == talked().voiced
    assert not talk.settled().unsent


def test_another_answer_that_does_not_come_leaves_the_one_there_was():
    again = talked().asking_again(BOTH)
    assert again is not None and again.awaiting("voiced") and not again.awaiting("plain"), "the plain column's question is another turn"
    assert again.settled().voiced == talked().voiced and not again.settled().unsent
    assert again.taken_back() == talked()


def test_nothing_can_be_answered_again_where_nothing_was_asked():
    assert Talk().asking_again(BOTH) is None


def test_start_again_can_be_taken_back():
    assert talked().fresh().empty
    assert talked().fresh().fresh() == talked()
