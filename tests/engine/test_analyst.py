"""Rough meaning: which words go together in these very conversations."""

import numpy as np

from studio.domain import likeness
from studio.engine import analyst

SUBJECTS = {
    "rain": "the puddle was wet|wet boots and a puddle|an umbrella for wet boots|drizzle on the umbrella|drizzle and boots|puddle and drizzle",
    "bed": "the pillow was warm|a warm pillow and a dream|a lullaby for a dream|the lullaby and the blanket|blanket and pillow|dream and blanket",
    "food": "soup with a spoon|the spoon and the porridge|honey in the porridge|honey for a biscuit|biscuit and soup|spoon and biscuit",
}
TEXTS = [text for lines in SUBJECTS.values() for text in lines.split("|")]
ONE, OTHER, FOREIGN = "puddle", "umbrella", "lullaby"


def test_two_conversations_on_one_subject_are_near_although_they_share_no_word():
    texts = [*TEXTS, ONE, OTHER, FOREIGN]
    assert likeness.nearness(ONE, texts)[-2:] == [0.0, 0.0]
    lexicon = analyst.learned(texts)
    one, other, foreign = lexicon.vectors([ONE, OTHER, FOREIGN])
    assert one @ other > one @ foreign + 0.1


def test_a_saved_lexicon_places_texts_as_before(tmp_path):
    lexicon = analyst.learned(TEXTS)
    lexicon.save(tmp_path / "lexicon.npz")
    again = analyst.opened(tmp_path / "lexicon.npz")
    some = [*TEXTS, "a wet pillow", "unheard of"]
    assert np.allclose(lexicon.vectors(some), again.vectors(some), atol=1e-6)
    assert not again.vectors(["unheard of"]).any()


def test_where_no_two_share_a_word_there_is_nothing_to_learn(tmp_path):
    (tmp_path / "texts.jsonl").write_text('"one"\n"two"\n"three"\n')
    given = [str(tmp_path / name) for name in ("texts.jsonl", "made", "lexicon.npz")]
    assert analyst.main(*given) == analyst.NOTHING_SHARED
    assert not (tmp_path / "lexicon.npz").exists()
