"""A job's own voice: it appends to the journal the window reads, and hears when it is asked to stop."""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError


class Stopped(Exception):
    """The person asked the job to stop. Not an error: what can be kept has been kept, or there was nothing to keep."""


class Reporter:
    """Writes `events.jsonl` in one job folder, a line at a time, each on disk before the job goes on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "stop").unlink(missing_ok=True)
        self._journal = open(folder / "events.jsonl", "a+b")  # noqa: SIM115 (open for the life of the job)
        # A line torn by a killed predecessor must not swallow our first one.
        if self._journal.tell() and self._last_byte() != b"\n":
            self._journal.write(b"\n")

    def _last_byte(self) -> bytes:
        self._journal.seek(-1, os.SEEK_END)
        return self._journal.read(1)

    def say(self, kind: str, **facts: Any) -> None:
        """Append one event."""
        line = json.dumps({"kind": kind, "at": time.time(), **facts}, ensure_ascii=False) + "\n"
        self._journal.write(line.encode())
        self._journal.flush()
        os.fsync(self._journal.fileno())

    def phase(self, text: str, share: float | None = None) -> None:
        """Say what is being done now; `share` from 0 to 1 where it is known."""
        self.say("phase", text=text, **({} if share is None else {"share": share}))

    @property
    def stopping(self) -> bool:
        """Whether the person has asked for an end."""
        return (self.folder / "stop").exists()

    def check(self) -> None:
        """Leave the job when asked to."""
        if self.stopping:
            raise Stopped


def run(work: Callable[[Path, Reporter], None]) -> None:
    """The frame of every job: `python -m studio.engine.<...> FOLDER`. Each end, good or bad, is said in the journal."""
    folder = Path(sys.argv[1])
    reporter = Reporter(folder)
    try:
        work(folder, reporter)
    except Stopped:
        reporter.say("stopped")
    except StudioError as error:
        traceback.print_exc()
        reporter.say("failed", message=str(error))
        sys.exit(1)
    except OSError as error:
        traceback.print_exc()
        full = error.errno == 28
        what = (
            "The disk is full. Nothing you wrote is touched. Free some space, then go on."
            if full
            else f"A file could not be written: {error.strerror}. Nothing you wrote is touched."
        )
        reporter.say("failed", message=what)
        sys.exit(1)
    except (MemoryError, RuntimeError) as error:
        traceback.print_exc()
        short = isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "can't allocate memory" in str(error).lower()
        reporter.say("failed", message=SHORT_OF_MEMORY if short else UNEXPECTED, defect=not short)
        sys.exit(1)
    except BaseException:
        traceback.print_exc()
        reporter.say("failed", message=UNEXPECTED, defect=True)
        raise


SHORT_OF_MEMORY = (
    "This computer ran short of memory. Nothing you wrote is touched. Close other programs, or choose a smaller model or the Quick try."
)
UNEXPECTED = "Something in the studio broke. Nothing you wrote is touched. What happened is written in log.txt in this folder."
