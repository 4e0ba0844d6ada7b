"""What was learned on another machine comes home as a lesson like any other, or not at all."""

import json
import pickle
import shutil
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save

from studio.domain.conversation import Turn
from studio.domain.errors import BadFile, StudioError
from studio.services import adapters, continuations, elsewhere, homecoming, orders, runs
from tests.services import parcels
from tests.services.parcels import LEARNED, Q, settings
from tests.services.test_runs import journal
from tests.tabs import stage


@pytest.fixture
def who(studio):
    return stage.character(studio.library)


@pytest.fixture
def parcel(studio, who, tmp_path):
    """Packs what another machine would send, with some of it changed, left out (None) or added."""

    sent = elsewhere.made(studio.library, studio.models, studio.settings, who, "practice", "quick")
    return lambda prefix="", **changes: parcels.packed(sent, tmp_path / "learned.zip", prefix, **changes)


def bring(studio, path):
    return homecoming.bring_home(studio.library, studio.models, path)


def test_it_stands_among_the_other_lessons_with_all_that_is_known_of_it(studio, who, parcel):
    came = bring(studio, parcel())
    (run,) = runs.runs(studio.library, studio.jobs, who)
    assert (run.id, run.state, run.best_loss, run.best_step, run.kept, run.elsewhere) == (came.folder.name, "done", 2.1, 20, True, True)
    (learned,) = adapters.learned(studio.library, who)
    assert (learned.folder, learned.model, learned.finished, learned.system) == (came.folder, "practice", True, "You are a dog.")
    spec = json.loads((came.folder / "spec.json").read_text("utf-8"))
    assert spec["model_path"] == str(studio.models.practice) and "metrics.csv" in {file.name for file in came.folder.iterdir()}
    assert (came.folder / "adapter_model.safetensors").read_bytes() == save(LEARNED)
    assert not list(studio.library.scratch.glob("arriving-*"))


def test_it_can_be_exported_and_gone_on_from_like_one_of_ones_own(studio, who, parcel):
    came = bring(studio, parcel())
    assert continuations.order(studio.library, studio.models, who, came.folder, everything=True).is_dir()
    (studio.models.practice / "config.json").write_text((studio.settings.practice_model / "config.json").read_text("utf-8"))
    order = orders.order_export(studio.library, studio.models, came.folder, "BF16", "biscuit")
    assert json.loads((order / "spec.json").read_text("utf-8"))["adapter"] == str(came.folder)


def test_what_was_written_since_is_told(studio, who, parcel):
    path = parcel()
    came = bring(studio, path)
    assert came.sentence().startswith("Biscuit has learned from 12 conversations on another machine (data set ")
    assert came.sentence().endswith("to the letter.") and came.sha256[:8] in came.sentence()
    runs.delete(studio.library, studio.jobs, who, came.folder.name)
    shutil.rmtree(studio.library.binned_lessons(who)[0])
    studio.library.remove(studio.library.conversations(who)[0].id)
    for n in range(2):
        studio.library.add(who, f"New {n}", [Turn("a", "user", f"New {n}?"), Turn("b", "model", "Yes.")])
    assert bring(studio, path).sentence().endswith("1 of them was changed or removed here since, and 2 are new.")


def test_dropped_twice_it_is_there_once(studio, who, parcel):
    path = parcel()
    came = bring(studio, path)
    with pytest.raises(StudioError, match="here already"):
        bring(studio, path)
    runs.delete(studio.library, studio.jobs, who, came.folder.name)
    with pytest.raises(StudioError, match="in their bin"):
        bring(studio, path)


def test_a_folder_zipped_by_hand_is_understood_and_its_safe_copies_are_left_alone(studio, parcel):
    strange = {"checkpoints/checkpoint-20/adapter_model.safetensors": b"x", "checkpoints/checkpoint-20/optimizer.pt": b"x"}
    assert bring(studio, parcel("lesson/", **strange)).folder.is_dir()


def test_a_character_that_came_here_by_its_package_is_known_by_name(studio, who, parcel):
    path = parcel()
    studio.library.delete(who)
    with pytest.raises(BadFile, match="learned by Biscuit, who is not here. Bring that character in first"):
        bring(studio, path)
    twin = stage.character(studio.library)
    assert bring(studio, path).persona_id == twin


def test_the_settings_keep_nothing_that_is_not_known(studio, parcel):
    came = bring(studio, parcel(**{"adapter_config.json": settings(surprise="import os", loftq_config={"x": 1})}))
    kept = json.loads((came.folder / "adapter_config.json").read_text("utf-8"))
    assert "surprise" not in kept and "loftq_config" not in kept and kept["r"] == 8 and kept["use_rslora"] is True


class Canary:
    """A pickle that would tell that it was opened."""

    def __reduce__(self):
        return (print, ("sung",))


LIES = {
    "no zip at all": ({}, "not a zip"),
    "weights missing": ({"adapter_model.safetensors": None}, "adapter_model.safetensors is missing"),
    "a pickle instead": ({"adapter_model.safetensors": None, "adapter_model.bin": pickle.dumps(Canary())}, "can carry programs"),
    "a pickle under the name": ({"adapter_model.safetensors": pickle.dumps(Canary())}, "damaged"),
    "not at its end": ({"result.json": None}, "not come to its end"),
    "broken off": ({"events.jsonl": "".join(json.dumps(event) + "\n" for event in journal(2.5))}, "not come to its end"),
    "a way out": ({"../../evil.txt": b"x"}, "leads out"),
    "a drive": ({"C:/evil.txt": b"x"}, "leads out"),
    "two of one": ({"again/adapter_config.json": settings()}, "two files called adapter_config.json"),
    "another model": ({"adapter_config.json": settings(base_model_name_or_path="gemma-3-1b")}, "another model \\(gemma-3-1b\\) than was ordered \\(practice\\)"),
    "other conversations": ({"dataset.jsonl": b'{"id": "1"}\n'}, "not those the lesson was ordered with"),
    "another size": ({"adapter_model.safetensors": save(LEARNED | {f"{Q}.lora_B.weight": np.ones((5, 8), np.float32)})}, "another size in the model here"),
    "another rank": ({"adapter_config.json": settings(r=16)}, "incomplete"),
    "no numbers": ({"adapter_model.safetensors": save(LEARNED | {f"{Q}.lora_B.weight": np.full((4, 8), np.nan, np.float32)})}, "no number"),
    "another kind of adapter": ({"adapter_config.json": settings(peft_type="IA3")}, "peft_type"),
    "settings that change more": ({"adapter_config.json": settings(modules_to_save=["lm_head"])}, "modules_to_save"),
    "settings that rebase": ({"adapter_config.json": settings(init_lora_weights="pissa")}, "init_lora_weights"),
    "settings of the wrong kind": ({"adapter_config.json": settings(r="8")}, "\\(r\\)"),
    "settings that are none": ({"adapter_config.json": "[]"}, "can't be read"),
    "a spec that is none": ({"spec.json": "{"}, "can't be read"),
    "a journal of another kind": ({"events.jsonl": '{"kind": "done", "at": "x", "step": 1}\n'}, "can't be read"),
    "a kind that is a list": ({"events.jsonl": '{"kind": ["done"], "at": 1}\n'}, "not come to its end"),
    "no figures": ({"result.json": "{}"}, "can't be read"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_what_is_not_so_is_refused_in_a_sentence_and_nothing_stays(studio, who, parcel, tmp_path, capsys, lie):
    changes, why = LIES[lie]
    path = parcel(**changes)
    if not changes:
        path.write_bytes(b"PK but no more")
    with pytest.raises(BadFile, match=why) as refused:
        bring(studio, path)
    assert str(refused.value).startswith("learned.zip was not brought in. ") and str(refused.value).endswith(homecoming.AGAIN)
    assert not [*tmp_path.rglob("evil.txt"), *studio.library.scratch.glob("arriving-*"), *(studio.library.home / "adapters").glob("*")]
    assert "sung" not in capsys.readouterr().out


def test_a_bomb_is_refused_before_it_is_unpacked(studio, parcel):
    path = parcel(**{"events.jsonl": None})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("events.jsonl", b" " * 70_000_000)
    with pytest.raises(BadFile, match="events.jsonl in it is too large"):
        bring(studio, path)


def test_a_zip_is_recognised_by_what_it_wants_to_be(studio, parcel, tmp_path):
    assert homecoming.recognises(parcel())
    assert homecoming.recognises(parcel(**{"adapter_model.safetensors": None, "adapter_model.bin": b"x"}))
    with zipfile.ZipFile(tmp_path / "card.zip", "w") as archive:
        archive.writestr("card.json", "{}")
    assert not any(map(homecoming.recognises, (tmp_path / "card.zip", tmp_path / "gone.zip", tmp_path)))
