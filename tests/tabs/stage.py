"""A studio on a stage: real library, real models and real job folders; only the child process is not started."""

import json
import os
from pathlib import Path

import psutil
from tokenizers import Tokenizer, models, pre_tokenizers

from studio.domain.conversation import Turn
from studio.domain.persona import Persona
from studio.services import orders
from studio.services.jobs import Jobs
from studio.services.models import Models
from studio.services.ollama import Ollama
from studio.services.reader import Reader
from studio.services.similar import Similar
from studio.services.studio import Studio
from studio.services.voice import Voice
from studio.settings import Settings

NOBODY = "127.0.0.1:9"  # where nothing listens


class Curtain(Jobs):
    """Jobs whose child never comes on stage: what would be started is written down."""

    def __init__(self, library, project):
        super().__init__(library, project)
        self.started = []

    def start(self, kind, folder):
        self.started.append((kind, folder))


def studio(library, tmp_path, offline=False):
    """The record a tab receives."""
    project = Path(__file__).parents[2]
    settings = Settings(project=project, home=library.home, offline=offline)
    models = Models(practice(tmp_path), library, offline)
    return Studio(settings, library, Curtain(library, project), models, Reader(library, models), Voice(), Ollama(NOBODY), Similar(library))


def practice(tmp_path):
    """A model folder as far as the window looks into it: a config, and a tokenizer with one token a word."""
    folder = tmp_path / "practice-model"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma3_text", "max_position_embeddings": 256}))
    words = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.save(str(folder / "tokenizer.json"))
    return folder


def character(library, conversations=12, name="Biscuit"):
    """A character with so many teachable conversations."""
    who = library.create(Persona(name, visitor="Mia", system="You are a dog.", ink="blue"))
    for n in range(conversations):
        library.add(who, f"Talk {n}", [Turn(f"a{n}", "user", f"Question {n}?"), Turn(f"b{n}", "model", f"Answer number {n}.")])
    return who


def lesson(stage, who, *events, alive=False, **result):
    """A lesson's folder with its journal; `alive`: its child is this very process; `result` fills result.json and leaves an adapter."""
    recipe = orders.recipe_for(stage.library, stage.models, who, "practice", "balanced")
    folder = orders.order_lesson(stage.library, stage.models, who, "practice", "balanced", recipe)
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    born = psutil.Process().create_time() if alive else 1.0
    (folder / "child.json").write_text(json.dumps({"pid": os.getpid(), "born": born}))
    if result:
        (folder / "result.json").write_text(json.dumps({"base_model": "practice", **result}))
        (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return folder


def searched(folder, *trials, alive=False, ended=()):
    """A search's folder with what it has found so far: (state, loss, step size) of each lesson; `ended`: its last word."""
    rows = [
        {"rate": rate, "rank": 16, "passes": 4, "state": state, "loss": loss, "curve": [[0, 3.0], [5, loss]] if loss else []}
        for state, loss, rate in trials
    ]
    (folder / "trials.json").write_text(json.dumps({"spent": 60.0, "trials": rows}))
    events = [{"kind": "phase", "at": 1.0, "text": f"Learning by recipe {len(rows)}"}]
    events += [{"kind": kind, "at": 2.0} for kind in ended]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    born = psutil.Process().create_time() if alive else 1.0
    (folder / "child.json").write_text(json.dumps({"pid": os.getpid(), "born": born}))
    return folder
