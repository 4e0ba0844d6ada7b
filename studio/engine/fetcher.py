"""Fetches a model: `python -m studio.engine.fetcher FOLDER` reads `spec.json` there and downloads the files of its repository beside it.

The only part of the studio that goes online, and only on a click.
"""

import json
import logging
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

from studio.domain.errors import StudioError
from studio.engine.reporter import Reporter, run

UNREACHED = "The model could not be fetched: the internet can't be reached. What has arrived is kept. Connect, then press Download again."


FOLDERS = ("", "1_Pooling", "2_Dense", "3_Dense")  # the last three are parts of EmbeddingGemma
WANTED = (".safetensors", ".json", ".jinja", ".md", "LICENSE", "NOTICE")  # never pickled weights


def fetch(folder: Path, reporter: Reporter) -> None:
    """Download every wanted file; files already whole are kept, so a broken download goes on."""
    spec = json.loads((folder / "spec.json").read_text("utf-8"))
    (folder / "fetching").touch()  # the folder counts as a model only when this is gone
    reporter.phase("Asking for the list of files", 0.0)
    try:
        files = HfApi().model_info(spec["repo"], revision=spec.get("revision"), files_metadata=True)
        wanted = [s for s in files.siblings or [] if is_wanted(s.rfilename)]
        total, done = sum(s.size or 0 for s in wanted) or 1, 0
        for file in sorted(wanted, key=lambda s: s.size or 0):
            reporter.check()
            reporter.phase(f"Fetching {done / 1e9:.1f} of {total / 1e9:.1f} GB", done / total)
            hf_hub_download(spec["repo"], file.rfilename, revision=files.sha, local_dir=folder)
            done += file.size or 0
    except GatedRepoError as error:
        raise StudioError(
            "This model asks for its licence to be accepted on its page first. Do that there, or choose a model without a gate."
        ) from error
    except RepositoryNotFoundError as error:
        raise StudioError("This model is no longer where it was published. Choose another one, or a folder you have.") from error
    except HfHubHTTPError as error:
        raise StudioError(refusal(error)) from error
    except (LocalEntryNotFoundError, ConnectionError) as error:
        raise StudioError(UNREACHED) from error
    (folder / "fetching").unlink()
    reporter.say("done")


def refusal(error: HfHubHTTPError) -> str:
    """Why the other side refused, in a sentence with one thing to do."""
    code = error.response.status_code
    if code in (401, 403):
        return "The key (token) for Hugging Face on this computer is not accepted. What has arrived is kept. Take it out or renew it (HF_TOKEN), then press Go on fetching."
    if code == 429:
        return "The other side asks for a pause: too much was fetched from here. What has arrived is kept. Wait some minutes, then press Go on fetching."
    return UNREACHED


def is_wanted(name: str) -> bool:
    """Whether a file of a repository belongs to the model."""
    folder, _, file = name.rpartition("/")
    return folder in FOLDERS and file.endswith(WANTED)


def main() -> None:
    """The child process."""
    logging.basicConfig(level=logging.INFO)
    run(fetch)


if __name__ == "__main__":
    main()
