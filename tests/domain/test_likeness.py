"""Who could be nearly the same as whom, and where each lies on the map."""

import random
import time

from studio.domain import likeness
from studio.domain.words import words
from tests.domain.test_all_checks import alike, many


def texts(conversations):
    return [words(" ".join(turn.text for turn in c.turns)) for c in conversations]


def test_the_same_texts_give_the_same_map_and_what_is_alike_lies_together():
    rng = random.Random(3)
    rain, ships = (["rain", "puddle", "wet", "gate", "cloud", "boots", "mud"], ["boat", "rope", "gull", "harbor", "tide", "oar", "mast"])
    made = [rng.choices(subject, k=20) + rng.choices(["and", "the", "is"], k=10) for subject in (rain, ships) for _ in range(20)]
    points = likeness.layout(made)
    assert points == likeness.layout(made)
    assert all(-1 <= x <= 1 and -1 <= y <= 1 for x, y in points)
    wet, sea = [x for x, _ in points[:20]], [x for x, _ in points[20:]]
    assert max(wet) < min(sea) or max(sea) < min(wet)


def test_odd_sets_have_a_map_too():
    for made in ([], [["a"]], [[], []], [[], [], []], [["same", "words"]] * 5, texts(alike(30))):
        points = likeness.layout(made)
        assert len(points) == len(made)
        assert all(-1 <= x <= 1 and -1 <= y <= 1 for x, y in points)


def test_a_thousand_are_placed_within_a_second():
    made = texts(many(1000))
    start = time.process_time()
    likeness.layout(made)
    assert time.process_time() - start < 1.0


def test_the_nearest_share_the_rarer_words():
    near = likeness.nearness(
        "the puddle and the sky", ["the puddle and the sky", "a puddle, the sky", "the sky", "the gate", "the bed", "and the nap"]
    )
    assert near[0] > near[1] > near[2] > near[3] == near[4] == 0
    assert near[5] > 0
    assert likeness.nearness("alone", ["alone"]) == [0.0] and likeness.nearness("", []) == []


def test_where_a_script_writes_no_spaces_letters_stand_for_words():
    near = likeness.nearness("水たまりに空がある", ["水たまりに空がある", "空が水たまりにうつる", "犬はねる", "門", "家"])
    assert near[0] > near[1] > near[2] == 0


def test_one_is_compared_with_a_thousand_conversations_within_a_second():
    texts = [" ".join(f"word{(n * k) % 997}" for k in range(200)) for n in range(1, 1001)]
    start = time.perf_counter()
    assert max(likeness.nearness(texts[4], texts)) > 0
    assert time.perf_counter() - start < 1
