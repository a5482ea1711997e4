"""What a plugin of each kind offers, and the wiring that its constructor may ask for.

Parameters before ``*`` are wiring, injected by name; keyword-only parameters are the user's YAML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

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

    An ``nn.Module``. It may also offer ``load_pretrained() -> LoadReport``, called once when a
    training starts from scratch (it may replace ``normalization``), and ``check_pretrained()``,
    which raises for weights that it could not load; ``pad_multiple: int``, to which the input is
    padded at the right and bottom (default 1); and ``minimum_size: int``, the
    smallest height and width that it can take (default 1).
    """

    feature_specs: Sequence[FeatureSpec]
    normalization: Normalization

    def __call__(self, image: Tensor, /) -> Sequence[Tensor]:
        """Return the maps, each (N, channels, h, w)."""
        ...


@runtime_checkable
class Decoder(Protocol):
    """``decoder(maps) -> Scores``.

    One that asks for the wiring ``backbone`` is called as ``decoder(image, backbone)``, with the
    backbone that its stream has at that time. It may study the one that its constructor gets, but
    keeps no reference to it: modules and weights have one owner, the stream.

    An ``nn.Module``. It may offer ``load_pretrained()``, called once when a training starts, after
    all starting weights have been loaded; ``check_pretrained()``, which raises for what that could
    not load; ``adapt_state(state) -> state``, which fits saved weights to other classes, and
    without which no class may be unseen in training (``zero_shot``); and ``resolved_parameters``,
    which maps parameters to what a run keeps in their place: what it had to find out.

    One that runs the backbone itself and leaves the scoring to another decoder offers that one as
    ``inner``. The head takes ``inner`` out of it, saves its weights under the names that they have
    without the wrapper, and calls ``decoder(image, backbone, inner)``.
    """

    def __call__(self, maps: Sequence[Tensor], /) -> Scores:
        """Return class scores and the grid on which they lie."""
        ...


@runtime_checkable
class Loss(Protocol):
    """``loss(logits, target) -> scalar``: logits (N, C, H, W), target (N, H, W) int64.

    Computed in float32 whatever comes in; ignored pixels get exactly zero gradient. One that is
    `PerPixel` as well is fused with the resampling, strip by strip; the others receive full logits.
    A sum of others offers ``terms: {name: (weight, loss)}``, of which each is fused if it can be.
    ``chosen_weights: {class: weight}`` is shown when a training starts.
    """

    def __call__(self, logits: Tensor, target: Tensor, /) -> Tensor:
        """Return the loss of a batch, ()."""
        ...


@runtime_checkable
class PerPixel(Protocol):
    """A loss that is ``per_pixel(logits, target).sum() / normalizer(target)``.

    The sum is taken strip by strip, ``normalizer`` sees the whole target.
    """

    def per_pixel(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each pixel, (N, H, W)."""
        ...

    def normalizer(self, target: Tensor) -> Tensor:
        """Return what the sum is divided by, ()."""
        ...


@runtime_checkable
class Dataset(Protocol):
    """``len(dataset)``, ``dataset[i] -> Sample``.

    ``labels``: name of a label map -> its default meaning. ``channels``: name of an input -> count.
    ``endless = True`` (optional) says that ``dataset[i]`` is a new sample for every ``i``;
    ``unpaired`` (optional) lists files without a counterpart, for `pluxel data check`; ``names``
    (optional) those of all samples, so that a split can be cut at one without reading them.
    ``resolved_parameters`` (optional) maps parameters to what a run keeps in their place: what the
    dataset had to find out. A class that has ``labels`` itself tells its classes without any file.
    """

    labels: Mapping[str, LabelMap]
    channels: Mapping[str, int]

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Sample: ...


@runtime_checkable
class Embedding(Protocol):
    """Word vectors: ``vectors`` (N, dim) float32, row ``stoi[word]`` for each word.

    Words that occur more often come first. The built-in ones are `core.embeddings.WordVectors`,
    which offers more; others are wrapped in it where they are used.
    """

    stoi: Mapping[str, int]
    itos: Sequence[str]
    vectors: Tensor
    dim: int


def resolved_parameters(component: object) -> Mapping[str, Any]:
    """Return the parameters that say what a component had to find out, if it had to."""
    return getattr(component, "resolved_parameters", {})
