"""What is told before a lesson and while it runs, and what it survives: kills at random moments, too little memory, being shared by two processes.

    python -m studio bench training-room [--json [FILE]]
    python tests/benchmarks/training_room.py [--only predicted,killed,starved,shared,told] [--cases practice,270m,1b] [--kills 30] [--seed 1] [--models FOLDER] [--json FILE]

Every lesson is real, in processes of its own: on the practice model, and for the memory that is foretold also on Gemma 3 270M and 1B with random
weights (training_fits.py, which this runs). The bars: memory is foretold within 15 % in every case; after all the kills the adapter is the unbroken
lesson's, byte for byte, and none cost more than one interval between safe copies; under a limit on memory the lesson walks down every kind of step and ends
with an adapter; two processes show the loss curve of one within 1e-4; what a person is told of the time left is right within a fifth after the first
minute (what is said goes in steps of five seconds, so half of one step is no mistake).
"""

import argparse
import itertools
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from studio.domain import pace, progress  # noqa: E402
from studio.engine import trainer  # noqa: E402
from tests.engine import classroom  # noqa: E402
from tests.engine.classroom import journal  # noqa: E402

RECIPE = {"epochs": 16, "evaluations_per_epoch": 2}
INTERVAL = 3  # steps: 22 conversations in batches of 4 are 6 a pass, with two measurements
LINES = 18  # of the journal: about what one start and one interval say
MINUTES_LONG = 60  # passes: about three minutes on two cores
A_MOMENT = 5  # seconds before the end of which nobody minds a fifth
GRANTED = (70, 85, 100)  # MB above what the libraries need: the least with which the lesson still ends
LONG = {"epochs": 1, "batch_size": 64, "rank": 64, "alpha": 64, "dora": True, "max_length": 1024}  # what the limit is too small for
BOTTOM = {"batch_size": 1, "checkpointing": True, "dora": False, "targets": "attention"}  # what is left after every kind of step down


def quietly(folder: Path) -> None:
    """A lesson in a process whose libraries are loaded already; what it logs goes into its folder."""
    with open(folder / "log.txt", "ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.argv = ["trainer", str(folder)]
    trainer.main()


def start(folder: Path) -> multiprocessing.Process:
    """Start or go on with a lesson."""
    made = multiprocessing.get_context("forkserver").Process(target=quietly, args=(folder,))
    made.start()
    return made


def lines(folder: Path) -> int:
    """How much a lesson has said."""
    file = folder / "events.jsonl"
    return file.read_bytes().count(b"\n") if file.is_file() else 0


def kill_at_random(folder: Path, kills: int, chance: random.Random) -> list[str]:
    """Start a lesson and kill it, again and again, each time at a random line of its journal and a random moment after; returns the lines' kinds."""
    moments = []
    for _ in range(kills):
        target, moment = lines(folder) + chance.randrange(LINES), chance.uniform(0, 0.15)
        running = start(folder)
        while lines(folder) < target and running.is_alive():
            time.sleep(0.005)
        running.join(moment)
        if not running.is_alive():
            break
        running.kill()
        running.join()
        said = (folder / "events.jsonl").read_text("utf-8").rsplit("\n", 2) if lines(folder) else []
        moments.append(json.loads(said[-2])["kind"] if len(said) > 1 else "nothing yet")
    return moments


def lost(folder: Path) -> list[int]:
    """How many steps each start had to do again."""
    costs, reached = [], 0
    for event in progress.read((folder / "events.jsonl").read_text("utf-8")):
        if event["kind"] == "step":
            reached = event["step"]
        elif event["kind"] == "start":
            costs.append(reached - event["from_step"])
            reached = event["from_step"]
    return costs


def killed_often(home: Path, kills: int, seed: int) -> dict:
    """The same lesson unbroken and killed `kills` times."""
    whole, broken = (classroom.lay_out(home / name, **RECIPE) for name in ("whole", "broken"))
    began = time.monotonic()
    unbroken = start(whole)
    unbroken.join()
    seconds = time.monotonic() - began
    moments = kill_at_random(broken, kills, random.Random(seed))
    last = start(broken)
    last.join()
    costs = lost(broken)
    return {
        "steps": len(classroom.losses(whole)),
        "unbroken_seconds": round(seconds, 1),
        "kills": len(moments),
        "killed_after": dict(Counter(moments)),
        "most_steps_lost": max(costs),
        "interval": INTERVAL,
        "same_adapter": classroom.adapter(whole) == classroom.adapter(broken),
        "same_curve": classroom.losses(whole) == classroom.losses(broken),
        "met": len(moments) == kills and classroom.adapter(whole) == classroom.adapter(broken) and max(costs) <= INTERVAL,
    }


def starve(folder: Path, granted: int) -> None:
    """Run a lesson in this process with so many MB of memory above what its libraries have taken; the system refuses the rest."""
    import resource  # POSIX only

    if resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY:  # else it began again, and the limit holds still
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("ascii").splitlines())
        limit = int(status["VmData"].split()[0]) * 1024 + granted * 1_000_000
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    quietly(folder)


def starved(home: Path) -> dict:
    """A lesson far too large for the memory it is granted. Only Linux can refuse a process what it asks for."""
    if sys.platform != "linux":
        return {"met": True, "not_measured": "only Linux limits the memory of one process"}
    for granted in GRANTED:
        folder = classroom.lay_out(home / f"starved-{granted}", train=128, **LONG)
        subprocess.run([sys.executable, __file__, "--starve", str(granted), str(folder)], cwd=HERE, check=False)
        if journal(folder, "done"):
            return walked(folder, granted)
    return {"met": False, "log": (folder / "log.txt").read_text("utf-8")[-1500:]}


def walked(folder: Path, granted: int) -> dict:
    """How a lesson went down its ladder to its end."""
    kept = json.loads((folder / "recipe.json").read_text("utf-8"))
    bottom = all(kept["used"][name] == value for name, value in BOTTOM.items())
    adapter = (folder / "adapter_model.safetensors").is_file()
    return {
        "granted_mb": granted,
        "refused": (folder / "log.txt").read_text("utf-8").count("can't allocate memory"),
        "given_up": kept["given_up"],
        "asked": {name: kept["asked"][name] for name in ("batch_size", "accumulation", "max_length", "rank", "dora")},
        "used": {name: kept["used"][name] for name in ("batch_size", "accumulation", "max_length", "rank", *list(BOTTOM)[1:])},
        "adapter": adapter,
        "met": bottom and adapter,
    }


def shared(home: Path) -> dict:
    """The unbroken lesson's first passes, shared by two processes."""
    alone, both = (classroom.lay_out(home / name, **RECIPE | {"epochs": 4}) for name in ("alone", "both"))
    start(alone).join()
    code = classroom.child(both, processes=2).wait()
    apart = [abs(a - b) for a, b in itertools.zip_longest(classroom.losses(alone), classroom.losses(both), fillvalue=9.9)]
    return {"steps": len(apart), "furthest_apart": max(apart), "met": code == 0 and max(apart) < 1e-4}


def told(home: Path) -> dict:
    """A lesson of some minutes, and what stood beside its bar at every step after the first minute."""
    folder = classroom.lay_out(home / "told", train=110, unseen=11, epochs=MINUTES_LONG)
    start(folder).join()
    events = progress.read((folder / "events.jsonl").read_text("utf-8"))
    began = next(event["at"] for event in events if event["kind"] == "start")
    ended = [event["at"] for event in events if event["kind"] == "step"][-1]
    wrong, exact = [], []
    for number, event in enumerate(events, 1):
        if event["kind"] == "step" and event["at"] - began > 60 and ended - event["at"] > A_MOMENT:
            off = abs(pace.left(events[:number]).seconds - (ended - event["at"]))
            exact.append(off / (ended - event["at"]))
            wrong.append(max(0.0, off - progress.FINEST / 2) / (ended - event["at"]))
    return {
        "seconds": round(ended - began),
        "times_told": len(wrong),
        "worst": round(max(wrong, default=9.9), 3),
        "worst_to_the_second": round(max(exact, default=9.9), 3),
        "met": max(wrong, default=9.9) <= 0.2,
    }


def predicted(home: Path, models: Path, cases: str) -> dict:
    """Every case of training_fits.py: the memory that was foretold beside what the lesson's own process held at most."""
    file, program = home / "fits.json", HERE / "tests" / "benchmarks" / "training_fits.py"
    code = subprocess.run(
        [sys.executable, str(program), "--models", str(models), "--only", cases, "--json", str(file)], cwd=HERE, check=False
    ).returncode
    found = json.loads(file.read_text("utf-8")) if file.is_file() else []
    told_of = ("case", "predicted_gb", "measured_gb", "off")
    return {"cases": [{name: case[name] for name in told_of} for case in found], "met": code == 0 and bool(found)}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="parts to be measured, with commas; all unless told")
    parser.add_argument("--cases", default="", help="of the memory that is foretold: practice, 270m, 1b, with commas; all unless told")
    parser.add_argument("--models", type=Path, help="a folder in which random models are kept for the next time")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--starve", nargs=2, metavar=("MB", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.starve:
        starve(Path(given.starve[1]), int(given.starve[0]))
        return 0
    multiprocessing.set_forkserver_preload(["studio.engine.trainer"])
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        parts = {
            "predicted": lambda: predicted(home, given.models or home / "models", given.cases),
            "killed": lambda: killed_often(home, given.kills, given.seed),
            "starved": lambda: starved(home),
            "shared": lambda: shared(home),
            "told": lambda: told(home),
        }
        figures = {}
        for name, part in parts.items():
            if not given.only or name in given.only.split(","):
                figures[name] = part()
                print(json.dumps({name: figures[name]}, indent=1), flush=True)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    return 0 if all(part["met"] for part in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
