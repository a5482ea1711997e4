"""A plugin with one small embedding, for components that ask for one."""

from __future__ import annotations

import torch
from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_embeddings() -> list[Component]:
    return [Component("class_words", "words:ClassWords", "The words class0 … class9.")]


class ClassWords:
    """Random vectors in four dimensions, those of neighbors more alike; ``flat``: all alike."""

    def __init__(self, *, flat: bool = False) -> None:
        self.itos = [f"class{i}" for i in range(10)]
        self.stoi = {word: place for place, word in enumerate(self.itos)}
        self.dim = 4
        random = torch.Generator().manual_seed(0)
        steps = torch.randn(10, self.dim, generator=random, device="cpu")
        self.vectors = torch.ones(10, self.dim, device="cpu") if flat else steps.cumsum(0)
