"""The record every tab receives."""

import sys
from dataclasses import dataclass

from studio.services.jobs import Jobs
from studio.services.library import Library
from studio.services.models import Models
from studio.services.ollama import Ollama
from studio.services.reader import Reader
from studio.services.semantics import Meanings
from studio.services.similar import Similar
from studio.services.voice import Voice
from studio.settings import Settings

# Seconds a thread that is at work keeps the others waiting. A save takes some dozens of turns: with Python's own 5 ms, each of them would be
# felt while the checks are run and the index is made.
TURN = 0.0005


@dataclass(frozen=True)
class Studio:
    """Everything that has an effect, each with one owner."""

    settings: Settings
    library: Library
    jobs: Jobs
    models: Models
    reader: Reader
    voice: Voice
    ollama: Ollama
    similar: Similar


def assemble(settings: Settings) -> Studio:
    """The services over one home folder. Raises Busy while another studio has it."""
    sys.setswitchinterval(TURN)
    library = Library(settings.home, settings.bundled)
    library.index.begin()
    models, jobs = Models(settings.practice_model, library, settings.offline), Jobs(library, settings.project)
    similar = Similar(library, Meanings(library, models, jobs, settings.project))
    return Studio(settings, library, jobs, models, Reader(library, models), Voice(), Ollama(None), similar)
