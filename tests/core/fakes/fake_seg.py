"""A plugin package as a stranger might write it: components that only remember what they got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pluxel.core.config.sections.factory import Factory
from pluxel.core.contracts.kinds import Decoder, Loss
from pluxel.registry import Component, hookimpl
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

if TYPE_CHECKING:
    from pluxel.core.geometry.grid import FeatureSpec


@hookimpl
def pluxel_backbones():
    return [
        _component("vgg", "Backbone", aliases=("vgg_16",)),
        _component("late", "Late"),
    ]


@hookimpl
def pluxel_decoders():
    return [
        _component("fcn8s", "Skips"),
        _component("fcn16s", "Skips"),
        _component("bare", "Bare"),
        _component("wrap", "Wrap"),
    ]


@hookimpl
def pluxel_losses():
    return [
        _component("cross_entropy", "CrossEntropy"),
        _component("dice", "Dice"),
        _component("sum", "Sum"),
        _component("typed", "Typed"),
    ]


@hookimpl
def pluxel_datasets():
    return [_component("folder", "Folder"), _component("shapes", "Shapes")]


def _component(name: str, target: str, **more: Any) -> Component:
    return Component(name, target=f"fake_seg:{target}", summary=f"The {name}.", **more)


class Backbone:
    def __init__(self, in_channels: int, *, pretrained: bool | Path = False, depth: int = 16):
        self.in_channels, self.pretrained, self.depth = in_channels, pretrained, depth


class Late:
    """Its wiring is typed with what only a type checker sees."""

    def __init__(self, in_channels: FeatureSpec, *, model: str = "x", copy: bool = False):
        self.model, self.copy = model, copy


class Skips(nn.Module):
    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        scales: list[float] | None = None,
    ):
        super().__init__()
        if dropout == 0.25:
            raise ValueError("a quarter is not for me")
        self.features, self.num_classes, self.dropout = features, num_classes, dropout


class Bare:
    def __init__(self, num_classes: int):
        self.num_classes = num_classes


class Wrap(nn.Module):
    def __init__(self, backbone: object, num_classes: int, *, inner: Factory[Decoder]):
        super().__init__()
        self.backbone, self.inner = backbone, inner(features=[1], num_classes=num_classes)


class CrossEntropy:
    def __init__(self, ignore_index: int, *, weights: Literal["auto"] | list[float] | None = None):
        self.ignore_index, self.weights = ignore_index, weights


class Dice:
    def __init__(self, num_classes: int, *, smooth: float = 1.0):
        self.smooth = smooth


class Color(Enum):
    red = "red"
    blue = "blue"


@dataclass
class Term:
    loss: Factory[Loss]
    weight: float = 1.0


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    alpha: float = 0.5
    beta_decay: int = Field(2, alias="beta-decay")


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")
    left: Tree | None = None
    leaf: int = 0


OPTIONS = Options()


class Sum:
    """Terms as factories or with weights; a dataclass of the plugin's own."""

    def __init__(self, num_classes: int, *, terms: list[Factory[Loss] | Term]):
        self.terms = terms


class Typed:
    """Every type that a signature may name."""

    def __init__(
        self,
        *,
        color: Color = Color.red,
        pair: tuple[int, float] = (1, 2.0),
        path: Path = Path("weights.pt"),
        names: frozenset[str] = frozenset(),
        options: Options = OPTIONS,
        term: Term | None = None,
        mode: Literal["a", "b"] = "a",
        table: dict[str, list[int]] = {},  # noqa: B006 - pydantic copies it
        anything: Any = None,
        limit: float = float("inf"),
        inner: Factory[Loss] | None = None,
        size: int | tuple[int, int] = 3,
        text: str = "",
        tree: Tree | None = None,
    ):
        self.table = table


class Folder:
    def __init__(self, split: str, *, root: Path, layout: dict[str, str] | None = None):
        self.split, self.root = split, root


class Shapes:
    def __init__(self, split: str, *, size: int = 64):
        self.split, self.size = split, size
