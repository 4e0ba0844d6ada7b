"""Bringing in and taking out without a window: `studio import`, `studio export-dataset` and `studio elsewhere`."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from studio.domain import catalogue
from studio.domain.errors import StudioError
from studio.domain.formats import delivery, telling, writing
from studio.domain.formats.source import shown
from studio.domain.formats.speakers import folded
from studio.domain.formats.telling import counted
from studio.domain.persona import Persona
from studio.domain.training import Preset
from studio.services import elsewhere, exchange, homecoming, storage
from studio.services.exchange import Arrived, Reading
from studio.services.studio import Studio

TOLD = 10  # places that are named; all of them stand in the file of --rejected
Say = Callable[[str], None]
WHOSE = "Nothing was brought in yet. Say whose conversations these are: --persona NAME, or --new for a new character."


def add_import_options(command: argparse.ArgumentParser) -> None:
    """The options of `studio import`."""
    command.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="a card, a chat, a data set, a script, a package, a folder of them, or what was learned elsewhere",
    )
    whose = command.add_mutually_exclusive_group()
    whose.add_argument("--persona", metavar="NAME", help="the character who gets the conversations")
    whose.add_argument("--new", action="store_true", help="make a new character of them")
    whose.add_argument("--undo", action="store_true", help="move to the bin what the last import brought in")
    command.add_argument("--character", metavar="NAME", help="who of those who speak in a chat or a script is the character")
    command.add_argument("--dry-run", action="store_true", help="only say what is understood")
    command.add_argument("--rejected", type=Path, metavar="FILE", help="write down there (CSV) what could not be read, and why")


def add_export_options(command: argparse.ArgumentParser) -> None:
    """The options of `studio export-dataset`."""
    command.add_argument("--persona", metavar="NAME", required=True, help="the character to take out")
    command.add_argument(
        "--as", dest="way", metavar="FORMAT", required=True, help=", ".join(f"{way.key} ({way.title})" for way in delivery.WAYS)
    )
    command.add_argument(
        "--to", type=Path, metavar="FILE", required=True, help="where to write it; a folder gets a file named after the character"
    )


def add_elsewhere_options(command: argparse.ArgumentParser) -> None:
    """The options of `studio elsewhere`."""
    command.add_argument("character", metavar="CHARACTER", help="who is to be taught")
    command.add_argument("--model", metavar="MODEL", default=catalogue.PRACTICE, help=", ".join(model.id for model in catalogue.MODELS))
    command.add_argument("--preset", choices=get_args(Preset), default="balanced", help="how patiently")
    command.add_argument(
        "--out", type=Path, metavar="ZIP", required=True, help="where to write the zip; a folder gets a file named after the character"
    )


def bring(studio: Studio, options: argparse.Namespace, say: Say) -> int:
    """Say what the files hold, then bring it in as one step; returns the exit code: 1 where nothing came in."""
    if getattr(options, "undo", False):
        return _take_back(studio, say)
    files = getattr(options, "files", None)
    if not files:
        raise StudioError("Nothing was brought in: no file is named. Write “studio import” and then the name of a file.")
    learned = [file for file in files if homecoming.recognises(file)]
    _bring_home(studio, learned, getattr(options, "dry_run", False), say)
    files = [file for file in files if file not in learned]
    if not files:
        return 0
    persona = getattr(options, "persona", None)
    into = exchange.named(studio.library, persona) if persona else None
    host = studio.library.character(into).persona if into else None
    named = getattr(options, "character", None)
    readings = exchange.read_files(files, named or (host.name if host else ""), studio.settings)
    if named:
        _speaks(named, readings)
    for one in readings:
        _tell(one, host, say)
    _write_rejects(readings, getattr(options, "rejected", None), say)
    good = [(one.file, one.found) for one in readings if one.found]
    if not good:
        return 1
    if getattr(options, "dry_run", False):
        say("This was a look only. Nothing was brought in.")
        return 0
    if into is None and not getattr(options, "new", False) and not all(found.whole for _, found in good):
        raise StudioError(WHOSE)
    arrived = exchange.bring_in(studio.library, good, into)
    for came in arrived:
        _tell_arrival(studio, came, say)
    for told in homecoming.follow(studio.library, studio.models, readings, arrived):
        say(told)
    say("To take all of it back: studio import --undo")
    return 0


def take(studio: Studio, options: argparse.Namespace, say: Say) -> int:
    """Write a character to a file in one of the forms; returns the exit code."""
    way, persona_id = delivery.way(options.way), exchange.named(studio.library, options.persona)
    whole = exchange.whole(studio.library, persona_id)
    target = options.to / exchange.file_name(whole.persona, way.key) if options.to.is_dir() else options.to
    _check_place(target)
    made = exchange.take_out(studio.library, persona_id, way.key, studio.settings)
    storage.write(target.absolute(), made)
    say(f"{whole.persona.name} is in {target}: {way.title.lower()} ({way.expert}), {len(made):,} bytes.")
    if left := way.left(whole):
        say(left)
    return 0


def send(studio: Studio, options: argparse.Namespace, say: Say) -> int:
    """Write the zip with which a character is taught on another machine; returns the exit code."""
    persona_id = exchange.named(studio.library, options.character)
    target = options.out / elsewhere.file_name(studio.library, persona_id) if options.out.is_dir() else options.out
    _check_place(target)
    made = elsewhere.made(studio.library, studio.models, studio.settings, persona_id, options.model, options.preset)
    storage.write(target.absolute(), made)
    say(
        f"{target} holds the lesson, {len(made) / 1e6:.1f} MB. Its README says how to teach with it. Bring back what it makes: studio import learned.zip"
    )
    return 0


def _check_place(target: Path) -> None:
    if not target.absolute().parent.is_dir():
        raise StudioError(f"There is no folder {target.absolute().parent}. Nothing was written. Make it first, or choose another place.")


def _bring_home(studio: Studio, learned: Sequence[Path], look_only: bool, say: Say) -> None:
    for file in learned:
        if look_only:
            say(f"{file.name} holds what was learned on another machine. This was a look only. Nothing was brought in.")
        else:
            say(homecoming.bring_home(studio.library, studio.models, file).sentence())


def _speaks(named: str, readings: Sequence[Reading]) -> None:
    """Raises StudioError where nobody of that name speaks."""
    speakers = list(dict.fromkeys(name for one in readings if one.found for name in one.found.speakers))
    if folded(named) in map(folded, speakers):
        return
    cure = (
        f"Those who speak are {', '.join(map(shown, speakers))}." if speakers else "There is nobody to choose from: leave --character out."
    )
    raise StudioError(f"Nobody called “{named}” speaks in what was named. Nothing was brought in. {cure}")


def _tell(one: Reading, host: Persona | None, say: Say) -> None:
    if one.found is None:
        say(one.refusal)
        return
    found = one.found
    say(telling.headline(one.file, found))
    for line in telling.taken_for(found):
        say(f"    {line}")
    who = host or (found.persona if found.whole else None)
    for glimpse in telling.first(found.conversations, who.visitor if who else "Visitor", who.name if who else "Character"):
        say("  " + glimpse.replace("\n", "\n     "))
    for sentence in telling.left(found, host is not None):
        say(f"  {sentence}")
    if found.skipped:
        say(f"  {counted(len(found.skipped), 'place was', 'places were')} passed over:")
    for skipped in found.skipped[:TOLD]:
        say(f"    {skipped}")
    if len(found.skipped) > TOLD:
        say(f"    and {len(found.skipped) - TOLD:,} more. --rejected FILE writes all of them down.")


def _tell_arrival(studio: Studio, came: Arrived, say: Say) -> None:
    name, talk = studio.library.character(came.persona).persona.name, counted(len(came.conversations))
    say(f"{name} is a new character with {talk}." if came.is_new else f"{talk} came in for {name}.")


def _write_rejects(readings: Sequence[Reading], file: Path | None, say: Say) -> None:
    skipped = [(one.file, skip) for one in readings for skip in one.skipped]
    if file is None:
        return
    storage.write(file.absolute(), writing.to_rejects(skipped).encode())
    say(f"{counted(len(skipped), 'place')} that could not be read {'stands' if len(skipped) == 1 else 'stand'} in {file}.")


def _take_back(studio: Studio, say: Say) -> int:
    arrived = exchange.last(studio.library)
    exchange.take_back(studio.library, arrived)
    talk = sum(len(one.conversations) for one in arrived)
    say(f"What the last import brought in is in the bin: {counted(talk)}. It stays there for 30 days.")
    return 0
