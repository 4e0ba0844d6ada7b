"""The loaded model or file: speaks, and rests when the machine is needed for something else."""

import importlib
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from studio.domain.blend import Blend
from studio.domain.conversation import Turn
from studio.domain.errors import Busy

WAIT = 120.0  # seconds a question waits for the one before it
LONGEST = 300  # tokens of an answer
FILE = ".gguf"  # how a finished file's name ends


class Voice:
    """One model in memory at a time; the heavy libraries are imported when somebody first talks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._speaker: Any = None
        self._model: Path | None = None
        self._stop = threading.Event()

    def speak(
        self, model: Path, adapter: Path | None, turns: Sequence[Turn], system: str, temperature: float, most: int = LONGEST
    ) -> Generator[str, None, None]:
        """Yield the growing answer to the last turn, of at most `most` tokens; greedy at temperature 0. Raises Busy when another answer does not end.

        `model`: a folder of weights, or a finished file, which is one with what was learned and has no adapter.
        """
        with self._turn():
            speaker = self._wake(model)
            yield from speaker.speak(adapter, turns, system, temperature, self._stop.is_set, most)

    def relay(self, answer: Generator[str, None, None]) -> Generator[str, None, None]:
        """Yield an answer that is spoken elsewhere, in turn with those spoken here and ended by the same Stop."""
        with self._turn(), closing(answer):
            for words in answer:
                if self._stop.is_set():
                    return
                if words:
                    yield words

    def blend(self, parents: Sequence[Path], wanted: Blend, model_id: str, folder: Path) -> Generator[float, None, None]:
        """Blend these adapters into a folder and yield the share that is done; the adapter is there only when nobody pressed Stop."""
        with self._turn():
            for share in importlib.import_module("studio.engine.blender").blend(parents, wanted, model_id, folder):
                yield share
                if self._stop.is_set():
                    return

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=WAIT):
            raise Busy("The character is still answering something else. Press Stop there, or wait a moment. Your words are kept.")
        try:
            self._stop.clear()
            yield
        finally:
            self._lock.release()

    def _wake(self, model: Path) -> Any:
        if self._speaker is None or self._model != model:
            self._let_go()  # the old one's memory is free before the new one loads
            if model.suffix == FILE:
                self._speaker = importlib.import_module("studio.engine.teller").Teller(model)
            else:
                self._speaker = importlib.import_module("studio.engine.generator").Speaker(model)
            self._model = model
        return self._speaker

    def _let_go(self) -> None:
        if self._model is not None and self._model.suffix == FILE:
            self._speaker.close()
        self._speaker, self._model = None, None

    def stop(self) -> None:
        """End the answer being spoken; what was said so far stays."""
        self._stop.set()

    def stopped(self) -> bool:
        """Whether the last answer was ended by somebody."""
        return self._stop.is_set()

    def rest(self) -> None:
        """Free the model's memory; waits for the answer being spoken to end."""
        self.stop()
        with self._lock:
            self._let_go()

    def loaded(self) -> bool:
        """Whether a model is in memory."""
        return self._speaker is not None

    def busy(self) -> bool:
        """Whether somebody is being answered."""
        return self._lock.locked()
