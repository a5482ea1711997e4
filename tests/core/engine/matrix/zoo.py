"""A plugin with a family of small networks, most of them wrong in one way each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from threading import Event

import torch
from pluxel.core import FeatureSpec, Grid, Normalization
from pluxel.registry import Component, PluxelError, hookimpl
from torch import Tensor, nn

VERSION = "zoo 1"


@hookimpl
def pluxel_backbones() -> list[Component]:
    return [
        Component("zoo", "zoo:Zoo", "Small networks."),
        Component("alone", "zoo:Alone", "A single network."),
    ]


class Zoo(nn.Module):
    """Maps of strides 4 and 8 by two convolutions, and a change for each name."""

    own_size = (32, 48)
    normalization = Normalization()

    @classmethod
    def model_families(cls) -> Mapping[str, Sequence[str]]:
        return {
            "good": ["fine", "other"],
            "bad": [
                *("refuses", "raises", "exits", "sleeps", "hungry", "channels", "cells"),
                *("shifted", "detached", "infinite", "data", "heavy"),
            ],
        }

    @classmethod
    def model_library(cls) -> str:
        return VERSION

    def __init__(self, in_channels: int, *, model: str) -> None:
        super().__init__()
        self.model = model
        if model == "refuses":
            raise PluxelError("this network is not for images", ["it reads text"])
        if model == "raises":
            raise RuntimeError("wrong weights")
        if model == "exits":
            os._exit(3)
        if model == "sleeps":
            Event().wait()
        if model == "hungry":
            torch.ones(2**31, device="cpu")
        self.first = nn.Conv2d(in_channels, 4, 4, 4)
        self.second = nn.Conv2d(4, 6, 2, 2)
        grids = (
            Grid(4, Fraction(5, 2) if model == "shifted" else Fraction(3, 2)),
            Grid(8, Fraction(7, 2)),
        )
        channels = (4, 5 if model == "channels" else 6)
        size = 4.0 if model == "shifted" else float("inf")
        self.feature_specs = [
            FeatureSpec(name, number, grid, (size, size), "assumed")
            for name, number, grid in zip(("fine", "coarse"), channels, grids, strict=True)
        ]
        self.pad_multiple = 8

    def forward(self, image: Tensor) -> list[Tensor]:
        first = self.first(image)
        if self.model == "detached":
            first = first.detach()
        if self.model == "infinite":
            first = first.sqrt()
        if self.model in ("data", "heavy") and first.sum().item() == 0:
            first = -first
        if self.model == "heavy" and image.device.type == "cpu":
            torch.ones(2**31)
        second = (
            self.second(first)
            if self.model != "detached"
            else first[:, :1, ::2, ::2].repeat(1, 6, 1, 1)
        )
        if self.model == "cells":
            second = second[..., 3:]
        return [first, second]


class Alone(nn.Module):
    """Not a family."""
