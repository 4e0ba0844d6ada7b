"""The quick training step against the plain one: the same losses, the same gradients."""

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from studio.engine import core, head, packing
from studio.engine.head import learned_loss
from tests.engine import tiny

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


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


def test_a_head_that_learns_is_refused():
    with pytest.raises(ValueError, match="frozen"):
        learned_loss(torch.zeros(1, 2), torch.zeros(3, 2, requires_grad=True), torch.tensor([0]))


def rows(count, vocabulary=300):
    generator = torch.Generator().manual_seed(5)
    lengths = torch.randint(20, 60, (count,), generator=generator).tolist()
    out = []
    for length in lengths:
        ids = torch.randint(20, vocabulary, (length,), generator=generator).tolist()
        out.append({"input_ids": ids, "labels": [-100] * (length // 2) + ids[length // 2 :]})
    return out


def adapted(family, dora=False):
    torch.manual_seed(11)
    model = core.with_learned_loss(tiny.model(family, 320))
    made = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=ALL, use_dora=dora, task_type="CAUSAL_LM"))
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)  # zeros would hide the gradient of the other half
    return made


def gradients(model, loss):
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    return dict(zip([name for name, _ in named], torch.autograd.grad(loss, [parameter for _, parameter in named]), strict=True))


@pytest.mark.parametrize("family", ["gemma", "gemma2", "gemma3"])
def test_packed_rows_give_the_gradients_of_each_conversation_alone(small_tiles, family):
    model, examples = adapted(family), rows(5)
    total = sum(
        torch.nn.functional.cross_entropy(
            model(input_ids=torch.tensor([each["input_ids"]])).logits[0, :-1], torch.tensor(each["labels"][1:]), reduction="sum"
        )
        for each in examples
    )
    wanted = gradients(model, total)
    batch = core.collator(model, 0)(examples)
    assert ("cu_seq_lens_q" in batch) == (family != "gemma2")
    if family == "gemma2":
        ours = model(**batch, learned=True).loss
    else:
        with packing.packed(model):
            ours = model(**batch, learned=True).loss
    got = gradients(model, ours)
    assert torch.allclose(ours, total, rtol=1e-5)
    for name, gradient in wanted.items():
        assert (got[name] - gradient).norm() <= 1e-4 * gradient.norm(), name


def taught(cls, folder, checkpointing=False):
    model, examples = adapted("gemma3"), rows(16)
    settings = SFTConfig(
        output_dir=str(folder), max_steps=12, per_device_train_batch_size=2, gradient_accumulation_steps=2, learning_rate=5e-3, lr_scheduler_type="constant",
        gradient_checkpointing=checkpointing, use_cpu=True, bf16=False, logging_steps=1, save_strategy="no", report_to=[], disable_tqdm=True, max_length=64,
        dataset_kwargs={"skip_prepare_dataset": True},
    )  # fmt: skip
    trainer = cls(
        model=model, args=settings, train_dataset=Dataset.from_list(examples), processing_class=tiny.tokenizer(),
        data_collator=core.collator(model, 0) if cls is core.CoreTrainer else DataCollatorForLanguageModeling(0),
    )  # fmt: skip
    trainer.train()
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def test_each_steps_loss_is_that_of_trls_own_trainer(tmp_path):
    plain, ours, again = (
        taught(SFTTrainer, tmp_path / "a"),
        taught(core.CoreTrainer, tmp_path / "b"),
        taught(core.CoreTrainer, tmp_path / "c", True),
    )
    assert len(plain) == 12 and plain[-1] < 0.9 * plain[0]
    assert ours == pytest.approx(plain, rel=1e-4)
    assert again == pytest.approx(plain, rel=1e-4)
