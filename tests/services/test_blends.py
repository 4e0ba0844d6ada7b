"""Blends: what can be chosen, the one to listen to, and the one that is kept."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.domain import dataset
from studio.domain.blend import Blend
from studio.domain.errors import NotFound, NotReady, StudioError
from studio.services import adapters, blends, cookbook, runs
from studio.tabs import lesson
from tests.services.test_runs import DONE, RESULT, journal
from tests.tabs import stage

MODULE = "base_model.model.model.layers.0.self_attn.q_proj"


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


def voice(studio, who, rank=2, sizes=False):
    """A finished lesson with a real, very small adapter; `sizes`: learned with direction and size apart."""
    folder = stage.lesson(studio, who, *journal(2.5), DONE, **RESULT)
    torch.manual_seed(rank)
    weights = {f"{MODULE}.lora_A.weight": torch.randn(rank, 8), f"{MODULE}.lora_B.weight": torch.randn(8, rank)}
    if sizes:
        weights[f"{MODULE}.lora_magnitude_vector"] = torch.ones(8)
    save_file(weights, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": rank, "lora_alpha": rank, "use_dora": sizes}))
    return folder


@pytest.fixture
def voices(studio):
    nib, marlow = (stage.character(studio.library, name=name) for name in ("Nib", "Marlow"))
    return nib, marlow, voice(studio, nib), voice(studio, marlow, 3)


def mixed(studio, who, wanted):
    return list(blends.mix(studio.library, studio.voice, who, wanted))


def test_every_finished_lesson_can_be_chosen_the_own_ones_first(studio, voices):
    nib, marlow, own, other = voices
    stage.lesson(studio, nib, *journal(2.5))  # has kept nothing
    assert [(each.name, each.adapter.folder) for each in blends.ingredients(studio.library, nib)] == [("Nib", own), ("Marlow", other)]
    assert [each.name for each in blends.ingredients(studio.library, marlow)] == ["Marlow", "Nib"]


def test_a_blend_is_made_once_for_the_same_order(studio, voices):
    nib, _, own, other = voices
    wanted = Blend((own.name, other.name), (0.5, 0.5))
    assert not blends.made(studio.library, wanted)
    assert mixed(studio, nib, wanted)[-1] == 1.0 and blends.made(studio.library, wanted)
    assert mixed(studio, nib, wanted) == []
    assert not blends.made(studio.library, Blend((own.name, other.name), (0.5, 0.6)))
    (own / "adapter_model.safetensors").touch()
    assert not blends.made(studio.library, wanted), "a lesson that went on speaks another way"


def test_a_kept_blend_is_a_lesson_of_the_character_that_says_what_it_is(studio, voices):
    nib, marlow, own, other = voices
    wanted = Blend((own.name, other.name), (0.5, 0.25))
    mixed(studio, nib, wanted)
    folder = blends.keep(studio.library, studio.models, nib, wanted, {"Question 1?": "Woof, ahoy."})
    learned = adapters.learned(studio.library, nib)
    assert [each.folder for each in learned] == [folder, own] and [each.folder for each in adapters.learned(studio.library, marlow)] == [
        other
    ]
    assert learned[0].blended.startswith("blend of Nib, ") and "0.5 and Marlow, " in learned[0].blended and learned[0].finished
    run = runs.runs(studio.library, studio.jobs, nib)[0]
    assert (run.id, run.state, run.takes, run.blended) == (folder.name, "done", (("Question 1?", "Woof, ahoy."),), learned[0].blended)
    assert json.loads((folder / "spec.json").read_text("utf-8"))["recipe"]["parents"] == [own.name, other.name]
    assert load_file(folder / "adapter_model.safetensors")[f"{MODULE}.lora_A.weight"].shape == (5, 8)


def test_a_blend_is_no_lesson_to_go_on_from_and_no_recipe_to_start_from(studio, voices):
    nib, _, own, other = voices
    wanted = Blend((own.name, other.name), (0.5, 0.5))
    mixed(studio, nib, wanted)
    blends.keep(studio.library, studio.models, nib, wanted, {"Hello!": "Hi."})
    assert lesson.newest(studio, nib) == own
    assert list(cookbook.past(studio.library, nib).values()) == [f"lesson:{own.name}"]


def test_what_a_parent_has_learned_is_not_called_unseen(studio, voices):
    nib, _, own, other = voices
    wanted = Blend((own.name, other.name), (0.5, 0.5))
    mixed(studio, nib, wanted)
    folder = blends.keep(studio.library, studio.models, nib, wanted, {})
    parts = [dataset.from_snapshot((each / "dataset.jsonl").read_text("utf-8")) for each in (own, other, folder)]
    learned = {dataset.name(c) for part in parts[:2] for c in part.train}
    assert {dataset.name(c) for c in parts[2].train} == learned
    assert not learned & {dataset.name(c) for c in parts[2].validation}


def test_only_what_was_listened_to_is_kept(studio, voices):
    nib, _, own, other = voices
    mixed(studio, nib, Blend((own.name, other.name), (0.5, 0.5)))
    with pytest.raises(NotReady, match="Press Listen"):
        blends.keep(studio.library, studio.models, nib, Blend((own.name, other.name), (0.9, 0.5)), {"Hello!": "Hi."})
    assert len(studio.library.adapters(nib)) == 1


def test_what_can_not_be_blended_is_told_in_a_sentence(studio, voices):
    nib, _, own, other = voices
    with pytest.raises(NotFound, match="not here any more"):
        mixed(studio, nib, Blend((own.name, "gone-1"), (0.5, 0.5)))
    spec = json.loads((other / "spec.json").read_text("utf-8"))
    studio.library.write_json(other / "spec.json", {**spec, "model": "gemma-3-1b"})
    with pytest.raises(StudioError, match="different models"):
        mixed(studio, nib, Blend((own.name, other.name), (0.5, 0.5)))


def test_a_blend_that_was_stopped_is_not_there(studio, voices):
    nib, _, own, other = voices
    wanted = Blend((own.name, other.name), (0.5, 0.5), "ties")
    growing = blends.mix(studio.library, studio.voice, nib, wanted)
    next(growing)
    studio.voice.stop()
    assert list(growing) == [] and not blends.made(studio.library, wanted)
    assert not studio.voice.busy(), "the next one has the voice"
