"""The zip for another machine: whole, the same each time, and without anything that is nobody's business there."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from studio.domain import dataset
from studio.domain.errors import NotReady, StudioError
from studio.domain.training import Recipe, from_dict
from studio.services import elsewhere, orders
from tests.tabs import stage


@pytest.fixture
def who(studio):
    return stage.character(studio.library)


def made(studio, who, model="practice", preset="quick", recipe=None):
    content = elsewhere.made(studio.library, studio.models, studio.settings, who, model, preset, recipe)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return content, {name: archive.read(name) for name in archive.namelist()}


def spec(entries):
    return json.loads(entries["lesson/spec.json"])


def test_the_lesson_in_it_is_the_one_that_would_be_taught_here(studio, who):
    _, entries = made(studio, who)
    recipe = orders.recipe_for(studio.library, studio.models, who, "practice", "quick")
    folder = orders.order_lesson(studio.library, studio.models, who, "practice", "quick", recipe)
    here = json.loads((folder / "spec.json").read_text("utf-8"))
    there = spec(entries)
    assert entries["lesson/dataset.jsonl"] == (folder / "dataset.jsonl").read_bytes()
    assert {**there, "recipe": None} == {
        **{k: v for k, v in here.items() if k != "created"},
        "model_path": "model",
        "repo": "",
        "recipe": None,
    }
    assert from_dict(there["recipe"]).max_length <= studio.models.context("practice")


def test_the_same_words_give_the_same_bytes_and_other_words_do_not(studio, who):
    first, _ = made(studio, who)
    assert made(studio, who)[0] == first
    studio.library.add(who, "More", [dataset.Turn("a", "user", "And now?"), dataset.Turn("b", "model", "Now I bark.")])
    assert made(studio, who)[0] != first


def test_nothing_in_it_leads_to_this_computer_or_holds_a_secret(studio, who, tmp_path):
    folder = tmp_path / "my-private-models" / "gemma-mine"
    stage.practice(tmp_path).rename(tmp_path / "kept")
    folder.mkdir(parents=True)
    for file in (tmp_path / "kept").iterdir():
        file.rename(folder / file.name)
    (folder / "model.safetensors").write_bytes(b"weights")
    stage.practice(tmp_path)
    (studio.settings.home / "token").write_text("sesame-open-now")
    _, entries = made(studio, who, studio.models.add_folder(str(folder)))
    whole = b"".join(entries.values())
    for private in (
        str(tmp_path),
        str(studio.settings.home),
        str(studio.settings.project),
        str(Path.home()),
        "my-private-models",
        "sesame-open-now",
    ):
        assert private.encode() not in whole
    assert spec(entries)["model"] == "folder:gemma-mine" and not any(name.startswith("model/") for name in entries)
    assert b"folder of your own" in entries["README.md"]


def test_of_the_studio_only_what_teaches_goes_along(studio, who):
    _, entries = made(studio, who)
    code = {name for name in entries if name.endswith(".py")}
    assert {
        "studio/__init__.py",
        "studio/engine/__init__.py",
        "studio/engine/trainer.py",
        "studio/engine/team.py",
        "studio/domain/training.py",
    } <= code
    assert {name.split("/")[1] for name in code} == {"__init__.py", "engine", "domain"}
    assert not {"studio/engine/exporter.py", "studio/engine/fetcher.py", "studio/domain/smalltalk.py"} & code
    for name in code:
        assert entries[name].decode() == (studio.settings.project / name).read_text("utf-8")


def test_every_library_it_needs_has_its_exact_version(studio, who):
    _, entries = made(studio, who)
    first, *lines = entries["requirements.txt"].decode().splitlines()
    assert first == "-c constraints.txt" and entries["constraints.txt"] == (studio.settings.assets / "constraints.txt").read_bytes()
    pins = [Requirement(line) for line in lines]
    assert {pin.name for pin in pins} == {
        "accelerate",
        "datasets",
        "huggingface-hub",
        "peft",
        "psutil",
        "safetensors",
        "torch",
        "transformers",
        "trl",
    }
    assert all(str(pin.specifier).startswith("==") for pin in pins) and set(lines) <= set(entries["constraints.txt"].decode().splitlines())


def test_a_model_that_is_not_here_is_taught_there_on_a_card_it_fits(studio, who):
    _, small = made(studio, who, "gemma-3-1b", "balanced")
    _, large = made(studio, who, "gemma-3-12b", "patient")
    assert (spec(small)["repo"], spec(large)["repo"]) == ("unsloth/gemma-3-1b-it", "unsloth/gemma-3-12b-it")
    assert spec(large)["recipe"]["four_bit"] is True and spec(small)["recipe"]["four_bit"] is False
    for entries in (small, large):
        assert "bitsandbytes" in entries["requirements.txt"].decode()
        task = yaml.safe_load(entries["sky.yaml"])
        assert "L4" in task["resources"]["accelerators"] and f"hf download {spec(entries)['repo']} --local-dir model" in task["run"]
        assert "--flavor l4x1" in entries["README.md"].decode()


def test_an_experts_recipe_is_kept_and_one_that_needs_more_gets_a_larger_card(studio, who):
    asked = replace(Recipe(), batch_size=32, max_length=256, seed=3)
    _, entries = made(studio, who, "gemma-3-12b", "balanced", asked)
    assert spec(entries)["recipe"] == asked.to_dict()
    assert list(yaml.safe_load(entries["sky.yaml"])["resources"]["accelerators"]) == ["A100-80GB"]


def test_what_can_not_be_taught_is_not_sent_away(studio, library):
    few = stage.character(library, 4)
    with pytest.raises(NotReady, match="at least 10 conversations"):
        made(studio, few)
    many = stage.character(library, 12, "Marlow")
    with pytest.raises(NotReady, match="can't be taught"):
        made(studio, many, "embeddinggemma-300m")
    with pytest.raises(StudioError, match="no longer in the list"):
        made(studio, many, "gpt-5")


def test_every_name_in_the_templates_is_filled(studio, who):
    _, entries = made(studio, who)
    readme = entries["README.md"].decode()
    assert "$" not in readme + entries["sky.yaml"].decode()
    assert readme.startswith("# A lesson for Biscuit") and "12 conversations" in readme
