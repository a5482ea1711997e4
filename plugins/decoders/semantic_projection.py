"""Project pixels into the space of word vectors, and score them by the names of the classes.

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

from ...core import Decoder, Factory, FeatureSpec, Scores
from ...core.authoring import Embeddings, name_vectors, resolved_parameters
from ...registry import PluxelError


class SemanticProjection(nn.Module):
    """Project pixels into the space of word vectors, and score them by the names of the classes.

    ``decoder``: gives each cell of its grid a vector of D numbers, in place of the scores of D
    classes.

    The score of a class is the product with the unit vector of its name, which is not trained, so
    classes can be added after training. ``embedding``: one, or several whose unit
    vectors are concatenated. ``dim``: D, which a run keeps: the vectors of its classes are saved
    with its weights, so it does not need the embedding.

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
        self.dim: int = dim or sum(one().dim for one in embedding)
        # Not named `inner`, which marks wrappers without weights of their own.
        self.pixels = decoder(
            features=features, num_classes=self.dim, class_names=[str(i) for i in range(self.dim)]
        )
        inner = decoder.given(resolved_parameters(self.pixels))
        self.resolved_parameters: Mapping[str, Any] = {"dim": self.dim, "decoder": inner}
        self.register_buffer("class_vectors", torch.zeros(num_classes, self.dim))
        self.register_buffer("class_names", _encode(class_names))

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores (N, C, h, w) on the grid of ``decoder`` for the backbone's maps."""
        pixels: Scores = self.pixels(maps)
        scores = functional.conv2d(pixels.tensor, self.class_vectors[:, :, None, None])
        return replace(pixels, tensor=scores)

    def load_pretrained(self) -> str:
        """Copy the vectors of the class names from the embedding.

        Raises: PluxelError if the embedding is not available or does not contain a name.
        """
        with torch.no_grad():
            self.class_vectors.copy_(self._vectors(self._names))
        return f"vectors of {len(self._names)} class names, {self.dim} dimensions"

    def check_pretrained(self) -> None:
        """Look up the class names. Raises: PluxelError, as ``load_pretrained``."""
        self._vectors(self._names)

    def adapt_state(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Adapt saved weights, with names relative to this module, to the current classes.

        The embedding provides the vectors of class names that were not saved.

        Raises: PluxelError, as ``load_pretrained``.
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
        vectors = name_vectors(names, [one() for one in self._embedding])
        if vectors.shape[1] != self.dim:
            raise PluxelError(f"dim is {self.dim}, but the embedding has {vectors.shape[1]}")
        return vectors


def _encode(names: Sequence[str]) -> Tensor:
    """Return names as a tensor of bytes, because weights files only hold tensors."""
    return torch.tensor(list("\n".join(names).encode()), dtype=torch.uint8)


def _decode(names: Tensor) -> list[str]:
    return bytes(names.tolist()).decode().split("\n")
