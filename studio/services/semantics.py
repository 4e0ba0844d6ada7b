"""Where each conversation lies by its meaning: vectors made in the background, by EmbeddingGemma where it is here, else roughly."""

import hashlib
import logging
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from studio.domain import conversation
from studio.domain.errors import StudioError
from studio.services import storage
from studio.services.jobs import Jobs
from studio.services.library import Library
from studio.services.models import Models
from studio.services.space import Space
from studio.services.vectors import Vectors
from studio.services.weaver import Broken, Weaver

EMBEDDER, ANALYST = "studio.engine.embedder", "studio.engine.analyst"
NOTHING_SHARED = 3  # the analyst's exit code
FEWEST = 8  # conversations that can say which words go together
OUTGROWN = 0.2  # of the conversations a lexicon does not know: then it is learned anew


@dataclass(frozen=True)
class Standing:
    """How far the studio is with a character."""

    space: Space | None
    busy: bool = False  # vectors are being made
    read: tuple[int, int] | None = None  # of how many conversations EmbeddingGemma knows the meaning, where it does not know all
    held: bool = False  # EmbeddingGemma waits for the end of a lesson or an export
    here: bool = False  # EmbeddingGemma is on this computer
    broken: frozenset[str] = frozenset()  # engines that could not be used


@dataclass(frozen=True)
class _Way:
    """A way to make vectors: by whom, with which folder or file, kept where and under which name."""

    engine: str
    source: Path
    store: Vectors
    name: str


@dataclass
class _Shelf:
    """A character's conversations as last read, with the hash of what is said in each, and what was made of them."""

    stamp: int = -1
    hashes: dict[str, bytes] = field(default_factory=dict)
    spaces: dict[str, Space] = field(default_factory=dict)  # by the name of the way
    whole: dict[str, int] = field(default_factory=dict)  # the stamp at which a space lacked nothing
    lexicon: Path | None = None
    learned: frozenset[bytes] = frozenset()  # the texts of the lexicon
    barren: frozenset[bytes] = frozenset()  # texts no lexicon could be made of

    @property
    def texts(self) -> frozenset[bytes]:
        return frozenset(self.hashes.values())

    @property
    def outgrown(self) -> bool:
        """Whether there is no lexicon, or one of too few of these texts."""
        return self.lexicon is None or len(self.texts - self.learned) > OUTGROWN * len(self.texts)


class Meanings:
    """Keeps the vectors of every character that was asked for, and makes what is missing."""

    def __init__(self, library: Library, models: Models, jobs: Jobs, project: Path) -> None:
        """Nothing is read or made until somebody asks."""
        self._library, self._models, self._jobs = library, models, jobs
        self._lock = threading.RLock()
        self._exact, self._rough = Vectors(library.home / "meanings.db"), Vectors()
        self._folder = library.home / "scratch" / "meanings"  # of this studio alone: what a killed one left goes when it is first needed
        self._weaver = Weaver(project, self._folder)
        self._shelves: dict[str, _Shelf] = {}
        self._broken: set[str] = set()  # names of ways that failed; tried again by the next studio
        self._worker = threading.Thread()
        self._at, self._fresh = "", True  # the character being read; whether nothing was made yet

    def standing(self, persona: str) -> Standing:
        """What is known of this character now; begins to make what is missing, and does not wait for it."""
        with self._lock:
            shelf, exact, working = self._read(persona), self._exact_way(), self._working()
            space = (self._space(persona, shelf, exact) if exact else None) or self._rough_space(persona, shelf)
            missing = self._missing(persona, shelf, exact) if exact else frozenset()
            quick = bool(exact and not working and exact.name in shelf.spaces)  # a few changes: not worth a lexicon
            rough = not (space and space.exact) and not quick and self._wants_rough(persona, shelf)
            if (rough or (missing and not working)) and not self._worker.is_alive():
                self._begin(persona, exact if missing and not working else None, rough)
            busy = self._worker.is_alive() and self._at == persona
            read = (sum(text not in missing for text in shelf.hashes.values()), len(shelf.hashes)) if missing else None
            return Standing(space, busy, read, bool(missing and working), self._models.embedder() is not None, frozenset(self._broken))

    def wait(self) -> None:
        """Returns when nothing is being made."""
        if self._worker.is_alive():
            self._worker.join()

    def close(self) -> None:
        """Stop, and keep what was made; to be called before the library is closed."""
        self._weaver.close()
        self.wait()
        self._exact.close()
        self._rough.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- what is there
    def _read(self, persona: str) -> _Shelf:
        shelf, stamp = self._shelves.setdefault(persona, _Shelf()), self._library.stamp()
        if shelf.stamp != stamp:
            shelf.hashes = {each: _hash(text) for each, text in self._library.texts(persona)}
            shelf.stamp = stamp
        return shelf

    def _exact_way(self) -> _Way | None:
        folder = self._models.embedder()
        way = _Way(EMBEDDER, folder, self._exact, _name(folder)) if folder else None
        return None if way is None or way.name in self._broken else way

    def _rough_way(self, lexicon: Path) -> _Way:
        return _Way(ANALYST, lexicon, self._rough, lexicon.name)

    def _working(self) -> bool:
        working = self._jobs.running()
        return bool(working and self._library.read_json(working / "spec.json", {}).get("kind") != "fetch")

    def _missing(self, persona: str, shelf: _Shelf, way: _Way) -> frozenset[bytes]:
        if shelf.whole.get(way.name) == shelf.stamp:
            return frozenset()
        return shelf.texts - way.store.known(way.name, persona)

    def _rough_space(self, persona: str, shelf: _Shelf) -> Space | None:
        return self._space(persona, shelf, self._rough_way(shelf.lexicon)) if shelf.lexicon else None

    def _space(self, persona: str, shelf: _Shelf, way: _Way) -> Space | None:
        """The space, if each conversation has a vector; one that was just changed keeps its place until there is a new one."""
        before = shelf.spaces.get(way.name)
        if before and shelf.whole.get(way.name) == shelf.stamp:
            return before
        missing = self._missing(persona, shelf, way)
        old = dict(zip(before.ids, before.rows, strict=True)) if before else {}
        if not shelf.hashes or any(text in missing and each not in old for each, text in shelf.hashes.items()):
            return None
        found = way.store.read(way.name, persona)
        rows = np.stack([found[text] if text in found else old[each] for each, text in shelf.hashes.items()])
        shelf.spaces[way.name] = Space(list(shelf.hashes), rows, way.store is self._exact)
        if not missing:
            shelf.whole[way.name] = shelf.stamp
        return shelf.spaces[way.name]

    # --- what is missing
    def _wants_rough(self, persona: str, shelf: _Shelf) -> bool:
        if len(shelf.texts) < FEWEST or ANALYST in self._broken or shelf.texts == shelf.barren:
            return False
        return shelf.lexicon is None or shelf.outgrown or bool(self._missing(persona, shelf, self._rough_way(shelf.lexicon)))

    def _begin(self, persona: str, exact: _Way | None, rough: bool) -> None:
        self._at = persona
        self._worker = threading.Thread(target=self._work, args=(persona, exact, rough), daemon=True, name="meanings")
        self._worker.start()

    def _work(self, persona: str, exact: _Way | None, rough: bool) -> None:
        try:
            self._prepare_folder()
            spoken = ("\n".join((each.title, *(turn.text for turn in each.turns))) for each in self._library.conversations(persona))
            texts = {_hash(conversation.findable(said)): said for said in spoken}
            if rough:
                self._make_rough(persona, texts)
            if exact:
                self._make(persona, exact, texts)
                exact.store.tidy(exact.name, persona, texts, [each.id for each in self._library.characters()])
        except StudioError:
            pass  # the character is gone, or the disk refuses; who looks next is told
        except (OSError, sqlite3.Error) as error:
            logging.getLogger("studio").warning("Vectors could not be made: %s", error)
            self._broken.add(exact.name if exact else ANALYST)

    def _prepare_folder(self) -> None:
        if self._fresh:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._fresh = False
        storage.private_folder(self._folder)

    def _make_rough(self, persona: str, texts: Mapping[bytes, str]) -> None:
        shelf = self._shelves[persona]
        if shelf.lexicon and not shelf.outgrown:
            self._make(persona, self._rough_way(shelf.lexicon), texts)
            return
        lexicon = self._folder / f"{persona}-{shelf.stamp}.npz"
        if self._make(persona, self._rough_way(lexicon), texts):
            with self._lock:
                shelf.lexicon, shelf.learned = lexicon, frozenset(texts)
        else:
            shelf.barren = shelf.texts

    def _make(self, persona: str, way: _Way, texts: Mapping[bytes, str]) -> bool:
        """Make and keep the vectors that are missing; False where the engine could not."""
        known = way.store.known(way.name, persona)
        try:
            for found in self._made(way, {text: said for text, said in texts.items() if text not in known}):
                way.store.add(way.name, persona, found)
        except Broken as broken:
            if broken.code != NOTHING_SHARED and not self._weaver.closed:
                self._broken.add(ANALYST if way.engine == ANALYST else way.name)
            return False
        return True

    def _made(self, way: _Way, texts: Mapping[bytes, str]) -> Iterator[dict[bytes, np.ndarray]]:
        ordered = sorted(texts, key=lambda text: len(texts[text]))  # those of one length together: little is read for filling
        done = 0
        for part in self._weaver.vectors(way.engine, way.source, [texts[text] for text in ordered]):
            yield dict(zip(ordered[done : done + len(part)], part, strict=True))
            done += len(part)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def _name(folder: Path) -> str:
    """Other weights are another way."""
    weights = sorted(folder.rglob("*.safetensors"))
    return f"{folder.name} {[(file.stat().st_size, file.stat().st_mtime_ns) for file in weights]}"
