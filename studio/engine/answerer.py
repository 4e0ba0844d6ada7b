"""The character as the app runs it: what a file is compared with."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from studio.domain.gemma import Dialect
from studio.engine import generator, loader


class Answerer:
    """The trained model, merged by peft. In float32 when `exact`, else as the model folder keeps it."""

    def __init__(self, model: Path, adapter: Path | None, dialect: Dialect, exact: bool) -> None:
        self.tokenizer = loader.tokenizer(model)
        dtype = torch.float32 if exact else "auto"
        loaded = AutoModelForCausalLM.from_pretrained(model, dtype=dtype, attn_implementation="eager", local_files_only=True)
        if adapter is not None:
            loaded = PeftModel.from_pretrained(loaded, str(adapter)).merge_and_unload(safe_merge=True)
        self.exact = exact
        self._model = loaded.eval()
        self._ends = generator.stop_ids(self.tokenizer, dialect)

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
    def answer(self, ids: Sequence[int], limit: int) -> tuple[list[int], bool]:
        """The likeliest continuation, at most `limit` tokens, and whether the character ended it by itself."""
        said: list[int] = []
        given, memory = torch.tensor([list(ids)]), None
        while len(said) < limit:
            out = self._model(given, past_key_values=memory, use_cache=True)
            following, memory = int(out.logits[0, -1].argmax()), out.past_key_values
            if following in self._ends:
                return said, True
            said.append(following)
            given = torch.tensor([[following]])
        return said, False
