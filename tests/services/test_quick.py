"""Quick copies on the disk: made once for each model, made again when it changed, tidied, and refused where there is no room; with the real practice model."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from studio.domain.conversation import Turn
from studio.domain.errors import StudioError
from studio.services import quick
from studio.services.models import Models
from studio.services.voice import Voice
from tests.engine import tiny
from tests.engine.test_export import needs_engine

PRACTICE = Path(__file__).resolve().parents[2] / "assets" / "practice-model"
HELLO = (Turn("0", "user", "Hello! What is your name?"),)

pytestmark = needs_engine


@pytest.fixture
def desk(library):
    """(library, models, voice) with the real practice model."""
    return library, Models(PRACTICE, library, True), Voice()


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    root = tmp_path_factory.mktemp("lessons")
    return {kind: tiny.adapter(root / kind, PRACTICE, use_dora=kind == "dora", lora_alpha=40) for kind in ("lora", "dora")}


def made(desk, lesson=None, model="practice"):
    library, models, voice = desk
    copy = quick.copy_of(library, models, model, lesson)
    shares = list(quick.made(library, voice, copy))
    assert copy.there and not list(library.quick_dir.glob("*/*.part"))
    return copy, shares


def answer(voice, copy):
    return list(voice.speak(copy.file, copy.beside, HELLO, "", 0.0, 12))[-1]


def test_the_model_is_copied_once_for_all_lessons_and_each_with_dora_has_its_own(desk, lessons):
    library, _, voice = desk
    plain, shares = made(desk)
    assert shares and abs(plain.file.stat().st_size / plain.size - 1) < 0.05, "as large as was told"
    worn, shares = made(desk, lessons["lora"])
    assert worn.file == plain.file and shares == [] and not worn.merged and worn.beside.stat().st_size < plain.size
    merged, shares = made(desk, lessons["dora"])
    assert shares and merged.merged and merged.file != plain.file
    assert len({answer(voice, copy) for copy in (plain, worn, merged)}) == 3
    assert made(desk)[1] == made(desk, lessons["dora"])[1] == [], "nothing is made twice"


def test_what_changed_is_made_again_and_only_the_newest_copies_stay(desk, lessons, tmp_path):
    library, models, _ = desk
    folder = Path(shutil.copytree(PRACTICE, tmp_path / "mine"))
    own = models.add_folder(str(folder))
    first, _ = made(desk, None, own)
    os.utime(folder / "model.safetensors", ns=(1, 1))
    second, shares = made(desk, None, own)
    assert shares and not first.file.exists()
    taught = [Path(shutil.copytree(lessons["lora"], tmp_path / f"lesson-{n}")) for n in range(quick.LESSONS + 1)]
    worn = [made(desk, lesson, own)[0] for lesson in taught]
    assert [copy.there for copy in worn] == [False] + [True] * quick.LESSONS
    doras = [made(desk, Path(shutil.copytree(lessons["dora"], tmp_path / f"dora-{n}")), own)[0] for n in range(quick.MERGED + 1)]
    assert [copy.there for copy in doras] == [False] + [True] * quick.MERGED and second.there
    shutil.rmtree(folder)
    made(desk)
    assert [place.name.startswith("practice") for place in library.quick_dir.iterdir() if place.is_dir()] == [True], "gone with their model"


def test_without_room_on_the_disk_nothing_is_begun(desk, monkeypatch):
    library, models, voice = desk
    monkeypatch.setattr(shutil, "disk_usage", lambda place: namedtuple("Disk", "free")(1_000_000))  # the world: a full disk
    copy = quick.copy_of(library, models, "practice", None)
    with pytest.raises(StudioError, match="Not enough room for the quick copy: it needs 206 MB, 1 MB is free"):
        list(quick.made(library, voice, copy))
    assert not copy.there and not list(copy.file.parent.glob("*.gguf*"))


def test_a_stop_ends_the_making_and_nothing_stays(desk):
    library, models, voice = desk
    copy = quick.copy_of(library, models, "practice", None)
    making = quick.made(library, voice, copy)
    next(making)
    voice.stop()
    assert list(making) == [] and not copy.there and not list(copy.file.parent.glob("*.gguf*"))


def test_two_stay_awake_side_by_side_where_memory_has_room_for_both(desk, lessons, monkeypatch):
    voice, (copy, _) = desk[2], made(desk)
    exact = list(voice.speak(PRACTICE, lessons["lora"], HELLO, "", 0.0, 5))
    file = answer(voice, copy)
    awake = dict(voice._speakers)
    assert list(voice.speak(PRACTICE, lessons["lora"], HELLO, "", 0.0, 5)) == exact and answer(voice, copy) == file
    assert set(awake) == {PRACTICE, copy.file} and all(voice._speakers[path] is speaker for path, speaker in awake.items())
    voice.rest()
    assert not voice.loaded()
    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=1_000_000_000))  # the world: little memory
    answer(voice, copy)
    assert list(voice.speak(PRACTICE, lessons["lora"], HELLO, "", 0.0, 5)) == exact
    assert set(voice._speakers) == {PRACTICE}
    voice.rest()


def test_what_was_asked_for_is_remembered(library):
    assert not quick.wanted(library)
    quick.want(library, True)
    assert quick.wanted(library)
    quick.want(library, False)
    assert not quick.wanted(library)
