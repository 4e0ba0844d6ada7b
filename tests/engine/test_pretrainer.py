"""The practice model's making, in small: the same recipe over a handful of conversations and a few steps."""

import csv
import json
import random
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from studio.domain import gemma
from studio.domain.conversation import Turn
from studio.engine import curriculum, loader, pretrainer
from studio.engine.curriculum import Recipe, Texts

SMALL = Recipe(vocab=700, hidden=32, layers=6, heads=2, mlp=48, batch_tokens=640, steps=6, warmup=2, dropout=0.1)


@pytest.fixture(scope="module", autouse=True)
def in_small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curriculum, "WINDOW", 2)
        patch.setattr(pretrainer, "SAFE_EVERY", 2)
        patch.setattr(pretrainer, "TOLD_EVERY", 2)
        patch.setattr(curriculum, "SAMPLE", 400)
        patch.setattr(pretrainer.shutil, "which", lambda name: None)  # compiling takes longer than these few steps
        yield


@pytest.fixture(scope="module")
def borrowed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    turns = [{"speaker": "12"[n % 2], "text": f"I walked {n} miles along the river with my sister."} for n in range(12)]
    record = {"turns": turns, "personas": {"1": ["I like rivers."], "2": ["I have a sister."]}}
    holed = {"turns": [{"speaker": "1", "text": "I live in [city]."}, {"speaker": "2", "text": "Hello."}]}
    (folder / "synthetic-persona-chat.jsonl").write_text("\n".join(map(json.dumps, [*[record] * 70, holed])), "utf-8")
    (folder / "topical-chat.jsonl").write_text("\n".join(map(json.dumps, [{"turns": turns}] * 70)), "utf-8")
    return folder


@pytest.fixture(scope="module")
def texts(borrowed):
    texts = Texts(SMALL, borrowed)
    texts.tokenizer = curriculum.make_tokenizer(SMALL, texts)
    return texts


def test_a_conversation_with_a_hole_in_it_is_left_out(texts):
    assert len(texts.persona) + len(texts.held_borrowed) == 70


def test_names_are_put_where_the_authors_left_room_for_them():
    said = [
        "Hi, I'm [user 1's name].",
        "Hello (User 1), my name is [name].",
        "Nice to meet you, [Name]!",
        "You too, User 1. Call me [username].",
    ]
    turns = [{"speaker": "12"[n % 2], "text": text} for n, text in enumerate(said)]
    texts = [turn["text"] for turn in curriculum.filled({"turns": turns}, 3)["turns"]]
    one, other = texts[0][8:-1], texts[3].rpartition(" ")[2][:-1]
    assert {one, other} <= set(curriculum.NAMES) and one != other
    assert texts == [
        f"Hi, I'm {one}.",
        f"Hello {one}, my name is {other}.",
        f"Nice to meet you, {other}!",
        f"You too, {one}. Call me {other}.",
    ]


def test_of_a_practice_exchange_only_the_answers_are_learned(texts):
    turns = [
        Turn("", "user", "Do you like rain?"),
        Turn("", "model", "Yes, it smells good."),
        Turn("", "user", "why"),
        Turn("", "model", "It is wet."),
    ]
    ids, labels = texts.encode(turns, "You are Sam, a toad.", False)
    assert texts.tokenizer.decode([token for token in labels if token != -100], skip_special_tokens=False) == (
        "Yes, it smells good.<end_of_turn>It is wet.<end_of_turn>"
    )
    assert texts.tokenizer.decode(ids, skip_special_tokens=False) == gemma.prompt(turns, "You are Sam, a toad.", gemma.GEMMA3).removesuffix(
        "<start_of_turn>model\n"
    )
    assert texts.encode(turns, "", True)[0] == texts.encode(turns, "", True)[1]


def test_a_long_conversation_is_cut_after_a_turn(texts):
    turns = [Turn("", "model" if n % 2 else "user", "One two three four five six seven eight nine ten.") for n in range(60)]
    ids, _ = texts.encode(turns, "", True)
    assert len(ids) <= SMALL.longest
    assert texts.tokenizer.decode(ids, skip_special_tokens=False).endswith("<end_of_turn>\n")


def test_batches_are_the_same_from_every_start_and_have_few_shapes(texts):
    def some(start, count):
        batches = texts.batches(start)
        return [next(batches) for _ in range(count)]

    assert some(0, 8)[4:] == some(4, 4)
    assert some(0, 2) != some(2, 2)
    for rows in some(0, 12):
        batch = curriculum.collate(rows)
        count, width = batch["input_ids"].shape
        assert width in curriculum.WIDTHS and count == SMALL.batch_tokens // width
        assert torch.equal(batch["labels"] == -100, (batch["labels"] != batch["input_ids"]) | (batch["attention_mask"] == 0))


def test_a_coined_name_is_said_by_the_system_text_and_by_the_answers(texts):
    coin, rng = curriculum.Coiner(texts.tokenizer), random.Random(3)
    names = {coin(rng) for _ in range(200)}
    assert len(names) > 190 and all(name.istitle() and name.isalpha() and 3 <= len(name) <= 10 for name in names)
    free = next(pool for pool in texts.pools if any("[name]" in str(sketch.system) for sketch in pool.sketches))
    rows = [curriculum.written(rng, free.draw(rng), free, "Zorquilt") for _ in range(200)]
    assert all("Zorquilt" in system for _, system in rows)
    assert any("Zorquilt" in turn.text for turns, _ in rows for turn in turns if turn.role == "model")


def test_the_rate_falls_twice():
    recipe = Recipe(steps=1000, warmup=10, restart=800)
    rates = [pretrainer.rate(recipe, step) for step in range(1000)]
    assert max(rates[:800]) == pytest.approx(recipe.learning_rate) and rates[799] < recipe.learning_rate / 40
    assert max(rates[800:]) == pytest.approx(recipe.restart_rate) and rates[999] < recipe.restart_rate / 40


def test_the_shares_are_the_recipes(borrowed):
    texts = Texts(replace(SMALL, own=0.0, voices=1.0), borrowed)
    assert all(system for _, system, _ in (texts.draw(random.Random(n)) for n in range(40)))


def test_it_goes_on_where_it_was_stopped_and_ends_as_if_it_had_not_been(borrowed, tmp_path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    pretrainer.pretrain(SMALL, borrowed, tmp_path / "work-1", whole)
    kept = pretrainer.save_state

    def pulled(path, state):
        kept(path, state)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pretrainer, "save_state", pulled)
        pretrainer.pretrain(SMALL, borrowed, tmp_path / "work-2", halves)
    assert not halves.exists()
    pretrainer.pretrain(SMALL, borrowed, tmp_path / "work-2", halves)
    one, other = load_file(whole / "model.safetensors"), load_file(halves / "model.safetensors")
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_what_comes_out_is_a_gemma_3_folder_with_gemmas_control_tokens(borrowed, tmp_path):
    out = tmp_path / "model"
    pretrainer.pretrain(SMALL, borrowed, tmp_path / "work", out)
    tokenizer = loader.tokenizer(out)
    control = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3, "<start_of_turn>": 105, "<end_of_turn>": 106}
    assert {name: tokenizer.convert_tokens_to_ids(name) for name in control} == control
    assert loader.dialect(out, tokenizer) == gemma.GEMMA3
    model = loader.model(out)
    assert type(model).__name__ == "Gemma3ForCausalLM"
    assert model.config.layer_types == ["sliding_attention"] * 5 + ["full_attention"]
    assert model.config.query_pre_attn_scalar == model.config.head_dim
    with (out / "curve.csv").open(encoding="utf-8") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["2", "4", "6"]
    assert json.loads((out / "recipe.json").read_text("utf-8"))["steps"] == 6


def test_merges_name_every_way_to_make_a_piece(texts):
    made = json.loads(texts.tokenizer.to_str())["model"]
    ways = {tuple(pair) for pair in made["merges"]}
    for piece in list(made["vocab"])[400:]:
        for n in range(1, len(piece)):
            assert ((piece[:n], piece[n:]) in ways) == (piece[:n] in made["vocab"] and piece[n:] in made["vocab"])
    assert isinstance(texts.tokenizer, Tokenizer)
