"""Bringing in and taking out without a window: `studio import` and `studio export-dataset`."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from studio.domain.errors import StudioError
from studio.domain.formats import delivery, telling, writing
from studio.domain.formats.source import shown
from studio.domain.formats.speakers import folded
from studio.domain.formats.telling import counted
from studio.domain.persona import Persona
from studio.services import exchange, storage
from studio.services.exchange import Arrived, Reading
from studio.services.studio import Studio

TOLD = 10  # places that are named; all of them stand in the file of --rejected
Say = Callable[[str], None]
WHOSE = "Nothing was brought in yet. Say whose conversations these are: --persona NAME, or --new for a new character."


def add_import_options(command: argparse.ArgumentParser) -> None:
    """The options of `studio import`."""
    command.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="a card, a chat, a data set, a script, a package, or a folder of them"
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


def bring(studio: Studio, options: argparse.Namespace, say: Say) -> int:
    """Say what the files hold, then bring it in as one step; returns the exit code: 1 where nothing came in."""
    if getattr(options, "undo", False):
        return _take_back(studio, say)
    files = getattr(options, "files", None)
    if not files:
        raise StudioError("Nothing was brought in: no file is named. Write “studio import” and then the name of a file.")
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
    for came in exchange.bring_in(studio.library, good, into):
        _tell_arrival(studio, came, say)
    say("To take all of it back: studio import --undo")
    return 0


def take(studio: Studio, options: argparse.Namespace, say: Say) -> int:
    """Write a character to a file in one of the forms; returns the exit code."""
    way, persona_id = delivery.way(options.way), exchange.named(studio.library, options.persona)
    whole = exchange.whole(studio.library, persona_id)
    target = options.to / exchange.file_name(whole.persona, way.key) if options.to.is_dir() else options.to
    if not target.absolute().parent.is_dir():
        raise StudioError(f"There is no folder {target.absolute().parent}. Nothing was written. Make it first, or choose another place.")
    made = exchange.take_out(studio.library, persona_id, way.key, studio.settings)
    storage.write(target.absolute(), made)
    say(f"{whole.persona.name} is in {target}: {way.title.lower()} ({way.expert}), {len(made):,} bytes.")
    if left := way.left(whole):
        say(left)
    return 0


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
