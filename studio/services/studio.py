"""The record every tab receives."""

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
    library = Library(settings.home, settings.bundled)
    models, jobs = Models(settings.practice_model, library, settings.offline), Jobs(library, settings.project)
    similar = Similar(library, Meanings(library, models, jobs, settings.project))
    return Studio(settings, library, jobs, models, Reader(library, models), Voice(), Ollama(None), similar)
