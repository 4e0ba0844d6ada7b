"""Ten thousand damaged files through the door by which files come in: none may crash it or hold it for two seconds.

    python -m studio bench mutations [--json FILE]                             all of them
    python tests/benchmarks/mutations.py --first 2000 --count 500 [--json FILE]  a piece

Each is refused in a sentence that names the file, the place in it and what to do (damaged JSON by line and column), or read, with every place that
was passed over named with its cure. What is
wrong is printed with its number: the same number makes the same file again. Ends with 1 where anything is wrong.
"""

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from studio.settings import Settings  # noqa: E402
from tests import mutations  # noqa: E402
from tests.mutations import Answer  # noqa: E402

COUNT = 10_000


def tried(made: dict[str, bytes], number: int, folder: Path, settings: Settings) -> Answer:
    """What was answered to one damaged file; a crash is what is wrong with it."""
    name, data = mutations.mutation(made, number)
    try:
        return mutations.answer(name, data, folder, settings)
    except Exception:  # whatever a file can bring about is what this looks for
        return Answer(False, 0.0, (), traceback.format_exc(limit=-3))


def main() -> int:
    """Try them all, print what is wrong, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--first", type=int, default=0, help="the number to begin with: pieces of the whole add up")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    began, wrong, slowest, read, shapes = time.perf_counter(), dict[int, str](), 0.0, 0, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(project=HERE, home=Path(folder) / "home")
        made = mutations.seeds(settings)
        for number in range(given.first, given.first + given.count):
            answer = tried(made, number, Path(folder), settings)
            read, slowest = read + answer.is_read, max(slowest, answer.seconds)
            shapes.update({mutations.shape(said) for said in answer.said})
            if answer.fault:
                wrong[number] = answer.fault
                print(f"{number}, {mutations.mutation(made, number)[0]}: {answer.fault}", flush=True)
    spent = time.perf_counter() - began
    print(f"{given.count:,} damaged files of {len(made)} kinds in {spent:.0f} s: {read:,} read, {given.count - read:,} refused.")
    print(f"The slowest took {slowest:.2f} s; {len(wrong)} answered wrongly.")
    if given.json:
        figures = {"first": given.first, "count": given.count, "read": read, "slowest": slowest, "wrong": wrong, "said": shapes}
        given.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
