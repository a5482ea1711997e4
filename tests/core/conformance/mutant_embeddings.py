"""An embedding that keeps every guarantee, and for each guarantee one that violates it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from pluxel.core import WordVectors
from pluxel.plugins.embeddings.table import Table
from pluxel.registry import Component, hookimpl
from torch import Tensor

WORDS = ["road", "sky", "tree", "car", "bus"]


@hookimpl
def pluxel_embeddings() -> list[Component]:
    classes = [Good, *Good.__subclasses__(), Heavy]
    return [
        Component(one.__name__.lower(), f"mutant_embeddings:{one.__name__}", "x") for one in classes
    ]


def written(folder: Path) -> dict[str, Any]:
    """Write a table; return the parameters of `Heavy`."""
    import numpy as np  # noqa: PLC0415

    np.save(folder / "table.npy", np.random.default_rng(0).normal(size=(500, 50)).astype("f4"))
    (folder / "table.txt").write_text("\n".join(f"word{'x' * n}" for n in range(500)))
    return {"file": str(folder / "table.npy")}


class Good(WordVectors):
    caught_by: ClassVar[str] = ""
    also: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        super().__init__(WORDS, torch.randn(5, 4, generator=generator))


class WrongDimension(Good):
    caught_by = "dimension"

    def __init__(self) -> None:
        super().__init__()
        self.dim = 5


class WrongRows(Good):
    caught_by = "vocabulary"

    def __init__(self) -> None:
        super().__init__()
        self.stoi = dict(zip(WORDS, [1, 0, 2, 3, 4], strict=True))


class InventsWords(Good):
    caught_by = "unknown_words"

    def __getitem__(self, word: str) -> Tensor:
        return torch.zeros(4) if word == "qxzjvwk" else super().__getitem__(word)


class TakesTheFirstWord(Good):
    caught_by = "phrases"

    def __getitem__(self, word: str) -> Tensor:
        return super().__getitem__(word.replace("_", " ").replace("-", " ").partition(" ")[0])


class SortsUpward(Good):
    caught_by = "neighbors"

    @property
    def index(self) -> Any:
        return _Upward(super().index)


class _Upward:
    def __init__(self, index: Any) -> None:
        self.inner = index

    def search(self, query: Tensor, count: int) -> Any:
        found = self.inner.search(query, count)
        return type(found)(found.indices.flip(-1), found.cosines.flip(-1))


class Heavy(Table):
    """Sends all of its vectors to each worker."""

    caught_by: ClassVar[str] = "shared_memory"
    also: ClassVar[set[str]] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "all": self.vectors.tolist()}
