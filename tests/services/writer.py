"""A child for test_storage_kill: writes to a library without end and says on stdout what it was told is safe."""

import sys
from pathlib import Path

from studio.domain.conversation import Turn
from studio.domain.persona import Persona
from studio.services.library import Library


def text(n):
    """The words of the n-th save; long enough to span pages."""
    return f"save {n} " * (1 + n % 300)


def turns(n):
    return [{"id": "a", "role": "user", "text": f"save {n}"}, {"id": "b", "role": "model", "text": text(n)}]


def write_for_ever(home, n):
    library = Library(home, home / "no-examples")
    biscuit = (library.characters() or [library.character(library.create(Persona("Biscuit")))])[0]
    held = {c.id: library.load(c.id)["rev"] for c in library.conversations(biscuit.id)}
    while True:
        n += 1
        if len(held) < 5:
            made = library.add(biscuit.id, str(n), [Turn(**turn) for turn in turns(n)])
            held[made] = 1
        else:
            made = sorted(held)[n % 5]
            answer = library.save(made, held[made], f"{n:016x}", str(n), turns(n))
            assert answer["ok"], answer
            held[made] = answer["rev"]
        print("safe", made, n, flush=True)
        if n % 7 == 0:
            library.flush()


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]), int(sys.argv[2]))
