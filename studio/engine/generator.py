"""Speaks: one base model in memory, adapters switched on it without a reload."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
from peft import PeftModel
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from studio.domain import gemma
from studio.domain.conversation import Turn
from studio.domain.errors import NotFound, StudioError
from studio.engine import loader
from studio.engine.team import agreed

TOP_K, TOP_P = 64, 0.95  # Gemma's published sampling defaults


def stop_ids(tokenizer: PreTrainedTokenizerBase, dialect: gemma.Dialect) -> set[int]:
    """The tokens that end an answer."""
    return {tokenizer.convert_tokens_to_ids(dialect.end), tokenizer.eos_token_id}


def _pick(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """The next token id, shape (1, 1), from logits of shape (1, vocabulary): greedy at temperature 0, else top-k then top-p sampling."""
    if temperature <= 0:
        return logits.argmax(-1, keepdim=True)
    best, ids = torch.topk(logits.float() / temperature, min(TOP_K, logits.shape[-1]))
    shares = best.softmax(-1)
    shares[shares.cumsum(-1) - shares > TOP_P] = 0
    return ids.gather(-1, torch.multinomial(shares, 1))


@torch.inference_mode()
def answer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    stops: set[int],
    temperature: float,
    most: int,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[str]:
    """Yield the growing answer to a rendered prompt, at most `most` tokens, ending at a stop token or when `stopping()`."""
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)], device=model.device)
    cache = DynamicCache(config=model.config.get_text_config())
    said: list[int] = []
    shown = ""
    while len(said) < most and not stopping():
        logits = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
        ids = _pick(logits, temperature)
        ids.fill_(
            agreed(int(ids))
        )  # of several processes, each rounds in its own way: one that stopped early would leave the others waiting
        if int(ids) in stops:
            break
        said.append(int(ids))
        # Half a character (byte fallback) decodes to U+FFFD; it is shown once it is whole.
        whole = tokenizer.decode(said, skip_special_tokens=True).rstrip("\ufffd")
        if whole != shown:
            shown = whole
            yield shown


class Speaker:
    """A loaded base model and the adapters heard so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tokenizer = loader.tokenizer(folder)
        self.dialect = loader.dialect(folder, self.tokenizer)
        self.model: PreTrainedModel | PeftModel = loader.model(folder)
        config = self.model.config.get_text_config()
        self.context: int = config.max_position_embeddings

    def _wear(self, adapter: Path) -> None:
        name = adapter.name.replace(".", "-")  # torch keeps it as a module name, where a dot would mean a level
        if not (adapter / "adapter_model.safetensors").is_file():
            raise NotFound("What this character learned is gone from the disk. Nothing you wrote is touched. Teach it again in Train.")
        changed = (adapter / "adapter_model.safetensors").stat().st_mtime_ns
        if not isinstance(self.model, PeftModel):
            self.model = PeftModel.from_pretrained(self.model, adapter, adapter_name=name).eval()
            self._worn = {name: changed}
        elif self._worn.get(name) != changed:
            if name in self._worn:
                self.model.delete_adapter(name)
            self.model.load_adapter(adapter, adapter_name=name)
            self._worn[name] = changed
        self.model.set_adapter(name)

    def speak(
        self, adapter: Path | None, turns: Sequence[Turn], system: str, temperature: float, stopping: Callable[[], bool], most: int = 300
    ) -> Iterator[str]:
        """Yield the growing answer of the base (`adapter` None) or of the character."""
        if adapter:
            self._wear(adapter)
        text = gemma.prompt(turns, system, self.dialect)
        length = len(self.tokenizer.encode(text, add_special_tokens=False))
        if length + 16 > self.context:
            raise StudioError("The answer was cut off because the conversation is very long. Start again, or remove the oldest lines.")
        plainly = self.model.disable_adapter() if adapter is None and isinstance(self.model, PeftModel) else nullcontext()
        with plainly:
            yield from answer(
                self.model,
                self.tokenizer,
                text,
                stop_ids(self.tokenizer, self.dialect),
                temperature,
                min(most, self.context - length),
                stopping,
            )
