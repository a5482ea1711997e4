"""Pixels as points among words: scores are products with fixed vectors of the classes' names.

Xian, Choudhury, He, Schiele, Akata: "Semantic Projection Network for Zero- and Few-Label Semantic
Segmentation", CVPR 2019 (SPNet), section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...core import Decoder, Embedding, Factory, FeatureSpec, Scores
from ...core.authoring import Embeddings, name_vectors, resolved_parameters
from ...registry import PluxelError


class SemanticProjection(nn.Module):
    """Project pixels among the words, and score them by the names of the classes.

    ``decoder`` gives each cell of its grid a vector of D numbers, as it would give D classes their
    scores; the score of a class is the product with the unit vector of its name, which is not
    trained. A class can be named after the training, therefore. ``embedding``: one, or several
    whose unit vectors are joined. ``dim``: D, which a run keeps: it is used without the embedding,
    for the vectors of its classes are kept with its weights.

    Raises: PluxelError if ``dim`` is not that of the embedding.
    """

    class_vectors: Tensor
    class_names: Tensor

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        class_names: Sequence[str],
        *,
        embedding: Embeddings,
        decoder: Factory[Decoder],
        dim: Annotated[int, Field(ge=1)] | None = None,
    ) -> None:
        super().__init__()
        if decoder.wants("backbone"):
            raise PluxelError(f"{decoder} runs the backbone itself and cannot be the inner decoder")
        self._names = tuple(class_names)
        self._embedding = embedding
        self.dim: int = dim or sum(one.dim for one in _opened(embedding))
        # Not `inner`, which is for decoders without weights of their own.
        self.pixels = decoder(
            features=features, num_classes=self.dim, class_names=[str(i) for i in range(self.dim)]
        )
        inner = decoder.given(resolved_parameters(self.pixels))
        self.resolved_parameters: Mapping[str, Any] = {"dim": self.dim, "decoder": inner}
        self.register_buffer("class_vectors", torch.zeros(num_classes, self.dim))
        self.register_buffer("class_names", _encode(class_names))

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores (N, C, h, w) on the grid of ``decoder``, for the backbone's maps."""
        pixels: Scores = self.pixels(maps)
        scores = functional.conv2d(pixels.tensor, self.class_vectors[:, :, None, None])
        return replace(pixels, tensor=scores)

    def load_pretrained(self) -> str:
        """Take the vectors of the classes' names from the embedding.

        Raises: PluxelError if it is not there, or if it does not know a name.
        """
        with torch.no_grad():
            self.class_vectors.copy_(self._vectors(self._names))
        return f"vectors of {len(self._names)} class names, {self.dim} dimensions"

    def check_pretrained(self) -> None:
        """Look up the names. Raises: as ``load_pretrained``."""
        self._vectors(self._names)

    def adapt_state(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Fit saved weights, names relative to this module, to the classes that there are now.

        Vectors of names that were not there when they were saved come from the embedding.

        Raises: PluxelError as ``load_pretrained``.
        """
        if "class_names" not in state or "class_vectors" not in state:
            return state
        saved = dict(zip(_decode(state["class_names"]), state["class_vectors"], strict=True))
        if tuple(saved) == self._names:
            return state
        new = [name for name in self._names if name not in saved]
        saved |= dict(zip(new, self._vectors(new), strict=True)) if new else {}
        vectors = torch.stack([saved[name].float() for name in self._names])
        return {**state, "class_names": _encode(self._names), "class_vectors": vectors}

    def _vectors(self, names: Sequence[str]) -> Tensor:
        vectors = name_vectors(names, _opened(self._embedding))
        if vectors.shape[1] != self.dim:
            raise PluxelError(f"dim is {self.dim}, and the embedding has {vectors.shape[1]}")
        return vectors


def _opened(embeddings: Sequence[Factory[Embedding]]) -> list[Embedding]:
    return [embedding() for embedding in embeddings]


def _encode(names: Sequence[str]) -> Tensor:
    """Return names as bytes, because only tensors are saved with weights."""
    return torch.tensor(list("\n".join(names).encode()), dtype=torch.uint8)


def _decode(names: Tensor) -> list[str]:
    return bytes(names.tolist()).decode().split("\n")
