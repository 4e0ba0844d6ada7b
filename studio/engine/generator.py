"""Speaks: one base model in memory, adapters switched on it without a reload."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from studio.domain import gemma
from studio.domain.conversation import Turn
from studio.domain.errors import NotFound, StudioError
from studio.domain.gemma import TOP_K, TOP_P
from studio.domain.talk import TOO_LONG
from studio.engine import loader, lowrank
from studio.engine.prefix import Prefix
from studio.engine.team import agreed

VOICES = 2  # whose talks are kept in memory: those that stand side by side


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
    prefix: Prefix | None = None,
) -> Iterator[str]:
    """Yield the growing answer to a rendered prompt, at most `most` tokens, ending at a stop token or when `stopping()`.

    `prefix`: what this voice, with these very weights, has read before.
    """
    prefix = prefix or Prefix(model.config.get_text_config())
    whole_prompt = tokenizer.encode(text, add_special_tokens=False)
    new = whole_prompt[prefix.trimmed(whole_prompt) :]
    said: list[int] = []
    shown = ""
    while len(said) < most and not stopping():
        prefix.begins()
        ids = torch.tensor([new], device=model.device)
        logits = model(input_ids=ids, past_key_values=prefix.cache, use_cache=True, logits_to_keep=1).logits[:, -1]
        prefix.has_read(new)
        # Of several processes, each rounds in its own way: one that stopped early would leave the others waiting.
        new = [agreed(int(_pick(logits, temperature)))]
        if new[0] in stops:
            break
        said += new
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
        self.config = self.model.config.get_text_config()
        self.context: int = self.config.max_position_embeddings
        self._worn: dict[str, int] = {}
        self._taught: list[LoraLayer] = []
        self._read: dict[str, Prefix] = {}  # by voice; the base's name is empty

    def _wear(self, adapter: Path) -> str:
        """Have what was learned at hand; returns its name in the model."""
        name = adapter.name.replace(".", "-")  # torch keeps it as a module name, where a dot would mean a level
        if not (adapter / "adapter_model.safetensors").is_file():
            raise NotFound("What this character learned is gone from the disk. Nothing you wrote is touched. Teach it again in Train.")
        changed = (adapter / "adapter_model.safetensors").stat().st_mtime_ns
        if self._worn.get(name) != changed:
            self._read.pop(name, None)
            if not isinstance(self.model, PeftModel):
                self.model = PeftModel.from_pretrained(self.model, adapter, adapter_name=name).eval()
            else:
                if name in self._worn:
                    self.model.delete_adapter(name)
                self.model.load_adapter(adapter, adapter_name=name)
            lowrank.forget(lowrank.quicken(self.model))  # the norms of an earlier adapter of this name
            self._taught = [module for module in self.model.modules() if isinstance(module, LoraLayer)]
            self._worn[name] = changed
        return name

    def _turn_to(self, name: str) -> None:
        """Let the adapter of this name speak, or the base. By the layers' own switches: peft's way also settles what may learn, 200 times as slowly."""
        for layer in self._taught:
            layer._disable_adapters = not name
            if name:
                layer._active_adapter = [name]

    def speak(
        self, adapter: Path | None, turns: Sequence[Turn], system: str, temperature: float, stopping: Callable[[], bool], most: int = 300
    ) -> Iterator[str]:
        """Yield the growing answer of the base (`adapter` None) or of the character."""
        name = self._wear(adapter) if adapter else ""
        text = gemma.prompt(turns, system, self.dialect)
        length = len(self.tokenizer.encode(text, add_special_tokens=False))
        if length + 16 > self.context:
            raise StudioError(TOO_LONG)
        self._turn_to(name)
        stops, room = stop_ids(self.tokenizer, self.dialect), min(most, self.context - length)
        read = self._read.pop(name, None) or Prefix(self.config)
        self._read = {**dict([*self._read.items()][1 - VOICES :]), name: read}
        yield from answer(self.model, self.tokenizer, text, stops, temperature, room, stopping, read)
