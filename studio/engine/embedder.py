"""Vectors by meaning, with EmbeddingGemma: `python -m studio.engine.embedder TEXTS MADE FOLDER`.

A Gemma 3 that looks both ways; the mean over all tokens goes through the folder's dense layers and is brought to length one. Source:
https://huggingface.co/google/embeddinggemma-300m and H. Schechter Vera et al., EmbeddingGemma: Powerful and Lightweight Text Representations, 2025.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from studio.engine.deliverer import deliver, texts

PROMPT = "task: sentence similarity | query: "
LONGEST = 512  # tokens; of a longer conversation its beginning is read
AT_ONCE = 8
LINEAR = "torch.nn.modules.linear.Identity"


class Embedder:
    """One EmbeddingGemma in memory, in float32: its makers say that half precision is not for it."""

    def __init__(self, folder: Path) -> None:
        self._device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="right")
        self._model = AutoModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval().to(self._device)
        if not self._model.config.use_bidirectional_attention:
            raise ValueError(f"{folder} holds a model that only looks back.")
        self._dense = [_dense(layer, self._device) for layer in sorted(folder.glob("*_Dense"))]

    @torch.inference_mode()
    def vectors(self, some: Sequence[str]) -> np.ndarray:
        """A vector of length one for each text, float32 (texts, width)."""
        read = self._tokenizer([PROMPT + text for text in some], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt").to(
            self._device
        )
        states = self._model(input_ids=read["input_ids"], attention_mask=read["attention_mask"]).last_hidden_state
        heard = read["attention_mask"].unsqueeze(-1).to(states.dtype)
        found = (states * heard).sum(1) / heard.sum(1)
        for weight, bias in self._dense:
            found = torch.nn.functional.linear(found, weight, bias)
        return torch.nn.functional.normalize(found, dim=-1).cpu().numpy()


def _dense(layer: Path, device: str) -> tuple[torch.Tensor, torch.Tensor | None]:
    if json.loads((layer / "config.json").read_text("utf-8")).get("activation_function", LINEAR) != LINEAR:
        raise ValueError(f"{layer} has an activation that is not known.")
    held = {name: weight.float().to(device) for name, weight in load_file(layer / "model.safetensors").items()}
    return held["linear.weight"], held.get("linear.bias")


def _parts(embedder: Embedder, all_: Sequence[str]) -> Iterator[np.ndarray]:
    for at in range(0, len(all_), AT_ONCE):
        yield embedder.vectors(all_[at : at + AT_ONCE])


def main(source: str, made: str, folder: str) -> None:
    """The child process."""
    deliver(_parts(Embedder(Path(folder)), texts(Path(source))), Path(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
