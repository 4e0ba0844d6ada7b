"""Talks out of a finished file with llama.cpp, the program inside Ollama: what is heard here is what the file says anywhere.

What a talk has read so far stays in memory, so that a turn costs its own words only. llama.cpp's chatter goes nowhere.
"""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from studio.domain import gemma
from studio.domain.conversation import Turn
from studio.domain.errors import NotFound, NotReady, StudioError
from studio.domain.gemma import TOP_K, TOP_P
from studio.domain.talk import TOO_LONG
from studio.engine import player
from studio.engine.player import llama_cpp

LONGEST = 4096  # tokens of a talk that are kept in memory
_BLOCK = 256  # tokens of a prompt read at once; between blocks a Stop is heard
_PIECE = 1024  # bytes a token can have
_WIDE = 256  # logits in a block
VOICES = 2  # whose talks are kept in memory: those that stand side by side
MISSING = "To talk with a file the studio needs llama.cpp, which is not on this computer. To get it, enter: python launch.py repair"
GONE = "This file is gone from the disk. What was learned is safe. Make it again in Export, or let another voice answer."
BROKEN = "This file can't be opened. What was learned is safe. Make it again in Export, or let another voice answer."


class Teller:
    """An open file to talk with. Each voice, the file's own or that of an adapter file put onto it, has a memory of its own talk."""

    def __init__(self, path: Path) -> None:
        if not player.present():
            raise NotReady(MISSING)
        if not path.is_file():
            raise NotFound(GONE)
        player.hush()
        self._model = _loaded(path)
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self._threads = player.threads(path)
        self._memories: dict[Path | None, Memory] = {}  # by adapter, the one used last at the end
        self._chance = np.random.default_rng()

    def close(self) -> None:
        """Free the file's memory."""
        if self._model:
            for memory in self._memories.values():
                memory.close()
            self._memories.clear()
            llama_cpp.llama_model_free(self._model)
            self._model = None

    def memory(self, adapter: Path | None) -> "Memory":
        """What the voice of this adapter file, or the file's own, has read; at once for those that take turns."""
        there = self._memories.pop(adapter, None)
        if there is None:
            while len(self._memories) >= VOICES:
                self._memories.pop(next(iter(self._memories))).close()
            there = Memory(self._model, self._threads, adapter)
        self._memories[adapter] = there
        return there

    def speak(
        self, adapter: Path | None, turns: Sequence[Turn], system: str, temperature: float, stopping: Callable[[], bool], most: int = 300
    ) -> Iterator[str]:
        """Yield the growing answer, in the file's own markup, with what the adapter file learned; without one as the file itself speaks."""
        memory, ids = self.memory(adapter), self.ids(self._prompt(turns, system))
        if len(ids) + 16 > memory.length:
            raise StudioError(TOO_LONG)
        shown, raw, new = "", b"", memory.recalled(ids)
        for _ in range(min(most, memory.length - len(ids))):
            if not memory.hear(new, stopping) or stopping():
                return
            new = [self._pick(memory.logits(self._vocabulary), temperature)]
            if llama_cpp.llama_vocab_is_eog(self._vocabulary, new[0]):
                return
            raw += self._piece(new[0])
            # Half a character is shown once it is whole.
            if (whole := raw.decode("utf-8", "ignore")) != shown:
                shown = whole
                yield shown

    def ids(self, text: str) -> list[int]:
        """Token ids of a text with its control tokens read as such and nothing added."""
        raw = text.encode()
        room = (llama_cpp.llama_token * (len(raw) + 1))()
        count = llama_cpp.llama_tokenize(self._vocabulary, raw, len(raw), room, len(room), False, True)
        return list(room[:count])

    def _piece(self, token: int) -> bytes:
        """What a person sees of a token; nothing of a mark."""
        room = ctypes.create_string_buffer(_PIECE)
        count = llama_cpp.llama_token_to_piece(self._vocabulary, token, room, _PIECE, 0, False)
        return room.raw[: max(0, count)]

    def _prompt(self, turns: Sequence[Turn], system: str) -> str:
        template = llama_cpp.llama_model_chat_template(self._model, None)
        lead = [{"role": "system", "content": gemma.plain(system)}] if gemma.plain(system) else []
        said = [{"role": "assistant" if turn.role == "model" else "user", "content": gemma.plain(turn.text)} for turn in turns]
        return player.rendered(template.decode("utf-8"), [*lead, *said])

    def _pick(self, logits: np.ndarray, temperature: float) -> int:
        """The next token, chosen as in the app: the likeliest at temperature 0, else top-k, then top-p."""
        if temperature <= 0:
            return int(logits.argmax())
        best = likeliest(logits, min(TOP_K, len(logits)))
        shares = np.exp((logits[best] - logits[best[0]]).astype(np.float64) / temperature)
        shares /= shares.sum()
        shares[shares.cumsum() - shares > TOP_P] = 0
        return int(self._chance.choice(best, p=shares / shares.sum()))


def likeliest(logits: np.ndarray, count: int) -> np.ndarray:
    """The ids of the `count` greatest logits, the greatest first.

    They lie in those `count` blocks whose greatest are the greatest, so that of a large dictionary few are looked at twice.
    """
    blocks = logits[: len(logits) // _WIDE * _WIDE].reshape(-1, _WIDE).max(1)
    few = min(count, len(blocks))
    first = np.argpartition(blocks, -few)[-few:] if few else np.empty(0, np.intp)
    there = np.concatenate([(first[:, None] * _WIDE + np.arange(_WIDE)).ravel(), np.arange(len(blocks) * _WIDE, len(logits))])
    there = there[np.argpartition(logits[there], -count)[-count:]]
    return there[np.argsort(-logits[there])]


class Memory:
    """What one voice has read of a talk, with its adapter where it has one: to change voices is to look at another memory. `length` in tokens."""

    def __init__(self, model: Any, threads: int, adapter: Path | None) -> None:
        wanted = llama_cpp.llama_context_default_params()
        wanted.n_ctx = min(LONGEST, llama_cpp.llama_model_n_ctx_train(model))
        wanted.n_batch = wanted.n_ubatch = _BLOCK
        wanted.n_threads = wanted.n_threads_batch = threads
        self._context = llama_cpp.llama_init_from_model(model, wanted)
        if not self._context:
            raise StudioError(BROKEN)
        self._adapter = _put_on(model, self._context, adapter) if adapter else None
        self.length: int = wanted.n_ctx
        self.read: list[int] = []  # the tokens that are in memory now

    def close(self) -> None:
        """Free it."""
        llama_cpp.llama_free(self._context)
        if self._adapter:
            llama_cpp.llama_adapter_lora_free(self._adapter)

    def recalled(self, ids: Sequence[int]) -> list[int]:
        """Keep what these tokens begin with, and return those that are still to be read: at least the last."""
        known, memory = 0, llama_cpp.llama_get_memory(self._context)
        while known < min(len(ids) - 1, len(self.read)) and ids[known] == self.read[known]:
            known += 1
        if known < len(self.read) and not llama_cpp.llama_memory_seq_rm(memory, 0, known, -1):
            llama_cpp.llama_memory_clear(memory, True)  # a memory that can't forget a part forgets all
            known = 0
        self.read = list(ids[:known])
        return list(ids[known:])

    def hear(self, new: Sequence[int], stopping: Callable[[], bool]) -> bool:
        """Read these tokens too; False when a Stop came first."""
        for at in range(0, len(new), _BLOCK):
            if stopping():
                return False
            block = new[at : at + _BLOCK]
            given = (llama_cpp.llama_token * len(block))(*block)
            if llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(given, len(block))):
                raise StudioError("llama.cpp could not go on with this talk. Nothing you wrote is touched. Start again.")
            self.read += block
        return True

    def logits(self, vocabulary: Any) -> np.ndarray:
        """Of the token that would come next, float32 (vocabulary); they hold until more is read."""
        count = llama_cpp.llama_vocab_n_tokens(vocabulary)
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._context, -1), shape=(count,))


def _put_on(model: Any, context: Any, path: Path) -> Any:
    """The adapter file, put onto a context of its model as strong as it was learned."""
    adapter = llama_cpp.llama_adapter_lora_init(model, str(path).encode())
    scale = (ctypes.c_float * 1)(1.0)
    if not adapter or llama_cpp.llama_set_adapters_lora(context, (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter), 1, scale):
        llama_cpp.llama_free(context)
        raise StudioError(BROKEN)
    return adapter


def _loaded(path: Path) -> Any:
    wanted = llama_cpp.llama_model_default_params()
    wanted.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), wanted)
    if not model:
        raise StudioError(BROKEN)
    return model
