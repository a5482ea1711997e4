"""Vectors of class names."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..common.numerics import unit_vectors
from ..common.text import excerpt, plural
from ..contracts.kinds import Embedding
from ._word_vectors import UnknownWordError, WordVectors

_LISTED = 10
"""Names that an error lists, at most."""


def name_vectors(names: Sequence[str], embeddings: Sequence[Embedding | WordVectors]) -> Tensor:
    """Return the unit vectors of names, (C, D) float32 in main memory.

    The unit vectors of several embeddings are concatenated (as word2vec and fastText in Xian et al.
    2019), so D is the sum of their dimensions.

    Raises: UnknownWordError with the first ten names without a vector and the number of others.
    """
    sources = [WordVectors.of(embedding) for embedding in embeddings]
    found: list[Tensor] = []
    unknown: list[str] = []
    for name in names:
        try:
            found.append(torch.cat([unit_vectors(one.name_vector(name).cpu()) for one in sources]))
        except UnknownWordError as error:
            unknown.append(f"class '{excerpt(name)}': {error.message}")
    if unknown:
        more = [f"and {plural(len(unknown) - _LISTED, 'other')}"] if len(unknown) > _LISTED else []
        raise UnknownWordError("; ".join([*unknown[:_LISTED], *more]))
    if not found:
        return torch.zeros(0, sum(one.dim for one in sources), device="cpu")
    return unit_vectors(torch.stack(found)).float()
