"""What the writing room does with 10,000 conversations (25 MB), each figure beside its bar.

    python -m studio bench writing [--json FILE]

Every step runs in a fresh process over one home of its own, through the services the window uses, with every save written to the disk. Memory is
what such a process has in RAM at most, the interpreter and all libraries included; its bar is for one process that loads all the window loads
and then does everything a person does, one after the other, on a home that was empty. Ends with 1 where a bar is missed. The set is made of the
project's own words (tests/manuscript.py) and is always the same.
"""

import argparse
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import psutil

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from studio import settings  # noqa: E402
from studio.domain.conversation import to_jsonl  # noqa: E402
from studio.domain.formats.found import Found  # noqa: E402
from studio.services import exchange  # noqa: E402
from studio.services.studio import Studio, assemble  # noqa: E402
from tests import manuscript  # noqa: E402

SET = "conversations.jsonl"
SAVES, PAUSE = 200, 0.05  # seconds between two saves: the plain copy is written meanwhile, as while somebody types
FEW = 1_000  # conversations of a character that somebody is writing on
COMMON = ("you", "the", "house", "rain", "I like", "sleep", "good night", "my brother", "apple", "how old are you", "ice", "er", "s")
SELDOM = ("parrots", "sweet potatoes", "crocodile", "umbrella", "whistle", "don't know", "beetle", "lighthouse", "Vera", "tea and")
NOWHERE = ("xylograph", "zzq", '"no such words anywhere"')
Figures = dict[str, float]


class Bar(NamedTuple):
    """One line of the report: what is measured, in what, and how much it may be; without a bar it is told for its own sake."""

    key: str
    title: str
    unit: str
    most: float | None = None


BARS = (
    Bar("import", "Bring the set in", "s", 30),
    Bar("import, saving", "A save while it comes in, longest", "ms"),
    Bar("open after a change", "Open the studio and see the list, with the daily backup", "s", 2),
    Bar("open", "Open the studio and see the list", "s", 2),
    Bar("save", "Save one edit, median", "ms", 100),
    Bar("save, p95", "Save one edit, 95th percentile", "ms"),
    Bar("save, worst", "Save one edit, longest", "ms"),
    Bar("find", "Find text, median", "ms", 100),
    Bar("find, p95", "Find text, 95th percentile", "ms", 100),
    Bar("find, worst", "Find text, longest", "ms"),
    Bar("check", "All checks, nothing known before", "s", 10),
    Bar("check again", "All checks, after one more edit", "s", 10),
    Bar("remarks", f"What the checks say of a line just saved, {FEW:,} conversations, median", "s", 1),
    Bar("remarks, worst", "The same, longest", "s", 1),
    Bar("remarks, first", "The same, nothing known before", "s"),
    Bar("memory", "Memory of a studio that does all of this, at most", "MB", 600),
)


# ---------------------------------------------------------------- what is measured
def bring_in(home: Path) -> Figures:
    """For a character with Biscuit's sheet, so that there are rules and facts to hold the lines to, while somebody writes on another one."""
    with opened(home) as studio:
        biscuit = next(c.persona for c in studio.library.characters() if c.persona.name == "Biscuit")
        into = studio.library.create(replace(biscuit, name="Many"))
        with saving(studio) as waits:
            began = time.perf_counter()
            (one,) = exchange.read_files([home.parent / SET], "Many", studio.settings)
            assert one.found is not None and not one.skipped, one.skipped[:3]
            exchange.bring_in(studio.library, [(one.file, one.found)], into)
            return {"import": time.perf_counter() - began, "import, saving": max(waits)}


@contextmanager
def saving(studio: Studio) -> Iterator[list[float]]:
    """Somebody who saves in Biscuit's first conversation all the time; the list holds how long each save took."""
    identifier = studio.library.listing(studio.library.characters()[0].id, "", 0, 1)["rows"][0]["id"]
    held, waits, over = studio.library.load(identifier), [], threading.Event()

    def write() -> None:
        while not over.wait(PAUSE):
            waits.append(save_one(studio, held, 0))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield waits
    finally:
        over.set()
        writer.join()


def open_twice(home: Path) -> Figures:
    """The first page of the list, from nothing, with every seal looked at."""
    found = {}
    for key in ("open after a change", "open"):
        began = time.perf_counter()
        with opened(home) as studio:
            who = largest(studio)
            assert len(studio.library.listing(who, "", 0, 100)["rows"]) == 100
            found[key] = time.perf_counter() - began
    return found


def save(home: Path) -> Figures:
    """Changed lines in conversations all over the set, while the reader reads in the background, as ever."""
    with opened(home) as studio:
        studio.reader.follow()
        who = largest(studio)
        ids = [studio.library.listing(who, "", n * manuscript.COUNT // SAVES, 1)["rows"][0]["id"] for n in range(SAVES)]
        spent = []
        for n, identifier in enumerate(ids):
            spent.append(save_one(studio, studio.library.load(identifier), n))
            time.sleep(PAUSE)
        studio.reader.close()
    return spread("save", spent)


def save_one(studio: Studio, held: dict[str, Any], n: int) -> float:
    """Milliseconds until one changed line of this conversation is on the disk."""
    line = held["turns"][n % len(held["turns"])]
    line["text"] = f"{line['text'][:2_000]} {n}."
    began = time.perf_counter()
    answer = studio.library.save(held["id"], held["rev"], secrets.token_hex(8), held["title"], held["turns"])
    assert answer["ok"], answer
    held["rev"] = answer["rev"]
    return (time.perf_counter() - began) * 1000


def find(home: Path) -> Figures:
    """Words that are everywhere, words that are rare, names that stand in one conversation each, and words that stand nowhere."""
    with opened(home) as studio:
        who, spent = largest(studio), []
        for wanted in (*COMMON, *SELDOM, *names(studio, who), *NOWHERE):
            began = time.perf_counter()
            total = studio.library.listing(who, wanted, 0, 100)["total"]
            spent.append((time.perf_counter() - began) * 1000)
            assert bool(total) == (wanted not in NOWHERE), (wanted, total)
    return spread("find", spent)


def names(studio: Studio, who: str) -> list[str]:
    """Four of the names that only a conversation or two know: each stands at the end of a last line, before what a save has put there."""
    every = studio.library.conversations(who)[:: manuscript.COUNT // 4]
    return [c.turns[-1].text.rpartition(" Ask ")[2].split(".")[0] for c in every][:4]


def check(home: Path) -> Figures:
    """Everything read, with the model Prepare would count with."""
    with opened(home) as studio:
        who, model, spent = largest(studio), studio.models.chosen(None), []
        for _ in range(2):
            began = time.perf_counter()
            reading = studio.reader.read(who, model.id if model else None)
            spent.append(time.perf_counter() - began)
            assert len(reading.conversations) == manuscript.COUNT
            save_one(studio, studio.library.load(reading.conversations[0].id), 1)
    return {"check": spent[0], "check again": spent[1]}


def remarks(home: Path) -> Figures:
    """All checks after each of some saves, as they run in the background while somebody writes; each save is in another conversation."""
    with opened(home) as studio:
        sheet = studio.library.character(largest(studio)).persona
        who, model = studio.library.create(replace(sheet, name="Few")), studio.models.chosen(None)
        ids = studio.library.add_many(who, list(manuscript.conversations(FEW, manuscript.SIZE * FEW // manuscript.COUNT)))
        spent = []
        for n, identifier in enumerate([ids[0], *ids[:: FEW // 20]]):
            save_one(studio, studio.library.load(identifier), n)
            began = time.perf_counter()
            assert len(studio.reader.read(who, model.id if model else None).conversations) == FEW
            spent.append(time.perf_counter() - began)
        studio.library.delete(who)
    return {"remarks": statistics.median(spent[1:]), "remarks, worst": max(spent[1:]), "remarks, first": spent[0]}


def memory(home: Path) -> Figures:
    """All that the window loads, then a whole day in one process: open, bring in, find, write, check, take out and take back."""
    __import__("studio.app")
    with opened(home.with_name("day")) as studio:
        studio.reader.follow()
        arrived = exchange.bring_in(studio.library, read(home, studio), None)
        (who,) = (one.persona for one in arrived)
        model = studio.models.chosen(None)
        for n in range(2):
            reading = studio.reader.read(who, model.id if model else None)
            studio.library.listing(who, "house", 0, 100)
            save_one(studio, studio.library.load(reading.conversations[n].id), n)
        del reading
        exchange.take_out(studio.library, who, "package", studio.settings)
        exchange.take_back(studio.library, arrived)
        studio.library.index.wait()
        studio.reader.close()
        return {"memory": peak()}


def read(home: Path, studio: Studio) -> list[tuple[str, Found]]:
    """What the file of the set holds; nothing else keeps it alive."""
    return [(one.file, one.found) for one in exchange.read_files([home.parent / SET], "Many", studio.settings) if one.found]


STEPS: dict[str, Callable[[Path], Figures]] = {step.__name__: step for step in (bring_in, open_twice, save, find, check, remarks, memory)}


# ---------------------------------------------------------------- with what
@contextmanager
def opened(home: Path) -> Iterator[Studio]:
    """A studio over this home, closed in the end."""
    studio = assemble(settings.read(home=home, offline=True))
    try:
        yield studio
    finally:
        studio.library.close()


def largest(studio: Studio) -> str:
    """The character the set belongs to."""
    return max(studio.library.characters(), key=lambda c: c.conversations).id


def spread(key: str, spent: list[float]) -> Figures:
    """Median, 95th percentile and the longest."""
    return {key: statistics.median(spent), f"{key}, p95": statistics.quantiles(spent, n=20)[-1], f"{key}, worst": max(spent)}


def peak() -> float:
    """The most memory this process has had, in MB."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    if sys.platform == "linux":  # where ru_maxrss begins with what the process had that started this one
        line = next(line for line in Path("/proc/self/status").read_text("utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource  # exists everywhere else

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


# ---------------------------------------------------------------- one after the other
def measure(folder: Path, steps: list[str]) -> dict[str, Figures]:
    """Every step in a process of its own over one home."""
    given = list(manuscript.conversations())
    (folder / SET).write_text(to_jsonl(given), "utf-8")
    said = sum(len(turn.text.encode()) for c in given for turn in c.turns)
    print(f"{len(given):,} conversations, {sum(len(c.turns) for c in given):,} lines, {said / 1e6:.1f} MB of speech", flush=True)
    found: dict[str, Figures] = {}
    for step in steps:
        command = [sys.executable, str(Path(__file__)), "--step", step, "--folder", str(folder)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[step] = json.loads(done.stdout.splitlines()[-1])
        told(found[step])
    return found


def told(figures: Figures) -> None:
    """Print each figure with its bar and whether it is met."""
    for bar in (bar for bar in BARS if bar.key in figures):
        held = "" if bar.most is None else f"at most {bar.most:g}".ljust(14) + ("missed" if missed(bar, figures) else "met")
        print(f"  {bar.title:<58}{figures[bar.key]:>9.1f} {bar.unit:<4}{held}".rstrip(), flush=True)


def missed(bar: Bar, figures: Figures) -> bool:
    """Whether a figure is over its bar."""
    return bar.most is not None and figures.get(bar.key, 0) > bar.most


def main() -> int:
    """Measure, print, and say by the exit code whether every bar was met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--only", choices=STEPS, action="append", help="these steps alone; the set is brought in in any case")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        figures = STEPS[given.step](given.folder / "home")
        print(json.dumps({**figures, f"{given.step} memory": peak()}))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        figures = {}
        for found in measure(Path(folder), list(dict.fromkeys(["bring_in", *(given.only or STEPS)]))).values():
            figures |= found
    print(
        "  Memory of each step, at most: "
        + ", ".join(f"{step} {figures[f'{step} memory']:.0f} MB" for step in STEPS if f"{step} memory" in figures)
    )
    over = [bar.title for bar in BARS if missed(bar, figures)]
    print("Every bar is met." if not over else f"Missed: {'; '.join(over)}.")
    if given.json:
        bars = {bar.key: bar.most for bar in BARS if bar.most is not None}
        given.json.write_text(json.dumps({"figures": figures, "bars": bars, "missed": over}, indent=1) + "\n", "utf-8")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
