"""The whole way into a real Ollama, where one answers at OLLAMA_HOST."""

import os
from pathlib import Path

import httpx
import pytest

from studio.domain import gemma, modelfile, rehearsal
from studio.domain.conversation import Turn
from studio.domain.persona import Persona
from studio.domain.rehearsal import Line
from studio.services.ollama import Ollama
from tests.engine.test_export import made, needs_engine

PRACTICE = Path(__file__).resolve().parents[2] / "assets" / "practice-model"
PROMPTS = ["Hello!", "What do you like to eat?", "It is raining outside."]


@pytest.mark.skipif(Ollama().status().state != "running", reason="no Ollama answers at OLLAMA_HOST, so only the stand-in was asked")
@needs_engine
def test_a_real_ollama_takes_the_practice_model_and_says_what_the_file_says(tmp_path):
    result = made(
        tmp_path, (PRACTICE, None), "Q8_0", prompts=PROMPTS, persona={"name": "Robin", "system": "You are Robin, a bird."}, model="practice"
    )
    real, name = Ollama(), f"persona-studio-test-{os.getpid()}"
    card = modelfile.of(Persona("Robin", system="You are Robin, a bird."), gemma.GEMMA3, "practice", 1024)
    try:
        for _ in range(2):  # the second time the file is there already
            assert list(real.create(name, Path(result["path"]), card))[-1] == ("Done", 1.0)
        assert name in real.names()
        talk = [Turn("", "user", PROMPTS[0])]
        assert real.rendered(name, talk) in (None, gemma.prompt(talk, card.system, gemma.GEMMA3).removeprefix(gemma.BOS))
        lines = []
        for row in result["answers"]:
            said = list(real.chat(name, [Turn("", "user", row["prompt"])], 0.0, rehearsal.LONGEST))[-1]
            lines.append(Line(row["prompt"], row["file"], row["stopped"], said.text, bool(said.ended)))
        assert rehearsal.judged(lines).ok is not False, lines
    finally:
        httpx.request("DELETE", f"{real.url}/api/delete", json={"model": name}, timeout=30)
