"""What is taken out comes in again through the same door, over all of Unicode: spaces, line ends of every kind, zero characters."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from studio.domain.conversation import Conversation, Turn
from studio.domain.formats import delivery
from studio.domain.formats.delivery import Whole
from studio.domain.persona import Persona
from studio.services import exchange, parquet
from studio.settings import Settings
from tests.mutations import PROJECT

CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \t\r\n\0\u2028\u2029\x85\ufeff'=+-@\",;#:{}<>")
TEXT = st.text(CHARACTERS, max_size=30)
TURNS = st.lists(TEXT, min_size=1, max_size=5).filter(lambda texts: any(text.strip() for text in texts))
PIP = Persona("Pip", "A puppy", "Mia", ("Short.",), ("She is six.",), "You are Pip.", "Woof.", "blue")
ODD = Conversation("a", " T ", (Turn("1", "user", " \r\n\u2028\0 x "), Turn("2", "model", "")), ("a b", ""))
# What each form carries of a conversation beside its lines.
CARRIES = {
    "package": ("title", "tags"), "card-v3-png": ("title", "tags"), "card-v3-json": ("title", "tags"), "card-v2-png": ("title", "tags"),
    "card-v2-json": ("title", "tags"), "sharegpt": ("title", "tags"), "csv": ("title", "tags"), "parquet": ("title", "tags"), "messages": (),
}  # fmt: skip


def conversation(title, texts, tags):
    return Conversation("a", title, tuple(Turn(str(n), "model" if n % 2 else "user", text) for n, text in enumerate(texts)), tags)


TALKS = st.lists(st.builds(conversation, TEXT.filter(bool), TURNS, st.lists(TEXT, max_size=2).map(tuple)), min_size=1, max_size=3)


def there_and_back(key, talks, folder):
    """What the studio finds in the file it has made."""
    chosen = Settings(project=PROJECT, home=folder / "home")
    made = delivery.taken(key, Whole(PIP, talks))
    file = folder / exchange.file_name(PIP, key)
    file.write_bytes(parquet.table(made, chosen) if key == "parquet" else made)
    (one,) = exchange.read_files([file], "Pip", chosen)
    assert one.found is not None and one.found.skipped == (), (one.refusal, one.skipped)
    return one.found.conversations


def carried(talks, marks):
    return [([(t.role, t.text) for t in c.turns], [getattr(c, mark) for mark in marks]) for c in talks]


@pytest.mark.parametrize("key", [key for key in CARRIES if key != "parquet"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(talks=[ODD])
@given(talks=TALKS)
def test_every_form_that_can_hold_a_conversation_gives_it_back(tmp_path, key, talks):
    assert carried(there_and_back(key, talks, tmp_path), CARRIES[key]) == carried(talks, CARRIES[key])


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(talks=[ODD])
@given(talks=TALKS)
def test_a_table_for_data_programs_gives_it_back_too(tmp_path, talks):
    assert carried(there_and_back("parquet", talks, tmp_path), CARRIES["parquet"]) == carried(talks, CARRIES["parquet"])
