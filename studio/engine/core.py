"""The training step at the speed of the machine: trl's trainer with packed rows and a head that scores learned tokens only.

trl's own head scores every position off Triton (CPU, Apple, most of Windows), prompt and padding too, and makes its gradient in fp32. `SFTTrainer`
with its defaults stays the reference this is tested against, and teaches a model whose head is of another kind.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Gemma3ForConditionalGeneration, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput
from trl import SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from studio.engine import lowrank, norms
from studio.engine.encoder import IGNORED
from studio.engine.head import learned_loss
from studio.engine.packing import joined, packed, suits

SCALES = (
    "logit_scale",
    "output_multiplier",
    "lm_head_multiplier",
    "logits_scaling",
)  # by which other families multiply what their head says


def plain_head(model: PreTrainedModel) -> bool:
    """Whether the head is one `learned_loss` can read: a matrix of ordinary numbers, with nothing after it but a bend."""
    head, text = model.get_output_embeddings(), model.config.get_text_config()
    return (
        type(head) is nn.Linear
        and head.bias is None
        and head.weight.is_floating_point()
        and not any(getattr(text, name, None) for name in SCALES)
        and not getattr(text, "output_router_logits", False)
    )


def bend(model: PreTrainedModel) -> float | None:
    """By which cap this model bends its scores: Gemma 2, 3n and 4 do; Gemma 3 with eyes does not, whatever its config says."""
    return (
        None
        if isinstance(model, Gemma3ForConditionalGeneration)
        else getattr(model.config.get_text_config(), "final_logit_softcapping", None)
    )


def collator(
    model: PreTrainedModel, pad: int, share: bool = True, packing: bool = True
) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """Joins the rows of one look: end to end if `packing` and where the model's attention allows it, with what all begin with only once if `share`.

    Else each is padded to the longest.
    """
    if packing and plain_head(model) and suits(model.config):
        return functools.partial(joined, share=share)
    return DataCollatorForLanguageModeling(pad_token_id=pad)


def with_learned_loss(model: PreTrainedModel) -> PreTrainedModel:
    """The same model, whose forward also takes `learned=True` with `labels`, and then returns their summed loss in nats instead of logits.

    It is a part of the forward, not beside it, so that adapters and several processes find it where they look. Only for a `plain_head`.
    """
    plain = model.forward
    softcap = bend(model)

    @functools.wraps(type(model).forward)
    def forward(*args: Any, learned: bool = False, labels: Tensor | None = None, **told: Any) -> Any:
        if not learned or labels is None:
            return plain(*args, **({"labels": labels} if labels is not None else {}), **told)
        hidden = model.base_model(*args, **told, use_cache=False).last_hidden_state[:, :-1]
        wanted = labels[:, 1:]
        places = wanted != IGNORED
        head = model.get_output_embeddings().weight
        return CausalLMOutput(loss=learned_loss(hidden[places], head.detach(), wanted[places], softcap))

    model.forward, model.learned_loss = forward, True  # type: ignore[method-assign, assignment]
    return model


def trainer(model: PreTrainedModel, **told: Any) -> SFTTrainer:
    """The trainer for a freshly loaded model: the quick one where its head allows it."""
    if not plain_head(model):
        return SFTTrainer(model=model, **told)
    made = CoreTrainer(model=with_learned_loss(model), **told)
    quicken(made.model)
    return made


def quicken(model: nn.Module) -> nn.Module:
    """The same model; its adapted layers and frozen norms compute as `lowrank` and `norms` describe."""
    return norms.quicken(lowrank.quicken(model))


class CoreTrainer(SFTTrainer):
    """`SFTTrainer` with its loss made by `learned_loss`, over rows joined by `collator`. The model comes through `with_learned_loss`."""

    def create_optimizer(self, *args: Any, **told: Any) -> Any:
        made = super().create_optimizer(*args, **told)
        made.register_step_post_hook(lambda *_: lowrank.forget(self.model))  # 8-bit optimisers write past PyTorch's count of versions
        return made

    def training_step(self, model: Any, inputs: Any, *args: Any, **told: Any) -> Tensor:
        # Around the backward pass too: with checkpointing the attention runs again there.
        if "lengths" not in inputs:
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
