"""Makes quick copies, which llama.cpp answers from: a model as Q8_0, and beside it what was learned on it, or both in one file.

Under its final name there is only ever a finished file. One that was stopped, or that failed, leaves nothing; one that was killed is gone on with.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.engine import grafter, writer
from studio.engine.keeper import journal_of
from studio.engine.merger import Merger
from studio.engine.planner import plan_of


def make(folder: Path, lesson: Path | None, file: Path, beside: Path | None) -> Generator[float, None, None]:
    """Make what is missing: `file`, the model in `folder` as Q8_0, and `beside`, what was learned in `lesson` as an adapter file for it.

    Without `beside` the lesson is merged into the file. Yields the share that is done; closed before its end it leaves nothing unfinished. Raises StudioError for
    models and lessons no file can be made of.
    """
    for old in file.parent.glob("*.part"):
        if not old.name.startswith(file.name):
            old.unlink()  # what a killed making of something else left
    plan, _ = plan_of(file.stem, folder, lesson)
    if lesson and beside and not beside.is_file():
        with _finished(beside) as part:
            grafter.write(plan, lesson, part)
    if not file.is_file():
        with _finished(file) as part, Merger(folder, None if beside else lesson) as merger:
            yield from writer.written(plan, merger, "Q8_0", part)


@contextmanager
def _finished(path: Path) -> Iterator[Path]:
    """The unfinished name of a file, which gets its own where all went well."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
        journal_of(part).unlink(missing_ok=True)
