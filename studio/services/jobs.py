"""Long work: child processes, each a folder. The folder is believed, not the memory of having started something."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Literal, cast

import psutil

from studio.domain import progress
from studio.domain.errors import Busy, NotFound
from studio.domain.machine import CALM
from studio.services.library import Library

Kind = Literal["train", "export", "fetch", "search"]
ENGINES: dict[Kind, str] = {
    "train": "studio.engine.trainer",
    "export": "studio.engine.exporter",
    "fetch": "studio.engine.fetcher",
    "search": "studio.engine.searcher",
}
WORDS: dict[str, str] = {
    "train": "A lesson is running",
    "export": "A file is being made",
    "fetch": "A model is being fetched",
    "search": "A search for a better recipe is running",
}
ENDS = ("done", "stopped", "paused", "failed")
SCARCE = 0.05  # of the machine's memory: with less free, a kill that nobody asked for is the system's


class Jobs:
    """Starts and watches the one job this machine does at a time."""

    def __init__(self, library: Library, project: Path) -> None:
        self.library, self.project = library, project
        self._lock = threading.Lock()
        self._children: dict[Path, subprocess.Popen[bytes]] = {}

    def start(self, kind: Kind, folder: Path) -> None:
        """Start the child for a folder that holds its `spec.json`; raises Busy while another works. Calling twice starts once."""
        with self._lock:
            other = self.running()
            if other:
                running = json.loads((other / "spec.json").read_text("utf-8"))["kind"]
                raise Busy(f"{WORDS[running]} already. Wait until it ends, or stop it first.")
            if not (folder / "spec.json").is_file():
                raise NotFound("This job is gone from the disk. Nothing you wrote is touched. Start a new one.")
            if kind == "train" and self.short_of_memory(folder):
                (folder / "lower").touch()  # the lesson takes the next step down before it goes on
            for old in ("stop", "pause", "killed", "ended.json"):
                (folder / old).unlink(missing_ok=True)
            with open(folder / "log.txt", "ab") as log:
                child = subprocess.Popen(
                    [sys.executable, "-m", ENGINES[kind], str(folder)], cwd=self.project, env=self._surroundings(kind), stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, **_detached(),
                )  # fmt: skip
            self._children[folder] = child
            self.library.write_json(folder / "child.json", {"pid": child.pid, "born": _born(child.pid), "shortages": _shortages()})
        threading.Thread(target=self._await_end, args=(folder, child), daemon=True, name=f"watch {folder.name}").start()

    def _surroundings(self, kind: Kind) -> dict[str, str]:
        calm = {
            **CALM,
            "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "TRL_EXPERIMENTAL_SILENCE": "1",
        }  # fmt: skip
        offline = {} if kind == "fetch" else {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
        return {**os.environ, **calm, **offline}

    def _await_end(self, folder: Path, child: subprocess.Popen[bytes]) -> None:
        """Reap the child and keep the way it ended, for a job that could not tell it."""
        code = child.wait()
        if code and folder.is_dir():
            self.library.write_json(folder / "ended.json", {"code": code, "at": time.time()})

    def _code(self, folder: Path) -> int | None:
        """The exit code of a job that ended badly; None where no studio saw it end."""
        if folder in self._children:
            return self._children[folder].poll()
        try:
            return int(json.loads((folder / "ended.json").read_text("utf-8"))["code"])
        except (OSError, ValueError):
            return None

    def running(self) -> Path | None:
        """The folder of the job at work, also one started before this studio was."""
        for folder in self.library.job_folders():
            if self._alive(folder):
                return folder
        return None

    def _alive(self, folder: Path) -> bool:
        child = self._children.get(folder)
        if child is not None:
            return child.poll() is None
        try:
            known = json.loads((folder / "child.json").read_text("utf-8"))
        except (OSError, ValueError):
            return False
        # A process id is used again by the system; with its birth time it names one process for ever.
        born = _born(known["pid"])
        return born is not None and abs(born - known["born"]) < 2

    def state(self, folder: Path) -> progress.State:
        """What has become of a job. An end without a word is a failure, never a success."""
        if self._alive(folder):
            return "running"
        for event in reversed(self.events(folder)):
            if (kind := event["kind"]) in ENDS:
                return cast(progress.State, kind)
            if event["kind"] in ("start", "phase", "step"):
                break
        return "interrupted" if (folder / "child.json").exists() else "waiting"

    def events(self, folder: Path) -> list[dict[str, Any]]:
        """The job's journal so far; empty before its first word."""
        try:
            return progress.read((folder / "events.jsonl").read_text("utf-8"))
        except FileNotFoundError:
            return []

    def stop(self, folder: Path) -> None:
        """Ask a job to end and keep what it has. It answers at its next step."""
        self.library.write_json(folder / "stop", {})

    def pause(self, folder: Path) -> None:
        """Ask a lesson to rest: it saves at its next step and ends; `start` lets it go on as if nothing had been."""
        self.library.write_json(folder / "pause", {})

    def kill(self, folder: Path) -> None:
        """End a job now. Its last safe copy stays."""
        child = json.loads((folder / "child.json").read_text("utf-8"))
        if self._alive(folder):
            self.library.write_json(folder / "killed", {})
            psutil.Process(child["pid"]).kill()

    def wait(self, folder: Path, seconds: float) -> bool:
        """Wait for a job's end; False when it still runs after so many seconds."""
        until = time.monotonic() + seconds
        while self._alive(folder):
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True

    def short_of_memory(self, folder: Path) -> bool:
        """Whether the system ended a job because memory ran out: it was killed, not by us, and the system says so or had next to nothing left."""
        if self.state(folder) != "interrupted" or (folder / "killed").exists() or self._code(folder) not in (None, -9):
            return False
        before, now = json.loads((folder / "child.json").read_text("utf-8")).get("shortages"), _shortages()
        if before is not None and now is not None:
            return bool(now > before)
        free = [event["free_mb"] for event in self.events(folder) if "free_mb" in event]
        return bool(free) and free[-1] < SCARCE * psutil.virtual_memory().total / 1e6

    def failure(self, folder: Path) -> str:
        """Why a job ended without what it was for, in a sentence."""
        for event in reversed(self.events(folder)):
            if event["kind"] == "failed":
                return str(event["message"])
            if event["kind"] == "start":
                break
        if self.short_of_memory(folder):
            return "The computer ended this work because it ran short of memory. What was learned up to the last safe copy is kept. Go on: it then takes smaller steps."
        code = self._code(folder)
        if os.name == "posix" and code == -signal.SIGKILL:
            return "The computer ended this work, most likely because it ran short of memory. What was learned up to the last safe copy is kept. Close other programs, then go on."
        if code is not None:
            return f"A part of the studio broke and ended this work (code {code}). What was done up to the last safe copy is kept. What happened is written in log.txt in this folder."
        return "This work ended before its time, perhaps because the computer was switched off. What was done up to the last safe copy is kept."


def _shortages() -> int | None:
    """How many processes this system (Linux) has ended for want of memory since it started; None where it does not count them."""
    try:
        counts = dict(line.split() for line in Path("/proc/vmstat").read_text("ascii").splitlines())
    except OSError:
        return None
    return int(counts["oom_kill"]) if "oom_kill" in counts else None


def _born(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def _detached() -> dict[str, Any]:
    # A session of its own: Ctrl-C in the terminal ends the window, not the lesson.
    if os.name == "posix":
        return {"start_new_session": True}
    return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}  # type: ignore[attr-defined]
