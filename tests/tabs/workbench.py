"""A finished export as its folder would look, and an Ollama that takes it: what tests of the Export room share."""

import json
import os
import re
from dataclasses import dataclass

import psutil

from studio.domain import certificate
from studio.services import orders
from studio.services.ollama import Said

CONFIG = {
    "model_type": "gemma3_text", "vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "max_position_embeddings": 256, "rms_norm_eps": 1e-6, "query_pre_attn_scalar": 32, "sliding_window": 16,
    "rope_theta": 1e6, "rope_local_base_freq": 1e4, "layer_types": ["sliding_attention", "full_attention"], "tie_word_embeddings": True,
}  # fmt: skip


@dataclass
class Status:
    state: str
    version: str = ""
    sentence: str = "Ollama is running on this computer."


class Box:
    """An Ollama that takes what it is given, or refuses; and answers as it is told to."""

    def __init__(self, state="running", error=None, answer="Woof.", known=()):
        self.state, self.error, self.answer, self.known, self.taken = state, error, answer, list(known), []

    def status(self):
        return Status(self.state, "0.30.1", "Ollama is running." if self.state == "running" else f"Ollama is {self.state}. Do something.")

    def names(self):
        return self.known

    def rendered(self, name, turns):
        return None

    def chat(self, name, turns, temperature, most):
        if isinstance(self.answer, Exception):
            raise self.answer
        yield Said("")
        yield Said(self.answer, True)

    def create(self, name, gguf, modelfile):
        yield "Copying the file", 0.5
        if self.error:
            raise self.error
        self.taken.append((name, gguf, modelfile))
        yield "Writing", None


def answers(count=10, different=0):
    return [certificate.Answer(f"Question {n}?", "Woof.", "Woof." if n >= different else "Wuff.", True, True) for n in range(count)]


def checks(found, exact=True, speakers=10):
    return [
        certificate.words(2104, 2104),
        certificate.speakers(speakers, 10),
        certificate.check(certificate.NUMBERS, "in all 512 places, to the last digits", True),
        certificate.answers(found, exact, True, True),
        certificate.stops(found, True),
        certificate.check(certificate.CHARACTER, "as sure as the app of 9 conversations it never learned", True),
        certificate.check(certificate.OLLAMA, "Checked when it is sent to Ollama.", None),
    ]


def finish(studio, who, file="Q8_0", name="biscuit", found=None, rows=None):
    """An export that is done, as its folder would look."""
    found = answers() if found is None else found
    folder = orders.order_export(studio.library, studio.models, studio.library.adapters(who)[0], file, name)
    gguf = folder / f"{name}-{file}.gguf"
    gguf.write_bytes(b"GGUF")
    (folder / "Modelfile").write_text(f'FROM ./{gguf.name}\nTEMPLATE """x"""\n')
    rows = checks(found) if rows is None else rows
    result = {
        "path": str(gguf),
        "quantization": file,
        "bytes": 4,
        "checks": [c.to_dict() for c in rows],
        "answers": [a.to_dict() for a in found],
    }
    studio.library.write_json(folder / "result.json", result)
    journal(studio, folder, {"kind": "done", "at": 2.0})
    return folder


def journal(studio, folder, *events, alive=False):
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    studio.library.write_json(folder / "child.json", {"pid": os.getpid(), "born": psutil.Process().create_time() if alive else 1.0})


def marks(page):
    return re.findall(r'<li class="(\w+)">', page)
