"""The commands of the studio: `start` opens the window (`opening.py`), the others do their part of it without one."""

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from studio import doctor, line, porter, settings
from studio.domain.errors import NotFound, StudioError
from studio.opening import add_options as add_start_options
from studio.opening import say, settle_environment, start
from studio.services.studio import Studio, assemble


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except StudioError as error:
        say(str(error))
        return 1


def parser() -> argparse.ArgumentParser:
    """The command line. Without a command it means `start`."""
    whole = argparse.ArgumentParser(prog="studio", description="Write how a character talks. Teach it to your computer. Take it with you.")
    add_start_options(whole)
    whole.set_defaults(run=start)
    commands = whole.add_subparsers(metavar="command")
    for name, (run, help_line, add_options) in COMMANDS.items():
        command = commands.add_parser(name, help=help_line, description=help_line, argument_default=argparse.SUPPRESS)
        add_options(command)
        command.set_defaults(run=run)
    return whole


def demo(options: argparse.Namespace) -> int:
    """Take a bundled character along the whole line without a window."""
    return _with_studio(options, lambda studio: line.run(studio, say, getattr(options, "json", None)))


def look(options: argparse.Namespace) -> int:
    """Say what this machine has."""

    def tell(studio: Studio) -> int:
        for sentence in doctor.lines(studio):
            say(sentence)
        return 0

    return _with_studio(options, tell)


def bring(options: argparse.Namespace) -> int:
    """Bring files in without a window."""
    return _with_studio(options, lambda studio: porter.bring(studio, options, say))


def take(options: argparse.Namespace) -> int:
    """Take a character out without a window."""
    return _with_studio(options, lambda studio: porter.take(studio, options, say))


def send(options: argparse.Namespace) -> int:
    """Write the zip for a lesson on another machine."""
    return _with_studio(options, lambda studio: porter.send(studio, options, say))


def bench(options: argparse.Namespace) -> int:
    """Run one of the project's measurements in a process of its own; its exit code says whether every bar was met."""
    known = _measurements(settings.PROJECT / "tests" / "benchmarks")
    name = options.name.replace("_", "-")
    if name not in known:
        raise NotFound(
            f"There is no measurement called “{options.name}”. Choose one of {', '.join(sorted(known)) or 'none: the tests are not here'}."
        )
    wanted = ["--json", str(options.json.absolute())] if getattr(options, "json", None) else []
    return subprocess.run([sys.executable, *known[name], *wanted], check=False).returncode


def _measurements(folder: Path) -> dict[str, list[str]]:
    """What is run by which name: each file by its own, and its single rows, where it names them in `TABLE` and measures them alone, by theirs."""
    found = {}
    for file in folder.glob("*.py"):
        text = file.read_text("utf-8")
        found[file.stem.replace("_", "-")] = [str(file)]
        if (table := re.search(r"^TABLE = (\(.*?\))$", text, re.MULTILINE | re.DOTALL)) and '"--rows"' in text:
            found |= {row: [str(file), "--rows", row] for row in ast.literal_eval(table[1])}
    return found


def _with_studio(options: argparse.Namespace, work: Callable[[Studio], int]) -> int:
    chosen = settings.read(options)
    settle_environment(chosen.scratch)
    studio = assemble(chosen)
    try:
        return work(studio)
    finally:
        studio.library.close()


def _add_demo_options(command: argparse.ArgumentParser) -> None:
    add_start_options(command)
    command.add_argument("--json", type=Path, metavar="FILE", help="write the report there as JSON")


def _add_bench_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="all, writing, train-270m, ...: a name that is none lists them")
    command.add_argument("--json", type=Path, nargs="?", metavar="FILE", help="write the figures there as JSON; they are printed as well")


def _add_import_options(command: argparse.ArgumentParser) -> None:
    add_start_options(command)
    porter.add_import_options(command)


def _add_export_options(command: argparse.ArgumentParser) -> None:
    add_start_options(command)
    porter.add_export_options(command)


def _add_elsewhere_options(command: argparse.ArgumentParser) -> None:
    add_start_options(command)
    porter.add_elsewhere_options(command)


# A further command is one line here: its name, what runs it, its line of help, and what adds its options.
COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int], str, Callable[[argparse.ArgumentParser], None]]] = {
    "start": (start, "open the studio's window", add_start_options),
    "demo": (demo, "take a bundled character from its conversations to a file, and report what was measured", _add_demo_options),
    "import": (bring, "bring in cards, chats, data sets, scripts and packages; it says first what it understood", _add_import_options),
    "export-dataset": (take, "take a character out as a file for other programs, or as a package", _add_export_options),
    "elsewhere": (send, "write the zip with which a character is taught on another machine", _add_elsewhere_options),
    "bench": (bench, "measure one part of the studio on this machine, each figure beside its bar", _add_bench_options),
    "doctor": (look, "say what hardware, versions, disk, Ollama and models were found", add_start_options),
}
