"""Rough meaning: which words go together in these very conversations."""

import numpy as np

from studio.domain import likeness
from studio.engine import analyst

SUBJECTS = {
    "rain": ("puddle", "umbrella", "boots", "drizzle"),
    "bed": ("pillow", "lullaby", "blanket", "dream"),
    "food": ("soup", "spoon", "porridge", "honey"),
    "sea": ("boat", "harbour", "sail", "anchor"),
    "school": ("pencil", "teacher", "chalk", "desk"),
    "garden": ("spade", "tulip", "snail", "hedge"),
}
# Of each subject: the first line and the last one share no word; the one between them says that they belong together.
LINES = {subject: [f"{a} and {c}", f"{a} and {b} and {c} and {d}", f"{b} and {d}"] for subject, (a, b, c, d) in SUBJECTS.items()}
TEXTS = [line for lines in LINES.values() for line in lines]


def test_two_conversations_on_one_subject_are_near_although_they_share_no_rare_word():
    found = analyst.learned(TEXTS).vectors(TEXTS)
    for n in range(0, len(TEXTS), 3):
        one, other = TEXTS[n], TEXTS[n + 2]
        assert likeness.nearness(one, [*TEXTS, other])[-1] == 0
        foreign = [near for m, near in enumerate(found @ found[n]) if m // 3 != n // 3]
        assert found[n] @ found[n + 2] > max(foreign) + 0.1


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
