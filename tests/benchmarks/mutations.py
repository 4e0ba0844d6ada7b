"""Ten thousand damaged files through the door by which files come in: none may crash it or hold it for two seconds.

    python -m studio bench mutations [--json FILE]

Each is refused in a sentence that names the file and what to do, or read, with every place that was passed over named with its cure. What is
wrong is printed with its number: the same number makes the same file again. Ends with 1 where anything is wrong.
"""

import argparse
import json
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from studio.settings import Settings  # noqa: E402
from tests import mutations  # noqa: E402

COUNT = 10_000


def tried(made: dict[str, bytes], number: int, folder: Path, settings: Settings) -> str:
    """What is wrong with the answer to one damaged file, also where it is a crash."""
    name, data = mutations.mutation(made, number)
    try:
        return mutations.fault(name, data, folder, settings)
    except Exception:  # whatever a file can bring about is what this looks for
        return traceback.format_exc(limit=-3)


def main() -> int:
    """Try them all, print what is wrong, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--first", type=int, default=0, help="the number to begin with")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    began, wrong, slowest = time.perf_counter(), {}, 0.0
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(project=HERE, home=Path(folder) / "home")
        made = mutations.seeds(settings)
        for number in range(given.first, given.first + given.count):
            start = time.perf_counter()
            if fault := tried(made, number, Path(folder), settings):
                wrong[number] = fault
                print(f"{number}, {mutations.mutation(made, number)[0]}: {fault}", flush=True)
            slowest = max(slowest, time.perf_counter() - start)
    spent = time.perf_counter() - began
    print(
        f"{given.count:,} damaged files of {len(made)} kinds in {spent:.0f} s, the slowest {slowest:.2f} s: {len(wrong)} answered wrongly."
    )
    if given.json:
        given.json.write_text(
            json.dumps({"count": given.count, "slowest": slowest, "wrong": wrong}, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
