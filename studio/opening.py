"""The first second of a start: what has to be there before anything heavy is imported, so that a person sees the studio at once."""

import argparse
import gc
import importlib
import os
from pathlib import Path

from studio import entrance, settings, stubs
from studio.domain.errors import Busy, StudioError
from studio.splash import Splash


def main(arguments: list[str] | None = None) -> int:
    """Open the window, or do what another command says (`cli.py`); returns the exit code."""
    light = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    add_options(light)
    try:
        options, rest = light.parse_known_args(arguments)
    except argparse.ArgumentError:
        rest = ["?"]  # the whole command line says what is wrong
    if rest not in ([], ["start"]):
        return importlib.import_module("studio.cli").main(arguments)  # type: ignore[no-any-return]
    try:
        return start(options)
    except StudioError as error:
        say(str(error))
        return 1


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of `start`, which every other command knows too."""
    command.add_argument("--home", type=Path, help="the folder that holds your characters")
    command.add_argument("--port", type=int, help="the port to answer on (7860, or the next free one)")
    command.add_argument("--no-browser", dest="browser", action="store_const", const=False, help="do not open a browser")
    command.add_argument("--offline", action="store_const", const=True, help="never go online, not even to fetch a model")
    command.add_argument(
        "--no-token", dest="token", action="store_const", const=False, help="let every program on this computer in (for tests)"
    )


def start(options: argparse.Namespace) -> int:
    """Open the window: a page that says so at once, then the studio in its place."""
    chosen = settings.read(options)
    if port := entrance.running(chosen):
        return entrance.lead_to(chosen, port, say)
    settle_environment(chosen.scratch)
    door, key = entrance.listen(chosen.port), entrance.secret(chosen)
    with door, Splash(door, key) as splash:
        port = door.getsockname()[1]
        entrance.announce(chosen, port)
        if chosen.browser:
            entrance.open_browser(chosen, port)
        gc.disable()  # what is imported now stays; the app looks for rubbish again once all of it is there
        stubs.leave_out()
        # Only now: Gradio takes seconds, reads the environment while it is imported, and the other commands do not wait for it.
        app = importlib.import_module("studio.app")
        try:
            return app.serve(chosen, door, splash, say)  # type: ignore[no-any-return]
        except Busy:
            splash.close()
            # Another start has the library and was only a moment earlier.
            if found := entrance.wait_for_running(chosen, seconds=20):
                return entrance.lead_to(chosen, found, say)
            raise


def settle_environment(scratch: Path) -> None:
    """Nothing reports home, and no variable left over from elsewhere opens a door."""
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_ANALYTICS_MAX_EVENTS": "500",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",  # else it sums up all events with pandas after each one, for a page that is not shown
        "GRADIO_TEMP_DIR": str(scratch),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
    }


def say(sentence: str) -> None:
    """Tell the person at the terminal."""
    print(sentence, flush=True)
