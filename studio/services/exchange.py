"""Files that come in and go out: what they hold, all of it brought in as one step that can be taken back as one, and a character taken out."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from studio.domain.errors import BadFile, NotFound, NotReady, StudioError
from studio.domain.formats import delivery, package, reading
from studio.domain.formats.delivery import Whole
from studio.domain.formats.found import LARGEST, Found, Skipped
from studio.domain.formats.source import NOTHING, WHOLE, Refused, mended
from studio.domain.persona import INKS, LONGEST_NAME, Persona, slug
from studio.services import parcel, parquet
from studio.services.conversations import Ready
from studio.services.library import Library
from studio.settings import Settings

PASTED = "pasted text"
_CARDS = (".png", ".webp", ".jpeg", ".charx", ".byaf", ".yaml", ".yml")
ENDINGS = (*parquet.ENDINGS, ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".zip", *_CARDS)
MOST_FILES = 1_000  # of one folder
_ABOUT = {"dataset_info.json", "dataset_infos.json", *parquet.SAVED}  # what a data set says of itself
_LAST = "arrived.json"
_NONE = "There is no import to take back. Nothing was changed. What was removed by hand is in the bin."
_EMPTY = f"There are no conversations in it. {NOTHING} Choose another file."


class Reading(NamedTuple):
    """One file, and what it holds or why it can't be read."""

    file: str
    found: Found | None
    refusal: str = ""
    refused: Skipped | None = None  # the same, taken apart
    lesson: Path | None = None  # where a lesson came along that can be brought home once its character is here

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What was passed over in it; the place that decided it where the file can't be read."""
        return self.found.skipped if self.found else (self.refused or Skipped(self.file, self.refusal, ""),)


@dataclass(frozen=True)
class Arrived:
    """What came in for one character."""

    persona: str
    conversations: tuple[str, ...]
    is_new: bool


# ---------------------------------------------------------------- in
def read_files(paths: Sequence[Path], character: str, settings: Settings) -> list[Reading]:
    """What each of these files holds, and each file of a folder; `character` tells who of the speakers in them is the character."""
    files = [file for given in paths for file in _files(given)]
    if not files:
        raise BadFile(f"These files only describe a data set. {NOTHING} Choose the ones with the conversations in them.")
    return [_read(path, name, character, settings) for path, name in files]


def read_text(text: str, character: str) -> list[Reading]:
    """What somebody has pasted."""
    return [_reading(PASTED, lambda: reading.read(PASTED, text.encode("utf-8", "surrogatepass"), character))]


def _files(given: Path) -> Iterator[tuple[Path, str]]:
    """The files that are meant by a path, each with the name to call it by."""
    if not given.is_dir() or parquet.is_table(given):
        yield from [(given, given.name)] * (given.name not in _ABOUT)
        return
    inside = sorted(p for p in given.rglob("*") if _is_readable(p) and p.is_file())
    visible = [path for path in inside if not any(part.startswith(".") for part in path.relative_to(given).parts)]
    yield from ((path, path.relative_to(given).as_posix()) for path in _some_but_not_too_many(visible, f"The folder {mended(given.name)}"))


def of_folder(paths: Sequence[Path]) -> list[Path]:
    """The files among all of a folder's that can hold something; raises BadFile where there are none, or too many."""
    return _some_but_not_too_many([path for path in paths if _is_readable(path)], "This folder")


def _is_readable(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.name not in _ABOUT and not path.name.startswith(".")


def _some_but_not_too_many(paths: list[Path], folder: str) -> list[Path]:
    if not paths or len(paths) > MOST_FILES:
        what = f"holds more than {MOST_FILES:,} files" if paths else "holds no file the studio can read"
        raise BadFile(f"{folder} {what}. {NOTHING} Choose the files themselves.")
    return paths


def _read(path: Path, name: str, character: str, settings: Settings) -> Reading:
    def found() -> Found:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise Refused(f"{name}, {WHOLE}", "this is not a file.", "Choose a file or a folder.")
        if parquet.is_table(path):
            return _by_row(name, parquet.rows(path, settings), character)
        if parcel.recognises(path):
            return reading.read(name, parcel.words(path), character)
        if path.stat().st_size > LARGEST:
            raise Refused(f"{name}, {WHOLE}", f"it is larger than {LARGEST // 1_000_000} MB.", "Split it into smaller files.")
        return reading.read(name, path.read_bytes(), character)

    name = mended(name)
    made = _reading(name, found)
    return made._replace(lesson=path) if made.found and parcel.has_lesson(path) else made


def _reading(name: str, read: Callable[[], Found]) -> Reading:
    where, refused = f"{name}, {WHOLE}", BadFile()
    try:
        return Reading(name, read())
    except BadFile as error:
        refused = error
    except FileNotFoundError:
        refused = Refused(where, "it is not there.", "Look at the name again.")
    except OSError:
        refused = Refused(where, "it can't be opened.", "Copy it to another place and choose it there.")
    return Reading(name, None, str(refused), refused.skipped if isinstance(refused, Refused) else None)


def _by_row(name: str, rows: bytes, character: str) -> Found:
    """What a table holds, which has rows and no lines."""
    beginning = f"{name}, line "

    def told(one: Skipped) -> Skipped:
        return replace(one, where=f"{name}, row {one.where.removeprefix(beginning)}") if one.where.startswith(beginning) else one

    try:
        found = reading.read_rows(name, rows, character)
    except Refused as error:
        place = told(error.skipped)
        raise Refused(place.where, place.what, place.cure) from error
    return replace(found, skipped=tuple(map(told, found.skipped)))


def bring_in(library: Library, given: Sequence[tuple[str, Found]], into: str | None) -> list[Arrived]:
    """All that these files (name, what it holds) contain, in one step: into one character, or without one as new characters.

    A card or a package becomes a character of its own; conversations alone become one new character together.
    """
    plans = _plans(library, given, into)  # what takes time is done before anybody has to wait
    if not any(plan.sheet or plan.made.rows for plan in plans):
        raise NotReady(_EMPTY)
    with library.transaction():
        arrived = [_stored(library, plan) for plan in plans]
    _remember(library, arrived)
    with contextlib.suppress(StudioError):  # it is stored; the plain copy follows, and a disk that refuses it is told as a notice
        library.flush()
    library.index.begin()
    return arrived


class _Plan(NamedTuple):
    """What is to be stored of one character; `sheet` where it is a new one."""

    made: Ready
    sheet: Persona | None = None
    picture: bytes = b""
    ending: str = ".png"
    is_inked: bool = False  # an ink was chosen for it


def _plans(library: Library, given: Sequence[tuple[str, Found]], into: str | None) -> list[_Plan]:
    if into is not None:
        return [_Plan(library.ready(into, [c for _, found in given for c in found.conversations]))]
    whole, alone = ([one for one in given if one[1].whole is kind] for kind in (True, False))
    return [_plan(library, [one]) for one in whole] + ([_plan(library, alone)] if alone else [])


def _plan(library: Library, given: Sequence[tuple[str, Found]]) -> _Plan:
    file, found = given[0]
    conversations = [c for _, one in given for c in one.conversations]
    if not found.whole and not conversations:
        raise NotReady(_EMPTY)
    sheet = found.persona or Persona(" ".join(Path(file).stem.split())[:LONGEST_NAME].strip() or "Character")
    if not sheet.greeting and found.greetings:
        sheet = replace(sheet, greeting=found.greetings[0])
    is_inked = found.kind == package.TITLE or any(field.startswith("extensions.") for field, _ in found.mapping)
    return _Plan(library.ready(library.new_id(), conversations), sheet, found.picture, found.ending, is_inked)


def _stored(library: Library, plan: _Plan) -> Arrived:
    if plan.sheet:
        sheet = plan.sheet if plan.is_inked else replace(plan.sheet, ink=free_ink(library))
        library.create(sheet, plan.picture, plan.ending, plan.made.persona)
    return Arrived(plan.made.persona, tuple(library.add_ready(plan.made)), plan.sheet is not None)


def free_ink(library: Library) -> str:
    """The ink that fewest characters have."""
    return min(INKS, key=[c.persona.ink for c in library.characters()].count)


def take_back(library: Library, arrived: Sequence[Arrived]) -> None:
    """Undo one bringing-in, in one step: what came goes to the bin, with what was changed in it since."""
    made = library.leaving([identifier for one in arrived if not one.is_new for identifier in one.conversations])
    with library.transaction():
        for one in arrived:
            if one.is_new:
                library.delete(one.persona)
        library.leave(made)
    _remember(library, [])


def last(library: Library) -> list[Arrived]:
    """What came in last; raises NotReady where nothing is remembered, or it was taken back."""
    kept = library.read_json(library.scratch / _LAST, [])
    if not kept:
        raise NotReady(_NONE)
    return [Arrived(one["persona"], tuple(one["conversations"]), one["is_new"]) for one in kept]


def _remember(library: Library, arrived: Sequence[Arrived]) -> None:
    with contextlib.suppress(StudioError):  # a comfort only: what came in is stored
        library.write_json(library.scratch / _LAST, [asdict(one) for one in arrived])


# ---------------------------------------------------------------- out
def take_out(library: Library, persona_id: str, key: str, settings: Settings) -> bytes:
    """A character in one of the forms of `delivery.WAYS`; raises NotReady where there is nothing to take."""
    made = delivery.taken(key, whole(library, persona_id))
    return parquet.table(made, settings) if key == "parquet" else made


def whole(library: Library, persona_id: str) -> Whole:
    """A character with all that belongs to it."""
    return Whole(library.character(persona_id).persona, library.conversations(persona_id), *library.portrait(persona_id))


def file_name(persona: Persona, key: str) -> str:
    """What such a file is called."""
    return f"{slug(persona.name)}{delivery.way(key).ending}"


def named(library: Library, name: str) -> str:
    """The id of the character somebody means by a name; raises NotFound where it is none or several."""
    characters = library.characters()
    wanted = " ".join(name.casefold().split())
    found = [c for c in characters if wanted in (c.id, " ".join(c.persona.name.casefold().split()), slug(c.persona.name))]
    if len(found) == 1:
        return found[0].id
    if found:
        choices = ", ".join(c.id for c in found)
        raise NotFound(
            f"{len(found)} characters are called “{name}”. Nothing was changed. Use one of these instead of the name: {choices}."
        )
    raise NotFound(
        f"There is no character called “{name}”. Nothing was changed. There are {', '.join(c.persona.name for c in characters) or 'none yet'}."
    )
