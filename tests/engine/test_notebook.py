"""The notebook for another machine, run from its first cell to its last; what it makes comes home and speaks."""

import io
import json
import zipfile

import nbformat
import pytest
from nbclient import NotebookClient

from studio.domain.conversation import Turn
from studio.domain.persona import Persona
from studio.domain.training import Recipe
from studio.services import adapters, elsewhere, homecoming
from studio.services.models import Models
from studio.services.voice import Voice
from studio.settings import Settings
from tests.engine.classroom import PRACTICE, PROJECT
from tests.engine.lessons import TALKS

SHORT = Recipe(epochs=1, batch_size=4, learning_rate=1e-3, rank=8, alpha=8, max_length=128, warmup_steps=1)


@pytest.fixture
def models(library):
    return Models(PRACTICE, library, True)


def character(library):
    who = library.create(Persona("Nib", visitor="Mia", system="You are a small dog.", ink="plum", audition=("Do you like rain?",)))
    for n in range(12):
        ask, say = TALKS[n % len(TALKS)]
        library.add(who, f"Talk {n}", [Turn("a", "user", ask), Turn("b", "model", f"{say} That is {n}.")])
    return who


@pytest.mark.slow
def test_the_notebook_teaches_and_what_it_learned_comes_home(library, models, tmp_path):
    who, settings = character(library), Settings(project=PROJECT, home=library.home)
    there = tmp_path / "there"
    there.mkdir()
    sent = elsewhere.made(library, models, settings, who, "practice", "quick", SHORT)
    zipfile.ZipFile(io.BytesIO(sent)).extract("train.ipynb", there)
    (there / elsewhere.file_name(library, who)).write_bytes(sent)  # as in Colab: the notebook alone, and the zip beside it

    notebook = nbformat.read(there / "train.ipynb", 4)
    nbformat.validate(notebook)
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(there)}}).execute()
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))
    assert "Nib: 12 conversations, for the model practice." in said
    assert "Everything is here." in said and "The model is here." in said, "nothing was fetched"
    assert "Finished after step 3." in said and "Do you like rain?" in said and "learned.zip, " in said
    assert any("image/svg+xml" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ()))

    came = homecoming.bring_home(library, models, there / "learned.zip")
    (learned,) = adapters.learned(library, who)
    assert learned.folder == came.folder and learned.finished
    assert json.loads((came.folder / "adapter_config.json").read_text("utf-8"))["base_model_name_or_path"] == "practice"
    voice = Voice()
    answers = list(voice.speak(models.path("practice"), learned.folder, (Turn("0", "user", "Do you like rain?"),), learned.system, 0.0))
    voice.rest()
    assert answers and answers[-1].strip()
