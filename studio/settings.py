"""What is decided when the studio starts: read once, passed down, never changed."""

import os
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Where things are and how the studio runs. The library owns what lies in `home`; the files named here are the running program's own."""

    project: Path
    home: Path
    port: int = 7860
    browser: bool = True
    offline: bool = False
    token: bool = True

    @property
    def assets(self) -> Path:
        """Style sheet, editor, fonts and pictures."""
        return self.project / "assets"

    @property
    def bundled(self) -> Path:
        """The characters that come with the studio."""
        return self.project / "personas"

    @property
    def practice_model(self) -> Path:
        """The small model that comes with the studio."""
        return self.project / "assets" / "practice-model"

    @property
    def scratch(self) -> Path:
        """Files that may go at any time."""
        return self.home / "scratch"

    @property
    def log(self) -> Path:
        """What the program noted about itself."""
        return self.home / "studio.log"

    @property
    def secret(self) -> Path:
        """The token that opens the window."""
        return self.home / "token"

    @property
    def address(self) -> Path:
        """The port of the studio that is running in this home."""
        return self.home / "running.json"

    @property
    def doorstep(self) -> Path:
        """A page that leads the browser in, so that the token stands in no list of processes."""
        return self.home / "open-studio.html"


def read(options: Namespace | None = None, **given: object) -> Settings:
    """The settings from the command line, then from `given`; what neither names has its default. Makes the home folder."""
    named = {
        name: value for name, value in vars(options or Namespace()).items() if name in Settings.__dataclass_fields__ and value is not None
    }
    values = {"project": PROJECT, "home": _usual_home(), **named, **given}
    settings = Settings(**{**values, "home": Path(str(values["home"])).expanduser().absolute()})
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings


def _usual_home() -> Path:
    return Path(os.environ.get("PERSONA_STUDIO_HOME") or user_data_path("Persona Studio", appauthor=False))
