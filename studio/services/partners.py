"""Who can be talked to: the character as the app has learned it, its finished files, the models of a running Ollama, and the plain model."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from studio.domain.conversation import Turn
from studio.domain.errors import NotFound
from studio.services import adapters, exports, quick
from studio.services.adapters import Adapter
from studio.services.exports import Made
from studio.services.library import Library
from studio.services.models import Models
from studio.services.ollama import Ollama, Said
from studio.services.quick import Copy
from studio.services.voice import LONGEST, Voice

Kind = Literal["lesson", "file", "ollama", "plain"]
PLAIN = "plain"
_MOST = 30  # of Ollama's own models that are offered


@dataclass(frozen=True)
class Partner:
    """Somebody to talk with. `key` is the word the page has for it, never a path; `model` the base it stands on, where that is known."""

    key: str
    kind: Kind
    model: str = ""
    adapter: Adapter | None = None
    made: Made | None = None
    name: str = ""  # in Ollama


@dataclass(frozen=True)
class Around:
    """`own`: those in which a character speaks, the first of them unless another is chosen. `others`: those it can be heard beside, the plain model first."""

    own: list[Partner]
    others: list[Partner]


def around(library: Library, models: Models, ollama: Ollama, persona_id: str) -> Around:
    """Everybody who could answer in this character's room now."""
    there = ollama.names()
    own = _own(library, there, persona_id)
    plain = Partner(PLAIN, "plain", own[0].model if own else models.plain())
    known = {partner.name for partner in own}
    strangers = [Partner(f"ollama:{name}", "ollama", name=name) for name in there if name not in known]
    return Around(own, [plain, *own, *strangers[:_MOST]])


def _own(library: Library, there: Sequence[str], persona_id: str) -> list[Partner]:
    """What the character learned (finished lessons first), its newest file of each kind, and what was sent to Ollama and is there."""
    learned = [Partner(a.folder.name, "lesson", a.model, adapter=a) for a in adapters.learned(library, persona_id)]
    files: dict[str, Partner] = {}
    sent: dict[str, Partner] = {}
    for made in exports.finished(library, persona_id):
        model = made.spec["model"]
        if made.speaks:
            files.setdefault(made.spec["file"], Partner(f"file:{made.folder.name}", "file", model, made=made))
        if made.delivered in there:
            sent.setdefault(made.delivered, Partner(f"ollama:{made.delivered}", "ollama", model, made=made, name=made.delivered))
    return [*learned, *files.values(), *sent.values()]


def chosen(partners: Sequence[Partner], key: str | None) -> Partner | None:
    """The one asked for, or else the first."""
    return next((p for p in partners if p.key == key), partners[0] if partners else None)


def named(partners: Sequence[Partner], key: str | None) -> Partner | None:
    """The one asked for, or the first where nobody was; raises NotFound where that one is gone, so that no other voice passes for it."""
    if key and partners and not any(partner.key == key for partner in partners):
        what = "Ollama has stopped, or lost this character." if key.startswith("ollama:") else "This voice is not there any more."
        raise NotFound(f"{what} Your words are in the box. Choose another voice and ask again.")
    return chosen(partners, key)


def copy_of(library: Library, models: Models, partner: Partner) -> Copy | None:
    """The quick copy from which the app's own model could answer on this computer; None for others, and where it would gain nothing."""
    if partner.kind not in ("lesson", "plain") or not quick.possible():
        return None
    return quick.copy_of(library, models, partner.model, partner.adapter.folder if partner.adapter else None)


def speak(
    voice: Voice, models: Models, ollama: Ollama, partner: Partner, turns: Sequence[Turn], temperature: float, copy: Copy | None = None
) -> Generator[str, None, None]:
    """Yield the growing answer of a partner to the last turn, from its quick copy where that is given; all of them take turns at the one voice,
    and hear its Stop.
    """
    if copy:
        yield from voice.speak(copy.file, copy.beside, turns, partner.adapter.system if partner.adapter else "", temperature)
    elif partner.kind == "ollama":
        yield from voice.relay(_words(ollama.chat(partner.name, turns, temperature, LONGEST)))
    elif partner.kind == "file" and partner.made:
        yield from voice.speak(partner.made.file, None, turns, partner.made.spec["persona"]["system"], temperature)
    elif partner.adapter:
        yield from voice.speak(models.path(partner.model), partner.adapter.folder, turns, partner.adapter.system, temperature)
    elif partner.kind == "plain":
        yield from voice.speak(models.path(partner.model), None, turns, "", temperature)
    else:
        raise NotFound("This voice is not there any more. Nothing was lost. Choose another one.")


def _words(said: Generator[Said, None, None]) -> Generator[str, None, None]:
    with closing(said):
        for so_far in said:
            yield so_far.text
