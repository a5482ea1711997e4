"""A plugin with a few words in three dimensions, for tests of word commands."""

from __future__ import annotations

import torch
from pluxel.core.embeddings import Download, Unknown, WordVectors
from pluxel.registry import Component, hookimpl

ROWS = {
    "man": [1, 0, 0],
    "woman": [1, 1, 0],
    "king": [1, 0, 1],
    "queen": [1, 1, 1],
    "boy": [2, 0.1, 0.1],
    "girl": [1, 1, 0.1],
    "royal palace": [0, 0.2, 1],
    "nothing": [0, 0, 0],
}


@hookimpl
def pluxel_embeddings() -> list[Component]:
    return [Component("toy", "toy_words:Toy", "Eight words.", aliases=("plaything",))]


class Toy(WordVectors):
    """Word vectors multiplied by ``scale``."""

    def __init__(
        self, *, name: str = "small", scale: float = 1.0, unknown: Unknown = "error"
    ) -> None:
        rows = torch.tensor([*ROWS.values()]) * scale
        super().__init__(
            [f"{word}!" if name == "toy.loud.3d" else word for word in ROWS], rows, unknown=unknown
        )

    @classmethod
    def aliases(cls) -> tuple[Download, ...]:
        return tuple(
            Download(f"toy.{n}.3d", "https://example.org/toy.zip", 1_500_000)
            for n in ("small", "loud")
        )
