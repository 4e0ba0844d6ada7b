"""The training step at the speed of the machine: trl's trainer with packed rows and a head that scores learned tokens only.

trl's own head scores every position off Triton (CPU, Apple, most of Windows), prompt and padding too, and makes its gradient in fp32. `SFTTrainer`
with its defaults stays the reference this is tested against.
"""

import functools
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput
from trl import SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from studio.engine.encoder import IGNORED
from studio.engine.head import learned_loss
from studio.engine.packing import packed, suits


def collator(model: PreTrainedModel, pad: int) -> DataCollatorForLanguageModeling:
    """Joins the rows of one look: end to end where the model's attention allows it, else padded to the longest."""
    return DataCollatorForLanguageModeling(pad_token_id=pad, padding_free=suits(model.config))


def with_learned_loss(model: PreTrainedModel) -> PreTrainedModel:
    """The same model, whose forward also takes `learned=True` with `labels`, and then returns their summed loss in nats instead of logits.

    It is a part of the forward, not beside it, so that adapters and several processes find it where they look.
    """
    plain = model.forward
    softcap = getattr(model.config.get_text_config(), "final_logit_softcapping", None)

    @functools.wraps(type(model).forward)
    def forward(*args: Any, learned: bool = False, labels: Tensor | None = None, **told: Any) -> Any:
        if not learned or labels is None:
            return plain(*args, **({"labels": labels} if labels is not None else {}), **told)
        hidden = model.base_model(*args, **told, use_cache=False).last_hidden_state[:, :-1]
        wanted = labels[:, 1:]
        places = wanted != IGNORED
        head = model.get_output_embeddings().weight
        return CausalLMOutput(loss=learned_loss(hidden[places], head.detach(), wanted[places], softcap))

    model.forward = forward  # type: ignore[method-assign]
    return model


class CoreTrainer(SFTTrainer):
    """`SFTTrainer` with its loss made by `learned_loss`, over rows joined by `collator`. The model comes through `with_learned_loss`."""

    def training_step(self, model: Any, inputs: Any, *args: Any, **told: Any) -> Tensor:
        # Around the backward pass too: with checkpointing the attention runs again there.
        if "cu_seq_lens_q" not in inputs:
            return super().training_step(model, inputs, *args, **told)
        with packed(self.accelerator.unwrap_model(model)):
            return super().training_step(model, inputs, *args, **told)

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        outputs = model(**inputs, learned=True)
        count = (inputs["labels"][:, 1:] != IGNORED).sum() if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
        loss = outputs.loss / count.clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # the count is of all processes, and their gradients are averaged
        return (loss, outputs) if return_outputs else loss
