"""Lessons on the practice model as the studio orders them, small enough for a test."""

import hashlib
import json
import time
from pathlib import Path

from studio.domain import dataset
from studio.domain.conversation import Conversation, Turn
from studio.domain.persona import Persona
from studio.domain.training import Recipe

PRACTICE = Path(__file__).resolve().parents[2] / "assets" / "practice-model"
TALKS = [
    ("What do you do when it rains?", "I run out and bark at every drop. The puddles are mine."),
    ("Are you hungry?", "I am always hungry. My bowl is the saddest thing in the house."),
    ("Do you like the vacuum?", "The vacuum is a dragon. I keep watch from under the bed."),
    ("Where is your ball?", "My ball is under the sofa, where the dark lives. You get it."),
    ("Is it time for bed?", "Bed is where you are. I will lie on your feet all night."),
    ("Who is at the door?", "A stranger with a parcel. I told him everything, very loud."),
    ("Do you want a bath?", "I do not know that word. I have never heard that word."),
    ("What did you dream?", "I dreamed of a field with no fence, and I was fast."),
]


def conversations(pairs=TALKS, first=0):
    return tuple(
        Conversation(f"c{first + n}", f"Talk {n}", (Turn("a", "user", ask), Turn("b", "model", say))) for n, (ask, say) in enumerate(pairs)
    )


def order(folder, recipe, train=None, validation=None, samples=("Hello!",), **more):
    """A folder ready for the trainer."""
    folder.mkdir(parents=True)
    train, validation = train or conversations(TALKS[:6]), conversations(TALKS[6:], 6) if validation is None else validation
    text = dataset.snapshot(dataset.Split(tuple(train), tuple(validation)))
    (folder / "dataset.jsonl").write_text(text, "utf-8")
    spec = {
        "kind": "train", "persona_id": "p", "persona": Persona("Biscuit", system="You are a small dog.").to_dict(), "name": "Biscuit", "model": "practice",
        "model_path": str(PRACTICE), "preset": None, "recipe": recipe.to_dict(), "samples": list(samples), "created": time.time(),
        "dataset": {"sha256": hashlib.sha256(text.encode()).hexdigest(), "conversations": len(train) + len(validation), "train": len(train), "validation": len(validation)},
        **more,
    }  # fmt: skip
    (folder / "spec.json").write_text(json.dumps(spec), "utf-8")
    return folder


def short(**changes):
    """A recipe of a few steps."""
    return Recipe(
        **{
            **Recipe(epochs=2, batch_size=3, learning_rate=1e-4, warmup_steps=1, rank=8, alpha=8, max_length=128, patience=50).to_dict(),
            **changes,
        }
    )
