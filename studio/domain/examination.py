"""What was measured on an exported file, the bars it has to pass, and the record of both: `certificate.json`, beside the file.

Fields of the record (null where something could not be measured):

    format        1
    file, kind, bytes, sha256    the file's name, its kind (F32 ... Q4_K_M, adapter), its size, its hash
    persona, model, adapter      whose voice, the model it learned on, the lesson's folder
    merged_into   original: what was learned was added to the model's own weights; nf4: to what a lesson in 4 bit saw of them; null: it was not merged
    made_with     versions of what made and measured it
    verdict       the certificate's title
    checks        the page: title, sentence, expert (the field's own word), ok (true, false, null: not checked or only nearly so)
    tokens        matched of texts: the file cuts them into the very token ids of the model's tokenizer
    prompts       matched of prompts rendered alike; folded: of those with a system text, how many hold it where the app puts it;
                  bos: how many of them, read both ways Ollama reads them, begin with none, one, two or more <bos>
    logits        of this file against the app's model in float32: positions, nmse (squared error over squared size) and its limit, top1 (share of
                  positions with the same likeliest token), kl (mean nats a position) and its limit_kl
    master        the same with its kind (F32, of large models BF16) and matches (answers like the app's, word for word), for the file this one was made
                  from; of an F32 file, its own; null where there was none
    answers       each test question: prompt, app, file, ended (the app ended by itself), stopped (the file did), tie (where they part, rounding chose)
    stop          the file knows the mark that ends an answer; ended, stopped: how many answers of the app and of the file ended by themselves
    character     over conversations kept back from the lesson: conversations, tokens, perplexity_app, perplexity_file, allowed (how much higher the
                  file's may be to be called in character)
    ollama        once it was asked there: the name it has, Ollama's version, when; its line then stands in checks, its words in answers (ollama)
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import exp
from typing import Any

from studio.domain import certificate
from studio.domain.certificate import Answer, Check
from studio.domain.sizes import Kind


@dataclass(frozen=True)
class Bar:
    """How far a file of a kind may be from the app's model, which is run in float32.

    `nmse` and `kl`: of the logits. `surprise`: how much higher its perplexity may be for *still in character*, as a share.
    """

    nmse: float
    kl: float
    surprise: float


# A forgotten rope factor reaches an nmse of 7e-3, so an exact file has to be a thousand times better than what llama.cpp's own scale calls good (1e-2).
# What quantized files lose is measured on the smallest models, where rounding hurts most.
BARS: dict[Kind, Bar] = {
    "F32": Bar(1e-5, 1e-4, 0.001), "adapter": Bar(1e-5, 1e-4, 0.001), "F16": Bar(1e-4, 1e-3, 0.002), "BF16": Bar(1e-3, 5e-3, 0.005),
    "Q8_0": Bar(5e-3, 0.01, 0.01), "Q6_K": Bar(2e-2, 0.03, 0.02), "Q5_K_M": Bar(5e-2, 0.06, 0.03), "Q4_K_M": Bar(0.2, 0.2, 0.05),
}  # fmt: skip
_LITTLE = 4  # so many times the allowed surprise is still only a little out of character


@dataclass(frozen=True)
class Distance:
    """How far a file's logits are from the app's, over the same tokens; see `logits` above."""

    positions: int
    nmse: float
    top1: float
    kl: float


@dataclass(frozen=True)
class Surprise:
    """Mean negative log-likelihood (nats per learned token) of replies the character never learned, to the app and to the file."""

    conversations: int
    tokens: int
    app: float
    file: float

    @property
    def more(self) -> float:
        """How much higher the file's perplexity is, as a share."""
        return exp(self.file - self.app) - 1


@dataclass(frozen=True)
class Examination:
    """What was measured on one file of a kind. Pairs are (matched, total); `begun` counts prompts with no, one, and more beginnings.

    `distance` is None where the app's model could not be run beside the file; then there are no answers either.
    """

    kind: Kind
    words: tuple[int, int]
    speakers: tuple[int, int]
    folded: tuple[int, int]
    begun: tuple[int, int, int]
    distance: Distance | None
    answers: tuple[Answer, ...]
    marked: bool
    surprise: Surprise | None

    @property
    def matches(self) -> int:
        """How many prompts were answered word for word as in the app."""
        return sum(answer.same for answer in self.answers)


def checks(file: Examination, master: Examination | None) -> list[Check]:
    """The certificate's lines. `master` is what was measured on the file this one was made from."""
    faithful = _faithful(file) and (master is None or _faithful(master))
    return [
        certificate.words(*file.words),
        certificate.speakers(*file.speakers, file.begun),
        _numbers(file, faithful),
        certificate.answers(file.answers, file.kind in ("F32", "adapter"), faithful, file.distance is not None),
        certificate.stops(file.answers, file.marked),
        _character(file.kind, file.surprise),
    ]


def unchecked() -> list[Check]:
    """The certificate where llama.cpp is missing."""
    return [certificate.check(n, certificate.NO_ENGINE, None) for n in range(certificate.OLLAMA)]


def _faithful(file: Examination) -> bool:
    found, bar = file.distance, BARS[file.kind]
    return found is None or (found.nmse <= bar.nmse and found.kl <= bar.kl)


def _numbers(file: Examination, faithful: bool) -> Check:
    found = file.distance
    if found is None:
        return certificate.check(certificate.NUMBERS, certificate.NO_MEMORY, None)
    if not faithful:
        return certificate.check(certificate.NUMBERS, "the numbers differ more than they may. Make the file again, or use Chat.", False)
    if file.kind in ("F32", "adapter"):
        return certificate.check(certificate.NUMBERS, f"in all {found.positions:,} places, to the last digits", True)
    return certificate.check(certificate.NUMBERS, f"the likeliest word is the same in {found.top1:.0%} of {found.positions:,} places", True)


def _character(kind: Kind, found: Surprise | None) -> Check:
    if found is None:
        return certificate.check(certificate.CHARACTER, "Not checked: no conversations were kept back from the lesson.", None)
    allowed, talks = BARS[kind].surprise, f"{found.conversations} conversation{'s' if found.conversations > 1 else ''} it never learned"
    if found.more <= allowed:
        words = f"as sure as the app of {talks}" if found.more < 0.0005 else f"only {found.more:.1%} less sure than the app of {talks}"
        return certificate.check(certificate.CHARACTER, words, True)
    if found.more <= _LITTLE * allowed:
        return certificate.check(
            certificate.CHARACTER, f"a little out of character: {found.more:.0%} less sure of {talks}. A larger file keeps more.", None
        )
    return certificate.check(
        certificate.CHARACTER, f"out of character: {found.more:.0%} less sure of {talks}. Choose a larger file, or use Chat.", False
    )


def record(
    kind: Kind, file: Examination | None, master: Examination | None, about: Mapping[str, Any], rows: Sequence[Check]
) -> dict[str, Any]:
    """`certificate.json`, as described above. `about`: file, bytes, sha256, persona, model, adapter and made_with."""
    found = [row.to_dict() for row in rows]
    head = {"format": 1, **about, "kind": kind, "verdict": certificate.headline(found), "checks": found}
    if file is None:
        return head | dict.fromkeys(("tokens", "prompts", "logits", "master", "stop", "character")) | {"answers": []}
    return head | {
        "tokens": {"matched": file.words[0], "texts": file.words[1]},
        "prompts": {
            "matched": file.speakers[0], "prompts": file.speakers[1], "folded": dict(zip(("matched", "prompts"), file.folded, strict=True)),
            "bos": dict(zip(("none", "one", "two"), file.begun, strict=True)),
        },
        "logits": _measured(file),
        "master": master and {"kind": master.kind, "matches": master.matches, **(_measured(master) or {})},
        "answers": [answer.to_dict() for answer in file.answers],
        "stop": {"known": file.marked, "ended": sum(a.ended for a in file.answers), "stopped": sum(a.stopped for a in file.answers)},
        "character": file.surprise and {
            "conversations": file.surprise.conversations, "tokens": file.surprise.tokens, "perplexity_app": exp(file.surprise.app),
            "perplexity_file": exp(file.surprise.file), "allowed": BARS[kind].surprise,
        },
    }  # fmt: skip


def _measured(file: Examination) -> dict[str, Any] | None:
    bar = BARS[file.kind]
    return {**asdict(file.distance), "limit": bar.nmse, "limit_kl": bar.kl} if file.distance else None
