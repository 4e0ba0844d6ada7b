"""The figures of a lesson for other programs: metrics.csv from the journal, and TensorBoard's events where it is installed."""

import os
from importlib.util import find_spec
from pathlib import Path

from studio.domain import measures, progress


def record(folder: Path) -> None:
    """Write metrics.csv anew, whole or not at all: complete also after a resume, because the journal is."""
    events = progress.read((folder / "events.jsonl").read_text("utf-8"))
    partial = folder / "metrics.csv.partial"
    partial.write_text(measures.to_csv(measures.table(events)), "utf-8")
    os.replace(partial, folder / "metrics.csv")


def watchers(folder: Path) -> list[str]:
    """What the training loop reports to by its own integration: TensorBoard, in the folder `tensorboard`, where the package is installed."""
    if not any(find_spec(name) for name in ("tensorboard", "tensorboardX")):
        return []
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    return ["tensorboard"]
