"""The members that each kind requires of a component, and the wiring that it may ask for.

Constructor parameters before ``*`` are wiring, which core injects by name; keyword-only parameters
are set in the user's YAML. `optional` declares optional members; `table` lists both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from ..geometry.scores import Scores

if TYPE_CHECKING:
    from ..geometry.grid import FeatureSpec
    from .labels import LabelMap
    from .normalization import Normalization
    from .segmented import SegmentedBatch

WIRING: Mapping[str, tuple[str, ...]] = {
    "backbone": ("in_channels",),
    "decoder": ("features", "num_classes", "class_names", "backbone", "in_channels"),
    "loss": ("num_classes", "ignore_index", "class_names", "class_frequencies"),
    "dataset": ("split",),
    "embedding": (),
    "metric": ("num_classes", "ignore_index", "class_names"),
    "tracker": (),
}
"""The wiring that each kind may ask for. Names are only ever added."""

ClassFrequencies = Callable[[], Sequence[int]]
"""Return the pixels of each class in the training split; the first call scans the data."""


@dataclass(frozen=True)
class Sample:
    """One raw sample of a dataset.

    ``inputs``: name -> (H, W) or (H, W, channels), upright, uint8, uint16, or float32 in 0–1.
    ``labels``: name -> (H, W) raw label ids, any integer type.
    ``paths``: name of an input or label -> its file, if it has one; no input has the name of a
    label.
    ``inputs`` and ``labels`` may be lazy, so that unused fields are never read.
    """

    name: str
    inputs: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    paths: Mapping[str, Path] = field(default_factory=dict)


@runtime_checkable
class Backbone(Protocol):
    """An ``nn.Module``: ``backbone(image) -> [maps]``, the maps in order of depth.

    ``image``: (N, channels, H, W), normalized.
    """

    @property
    def feature_specs(self) -> Sequence[FeatureSpec]:
        """Name, channels, grid and receptive field of each map."""
        ...

    @property
    def normalization(self) -> Normalization:
        """Normalization of the input; read again after ``load_pretrained``."""
        ...

    def __call__(self, image: Tensor, /) -> Sequence[Tensor]:
        """Return the maps, each (N, channels, h, w)."""
        ...


@runtime_checkable
class Decoder(Protocol):
    """An ``nn.Module``: ``decoder(maps) -> Scores``.

    A decoder that asks for the wiring ``backbone`` is called as ``decoder(image, backbone)``, with
    the current backbone of its stream. Its constructor may examine the backbone that it receives,
    but must not keep a reference to it: the stream alone owns the module and its weights.
    """

    def __call__(self, maps: Sequence[Tensor], /) -> Scores:
        """Return class scores and their grid."""
        ...


@runtime_checkable
class Loss(Protocol):
    """``loss(logits, target) -> scalar``: logits (N, C, H, W), target (N, H, W) int64.

    A loss computes logits of a lower precision in float32, and float64 in float64. It gives ignored
    pixels exactly zero gradient. If it offers `PerPixel`, it is computed strip by strip during
    resampling; otherwise it receives full-resolution logits.
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
        """Return a sample; the same index always gives the same sample."""
        ...


@runtime_checkable
class Embedding(Protocol):
    """Word vectors: row ``stoi[word]`` of ``vectors``, (N, dim) float32, is the vector of ``word``.

    More frequent words come first. The built-in embeddings are `WordVectors`, which offers more;
    core wraps other embeddings in it.
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
        """Dimensions of each vector."""
        ...


@runtime_checkable
class Metric(Protocol):
    """Statistics of single images, and scores of their sum.

    Statistics add up, so Pluxel sums them over batches and processes in any order, scores each
    image by itself, and resamples images to say how sure a score is. What is not a function of such
    a sum cannot be a metric.
    """

    def statistics(self, batch: SegmentedBatch, /) -> Tensor:
        """Return the statistics of each image, (N, …), int64 or float64, always of one shape.

        Row n depends on image n alone, and not on pixels that are ignored. Whatever a metric does
        not ask the batch for, such as probabilities, is not computed.
        """
        ...

    def scores(self, total: Tensor, /) -> Mapping[str, Tensor]:
        """Return name -> scores of a sum of statistics, float64; NaN for undefined ones.

        ``total``: (*K*, …), where *K* are any leading dimensions, one sum each. A score is of shape
        (*K*), or (*K*, C) with a value for each class; its name then also stands for the mean over
        the classes for which it is defined. The names do not depend on the values.
        """
        ...


TrackedEnd = Literal["finished", "interrupted", "failed"]
"""How a training ended: after its last step, by a signal, or with an error."""


@runtime_checkable
class Tracker(Protocol):
    """Receives what a training measures, to write or send it: ``start``, then the rest in order.

    Only the main process of a training has trackers. It calls each one from a thread of its own,
    always the same, so a slow tracker does not delay a step. If a call raises, or takes longer than
    a minute, Pluxel warns and calls the tracker no more, but for ``finish`` after one that raised.
    The constructor must write and send nothing; it raises an error if the tracker cannot work, such
    as for a missing package.
    """

    def start(self, run: Path, config: Mapping[str, Any], step: int, /) -> None:
        """Begin to track the training in a run directory.

        ``config``: the configuration as `config.yaml` contains it, as plain values of JSON.
        ``step``: the updates so far; 0 begins a new tracked run. After a resume, it is the step of
        the checkpoint: what was tracked of later steps comes again, so delete or skip it.
        """
        ...

    def scalars(self, step: int, values: Mapping[str, float], /) -> None:
        """Receive what a line of ``metrics.jsonl`` contains, without values that are not finite.

        Names are such as ``train/loss`` and ``val/iou/road``; those of classes may have any
        characters. ``step``: updates so far, over all phases; several calls may have the same one,
        with other names.
        """
        ...

    def images(self, step: int, images: Mapping[str, np.ndarray], /) -> None:
        """Receive pictures by name, (H, W, 3) uint8 RGB, of any sizes."""
        ...

    def finish(self, results: Mapping[str, Any], status: TrackedEnd, /) -> None:
        """Write what is left and close everything; the last call, even after one that raised.

        ``results``: what ``results.json`` contains, the scores of the kept weights; empty if there
        are none. ``status``: ``failed`` after a call that raised; an error is then ignored.
        """
        ...
