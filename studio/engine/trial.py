"""Tries llama.cpp out: `python -m studio.engine.trial` ends with 0 where it can make a small file and run it.

That a library loads says little. It may have been built for another processor, or by a compiler that got something wrong, and then it ends the
whole program in the middle of somebody's export.
"""

import os
import tempfile
from pathlib import Path

import transformers

from studio.domain import gemma
from studio.domain.conversation import Turn
from studio.engine import player, quantizer, writer
from studio.engine.merger import Merger
from studio.engine.planner import plan_of

PRACTICE = Path(__file__).resolve().parents[2] / "assets" / "practice-model"


def tokens(model: Path) -> int:
    """How many tokens a model answers once it has become a Q4_K_M file, 16 at most; raises StudioError without llama.cpp."""
    quantizer.need("Q4_K_M")
    plan, dialect = plan_of("trial", model, None)
    prompt = gemma.prompt([Turn("", "user", "Hello!")], "", dialect)
    with tempfile.TemporaryDirectory() as place, open(os.devnull, "w") as log, player.logged(log):
        exact, small = Path(place, "exact.gguf"), Path(place, "small.gguf")
        with Merger(model, None) as merger:
            writer.write(plan, merger, "F32", exact, lambda share: None)
        quantizer.quantize(exact, small, "Q4_K_M", log, lambda share: None)
        with player.Player(small, 128) as file:
            return len(file.answer(file.ids(prompt), 16)[0])


def main() -> None:
    """The command line."""
    transformers.utils.logging.set_verbosity_error()
    if not tokens(PRACTICE):
        raise SystemExit("llama.cpp makes a file and says nothing with it.")


if __name__ == "__main__":
    main()
