"""A plugin with nine words of the street, of which some mean much the same."""

from __future__ import annotations

import torch
from pluxel.core.embeddings import Unknown, WordVectors
from pluxel.registry import Component, hookimpl

WORDS = {
    "sky": (1, 0, 0, 0, 0),
    "heaven": (0.9, 0, 0, 0, 0.1),
    "road": (0, 1, 0, 0, 0),
    "street": (0, 0.9, 0, 0.2, 0),
    "car": (0, 0, 1, 0, 0),
    "truck": (0, 0, 0.9, 0, 0.3),
    "sign": (0, 0, 0, 1, 0),
    "symbol": (0, 0, 0, 0.9, 0.2),
    "background": (0, 0, 0, 0, 1),
}


@hookimpl
def pluxel_embeddings() -> list[Component]:
    return [Component("street_words", "street_words:StreetWords", "Nine words of the street.")]


class StreetWords(WordVectors):
    """``missing`` says that they are not to be had on this machine."""

    made = 0

    def __init__(self, *, missing: bool = False, unknown: Unknown = "error") -> None:
        if missing:
            raise ValueError("no words here")
        type(self).made += 1
        vectors = torch.tensor([*WORDS.values()], dtype=torch.float32, device="cpu")
        super().__init__([*WORDS], vectors, unknown=unknown)
