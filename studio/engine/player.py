"""Plays a finished file with llama.cpp, the program inside Ollama, to see what it really does.

llama.cpp is optional: without it files are still made, but not checked. Its chatter goes to a log, never to the terminal.
"""

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

try:
    import llama_cpp
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter
except (ImportError, OSError, RuntimeError):  # not installed, or its library does not load on this machine
    llama_cpp = None

VERSION: str | None = llama_cpp.__version__ if llama_cpp else None  # of the Python package that carries llama.cpp
_F32 = 0  # ggml's number for float32, for the memory of earlier tokens
_SMALL = 100_000_000  # bytes
Listener = Callable[[str], None]


def threads(path: Path) -> int:
    """How many threads a file is best played with: on a small model they spend their time waiting for each other."""
    return 1 if path.stat().st_size < _SMALL else os.cpu_count() or 1


def rendered(template: str, messages: Sequence[dict[str, str]]) -> str:
    """Messages in a file's own markup, ready for an answer; raises ValueError where its template refuses them."""
    return Jinja2ChatFormatter(template, eos_token="<eos>", bos_token="<bos>")(messages=list(messages)).prompt


def hush() -> None:
    """From now on llama.cpp says nothing on the terminal."""
    llama_cpp.llama_log_set(_SILENT, ctypes.c_void_p(0))


def present() -> bool:
    """Whether llama.cpp can be used here."""
    return llama_cpp is not None


@contextmanager
def logged(log: IO[str], listener: Listener | None = None) -> Iterator[None]:
    """While inside, everything llama.cpp says goes to `log` (and, piece by piece, to `listener`)."""

    def hear(_level: int, text: bytes, _user: Any) -> None:
        words = text.decode("utf-8", "replace")
        log.write(words)
        if listener:
            listener(words)

    if llama_cpp is None:
        yield
        return
    callback = llama_cpp.llama_log_callback(hear)
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    try:
        yield
    finally:
        hush()
        log.flush()


# Kept for as long as the program runs: llama.cpp holds the bare pointer.
_SILENT = llama_cpp.llama_log_callback(lambda _level, _text, _user: None) if llama_cpp else None


class Player:
    """An open file, with an adapter file put onto it where one is given. `length` is the number of tokens it can hold at once; memory of earlier tokens is
    kept in float32.
    """

    def __init__(self, path: Path, length: int, adapter: Path | None = None) -> None:
        count = threads(path)
        self._model = llama_cpp.Llama(
            str(path), n_ctx=length, n_batch=min(length, 128), n_ubatch=min(length, 128), type_k=_F32, type_v=_F32, n_gpu_layers=0, logits_all=True,
            n_threads=count, n_threads_batch=count, lora_path=str(adapter) if adapter else None, verbose=False,
        )  # fmt: skip
        self.length = length
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model.model)

    def close(self) -> None:
        """Free the file."""
        self._model.close()

    def __enter__(self) -> "Player":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ids(self, text: str) -> list[int]:
        """Token ids of a text with its control tokens read as such and nothing added."""
        return self._model.tokenize(text.encode(), add_bos=False, special=True)

    def ends(self, token: int) -> bool:
        """Whether the file itself says that an answer ends with this token."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocabulary, token))

    def raw(self, text: str) -> list[int]:
        """Token ids of a text with the beginning the file itself asks for: how Ollama reads a prompt that was written without one."""
        return self._model.tokenize(text.encode(), add_bos=True, special=True)

    def prompt(self, messages: Sequence[dict[str, str]]) -> str:
        """Messages in the file's own markup, ready for an answer; raises ValueError where its template refuses them."""
        return rendered(self._model.metadata["tokenizer.chat_template"], messages)

    def logits(self, tokens: Sequence[int]) -> np.ndarray:
        """Logits at every position, float32 (tokens, vocabulary)."""
        self._model.reset()
        self._model.eval(list(tokens))
        return self._model.scores[: len(tokens)].copy()

    def answer(self, tokens: Sequence[int], limit: int) -> tuple[list[int], bool]:
        """The likeliest continuation, at most `limit` tokens, and whether the file ended it by itself."""
        said: list[int] = []
        self._model.reset()
        self._model.eval(list(tokens))
        while len(said) < limit and len(tokens) + len(said) < self.length:
            following = int(np.argmax(self._model.scores[self._model.n_tokens - 1]))
            if self.ends(following):
                return said, True
            said.append(following)
            self._model.eval([following])
        return said, False
