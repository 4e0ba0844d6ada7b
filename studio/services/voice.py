"""The loaded model: speaks, and rests when the machine is needed for something else."""

import importlib
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from studio.domain.conversation import Turn
from studio.domain.errors import Busy

WAIT = 120.0  # seconds a question waits for the one before it


class Voice:
    """One model in memory at a time; the heavy libraries are imported when somebody first talks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._speaker: Any = None
        self._stop = threading.Event()

    def speak(
        self, model: Path, adapter: Path | None, turns: Sequence[Turn], system: str, temperature: float
    ) -> Generator[str, None, None]:
        """Yield the growing answer to the last turn; greedy at temperature 0. Raises Busy when another answer does not end."""
        if not self._lock.acquire(timeout=WAIT):
            raise Busy("The character is still answering something else. Press Stop there, or wait a moment. Your words are kept.")
        try:
            self._stop.clear()
            speaker = self._wake(model)
            yield from speaker.speak(adapter, turns, system, temperature, self._stop.is_set)
        finally:
            self._lock.release()

    def _wake(self, model: Path) -> Any:
        if self._speaker is None or self._speaker.folder != model:
            self._speaker = None  # the old one's memory is free before the new one loads
            self._speaker = importlib.import_module("studio.engine.generator").Speaker(model)
        return self._speaker

    def stop(self) -> None:
        """End the answer being spoken; what was said so far stays."""
        self._stop.set()

    def rest(self) -> None:
        """Free the model's memory; waits for the answer being spoken to end."""
        self.stop()
        with self._lock:
            self._speaker = None

    def loaded(self) -> bool:
        """Whether a model is in memory."""
        return self._speaker is not None

    def busy(self) -> bool:
        """Whether somebody is being answered."""
        return self._lock.locked()
