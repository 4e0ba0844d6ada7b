"""Tables of other programs as JSON lines, and JSON lines as a table: Parquet and Arrow files, and folders that `datasets` has saved.

A child of its own, because the library is heavy and the files are strangers': `python -m studio.engine.converter read|write SOURCE TARGET`.
Sources: https://huggingface.co/docs/datasets/loading and https://huggingface.co/docs/datasets/process#save.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow

LARGEST = 200_000_000  # bytes of JSON lines
TOO_LARGE, NO_TABLE = 3, 4  # exit codes
BATCH = 500  # rows that are unpacked at once
_TURN = {"role": datasets.Value("string"), "content": datasets.Value("string")}
_COLUMNS = datasets.Features(
    {"title": datasets.Value("string"), "tags": datasets.List(datasets.Value("string")), "messages": datasets.List(_TURN)}
)


class TooLarge(Exception):
    """There is more in the table than the studio takes."""


def read(source: Path, target: Path) -> None:
    """Writes every row of all parts of a table to `target`, one a line; an unreadable one as `null`. Raises TooLarge."""
    size = 0
    with target.open("w", encoding="utf-8") as file:
        for part in _parts(source, target.parent):
            for row in _rows(part):
                size += file.write(json.dumps(_row(row), ensure_ascii=False) + "\n")
                if size > LARGEST:
                    raise TooLarge


def write(source: Path, target: Path) -> None:
    """Makes a Parquet file of lines of {"title", "tags", "messages"}."""
    rows = [json.loads(line) for line in source.read_text("utf-8").split("\n") if line]
    datasets.Dataset.from_list(rows, features=_COLUMNS).to_parquet(str(target))


def _parts(source: Path, cache: Path) -> Iterator[datasets.Dataset]:
    if source.is_dir():
        found = datasets.load_from_disk(str(source))
        yield from found.values() if isinstance(found, datasets.DatasetDict) else [found]
    elif source.suffix.lower() == ".arrow":
        yield datasets.Dataset.from_file(str(source))
    else:
        yield datasets.Dataset.from_parquet(str(source), cache_dir=str(cache))


def _rows(part: datasets.Dataset) -> Iterator[Any]:
    # As Arrow has them: pictures and sounds stay bytes, and nothing is decoded.
    for table in part.with_format("arrow").iter(batch_size=BATCH):
        try:
            yield from table.to_pylist()
        except (UnicodeDecodeError, ValueError, OverflowError, pyarrow.ArrowException):
            for n in range(len(table)):
                yield _alone(table.slice(n, 1))


def _alone(table: pyarrow.Table) -> Any:
    try:
        return table.to_pylist()[0]
    except (UnicodeDecodeError, ValueError, OverflowError, pyarrow.ArrowException):
        return None


def _row(row: Any) -> Any:
    """A row as JSON has it. A table gives every row all names, so those without a value are left out; bytes are no words."""
    return None if row is None else {name: _told(value) for name, value in row.items() if _says(value)}


def _says(value: Any) -> bool:
    return value is not None and not isinstance(value, bytes)


def _told(value: Any) -> Any:
    if isinstance(value, dict) and len(value) > 1 and all(isinstance(inner, list) for inner in value.values()):
        # Older tables keep a list of groups as a group of lists.
        lists = list(value.values())
        if len({len(inner) for inner in lists}) == 1:
            return [_told(dict(zip(value, row, strict=True))) for row in zip(*lists, strict=True)]
    if isinstance(value, dict):
        return {str(key): _told(inner) for key, inner in value.items() if _says(inner)}
    if isinstance(value, list):
        return [_told(inner) for inner in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def main(direction: str, source: str, target: str) -> int:
    """Does one of the two; returns the exit code."""
    datasets.disable_progress_bars()
    try:
        {"read": read, "write": write}[direction](Path(source), Path(target))
    except TooLarge:
        return TOO_LARGE
    except (pyarrow.ArrowException, datasets.exceptions.DatasetsError, OSError, ValueError, KeyError, TypeError):
        return NO_TABLE
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
