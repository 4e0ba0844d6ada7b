"""Nearness by meaning: what is at work, what is made in the background, and what happens where a part is missing."""

import json
import os
from pathlib import Path

import psutil
import pytest

from studio.domain.conversation import Turn
from studio.domain.persona import Persona
from studio.services import similar
from studio.services.jobs import Jobs
from studio.services.models import Models
from studio.services.semantics import Meanings
from studio.services.similar import Similar
from studio.services.vectors import Vectors
from tests.engine.test_analyst import LINES
from tests.engine.test_embedder import folder

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def compared(library, tmp_path):
    """Opens what compares this library's conversations, and closes it."""
    opened = []

    def compared():
        models, jobs = Models(tmp_path / "no-model", library, True), Jobs(library, PROJECT)
        meanings = Meanings(library, models, jobs, PROJECT)
        opened.append(Similar(library, meanings))
        return opened[-1], meanings

    yield compared
    for each in opened:
        each.close()


@pytest.fixture
def who(library):
    """A character with a few conversations on three subjects, and two without a shared word on one of them."""
    who = library.create(Persona("Biscuit"))
    for subject, lines in LINES.items():
        for n, line in enumerate(lines):
            library.add(who, f"{subject}{n}", [Turn("a", "user", line)])
    return who


def of(library, who, title):
    return next(each.id for each in library.conversations(who) if each.title == title)


def titles(library, who, ids):
    known = {each.id: each.title for each in library.conversations(who)}
    return [known[each] for each in ids]


def test_the_first_answer_is_by_words_and_the_next_one_by_meaning(compared, library, who):
    compare, meanings = compared()
    wet = of(library, who, "rain0")
    first = compare.nearest(who, wet)
    assert first.compared == "Compared by their words. Their meaning is being read just now." and first.busy
    meanings.wait()
    near = compare.nearest(who, wet)
    assert near.compared == f"{similar.ROUGHLY} {similar.BETTER}" and not near.busy
    assert {title[:4] for title in titles(library, who, near.ids)[:2]} == {"rain"}
    by_words = titles(library, who, first.ids)
    assert "rain2" not in by_words and "rain2" in titles(library, who, near.ids)[:2]


def test_a_conversation_that_was_written_since_finds_its_place(compared, library, who):
    compare, meanings = compared()
    compare.nearest(who, of(library, who, "bed0"))
    meanings.wait()
    new = library.add(who, "New", [Turn("a", "user", "blanket and lullaby and dream")])
    assert compare.nearest(who, new).compared.startswith(similar.BY_WORDS)
    meanings.wait()
    near = compare.nearest(who, new)
    assert near.compared.startswith(similar.ROUGHLY)
    assert {title[:3] for title in titles(library, who, near.ids)[:2]} == {"bed"}


def test_embeddinggemma_is_used_when_it_knows_all_and_its_vectors_are_kept(compared, library, who):
    folder(library.model_folder("embeddinggemma-300m"))
    compare, meanings = compared()
    wet = of(library, who, "rain0")
    compare.nearest(who, wet)
    meanings.wait()
    near = compare.nearest(who, wet)
    assert near.compared == similar.BY_MEANING and len(near.ids) > 0
    compare.close()
    again, _ = compared()
    assert again.nearest(who, wet) == near
    points, sentence = again.places(who, [each.id for each in library.conversations(who)])
    assert sentence == similar.BY_MEANING and len(set(points)) == 18


def test_a_damaged_embeddinggemma_is_said_and_the_rough_way_goes_on(compared, library, who):
    damaged = folder(library.model_folder("embeddinggemma-300m"))
    (damaged / "3_Dense" / "model.safetensors").write_bytes(b"torn")
    compare, meanings = compared()
    wet = of(library, who, "rain0")
    compare.nearest(who, wet)
    meanings.wait()
    near = compare.nearest(who, wet)
    assert near.compared == f"{similar.ROUGHLY} {similar.DAMAGED}" and not near.busy


def test_embeddinggemma_waits_while_a_lesson_has_the_computer(compared, library, who):
    folder(library.model_folder("embeddinggemma-300m"))
    lesson = library.new_folder("adapters", who)
    (lesson / "spec.json").write_text(json.dumps({"kind": "train", "persona_id": who}))
    (lesson / "child.json").write_text(json.dumps({"pid": os.getpid(), "born": psutil.Process().create_time()}))
    compare, meanings = compared()
    compare.nearest(who, of(library, who, "rain0"))
    meanings.wait()
    near = compare.nearest(who, of(library, who, "rain0"))
    assert near.compared == f"{similar.ROUGHLY} {similar.HELD}"


def test_a_few_conversations_are_compared_by_words_and_nothing_is_begun(compared, library):
    who = library.create(Persona("Ida"))
    one = library.add(who, "One", [Turn("a", "user", "the puddle")])
    compare, meanings = compared()
    assert compare.nearest(who, one) == ([], similar.BY_WORDS, False)
    assert compare.places(who, [one])[0] is None


def test_an_embeddinggemma_of_ones_own_compares_and_is_not_offered_for_teaching(library, tmp_path):
    models = Models(tmp_path / "no-model", library, True)
    assert models.embedder() is None
    own = folder(tmp_path / "own")
    identifier = models.add_folder(str(own))
    assert models.embedder() == own
    assert models.ready() == [] and "compared" in models.choice(identifier).why_not


def test_a_file_of_vectors_that_is_none_is_made_anew(tmp_path):
    (tmp_path / "meanings.db").write_bytes(b"no database" * 1000)
    vectors = Vectors(tmp_path / "meanings.db")
    assert vectors.known("way", "who") == set()
    vectors.close()
