"""A job's own voice: it appends to the journal the window reads, and hears when it is asked to stop or to pause."""

import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.engine.shortage import short_of_memory


class Stopped(Exception):
    """The person asked the job to stop. Not an error: what can be kept has been kept, or there was nothing to keep."""


class Paused(Stopped):
    """The person asked the job to rest: what it has done is on the disk, and it goes on when it is started again."""


class Again(Exception):
    """The job has written down a smaller plan and begins again, with all memory to itself."""


class Reporter:
    """Writes `events.jsonl` in one job folder, a line at a time, each on disk before the job goes on.

    Of several processes that share a job only the first (`speaks`) writes; the others listen.
    """

    def __init__(self, folder: Path, speaks: bool = True) -> None:
        self.folder, self.speaks = folder, speaks
        if not speaks:
            return
        self._journal = open(folder / "events.jsonl", "a+b")  # noqa: SIM115 (open for the life of the job)
        # A line torn by a killed predecessor must not swallow our first one.
        if self._journal.tell() and self._last_byte() != b"\n":
            self._journal.write(b"\n")

    def _last_byte(self) -> bytes:
        self._journal.seek(-1, os.SEEK_END)
        return self._journal.read(1)

    def say(self, kind: str, **facts: Any) -> None:
        """Append one event."""
        if not self.speaks:
            return
        line = json.dumps({"kind": kind, "at": time.time(), **facts}, ensure_ascii=False) + "\n"
        self._journal.write(line.encode())
        self._journal.flush()
        os.fsync(self._journal.fileno())
        if kind in ("stopped", "paused"):  # what was asked has been answered; asked while the job was still starting, it is not forgotten
            for asked in ("stop", "pause"):
                (self.folder / asked).unlink(missing_ok=True)

    def close(self) -> None:
        """End the journal, where a job outlives what it reports on."""
        self._journal.close()

    def phase(self, text: str, share: float | None = None) -> None:
        """Say what is being done now; `share` from 0 to 1 where it is known."""
        self.say("phase", text=text, **({} if share is None else {"share": share}))

    @property
    def stopping(self) -> bool:
        """Whether the person has asked for an end."""
        return (self.folder / "stop").exists()

    @property
    def pausing(self) -> bool:
        """Whether the person has asked for a rest."""
        return (self.folder / "pause").exists()

    @property
    def leaving(self) -> bool:
        """Whether the person has asked for either."""
        return self.stopping or self.pausing

    def check(self) -> None:
        """Leave the job when asked to."""
        if self.stopping:
            raise Stopped
        if self.pausing:
            raise Paused


def run(work: Callable[[Path, Reporter], None]) -> None:
    """The frame of every job: `python -m studio.engine.<...> FOLDER`. Each end, good or bad, is said in the journal."""
    folder = Path(sys.argv[1])
    reporter = Reporter(folder, speaks=os.environ.get("RANK", "0") == "0")
    while _once(work, folder, reporter):
        _afresh()


def _once(work: Callable[[Path, Reporter], None], folder: Path, reporter: Reporter) -> bool:
    """Do the work; True when it wants to begin again."""
    try:
        work(folder, reporter)
    except Again:
        return True
    except Paused:
        reporter.say("paused")
    except Stopped:
        reporter.say("stopped")
    except Exception as error:  # whatever it is, the window has to hear of it
        traceback.print_exc()
        message, defect = in_words(error)
        reporter.say("failed", message=message, **({"defect": True} if defect else {}))
        sys.exit(1)
    except BaseException:
        traceback.print_exc()
        reporter.say("failed", message=UNEXPECTED, defect=True)
        raise
    return False


def _afresh() -> None:
    """Become a new process under the same id: libraries that ran out of memory keep much of it, and answer oddly later."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(sys.executable, sys.orig_argv)
    gc.collect()  # Windows can't: there the job goes on with what this process still has


def in_words(error: Exception) -> tuple[str, bool]:
    """Why a job failed, in a sentence, and whether the studio itself is to blame."""
    if isinstance(error, StudioError):
        return str(error), False
    if short_of_memory(error):
        return SHORT_OF_MEMORY, False
    if isinstance(error, OSError):
        if error.errno == 28:
            return "The disk is full. Nothing you wrote is touched. Free some space, then go on.", False
        return f"A file could not be written: {error.strerror}. Nothing you wrote is touched.", False
    return UNEXPECTED, True


SHORT_OF_MEMORY = (
    "This computer ran short of memory. Nothing you wrote is touched. Close other programs, or choose a smaller model or the Quick try."
)
UNEXPECTED = "Something in the studio broke. Nothing you wrote is touched. What happened is written in log.txt in this folder."
