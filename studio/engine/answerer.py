"""The character as the app runs it: what a file is compared with."""

from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import psutil
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from studio.domain.gemma import Dialect
from studio.engine import fourbit, generator, loader

_SPARE = 1_500_000_000  # bytes beside the weights: blocks in float32, the logits, the file's own memory of a talk
_BLOCK = 16_000_000  # weights held in float32 at once


class Answerer:
    """The trained model, merged by peft in float32 and computed with in float32.

    `exact`: its weights stay so too. Else they are rounded once to the numbers the model folder keeps, as in a file of that kind, because twice the memory
    may not be there; the arithmetic on them is the same. `four_bit`: it is merged into what a lesson in 4 bit saw of the model.
    """

    def __init__(self, model: Path, adapter: Path | None, dialect: Dialect, exact: bool, four_bit: bool = False) -> None:
        self.tokenizer = loader.tokenizer(model)
        self._folder, self._adapter, self._exact, self._four_bit = model, adapter, exact, four_bit
        self._ends = generator.stop_ids(self.tokenizer, dialect)

    def fits(self) -> bool:
        """Whether there is memory for the model now."""
        return psutil.virtual_memory().available > loader.parameters(self._folder) * (4 if self._exact else 2) + _SPARE

    @cached_property
    def _model(self) -> PreTrainedModel:
        loaded = self._base()
        if self._adapter is not None:
            worn = PeftModel.from_pretrained(loaded, str(self._adapter))
            for part in worn.modules():
                if isinstance(part, LoraLayer):
                    _merge(part)
            loaded = worn.unload()
        if not self._exact:
            _compute_in_full(loaded)
        return loaded.eval()

    def _base(self) -> PreTrainedModel:
        given = {"attn_implementation": "eager", "local_files_only": True}
        if not self._four_bit:
            return AutoModelForCausalLM.from_pretrained(self._folder, dtype=torch.float32 if self._exact else "auto", **given)
        half = torch.bfloat16
        small = AutoModelForCausalLM.from_pretrained(
            self._folder, dtype=half, quantization_config=loader.small(half), device_map={"": "cpu"}, **given
        )
        loaded = fourbit.enlarged(small)
        return loaded.float() if self._exact else loaded

    def ids(self, text: str) -> list[int]:
        """Token ids of a text with its control tokens read as such and nothing added."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def text(self, ids: Sequence[int]) -> str:
        """What a person sees of these tokens."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True)

    @torch.inference_mode()
    def logits(self, ids: Sequence[int]) -> np.ndarray:
        """Logits at every position, float32 (tokens, vocabulary)."""
        return self._model(torch.tensor([list(ids)])).logits[0].float().numpy()

    @torch.inference_mode()
    def answer(self, ids: Sequence[int], limit: int, guess: Sequence[int] = ()) -> tuple[list[int], bool]:
        """The likeliest continuation, at most `limit` tokens, and whether the character ended it by itself.

        `guess`: an answer it may turn out to be. As far as it is, for a large model one look at the whole of it takes the place of a step for each token.
        """
        said = [] if self._exact else self._agreed(ids, guess[:limit])
        given, memory = torch.tensor([[*ids, *said]]), None
        while len(said) < limit:
            out = self._model(given, past_key_values=memory, use_cache=True, logits_to_keep=1)
            following, memory = int(out.logits[0, -1].argmax()), out.past_key_values
            if following in self._ends:
                return said, True
            said.append(following)
            given = torch.tensor([[following]])
        return said, False

    def _agreed(self, ids: Sequence[int], guess: Sequence[int]) -> list[int]:
        """The beginning of the guess that is the likeliest continuation, token for token."""
        if not guess:
            return []
        wanted = self._model(torch.tensor([[*ids, *guess]]), logits_to_keep=len(guess) + 1).logits[0].argmax(-1).tolist()
        same = 0
        while same < len(guess) and wanted[same] == guess[same]:
            same += 1
        return list(guess[:same])


def _merge(part: LoraLayer) -> None:
    """Merge one matrix in float32 and round it once, also where the model lies in half precision."""
    weight = part.get_base_layer().weight
    kind = weight.dtype
    weight.data = weight.data.float()
    part.merge(safe_merge=True)
    weight = part.get_base_layer().weight
    weight.data = weight.data.to(kind)


def _compute_in_full(model: PreTrainedModel) -> None:
    """Let every matrix compute in float32, whatever its weights are kept in; only a block of rows is held so at a time."""
    for part in model.modules():
        if isinstance(part, nn.Linear):
            part.forward = partial(_product, part)
        elif isinstance(part, nn.Embedding):
            part.forward = partial(_lookup, part)


def _product(part: nn.Linear, given: torch.Tensor) -> torch.Tensor:
    rows = max(1, _BLOCK // part.in_features)
    found = torch.cat([nn.functional.linear(given.float(), block.float()) for block in part.weight.split(rows)], -1)
    return found if part.bias is None else found + part.bias.float()


def _lookup(part: nn.Embedding, ids: torch.Tensor) -> torch.Tensor:
    # Gemma's embeddings are scaled; llama.cpp too knows that number in float32.
    return nn.functional.embedding(ids, part.weight).float() * getattr(part, "scalar_embed_scale", 1.0)
