"""A character leaves in one zip with what it learned, and arrives whole in another studio; what is not as it says stays out."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from studio.domain.errors import NotReady
from studio.domain.formats import cards
from studio.services import adapters, elsewhere, exchange, exports, homecoming, orders, parcel
from studio.services.library import Library
from tests.services import parcels
from tests.services.parcels import LEARNED, Q
from tests.tabs import stage

CONFIG = {
    "model_type": "gemma3_text", "vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "max_position_embeddings": 256, "query_pre_attn_scalar": 32,
}  # fmt: skip
CHECK = {"title": "It knows when to stop", "sentence": "no run-on replies", "expert": "stop token", "ok": True}


@pytest.fixture
def taught(studio, tmp_path):
    """(studio, character) with one lesson and one finished file."""
    who = stage.character(studio.library)
    sent = elsewhere.made(studio.library, studio.models, studio.settings, who, "practice", "quick")
    homecoming.bring_home(studio.library, studio.models, parcels.packed(sent, tmp_path / "learned.zip"))
    (studio.models.practice / "config.json").write_text(json.dumps(CONFIG))
    folder = orders.order_export(studio.library, studio.models, studio.library.adapters(who)[0], "Q8_0", "biscuit")
    (folder / "biscuit-Q8_0.gguf").write_bytes(b"GGUF")
    (folder / "Modelfile").write_text("FROM ./biscuit-Q8_0.gguf\n")
    (folder / "README.md").write_text("# Biscuit\n")
    (folder / "NOTICE").write_text("made of something\n")
    (folder / "LICENSE").write_text("under some terms\n")
    studio.library.write_json(folder / "result.json", {"path": "biscuit-Q8_0.gguf", "bytes": 4, "checks": [CHECK], "answers": []})
    return studio, who


def wrapped(studio, who, path, wrap=parcel.wrap):
    whole = exchange.whole(studio.library, who)
    wrap(studio.library, whole, adapters.learned(studio.library, who)[0], exports.newest(studio.library, who), path)
    return path


@pytest.fixture
def another(tmp_path):
    """Another studio, where nobody is yet."""
    library = Library(tmp_path / "elsewhere", tmp_path / "nobody")
    studio = stage.studio(library, tmp_path / "elsewhere")
    parcels.base(studio.models.practice)
    yield studio
    library.close()


def brought(studio, path, into=None):
    """(what arrived, what a person is told of the lessons)."""
    readings = exchange.read_files([path], "", studio.settings)
    arrived = exchange.bring_in(studio.library, [(one.file, one.found) for one in readings if one.found], into)
    return arrived, homecoming.follow(studio.library, studio.models, readings, arrived)


def changed(path, **entries):
    """The zip with some entries of its lesson changed, added or left out (None)."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w") as target:
        for name in archive.namelist():
            short = name.removeprefix("learned/")
            if short not in entries:
                target.writestr(name, archive.read(name))
        for name, content in entries.items():
            if content is not None:
                target.writestr(f"learned/{name}", content)
    path.write_bytes(out.getvalue())
    return path


def test_it_arrives_in_another_studio_with_the_adapter_to_the_byte(taught, another, tmp_path):
    studio, who = taught
    path = wrapped(studio, who, tmp_path / "biscuit.persona.zip")
    ((came,), (told,)) = brought(another, path)
    assert came.is_new and len(came.conversations) == 12 and "Biscuit has learned from 12 conversations" in told
    (adapter,) = adapters.learned(another.library, came.persona)
    assert (adapter.model, adapter.finished, adapter.system, adapter.conversations) == ("practice", True, "You are a dog.", 12)
    assert (adapter.folder / parcel.ADAPTER).read_bytes() == save(LEARNED)
    with zipfile.ZipFile(path) as archive:
        assert (adapter.folder / "dataset.jsonl").read_bytes() == archive.read("learned/dataset.jsonl")


def test_it_names_no_folder_of_this_computer_and_nobody_elses_words(taught, tmp_path):
    studio, who = taught
    path = wrapped(studio, who, tmp_path / "biscuit.persona.zip")
    with zipfile.ZipFile(path) as archive:
        everything = {name: archive.read(name) for name in archive.namelist()}
    assert not [name for name, content in everything.items() if str(tmp_path).encode() in content]
    assert {"learned/adapter_model.safetensors", "papers/certificate.json", "papers/NOTICE", "papers/LICENSE", "papers/README.md"} <= set(
        everything
    )
    proof = json.loads(everything["papers/certificate.json"])
    assert proof["checks"] == [CHECK] and proof["adapter"] == "biscuit-1" and proof["path"] == "biscuit-Q8_0.gguf"


def test_of_a_shared_lesson_only_ones_own_conversations_go_along(taught, tmp_path):
    studio, who = taught
    other = stage.character(studio.library, name="Marlow")
    lesson = studio.library.adapters(who)[0]
    spec = studio.library.read_json(lesson / "spec.json", {})
    member = {
        "persona_id": other,
        "name": "Marlow",
        "persona": {**spec["persona"], "name": "Marlow", "system": "You are a cat."},
        "samples": [],
        "dataset": spec["dataset"],
    }
    own = {name: spec[name] for name in ("persona_id", "name", "persona", "samples", "dataset")}
    studio.library.write_json(lesson / "spec.json", {**spec, "company": [own, member]})
    rows = [json.loads(line) for line in (lesson / "dataset.jsonl").read_text().splitlines()]
    rows = [{**row, "persona": who, "system": "You are a dog."} for row in rows]
    rows.append({**rows[0], "id": "theirs", "persona": other, "system": "You are a cat.", "title": "Marlow's secret"})
    (lesson / "dataset.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = wrapped(studio, who, tmp_path / "biscuit.persona.zip")
    with zipfile.ZipFile(path) as archive:
        text = archive.read("learned/dataset.jsonl").decode()
        told = json.loads(archive.read("learned/spec.json"))
    assert "secret" not in text and "company" not in told and text.count("\n") == 12


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"adapter_model.safetensors": None, "adapter_model.bin": b"\x80\x04"}, ""),
        ({"adapter_model.safetensors": save({Q + ".lora_A.weight": np.ones((8, 5), np.float32), Q + ".lora_B.weight": np.ones((4, 8), np.float32)})}, "another size"),
        ({"adapter_model.safetensors": save({name: np.full_like(value, np.nan) for name, value in LEARNED.items()})}, "no number"),
        ({"adapter_config.json": parcels.settings(base_model_name_or_path="gemma-3-1b")}, "another model"),
        ({"adapter_config.json": parcels.settings(auto_mapping={"parent_library": "os"})}, "does not know"),
        ({"dataset.jsonl": b""}, "not those the lesson was ordered with"),
    ],
)  # fmt: skip
def test_weights_that_are_not_what_they_say_stay_out_and_the_character_comes(taught, another, tmp_path, entries, reason):
    studio, who = taught
    path = changed(wrapped(studio, who, tmp_path / "biscuit.persona.zip"), **entries)
    ((came,), told) = brought(another, path)
    assert another.library.character(came.persona).persona.name == "Biscuit" and adapters.learned(another.library, came.persona) == []
    assert [("came in, but what it had learned did not" in one, reason in one) for one in told] == [(True, True)] * bool(reason)


def test_a_package_larger_than_the_words_that_may_come_in_is_read_without_its_weights(taught, another, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "LARGEST", 20_000)
    studio, who = taught
    path = wrapped(studio, who, tmp_path / "biscuit.persona.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("papers/long.txt", b"x" * 50_000)
    assert path.stat().st_size > 50_000
    ((came,), _) = brought(another, path)
    assert len(came.conversations) == 12


def test_a_charx_has_the_weights_where_the_format_has_room_for_them(taught, another, tmp_path):
    studio, who = taught
    studio.library.set_avatar(who, ".png", cards.png.plain())
    path = wrapped(studio, who, tmp_path / "biscuit.charx", parcel.wrap_charx)
    with zipfile.ZipFile(path) as archive:
        card = json.loads(archive.read("card.json"))
        assets = {asset["uri"].removeprefix("embeded://"): asset for asset in card["data"]["assets"]}
        assert set(assets) == set(archive.namelist()) - {"card.json"}
        assert archive.read("assets/other/ai/adapter_model.safetensors") == save(LEARNED)
        papers = [archive.read(f"assets/other/other/{name}") for name in ("NOTICE", "LICENSE")]
        assert papers == [b"made of something\n", b"under some terms\n"]
    assert (
        assets["assets/icon/images/main.png"]["type"] == "icon"
        and assets["assets/other/ai/adapter_model.safetensors"]["ext"] == "safetensors"
    )
    ((came,), told) = brought(another, path)
    assert came.is_new and len(came.conversations) == 12 and told == [] and another.library.portrait(came.persona)[0]


def test_a_blend_and_an_unfinished_lesson_say_why_they_stay(taught, tmp_path):
    studio, who = taught
    adapter = adapters.learned(studio.library, who)[0]
    whole, made = exchange.whole(studio.library, who), exports.newest(studio.library, who)
    with pytest.raises(NotReady, match="has not come to its end"):
        parcel.wrap(studio.library, whole, replace(adapter, finished=False), made, tmp_path / "x.zip")
    spec = studio.library.read_json(adapter.folder / "spec.json", {})
    studio.library.write_json(adapter.folder / "spec.json", {**spec, "kind": "blend"})
    with pytest.raises(NotReady, match="blend of voices"):
        parcel.wrap(studio.library, whole, adapter, made, tmp_path / "x.zip")
    assert not list(tmp_path.glob("x.zip*"))


def test_it_comes_into_a_character_that_is_here_too(taught, another, tmp_path):
    studio, who = taught
    path = wrapped(studio, who, tmp_path / "biscuit.persona.zip")
    host = stage.character(another.library, 1, "Rover")
    ((came,), (told,)) = brought(another, path, host)
    assert came.persona == host and not came.is_new and len(adapters.learned(another.library, host)) == 1
