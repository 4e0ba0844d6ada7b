"""A character's audition lines, asked again in Ollama: whether what was heard in the file is what runs there."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from studio.domain import certificate
from studio.domain.certificate import Check

LONGEST = 80  # tokens of an answer; the file was not asked for more
_ENOUGH = 3  # lines after which it is no accident that none came back


@dataclass(frozen=True)
class Line:
    """One line answered by the file, when it was checked, and by Ollama. `stopped`, `ended`: the file and Ollama ended it by themselves."""

    prompt: str
    file: str
    stopped: bool
    ollama: str
    ended: bool

    @property
    def same(self) -> bool:
        """Word for word the same; of an answer that was cut short when the file was checked, as far as it went."""
        if self.stopped:
            return self.ollama.strip() == self.file.strip() and self.ended
        return self.ollama.strip().startswith(self.file.strip())

    def to_dict(self) -> dict[str, Any]:
        """As it stands in `ollama.json`."""
        return asdict(self)


def judged(lines: Sequence[Line], laid_out: bool | None = None, trouble: str = "", left: int = 0) -> Check:
    """The last line of the certificate. `laid_out`: whether the prompt was marked up as in training, where Ollama told; `trouble`: why it broke off.

    `left`: so many questions were not asked, because somebody stopped that.
    """
    same, total = sum(line.same for line in lines), len(lines)
    if trouble:
        return _told(f"it is in Ollama, but could not speak there. {trouble}", False)
    if laid_out is False:
        return _told("Ollama lays out a conversation in another way than the app. Update Ollama, then send it again.", False)
    if left:
        asked = f"You stopped after {total} of {total + left} test questions. To ask them all, send it again."
        return _told(f"it is in Ollama. {asked}", None)
    if not total:
        return _told("it is in Ollama. There were no test questions to ask it there.", None)
    on = sum(line.stopped and not line.ended for line in lines)
    if same == total:
        return _told(f"the same {total} answers came back", True)
    if on:
        return _told(f"{on} of {total} answers ran on where the file stops. Update Ollama, then send it again.", False)
    if not same and total >= _ENOUGH:
        return _told(f"none of the {total} answers came back as it was. Update Ollama, then send it again.", False)
    return _told(f"{same} of {total} answers came back word for word. Another program rounds a little differently.", None)


def _told(sentence: str, good: bool | None) -> Check:
    return certificate.check(certificate.OLLAMA, sentence, good)
