"""A plugin with small components for fast engine tests."""

from __future__ import annotations

import numpy as np
import torch
from pluxel.core import FeatureSpec, Grid, LabelMap, Normalization, Sample
from pluxel.registry import Component, hookimpl
from torch import Tensor, nn

HERE = "toys:"


@hookimpl
def pluxel_backbones() -> list[Component]:
    return [Component("toy", HERE + "Backbone", "Two strided convolutions, a norm and dropout.")]


@hookimpl
def pluxel_losses() -> list[Component]:
    return [Component("breaks", HERE + "Breaks", "A loss that is NaN from some step on.")]


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
        self, in_channels: int, *, width: int = 6, norm: bool = True, tied: bool = False
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, width, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.second = nn.Conv2d(width, width, 3, stride=2, padding=1)
        if tied:
            self.twin = self.second  # tied weights: the same module under another name
        self.dropout = nn.Dropout(0.1 if norm else 0.0)
        self.normalization = Normalization(mean=(0.5,), std=(0.25,))
        self.feature_specs = [
            FeatureSpec("first", width, Grid(2), (3, 3), "computed"),
            FeatureSpec("second", width, Grid(4), (7, 7), "computed"),
        ]

    def forward(self, image: Tensor) -> list[Tensor]:
        first = self.norm(self.first(image)).relu()
        return [first, self.dropout(self.second(first).relu())]


class Breaks(nn.Module):
    """The mean of the scores, but NaN after ``after`` calls with gradients."""

    def __init__(self, num_classes: int, *, after: int) -> None:
        super().__init__()
        self.left = after

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        self.left -= logits.requires_grad
        return logits.square().mean() * (torch.nan if self.left < 0 else 1.0)


class Squares:
    """Images of width 24 and height 20 (every third: 16), with depth and two label maps."""

    channels = {"image": 3, "depth": 1}
    labels = {
        "semantic": LabelMap({0: "ground", 7: "square", 9: "ignore"}),
        "halves": LabelMap({1: "left", 2: "right"}),
    }

    def __init__(self, split: str, *, length: int = 10) -> None:
        self.length, self.split = length, split

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
        inputs = {"image": image, "depth": image[..., 0]}
        return Sample(f"{self.split}{index}", inputs, {"semantic": mask, "halves": halves})
