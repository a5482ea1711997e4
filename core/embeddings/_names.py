"""Vectors of the names of classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..contracts.kinds import Embedding
from ._word_vectors import UnknownWordError, WordVectors, shown

_TOLD = 10
"""Names without a vector that an error lists."""


def name_vectors(names: Sequence[str], embeddings: Sequence[Embedding | WordVectors]) -> Tensor:
    """Return the unit vectors of names, (C, D) float32 in main memory.

    D is the sum of the embeddings' dimensions.

    Of several embeddings, unit vectors are joined (word2vec and fastText in Xian et al. 2019).

    Raises: UnknownWordError with the first ten names that have no vector, and how many others.
    """
    sources = [WordVectors.of(embedding) for embedding in embeddings]
    found: list[Tensor] = []
    unknown: list[str] = []
    for name in names:
        try:
            found.append(
                torch.cat([_unit(one.name_vector(name).cpu().double()) for one in sources])
            )
        except UnknownWordError as error:
            unknown.append(f"class '{shown(name)}': {error.message}")
    if unknown:
        more = [f"and {len(unknown) - _TOLD:,} others"] if len(unknown) > _TOLD else []
        raise UnknownWordError("; ".join([*unknown[:_TOLD], *more]))
    if not found:
        return torch.zeros(0, sum(one.dim for one in sources), device="cpu")
    return _unit(torch.stack(found)).float()


def _unit(vectors: Tensor) -> Tensor:
    # A vector of zeros has no direction, and stays.
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1e-300)
