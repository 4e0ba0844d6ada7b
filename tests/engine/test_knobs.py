"""A recipe reaches the libraries in their own words."""

import pytest
import torch

from studio.domain.errors import NotReady
from studio.domain.training import CHOICES, Recipe
from studio.engine import knobs
from studio.engine.encoder import IGNORED, Row, everything


class Tower(torch.nn.Module):
    """A model as far as its names go: a layer of the language model, and an eye."""

    def __init__(self):
        super().__init__()
        layer = torch.nn.ModuleDict({name: torch.nn.Linear(2, 2) for name in knobs.ATTENTION_AND_MLP})
        self.language_model = torch.nn.ModuleDict({"layers": torch.nn.ModuleList([layer])})
        self.vision_tower = torch.nn.ModuleDict({"q_proj": torch.nn.Linear(2, 2)})


def test_attention_only_and_all_seven_leave_the_eyes_alone():
    whole, part = (knobs.adapter(Recipe(targets=where), Tower()) for where in ("all", "attention"))
    assert set(whole.target_modules) == set(knobs.ATTENTION_AND_MLP)
    assert set(part.target_modules) == {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert whole.exclude_modules == part.exclude_modules == knobs.TOWERS


def test_a_pattern_of_whole_paths_is_taken_and_one_that_names_eyes_or_nothing_is_refused():
    pattern = r"language_model\.layers\.\d+\.(q|v)_proj"
    assert knobs.adapter(Recipe(targets=pattern), Tower()).target_modules == pattern
    with pytest.raises(NotReady, match=r"also names vision_tower\.q_proj"):
        knobs.adapter(Recipe(targets=r".*q_proj"), Tower())
    with pytest.raises(NotReady, match="names nothing"):
        knobs.adapter(Recipe(targets=r"nowhere\.q_proj"), Tower())


def test_every_choice_has_a_word_of_the_libraries():
    assert set(knobs.SCHEDULES) == set(CHOICES["schedule"])
    assert {knobs.optimiser(Recipe(optimiser=name)) for name in CHOICES["optimiser"]} == set(knobs.OPTIMISERS.values())
    assert knobs.optimiser(Recipe(four_bit=True)) == "adamw_8bit"


def test_everything_is_learned_but_the_first_mark():
    assert everything(Row([2, 5, 6], [IGNORED, IGNORED, 6])).labels == [IGNORED, 5, 6]
