"""How long finding takes among ten thousand conversations, with the index and without it.

python tests/benchmarks/finding.py [--conversations 10000] [--characters 2500]
"""

import argparse
import json
import random
import resource
import tempfile
import time
from pathlib import Path

from studio.domain.conversation import Conversation, Turn
from studio.domain.persona import Persona
from studio.domain.wanted import Filters, terms
from studio.services.library import Library
from studio.services.similar import Similar

PROJECT = Path(__file__).parents[2]
QUERIES = (
    "puddle",
    "the",
    "come on",
    '"come on"',
    "puddle water",
    "because",
    "zzzqqq",
    '"do you want to"',
    "ab",
    "e",
    "to the gate",
    "rain",
)
FILTERS = (
    Filters(tag="tag 3"),
    Filters(flag="finished"),
    Filters(length="long"),
    Filters(drafted=True),
    Filters("tag 1", "unchecked", "medium"),
)


def invented(count: int, length: int) -> list[Conversation]:
    """Conversations put together from the practice text, always the same."""
    chance, words = (
        random.Random(1),
        " ".join(
            file.read_text("utf-8") for file in sorted(each for each in (PROJECT / "assets/practice-text").rglob("*.*") if each.is_file())
        ).split(),
    )
    flags = ("", "", "needs work", "finished")
    return [Conversation("", f"Talk {n}", _turns(chance, words, length), (f"tag {n % 9}",), flags[n % 4]) for n in range(count)]


def _turns(chance: random.Random, words: list[str], length: int) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    while sum(len(turn.text) for turn in turns) < length:
        start, size = chance.randrange(len(words) - 60), chance.randint(4, 60)
        text = " ".join(words[start : start + size])
        turns.append(Turn(f"t{len(turns)}", "model" if len(turns) % 2 else "user", text, drafted=chance.random() < 0.001))
    return tuple(turns)


def timed(act) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - start)


def spread(figures: list[float]) -> dict[str, float]:
    """The middle one and the one that 95 of 100 stay below."""
    ordered = sorted(figures)
    return {"p50": round(ordered[len(ordered) // 2], 1), "p95": round(ordered[int(0.95 * len(ordered))], 1)}


def memory() -> float:
    """The most memory held so far, in MB (on Linux)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def measure(home: Path, count: int, length: int) -> dict[str, object]:
    """All figures; times in milliseconds."""
    library = Library(home, home / "no-examples")
    who = library.create(Persona("Biscuit"))
    ids = library.add_many(who, invented(count, length))
    report: dict[str, object] = {"text_mb": round(sum(len(turn.text) for c in library.conversations(who) for turn in c.turns) / 1e6, 1)}
    first = memory()
    report["first answer, while the index begins"] = round(timed(lambda: library.listing(who, "puddle", 0, 100)), 1)
    during = []
    report["first build"] = round(timed(lambda: _until_built(library, who, during)))
    report["answers meanwhile"] = spread(during)
    report["memory before and after, MB"] = (first, memory())
    report["index, MB"] = round((home / "index.db").stat().st_size / 1e6, 1)
    report["search"] = spread([timed(lambda q=q: library.listing(who, q, 0, 100)) for q in QUERIES for _ in range(10)])
    report["each search"] = {q: round(min(timed(lambda q=q: library.listing(who, q, 0, 100)) for _ in range(5)), 1) for q in QUERIES}
    report["read everything instead"] = spread(
        [timed(lambda q=q: library._records.page(who, terms(q), Filters(), 0, 100)) for q in QUERIES for _ in range(2)]
    )
    report["filter"] = spread([timed(lambda f=f: library.listing(who, "", 0, 100, f)) for f in FILTERS for _ in range(10)])
    report["filter and search"] = spread([timed(lambda f=f, q=q: library.listing(who, q, 0, 100, f)) for f in FILTERS for q in QUERIES])
    report["whole list, no filter"] = spread([timed(lambda: library.listing(who, "", 0, 100)) for _ in range(20)])
    report["tags"] = spread([timed(lambda: library.tags(who)) for _ in range(20)])
    report["search after a save"] = spread([_after_a_save(library, who, identifier) for identifier in ids[:40]])
    similar = Similar(library)
    report["like this one: first, again"] = [round(timed(lambda: similar.nearest(who, ids[5]))) for _ in range(2)]
    report["close"] = round(timed(library.close), 1)
    library = Library(home, home / "no-examples")
    report["first search after a restart"] = round(timed(lambda: library.listing(who, "puddle", 0, 100)), 1)
    library.close()
    return report


def _until_built(library: Library, who: str, during: list[float]) -> None:
    for query in QUERIES:
        if library.index.search(who, (), Filters()) is None:
            during.append(timed(lambda q=query: library.listing(who, q, 0, 100)))
    library.index.wait()


def _after_a_save(library: Library, who: str, identifier: str) -> float:
    head = library.load(identifier)
    turns = [*head["turns"], {"id": "new", "role": "user", "text": "A new word."}]
    assert library.save(identifier, head["rev"], "", head["title"], turns)["ok"]
    return timed(lambda: library.listing(who, "new word", 0, 100))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--characters", type=int, default=2_500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder) / "home", given.conversations, given.characters), indent=2))
