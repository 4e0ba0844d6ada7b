"""How long a save of an open conversation waits while ten thousand conversations come in, and while they are taken back.

    python -m studio bench save-while-importing [--json FILE]

The same conversation is saved twenty times a second, beside the import in the same process, as in the window. Ends with 1 where a save waited
longer than a second, or where a word is missing afterwards.
"""

import argparse
import json
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from studio.domain.conversation import Turn  # noqa: E402
from studio.domain.formats.found import Found  # noqa: E402
from studio.domain.persona import Persona  # noqa: E402
from studio.services import exchange  # noqa: E402
from studio.services.library import Library  # noqa: E402
from tests import manuscript  # noqa: E402

BAR = 1.0  # seconds
EVERY = 0.05


def waits(library: Library, identifier: str, work: Callable[[], object]) -> tuple[float, list[float]]:
    """How long the work took, and each save beside it, in seconds."""
    spent: list[float] = []
    opened = library.load(identifier)  # before: nothing but the saves asks the library, so no wait goes unmeasured
    worker = threading.Thread(target=work)
    began = time.perf_counter()
    worker.start()
    while worker.is_alive():
        opened["turns"][0]["text"] = f"Line as it stood at save {len(spent)}."
        start = time.perf_counter()
        answer = library.save(identifier, opened["rev"], secrets.token_hex(8), opened["title"], opened["turns"])
        spent.append(time.perf_counter() - start)
        assert answer["ok"], answer
        opened["rev"] = answer["rev"]
        time.sleep(EVERY)
    return time.perf_counter() - began, spent


def figures(took: float, spent: list[float]) -> dict[str, float]:
    """The longest wait and what it stands among."""
    return {
        "seconds": round(took, 2),
        "saves": len(spent),
        "longest_wait": round(max(spent), 3),
        "usual_wait": round(sorted(spent)[len(spent) // 2], 3),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=manuscript.COUNT)
    parser.add_argument("--size", type=int, default=manuscript.SIZE, help="bytes of all that is said")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    made = tuple(manuscript.conversations(given.count, given.size))
    with tempfile.TemporaryDirectory() as home:
        library = Library(Path(home) / "home", Path(home) / "none")
        who = library.create(Persona("Biscuit"))
        opened = library.add(who, "Open", [Turn("a", "user", "Hello."), Turn("b", "model", "Woof.")])
        found, arrived = Found("manuscript", (), made), []
        came = waits(library, opened, lambda: arrived.extend(exchange.bring_in(library, [("m.jsonl", found)], who)))
        assert library.listing(who)["total"] == given.count + 1
        went = waits(library, opened, lambda: exchange.take_back(library, arrived))
        assert library.listing(who)["total"] == 1
        library.close()
    measured = {"conversations": given.count, "bytes": given.size, "import": figures(*came), "undo": figures(*went), "bar": BAR}
    print(json.dumps(measured, indent=1))
    if given.json:
        given.json.write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    return int(max(*came[1], *went[1]) > BAR)


if __name__ == "__main__":
    sys.exit(main())
