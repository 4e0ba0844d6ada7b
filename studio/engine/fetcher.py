"""Fetches a model: `python -m studio.engine.fetcher FOLDER` reads `spec.json` there and downloads the files of its repository beside it.

The only part of the studio that goes online, and only on a click. No account is used: a key (HF_TOKEN) that lies on the computer is never sent.
The hub's own library begins a broken file anew (huggingface_hub 2.4); files of many gigabytes have to go on from where they broke.
"""

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import BinaryIO

from httpx2 import TransportError
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import get_session, hf_raise_for_status

from studio.domain.errors import StudioError
from studio.engine.reporter import Reporter, run

UNREACHED = "The model could not be fetched: the internet can't be reached. What has arrived is kept. Connect, then press Go on fetching."
GATED = "This model is only given to those who accepted its licence on its page. Choose another model here, or fetch it there and add its folder."
GONE = "This model is no longer where it was published. Choose another one, or a folder you have."
PAUSE = "The other side asks for a pause: too much was fetched from here. What has arrived is kept. Wait some minutes, then press Go on fetching."
DAMAGED = "{name} arrived damaged and was removed. The other files are kept. Press Go on fetching."
FOLDERS = ("", "1_Pooling", "2_Dense", "3_Dense")  # the last three are parts of EmbeddingGemma
WANTED = (".safetensors", ".json", ".jinja", ".md", "LICENSE", "NOTICE", "LICENSE.txt", "NOTICE.txt")  # never pickled weights
PIECE = 1 << 20  # bytes read at once
TOLD = 1 << 24  # bytes between two lines of the journal


class Arrivals:
    """Says how much of everything has arrived."""

    def __init__(self, reporter: Reporter, total: int) -> None:
        self.reporter, self.total, self.arrived, self.told = reporter, total, 0, -TOLD

    def add(self, count: int) -> None:
        """So many bytes more; raises Stopped where that was asked."""
        self.arrived += count
        self.reporter.check()
        if self.arrived - self.told >= TOLD:
            self.told = self.arrived
            self.reporter.phase(f"Fetching {self.arrived / 1e9:.1f} of {self.total / 1e9:.1f} GB", self.arrived / (self.total or 1))


def fetch(folder: Path, reporter: Reporter) -> None:
    """Download every wanted file; what is there already stays, so a broken download goes on in the middle of a file."""
    spec = json.loads((folder / "spec.json").read_text("utf-8"))
    (folder / "fetching").touch()  # the folder counts as a model only when this is gone
    reporter.phase("Asking for the list of files", 0.0)
    try:
        found = HfApi(token=False).model_info(spec["repo"], revision=spec.get("revision"), files_metadata=True)
        wanted = sorted((file for file in found.siblings or [] if is_wanted(file.rfilename)), key=lambda file: file.size or 0)
        arrivals = Arrivals(reporter, sum(file.size or 0 for file in wanted))
        for file in wanted:
            download(hf_hub_url(spec["repo"], file.rfilename, revision=found.sha), folder, file, arrivals)
    except GatedRepoError as error:
        raise StudioError(GATED) from error
    except RepositoryNotFoundError as error:
        raise StudioError(GONE) from error
    except HfHubHTTPError as error:
        raise StudioError({401: GATED, 403: GATED, 429: PAUSE}.get(error.response.status_code, UNREACHED)) from error
    except (TransportError, ConnectionError) as error:
        raise StudioError(UNREACHED) from error
    (folder / "fetching").unlink()
    reporter.say("done")


def download(address: str, folder: Path, file: RepoSibling, arrivals: Arrivals) -> None:
    """One file, complete or absent: what arrives lies in `NAME.part` until all of it is there and is what was published."""
    target = folder / file.rfilename
    part = target.with_name(f"{target.name}.part")
    if target.is_file():
        arrivals.add(target.stat().st_size)
        return
    target.parent.mkdir(exist_ok=True)
    begun = part.stat().st_size if part.is_file() else 0
    if begun and begun == file.size:
        arrivals.add(begun)
    else:
        _receive(address, part, begun if begun < (file.size or 0) else 0, arrivals)
    if not is_whole(part, file):
        part.unlink()
        raise StudioError(DAMAGED.format(name=file.rfilename))
    os.replace(part, target)


def _receive(address: str, part: Path, begun: int, arrivals: Arrivals) -> None:
    asked = {"Accept-Encoding": "identity", **({"Range": f"bytes={begun}-"} if begun else {})}
    with get_session().stream("GET", address, headers=asked, follow_redirects=True) as answer:
        if answer.is_error:
            answer.read()  # what is wrong stands in it
        hf_raise_for_status(answer)
        goes_on = answer.status_code == 206
        with part.open("ab" if goes_on else "wb") as kept:
            arrivals.add(begun if goes_on else 0)
            for piece in answer.iter_raw():
                kept.write(piece)
                arrivals.add(len(piece))
            kept.flush()
            os.fsync(kept.fileno())


def is_whole(part: Path, file: RepoSibling) -> bool:
    """Whether what arrived has the published size and, where one is published, the published SHA-256."""
    if file.size is not None and part.stat().st_size != file.size:
        return False
    if not file.lfs:
        return True
    with part.open("rb") as kept:
        return _sha256(kept) == file.lfs.sha256


def _sha256(file: BinaryIO) -> str:
    found = hashlib.sha256()
    while piece := file.read(PIECE):
        found.update(piece)
    return found.hexdigest()


def is_wanted(name: str) -> bool:
    """Whether a file of a repository belongs to the model."""
    folder, _, file = name.rpartition("/")
    return folder in FOLDERS and file.endswith(WANTED) and "\\" not in file  # Windows would take that for a folder


def main() -> None:
    """The child process."""
    logging.basicConfig(level=logging.INFO)
    run(fetch)


if __name__ == "__main__":
    main()
