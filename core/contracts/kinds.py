"""What a component of each kind must offer, and the wiring that its constructor may ask for.

Parameters before ``*`` are wiring, injected by name; keyword-only parameters are the user's YAML.
`optional` has what a component may offer beside it, `table` both together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from ..geometry.scores import Scores

if TYPE_CHECKING:
    from ..geometry.grid import FeatureSpec
    from .labels import LabelMap
    from .normalization import Normalization

WIRING: Mapping[str, tuple[str, ...]] = {
    "backbone": ("in_channels",),
    "decoder": ("features", "num_classes", "class_names", "backbone", "in_channels"),
    "loss": ("num_classes", "ignore_index", "class_names", "class_frequencies"),
    "dataset": ("split",),
    "embedding": (),
}
"""The wiring that each kind may ask for. The tuples only grow."""

ClassFrequencies = Callable[[], Sequence[int]]
"""Pixels of each class in the training split; scans the data when first called, then remembers."""


@dataclass(frozen=True)
class Sample:
    """One raw sample of a dataset.

    ``inputs``: name -> (H, W) or (H, W, channels), upright, uint8, uint16, or float32 in 0–1.
    ``labels``: name -> (H, W) raw label ids, any integer type.
    ``paths``: name of an input or label -> the file it came from, where there is one.
    Both mappings may be lazy: a reader that is not asked for a field does not pay for it.
    """

    name: str
    inputs: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    paths: Mapping[str, Path] = field(default_factory=dict)


@runtime_checkable
class Backbone(Protocol):
    """``backbone(image) -> [maps]``: image (N, channels, H, W), normalized; maps in order of depth.

    An ``nn.Module``.
    """

    @property
    def feature_specs(self) -> Sequence[FeatureSpec]:
        """Name, channels, grid and receptive field of each map."""
        ...

    @property
    def normalization(self) -> Normalization:
        """How the input is normalized; read again after ``load_pretrained``."""
        ...

    def __call__(self, image: Tensor, /) -> Sequence[Tensor]:
        """Return the maps, each (N, channels, h, w)."""
        ...


@runtime_checkable
class Decoder(Protocol):
    """``decoder(maps) -> Scores``.

    One that asks for the wiring ``backbone`` is called as ``decoder(image, backbone)``, with the
    backbone that its stream has at that time. It may study the one that its constructor gets, but
    keeps no reference to it: modules and weights have one owner, the stream.

    An ``nn.Module``.
    """

    def __call__(self, maps: Sequence[Tensor], /) -> Scores:
        """Return class scores and the grid on which they lie."""
        ...


@runtime_checkable
class Loss(Protocol):
    """``loss(logits, target) -> scalar``: logits (N, C, H, W), target (N, H, W) int64.

    Computed in float32 whatever comes in; ignored pixels get exactly zero gradient. A loss that
    offers `PerPixel` is fused with the resampling, strip by strip; the others receive full logits.
    """

    def __call__(self, logits: Tensor, target: Tensor, /) -> Tensor:
        """Return the loss of a batch, ()."""
        ...


@runtime_checkable
class Dataset(Protocol):
    """``len(dataset)``, ``dataset[i] -> Sample``."""

    @property
    def labels(self) -> Mapping[str, LabelMap]:
        """Name of a label map -> its default meaning."""
        ...

    @property
    def channels(self) -> Mapping[str, int]:
        """Name of an input -> its number of channels."""
        ...

    def __len__(self) -> int:
        """Return the number of samples."""
        ...

    def __getitem__(self, index: int, /) -> Sample:
        """Return a sample, the same whenever it is asked for."""
        ...


@runtime_checkable
class Embedding(Protocol):
    """Word vectors: ``vectors`` (N, dim) float32, row ``stoi[word]`` for each word.

    Words that occur more often come first. The built-in embeddings are `WordVectors`, which offers
    more; others are wrapped in it where they are used.
    """

    @property
    def stoi(self) -> Mapping[str, int]:
        """Word -> its row."""
        ...

    @property
    def itos(self) -> Sequence[str]:
        """The word of each row."""
        ...

    @property
    def vectors(self) -> Tensor:
        """The vectors, (N, dim) float32."""
        ...

    @property
    def dim(self) -> int:
        """Numbers in each vector."""
        ...
