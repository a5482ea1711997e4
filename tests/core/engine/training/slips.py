"""A plugin whose components violate their contract, but only when they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pluxel.core import FeatureSpec, Grid, LabelMap, Normalization, Sample, Scores
from pluxel.core.authoring import Pretrained, PretrainedBackbone
from pluxel.registry import Component, hookimpl
from torch import Tensor, nn


@hookimpl
def pluxel_backbones() -> list[Component]:
    return [
        Component(name, f"slips:{target}", name)
        for name, target in (
            ("slip", "Backbone"),
            ("without_maps", "WithoutMaps"),
            ("without_usual", "WithoutUsual"),
        )
    ]


@hookimpl
def pluxel_decoders() -> list[Component]:
    return [Component("slip", "slips:Decoder", "a decoder")]


@hookimpl
def pluxel_losses() -> list[Component]:
    return [Component("slip", "slips:Loss", "a loss")]


class Backbone(nn.Module):
    def __init__(self, in_channels: int, *, slip: str = "") -> None:
        super().__init__()
        self.layer = nn.Conv2d(in_channels, 4, 3, 2, 1)
        self.feature_specs = [
            FeatureSpec(name, 4, Grid(2), (3, 3), "computed") for name in ("a", "b")
        ]
        self.normalization = Normalization()
        self.slip = slip

    def forward(self, image: Tensor) -> object:
        found = self.layer(image)
        match self.slip:
            case "tensor":
                return found
            case "attribute":
                return self.absent
            case "former":
                return MetaFormer().absent
            case "key":
                return {}["meta"]
            case "base":
                raise NotImplementedError
            case "training" if self.training:
                assert not self.slip
            case "evaluation" if not self.training:
                return [found]
            case "few":
                return [found]
            case "channels":
                return [found, found[:, :2]]
            case "dimensions":
                return [found, found.mean((2, 3))]
            case "none":
                return [found, None]
            case "data":
                return [found, found * found.sum().item()]
            case "disguised":
                try:
                    found.sum().item()
                except RuntimeError:
                    raise ValueError from None
            case "elsewhere":
                return [found, found + torch.zeros(1, device="cpu")]
        return [found, found]


class MetaFormer(nn.Module):
    """A module whose name and errors look like those of meta tensors."""


class WithoutMaps(PretrainedBackbone):
    def __init__(self, in_channels: int, *, pretrained: Pretrained = True) -> None:
        super().__init__()
        self.layer = nn.Conv2d(in_channels, 4, 3, 2, 1)
        self.finish(
            in_channels,
            ["a"],
            pretrained=pretrained,
            input_channels="mean",
            normalization=None,
            usual=Normalization(),
        )


class WithoutUsual(WithoutMaps):
    def maps(self, image: Tensor) -> list[Tensor]:
        return [self.layer(image)]


class Decoder(nn.Module):
    def __init__(
        self, features: Sequence[FeatureSpec], num_classes: int, *, slip: str = ""
    ) -> None:
        super().__init__()
        self.grid, self.slip = features[-1].grid, slip
        self.score = nn.Conv2d(features[-1].channels, num_classes + (slip == "classes"), 1)

    def forward(self, maps: Sequence[Tensor]) -> object:
        found = self.score(maps[-1])
        if self.slip == "data" and not found.sum().item():
            raise RuntimeError
        if self.slip == "training" and self.training:
            raise KeyError("auxiliary")
        if self.slip == "crop" and self.training and maps[-1].shape[-1] == 8:
            raise RuntimeError("no crops of 16")
        if self.slip == "shapes":
            return self.score(maps[-1].transpose(1, 2))
        if self.slip == "frozen":
            with torch.no_grad():
                found = self.score(maps[-1])
        if self.slip == "integers":
            found = found.argmax(1, keepdim=True).expand(-1, found.shape[1], -1, -1)
        if self.slip == "finer":
            found = nn.functional.interpolate(found, scale_factor=2)
        if self.slip == "coarser":
            found = nn.functional.avg_pool2d(found, 2)
        if self.slip == "wider":
            found = nn.functional.interpolate(found, scale_factor=(1, 2))
        grid: Any = None if self.slip == "grid" else self.grid
        return found if self.slip == "tensor" else Scores(found, grid)


@hookimpl
def pluxel_datasets() -> list[Component]:
    return [Component("slip", "slips:Dataset", "a dataset")]


class Dataset:
    def __init__(self, split: str, *, slip: str = "") -> None:
        self.slip = slip
        maps: Any = {0: "a", 1: "b"}
        labels: dict[str, Any] = {"dict": {"semantic": maps}, "flat": maps, "none": None}
        self.labels: Any = labels.get(slip, {"semantic": LabelMap(maps)})
        self.channels: Any = ["image"] if slip == "channels" else {"image": 3}

    def __len__(self) -> int:
        if self.slip == "length":
            raise OSError("no index")
        return 4

    def __getitem__(self, index: int) -> object:
        if self.slip == "raises":
            raise KeyError("image")
        inputs = {"image": np.zeros((32, 32, 3), np.uint8)}
        mask = np.zeros((32, 30) if self.slip == "size" else (32, 32), np.uint8)
        mask[3, 5] = 7 * (self.slip == "id")
        labels: Mapping[str, Any] = {"semantic": mask}
        paths = {"image": Path("a.jpg"), "semantic": Path("a.png")}
        return (inputs, labels) if self.slip == "tuple" else Sample("x", inputs, labels, paths)


class Loss(nn.Module):
    def __init__(self, *, slip: str = "") -> None:
        super().__init__()
        self.slip = slip

    def forward(self, logits: Tensor, target: Tensor) -> object:
        value = nn.functional.cross_entropy(logits.float(), target, ignore_index=255)
        match self.slip:
            case "float":
                return value.item()
            case "detached":
                return value.detach()
            case "vector":
                return torch.stack([value, value])
            case "raises":
                raise KeyError("weights")
        return value
