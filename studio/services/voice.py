"""The loaded models and files: they speak, and rest when the machine is needed for something else."""

import importlib
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil

from studio.domain.blend import Blend
from studio.domain.conversation import Turn
from studio.domain.errors import Busy

WAIT = 120.0  # seconds a question waits for the one before it
LONGEST = 300  # tokens of an answer
FILE = ".gguf"  # how a finished file's name ends
AWAKE = 2  # those that stand side by side
_SPARE = 1_500_000_000  # bytes of memory that stay free beside the second


class Voice:
    """What is in memory: one model or file, or two where there is room; the heavy libraries are imported when somebody first talks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._speakers: dict[Path, Any] = {}  # by model or file, the one that spoke last at the end
        self._stop = threading.Event()

    def speak(
        self, model: Path, adapter: Path | None, turns: Sequence[Turn], system: str, temperature: float, most: int = LONGEST
    ) -> Generator[str, None, None]:
        """Yield the growing answer to the last turn, of at most `most` tokens; greedy at temperature 0. Raises Busy when another answer does not end.

        `model`: a folder of weights, and `adapter` a lesson's; or a file, and an adapter file for it where what was learned is not inside it.
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

    def quicken(self, model: Path, lesson: Path | None, file: Path, beside: Path | None) -> Generator[float, None, None]:
        """Make a quick copy and yield the share that is done; after a Stop nothing unfinished is left."""
        making = importlib.import_module("studio.engine.quickener").make(model, lesson, file, beside)
        with self._turn(), closing(making):
            self._let_go()
            for share in making:
                if self._stop.is_set():
                    return
                yield share

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
        speaker = self._speakers.pop(model, None)
        if speaker is None:
            if len(self._speakers) >= AWAKE or not self._room(model):
                self._let_go()  # the old one's memory is free before the new one loads
            if model.suffix == FILE:
                speaker = importlib.import_module("studio.engine.teller").Teller(model)
            else:
                speaker = importlib.import_module("studio.engine.generator").Speaker(model)
        self._speakers[model] = speaker
        return speaker

    def _room(self, model: Path) -> bool:
        """Whether a model can be in memory beside what is there. Of two folders of weights only one is: a graphics card may hold it."""
        folders = [path for path in (*self._speakers, model) if path.suffix != FILE]
        weights = [model] if model.suffix == FILE else model.glob("*.safetensors")
        # Weights may be loaded in wider numbers than they have on the disk.
        need = 2 * sum(file.stat().st_size for file in weights if file.is_file())
        return len(folders) < 2 and psutil.virtual_memory().available > need + _SPARE

    def _let_go(self) -> None:
        while self._speakers:
            model, speaker = self._speakers.popitem()
            if model.suffix == FILE:
                speaker.close()

    def stop(self) -> None:
        """End the answer being spoken; what was said so far stays."""
        self._stop.set()

    def stopped(self) -> bool:
        """Whether the last answer was ended by somebody."""
        return self._stop.is_set()

    def rest(self) -> None:
        """Free the models' memory; waits for the answer being spoken to end."""
        self.stop()
        with self._lock:
            self._let_go()

    def loaded(self) -> bool:
        """Whether a model is in memory."""
        return bool(self._speakers)

    def busy(self) -> bool:
        """Whether somebody is being answered."""
        return self._lock.locked()
