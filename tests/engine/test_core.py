"""The quick training step against the plain one: the same losses, the same gradients."""

from contextlib import nullcontext

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from studio.engine import core, evaluator, head, knobs, packing
from studio.engine.encoder import Row
from studio.engine.head import learned_loss
from tests.engine import tiny

FAMILIES = ["gemma", "gemma2", "gemma3", "gemma3 with eyes", "gemma3n", "gemma4"]
ADAPTER = {"r": 4, "lora_alpha": 8, "target_modules": knobs.ATTENTION_AND_MLP, "exclude_modules": knobs.TOWERS, "task_type": "CAUSAL_LM"}


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(head, "TILE", 13)
    monkeypatch.setattr(head, "BLOCK", 7)


def full(hidden, weight, labels, softcap):
    logits = hidden @ weight.T
    logits = softcap * torch.tanh(logits / softcap) if softcap else logits
    return torch.nn.functional.cross_entropy(logits, labels, reduction="sum")


@pytest.mark.parametrize("softcap", [None, 3.0])
def test_the_loss_and_its_gradient_are_those_of_full_logits(small_tiles, softcap):
    generator = torch.Generator().manual_seed(3)
    hidden = torch.randn(30, 24, generator=generator, requires_grad=True)
    weight = torch.randn(101, 24, generator=generator)
    labels = torch.randint(0, 101, (30,), generator=generator)
    plain = full(hidden, weight, labels, softcap)
    wanted = torch.autograd.grad(plain * 0.5, hidden)[0]
    ours = learned_loss(hidden, weight, labels, softcap)
    got = torch.autograd.grad(ours * 0.5, hidden)[0]
    assert torch.allclose(ours, plain, rtol=1e-6)
    assert (got - wanted).norm() / wanted.norm() < 1e-5


def test_scores_far_apart_neither_overflow_nor_vanish(small_tiles):
    hidden = torch.tensor([[300.0], [-300.0]], requires_grad=True)
    weight = torch.arange(-40.0, 40.0)[:, None]
    loss = learned_loss(hidden, weight, torch.tensor([79, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(300.0) and torch.isfinite(hidden.grad).all()


def test_what_is_known_by_heart_keeps_a_small_loss_and_its_gradient_in_short_numbers():
    generator = torch.Generator().manual_seed(4)
    weight = torch.randn(500, 64, generator=generator).bfloat16()
    labels = torch.randint(0, 500, (40,), generator=generator)
    hidden = (weight[labels] * 0.5 + torch.randn(40, 64, generator=generator) * 0.1).bfloat16().requires_grad_()
    logits = (hidden @ weight.T).detach().float().requires_grad_()  # rounded as any model's are
    plain = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    wanted = torch.autograd.grad(plain, logits)[0] @ weight.float()
    ours = learned_loss(hidden, weight, labels)
    got = torch.autograd.grad(ours, hidden)[0].float()
    assert 0 < plain.item() < 40 * 1e-3, "known by heart"
    assert ours.item() == pytest.approx(plain.item(), rel=1e-3)
    assert (got - wanted).norm() <= 1e-2 * wanted.norm()


def test_a_head_that_learns_is_refused():
    with pytest.raises(ValueError, match="frozen"):
        learned_loss(torch.zeros(1, 2), torch.zeros(3, 2, requires_grad=True), torch.tensor([0]))


SCENE = list(range(2, 26))  # what every conversation begins with; longer than a sliding window


def rows(count, vocabulary=300, scene=()):
    generator = torch.Generator().manual_seed(5)
    lengths = torch.randint(20, 60, (count,), generator=generator).tolist()
    out = []
    for length in lengths:
        ids = torch.randint(20, vocabulary, (length,), generator=generator).tolist()
        out.append({"input_ids": [*scene, *ids], "labels": [-100] * (len(scene) + length // 2) + ids[length // 2 :]})
    return out


def adapted(family):
    made = get_peft_model(core.with_learned_loss(tiny.model(family, 320)), LoraConfig(**ADAPTER))
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)  # zeros would hide the gradient of the other half
    return made


def gradients(model, loss):
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    return dict(zip([name for name, _ in named], torch.autograd.grad(loss, [parameter for _, parameter in named]), strict=True))


@pytest.mark.parametrize("scene", [[], SCENE])
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_rows_give_the_gradients_of_each_conversation_alone(small_tiles, family, scene):
    model, examples = adapted(family), rows(5, scene=scene)
    total = sum(
        torch.nn.functional.cross_entropy(
            model(input_ids=torch.tensor([each["input_ids"]])).logits[0, :-1], torch.tensor(each["labels"][1:]), reduction="sum"
        )
        for each in examples
    )
    wanted = gradients(model, total)
    batch = core.collator(model, 0)(examples)
    assert ("lengths" in batch) == (family != "gemma2") and ("lengths" not in batch or batch["lengths"][0] == len(scene))
    core.quicken(model)
    with packing.packed(model) if "lengths" in batch else nullcontext():
        ours = model(**batch, learned=True).loss
    got = gradients(model, ours)
    assert torch.allclose(ours, total, rtol=1e-5)
    for name, gradient in wanted.items():
        assert (got[name] - gradient).norm() <= 1e-4 * gradient.norm(), name


def test_under_autocast_full_numbers_are_attended_to_in_short_ones_as_pytorch_does():
    generator = torch.Generator().manual_seed(9)
    query, key, value = (torch.randn(1, heads, 40, 16, generator=generator) for heads in (4, 2, 2))
    inputs = [query.requires_grad_(), key.requires_grad_(), value.bfloat16().requires_grad_()]
    with torch.autocast("cpu", torch.bfloat16):
        plain = packing.plain(inputs[0], *(packing.wide(kept, 4) for kept in inputs[1:]), is_causal=True).transpose(1, 2)
        ours, _ = packing.attend(torch.nn.Module(), *inputs, None, lengths=[0, 40])
    assert ours.dtype == plain.dtype == torch.bfloat16
    found, wanted = ([out, *torch.autograd.grad(out.float().square().sum(), inputs)] for out in (ours, plain))
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == other.dtype and (one - other).float().norm() <= 0.02 * other.float().norm()


def test_a_long_conversation_keeps_no_square_for_the_way_back(monkeypatch):
    generator = torch.Generator().manual_seed(2)
    inputs = [torch.randn(1, heads, 40, 16, generator=generator).requires_grad_() for heads in (4, 2, 2)]
    kept = packing._Attention.apply(*inputs, 9, 0.25)
    wanted = torch.autograd.grad(kept.square().sum(), inputs)
    monkeypatch.setattr(packing, "KEPT", 0)
    known = packing._hidden.cache_info().currsize
    ours = packing._Attention.apply(*inputs, 9, 0.25)
    assert not [each for each in vars(ours.grad_fn).values() if isinstance(each, torch.Tensor)]
    assert max(each.numel() for each in ours.grad_fn.saved_tensors) < 40 * 40 * 4 and packing._hidden.cache_info().currsize == known
    for one, other in zip(torch.autograd.grad(ours.square().sum(), inputs), wanted, strict=True):
        assert torch.equal(one, other)


def test_what_all_begin_with_stands_once_unless_it_is_learned():
    examples = [{"input_ids": [*SCENE, 40 + n, 41, 42], "labels": [-100] * 25 + [41, 42]} for n in range(3)]
    empty = {"input_ids": [2, 2], "labels": [-100, -100]}
    batch = packing.joined([*examples, empty])
    assert batch["lengths"] == [24, 2, 2, 2 + 2] and batch["position_ids"].tolist() == [[*range(24), *[24, 25] * 3, 26, 27]]
    assert batch["input_ids"].tolist() == [[*SCENE, 40, 41, 41, 41, 42, 41, 0, 0]], (
        "32 tokens are quicker to multiply than 30, and 42 is only a label"
    )
    assert batch["labels"].tolist() == [[-100] * 24 + [-100, *[41, 42] * 3, -100]], "each is learned at the place before it"
    assert packing.joined(examples, share=False)["lengths"] == [0, 26, 26, 26 + 2]
    early = [{**example, "labels": [-100] * 10 + example["input_ids"][10:]} for example in examples]
    assert packing.joined(early)["lengths"][0] == 9, "what is learned, and what the first of it is told from, is each one's own"
    assert packing.joined([empty, empty])["lengths"] == [0, 16]


def test_the_last_that_is_learned_is_not_lost_where_nothing_has_to_be_filled_up():
    full = {"input_ids": [*range(2, 19)], "labels": [-100] * 8 + [*range(10, 19)]}
    batch = packing.joined([full])
    assert batch["lengths"] == [0, 32] and batch["labels"][0, :18].tolist() == full["labels"] + [-100]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_unseen_is_scored_without_logits_as_with_them(small_tiles, family):
    unseen = [Row(each["input_ids"], each["labels"]) for each in rows(3)]
    plain, quick = tiny.model(family, 320), core.quicken(adapted(family))
    with quick.disable_adapter():
        assert evaluator.surprise(quick, unseen) == pytest.approx(evaluator.surprise(plain, unseen), rel=1e-5)


def taught(make, folder, family="gemma3", steps=4, checkpointing=False, dora=False):
    settings = SFTConfig(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=2, gradient_accumulation_steps=2, learning_rate=5e-3, lr_scheduler_type="constant",
        gradient_checkpointing=checkpointing, use_cpu=True, bf16=False, logging_steps=1, save_strategy="no", report_to=[], disable_tqdm=True, max_length=96,
        dataset_kwargs={"skip_prepare_dataset": True},
    )  # fmt: skip
    model = tiny.model(
        family, 320, **({"final_logit_softcapping": None} if family == "gemma3 with eyes" else {})
    )  # trl bends where it does not
    trainer = make(
        model=model, args=settings, train_dataset=Dataset.from_list(rows(16, scene=SCENE)), processing_class=tiny.tokenizer(), peft_config=LoraConfig(**ADAPTER, use_dora=dora),
        data_collator=core.collator(model, 0) if make is core.trainer else DataCollatorForLanguageModeling(0),
    )  # fmt: skip
    trainer.train()
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def test_each_steps_loss_is_that_of_trls_own_trainer(tmp_path):
    plain, ours, again = (
        taught(make, tmp_path / "out", steps=12, checkpointing=twice)
        for make, twice in ((SFTTrainer, False), (core.trainer, False), (core.trainer, True))
    )
    assert len(plain) == 12 and plain[-1] < 0.9 * plain[0]
    assert ours == pytest.approx(plain, rel=1e-4)
    assert again == pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize(("family", "dora"), [("gemma3", True), *((family, False) for family in FAMILIES if family != "gemma3")])
def test_every_family_is_taught_as_trl_would(tmp_path, family, dora):
    plain, ours = (taught(make, tmp_path / "out", family, dora=dora) for make in (SFTTrainer, core.trainer))
    assert ours == pytest.approx(plain, rel=2e-4)


def test_a_head_of_another_kind_is_left_to_trl(tmp_path):
    model = tiny.model("gemma3", 320)
    model.lm_head = torch.nn.Linear(64, 320, bias=True)
    assert not core.plain_head(model)
    settings = SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, report_to=[], dataset_kwargs={"skip_prepare_dataset": True})
    made = core.trainer(
        model, args=settings, train_dataset=Dataset.from_list(rows(2)), processing_class=tiny.tokenizer(), peft_config=LoraConfig(**ADAPTER)
    )
    assert type(made) is SFTTrainer
