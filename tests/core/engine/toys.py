"""A plugin with small components for fast engine tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pluxel.core import FeatureSpec, Grid, LabelMap, Normalization, Sample, Scores
from pluxel.core.authoring import InputSpec
from pluxel.core.contracts.inputs import InputKind
from pluxel.core.geometry.grid import SpecSource
from pluxel.registry import Component, hookimpl
from torch import Tensor, nn

HERE = "toys:"


@hookimpl
def pluxel_backbones() -> list[Component]:
    return [Component("toy", HERE + "Backbone", "Two strided convolutions, a norm and dropout.")]


@hookimpl
def pluxel_decoders() -> list[Component]:
    return [Component("mixing", HERE + "Mixing", "Scores of classes that depend on each other.")]


@hookimpl
def pluxel_losses() -> list[Component]:
    return [
        Component("breaks", HERE + "Breaks", "A loss that is NaN from some step on."),
        Component("constant", HERE + "Constant", "A loss that does not depend on the scores."),
    ]


@hookimpl
def pluxel_datasets() -> list[Component]:
    return [Component("squares", HERE + "Squares", "Bright squares on dark noise.")]


@hookimpl
def pluxel_embeddings() -> list[Component]:
    return [Component("words", HERE + "Words", "Five words in three dimensions.")]


class Words:
    """Vectors of five words; ``missing`` simulates that they are not available."""

    def __init__(self, *, missing: bool = False) -> None:
        if missing:
            raise ValueError("no words here")
        self.itos = ["ground", "square", "circle", "left", "right"]
        self.stoi = {word: place for place, word in enumerate(self.itos)}
        self.vectors = torch.tensor(
            [[2.0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 1], [1, 0, -1]], dtype=torch.float32
        )
        self.dim = 3


class Backbone(nn.Module):
    """Maps of strides 2 and 4."""

    def __init__(
        self,
        in_channels: int,
        *,
        width: int = 6,
        norm: bool = True,
        tied: bool = False,
        skips: bool = False,
        source: SpecSource = "computed",
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, width, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.second = nn.Conv2d(width, width, 3, stride=2, padding=1)
        if tied:
            self.twin = self.second  # tied weights: the same module under another name
        self.passes = 0 if skips else None  # every second pass skips the layer ``extra``
        self.extra = nn.Conv2d(width, width, 1) if skips else nn.Identity()
        self.dropout = nn.Dropout(0.1 if norm else 0.0)
        self.normalization = Normalization(mean=(0.5,), std=(0.25,))
        self.feature_specs = [
            FeatureSpec("first", width, Grid(2), (3, 3), "computed"),
            FeatureSpec("second", width, Grid(4), (7, 7), source),
        ]

    def forward(self, image: Tensor) -> list[Tensor]:
        first = self.norm(self.first(image)).relu()
        second = self.second(first).relu()
        if self.passes is not None:
            self.passes += self.training
            second = self.extra(second) if self.passes % 2 else second
        return [first, self.dropout(second)]


class Mixing(nn.Module):
    """Score the deepest map; then mix, smooth and scale the scores of the classes."""

    def __init__(self, features: Sequence[FeatureSpec], num_classes: int) -> None:
        super().__init__()
        self.grid = features[-1].grid
        self.hidden = nn.Conv2d(features[-1].channels, 3, 1)  # 3 happens to be a number of classes
        self.score = nn.Conv2d(3, num_classes, 1)
        self.mix = nn.Conv2d(num_classes, num_classes, 1)
        self.smooth = nn.Conv2d(num_classes, num_classes, 3, padding=1, groups=num_classes)
        self.scale = nn.Parameter(torch.ones(1, num_classes, 1, 1))

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        scores = self.smooth(self.mix(self.score(self.hidden(maps[-1]).relu())))
        return Scores(scores * self.scale, self.grid)


class Breaks(nn.Module):
    """The mean of the scores, but NaN after ``after`` calls with gradients."""

    def __init__(self, num_classes: int, *, after: int) -> None:
        super().__init__()
        self.left = after

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        self.left -= logits.requires_grad
        return logits.square().mean() * (torch.nan if self.left < 0 else 1.0)


class Constant:
    """A loss without a gradient, such as one for batches without labels."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        return torch.ones(())


class Squares:
    """Images of width 24 and height 20 (every third: 16), with depth and two label maps."""

    channels = {"image": 3, "depth": 1}
    labels = {
        "semantic": LabelMap({0: "ground", 7: "square", 9: "ignore"}),
        "halves": LabelMap({1: "left", 2: "right"}),
    }

    def __init__(
        self,
        split: str,
        *,
        length: int = 10,
        swapped: bool = False,
        bands: int = 1,
        kind: InputKind = "map",
    ) -> None:
        self.length, self.split = length, split
        self.channels = {"image": 3, "depth": bands}
        self.inputs = {"image": InputSpec(), "depth": InputSpec(kind=kind)}
        if swapped:
            swaps = {**self.labels["semantic"].ids, 0: "square", 7: "ground"}
            self.labels = {**self.labels, "semantic": LabelMap(swaps)}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng([index, len(self.split)])
        height, width = (16 if index % 3 == 2 else 20), 24
        image = random.integers(0, 120, (height, width, 3), np.uint8)
        mask = np.zeros((height, width), np.uint8)
        top, left = random.integers(0, 8, 2)
        image[top : top + 8, left : left + 8] += 120
        mask[top : top + 8, left : left + 8] = 7
        mask[-1] = 9
        halves = np.where(np.arange(width) < width // 2, 1, 2) * np.ones((height, 1), np.uint8)
        bands = self.channels["depth"]
        depth = image[..., 0] if bands == 1 else np.repeat(image[..., :1], bands, 2)
        inputs = {"image": image, "depth": depth}
        return Sample(f"{self.split}{index}", inputs, {"semantic": mask, "halves": halves})
