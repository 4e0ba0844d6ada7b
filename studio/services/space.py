"""Every conversation of a character as a point: what is near in it is alike."""

from typing import NamedTuple

import numpy as np


class Space(NamedTuple):
    """The ids of conversations and a vector of length one for each, a row each; `exact`: made by EmbeddingGemma."""

    ids: list[str]
    rows: np.ndarray
    exact: bool

    def nearness(self, identifier: str) -> dict[str, float]:
        """The cosine of each other conversation with this one."""
        own = self.ids.index(identifier)
        rows = self.rows.astype(np.float32)
        near = (rows @ rows[own]).tolist()
        return {each: score for n, (each, score) in enumerate(zip(self.ids, near, strict=True)) if n != own}

    def plane(self) -> tuple[list[float], list[float]]:
        """Two scores for each conversation: the first two principal components. The same space always gives the same scores."""
        rows = self.rows.astype(np.float32)
        rows -= rows.mean(0)
        axes = np.linalg.eigh(rows.T @ rows)[1][:, :-3:-1]
        axes = axes * np.sign(axes[np.abs(axes).argmax(0), range(axes.shape[1])])
        across, *down = (rows @ axes).T.tolist()
        return across, down[0] if down else [0.0] * len(across)
