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
_WORDS = 1 << 20  # bytes an answer can have
MISSING = "To talk with a file the studio needs llama.cpp, which is not on this computer. To get it, enter: python launch.py repair"
GONE = "This file is gone from the disk. What was learned is safe. Make it again in Export, or let another voice answer."
BROKEN = "This file can't be opened. What was learned is safe. Make it again in Export, or let another voice answer."


class Teller:
    """An open file to talk with; one talk at a time."""

    def __init__(self, path: Path) -> None:
        if not player.present():
            raise NotReady(MISSING)
        if not path.is_file():
            raise NotFound(GONE)
        player.hush()
        self._model = _loaded(path)
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        wanted = llama_cpp.llama_context_default_params()
        wanted.n_ctx = min(LONGEST, llama_cpp.llama_model_n_ctx_train(self._model))
        wanted.n_batch = wanted.n_ubatch = _BLOCK
        wanted.n_threads = wanted.n_threads_batch = player.threads(path)
        self._context = llama_cpp.llama_init_from_model(self._model, wanted)
        if not self._context:
            llama_cpp.llama_model_free(self._model)
            raise StudioError(BROKEN)
        self.length: int = wanted.n_ctx
        self.read: list[int] = []  # the tokens that are in memory now
        self._chance = np.random.default_rng()

    def close(self) -> None:
        """Free the file's memory."""
        if self._context:
            llama_cpp.llama_free(self._context)
            llama_cpp.llama_model_free(self._model)
            self._context = None

    def speak(
        self, adapter: Path | None, turns: Sequence[Turn], system: str, temperature: float, stopping: Callable[[], bool], most: int = 300
    ) -> Iterator[str]:
        """Yield the growing answer, in the file's own markup; what was learned is inside it, so there is no adapter to wear."""
        ids = self.ids(self._prompt(turns, system))
        if len(ids) + 16 > self.length:
            raise StudioError(TOO_LONG)
        said: list[int] = []
        shown = ""
        heard = self._hear(ids, stopping)
        while heard and len(said) < min(most, self.length - len(ids)) and not stopping():
            token = self._pick(temperature)
            if llama_cpp.llama_vocab_is_eog(self._vocabulary, token):
                break
            said.append(token)
            whole = self.text(said)
            if whole != shown:
                shown = whole
                yield shown
            heard = self._hear([*ids, *said], stopping)

    def ids(self, text: str) -> list[int]:
        """Token ids of a text with its control tokens read as such and nothing added."""
        raw = text.encode()
        room = (llama_cpp.llama_token * (len(raw) + 1))()
        count = llama_cpp.llama_tokenize(self._vocabulary, raw, len(raw), room, len(room), False, True)
        return list(room[:count])

    def text(self, ids: Sequence[int]) -> str:
        """What a person sees of these tokens; half a character is left out until it is whole."""
        room = ctypes.create_string_buffer(_WORDS)
        given = (llama_cpp.llama_token * len(ids))(*ids)
        count = llama_cpp.llama_detokenize(self._vocabulary, given, len(ids), room, _WORDS, True, False)
        return room.raw[: max(0, count)].decode("utf-8", "ignore")

    def _prompt(self, turns: Sequence[Turn], system: str) -> str:
        template = llama_cpp.llama_model_chat_template(self._model, None)
        lead = [{"role": "system", "content": gemma.plain(system)}] if gemma.plain(system) else []
        said = [{"role": "assistant" if turn.role == "model" else "user", "content": gemma.plain(turn.text)} for turn in turns]
        return player.rendered(template.decode("utf-8"), [*lead, *said])

    def _hear(self, ids: Sequence[int], stopping: Callable[[], bool]) -> bool:
        """Read what is new in these tokens, and at least the last; False when a Stop came first."""
        known = 0
        while known < min(len(ids) - 1, len(self.read)) and ids[known] == self.read[known]:
            known += 1
        if known < len(self.read) and not llama_cpp.llama_memory_seq_rm(llama_cpp.llama_get_memory(self._context), 0, known, -1):
            llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)  # a memory that can't forget a part forgets all
            known = 0
        self.read = list(ids[:known])
        for at in range(known, len(ids), _BLOCK):
            if stopping():
                return False
            block = ids[at : at + _BLOCK]
            given = (llama_cpp.llama_token * len(block))(*block)
            if llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(given, len(block))):
                raise StudioError("llama.cpp could not go on with this talk. Nothing you wrote is touched. Start again.")
            self.read += block
        return True

    def _pick(self, temperature: float) -> int:
        """The next token, chosen as in the app: the likeliest at temperature 0, else top-k, then top-p."""
        count = llama_cpp.llama_vocab_n_tokens(self._vocabulary)
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._context, -1), shape=(count,))
        if temperature <= 0:
            return int(logits.argmax())
        best = np.argpartition(logits, -min(TOP_K, count))[-min(TOP_K, count) :]
        best = best[np.argsort(-logits[best])]
        shares = np.exp((logits[best] - logits[best[0]]).astype(np.float64) / temperature)
        shares /= shares.sum()
        shares[shares.cumsum() - shares > TOP_P] = 0
        return int(self._chance.choice(best, p=shares / shares.sum()))


def _loaded(path: Path) -> Any:
    wanted = llama_cpp.llama_model_default_params()
    wanted.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), wanted)
    if not model:
        raise StudioError(BROKEN)
    return model
