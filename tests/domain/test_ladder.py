"""What is given up when memory runs short: first nothing of the result, and never more than the order allows."""

import json
import math

import pytest

from studio.domain import ladder
from studio.domain.errors import BadFile
from studio.domain.ladder import Lengths
from studio.domain.training import Recipe

BIG = Recipe(batch_size=4, accumulation=2, rank=64, alpha=64, dora=True, max_length=4096)


def walk(recipe, lengths):
    plans, rung = [ladder.plan(recipe)], None
    while rung := ladder.lower(plans[-1], lengths):
        plans.append(rung.plan)
    return plans


def test_the_order_is_batch_then_recomputing_then_length_then_the_adapter():
    plans = walk(BIG, Lengths(longest=1500, needed=600))
    steps = [
        (p.recipe.batch_size, p.checkpointing, min(p.recipe.max_length, 1500), p.recipe.rank, p.recipe.dora, p.recipe.targets)
        for p in plans
    ]
    assert steps == [
        (4, False, 1500, 64, True, "all"),
        (2, False, 1500, 64, True, "all"),
        (1, False, 1500, 64, True, "all"),
        (1, True, 1500, 64, True, "all"),
        (1, True, 750, 64, True, "all"),
        (1, True, 600, 64, True, "all"),
        (1, True, 600, 32, True, "all"),
        (1, True, 600, 32, False, "all"),
        (1, True, 600, 32, False, "attention"),
        (1, True, 600, 16, False, "attention"),
        (1, True, 600, 8, False, "attention"),
    ]


@pytest.mark.parametrize(("batch", "accumulation"), [(4, 1), (6, 2), (7, 3), (15, 1), (64, 4)])
def test_a_step_reads_the_same_conversations_however_small_the_batch_becomes(batch, accumulation):
    plans = walk(Recipe(batch_size=batch, accumulation=accumulation), Lengths(100, 100))
    assert {p.recipe.batch_size * p.recipe.accumulation for p in plans} == {batch * accumulation}
    assert plans[-1].recipe.batch_size == 1


def test_safe_copies_fit_until_the_adapter_changes():
    plans = walk(BIG, Lengths(1500, 600))
    assert [p.shape == plans[0].shape for p in plans] == [True] * 6 + [False] * 5


@pytest.mark.parametrize("rslora", [True, False])
def test_a_smaller_adapter_pulls_as_strongly(rslora):
    plans = walk(Recipe(rank=64, alpha=64, rslora=rslora), Lengths(100, 100))
    strength = [p.recipe.alpha / (math.sqrt(p.recipe.rank) if rslora else p.recipe.rank) for p in plans]
    assert strength == pytest.approx([strength[0]] * len(strength), rel=0.03)


def test_rows_are_never_cut_below_what_is_needed_to_learn_95_of_100_tokens():
    rows = [(200, range(50, 200)), (2000, range(1990, 2000))] + [(200, range(50, 200))] * 9
    measured = ladder.lengths(rows)
    assert measured.longest == 2000
    learned = [place for _, places in rows for place in places]
    assert sum(place < measured.needed for place in learned) >= 0.95 * len(learned)
    assert measured.needed == 200
    assert min(p.recipe.max_length for p in walk(Recipe(max_length=4096), measured)) == 200


def test_a_limit_longer_than_every_row_is_no_help_and_no_step():
    assert {p.recipe.max_length for p in walk(Recipe(max_length=4096), Lengths(90, 90))} == {4096}


def test_nothing_to_learn_has_a_length():
    assert ladder.lengths([]) == Lengths(0, 0)


def test_each_step_is_one_calm_sentence_and_the_last_one_has_an_end():
    sentences, plan = [], ladder.plan(BIG)
    while rung := ladder.lower(plan, Lengths(1500, 600)):
        sentences.append(rung.sentence)
        plan = rung.plan
    assert len(set(sentences)) == len(sentences) == 10
    assert all(s.startswith("This computer ran short of memory. Nothing was lost. It ") and s.endswith(".") for s in sentences)


def test_asked_and_used_stand_side_by_side_and_are_read_back():
    plan = walk(BIG, Lengths(1500, 600))[8]
    kept = json.loads(json.dumps(ladder.to_dict(BIG, plan, ["One.", "Two."])))
    assert kept["asked"]["rank"] == 64 and kept["used"]["rank"] == 32 and kept["given_up"] == ["One.", "Two."]
    assert ladder.from_dict(kept["used"]) == plan
    with pytest.raises(BadFile, match="lacks “checkpointing”"):
        ladder.from_dict({k: v for k, v in kept["used"].items() if k != "checkpointing"})


def test_a_model_in_four_bit_recomputes_from_the_beginning():
    assert ladder.plan(Recipe(four_bit=True)).checkpointing
    assert not ladder.plan(Recipe()).checkpointing
