"""The published networks of the FCN paper, recognized by the names of their layers.

Shelhamer's release for Caffe and Wada's pytorch-fcn have the same names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Trunk = Literal["vgg16", "caffenet"]

TRUNKS: Mapping[Trunk, Sequence[str]] = {
    "vgg16": (
        *(f"conv{block}_{n}" for block, count in enumerate((2, 2, 3, 3, 3), 1)
          for n in range(1, count + 1)),
        *("fc6", "fc7"),
    ),
    "caffenet": (*(f"conv{n}" for n in range(1, 6)), "fc6", "fc7"),
}  # fmt: skip
"""The layers of a trunk, in order."""

WITH_DEPTH = {"conv1_1": "conv1_1_bgrd"}
"""Layer -> its name in the network that sees color and depth."""

SKIPS: Mapping[int, Sequence[str]] = {
    32: (),
    16: ("score_pool4",),
    8: ("score_pool4", "score_pool3"),
}
"""Stride -> the layers that score finer maps, in the order of their fusion."""

DECONVOLUTIONS: Mapping[int, Sequence[str]] = {
    32: ("upscore",),
    16: ("upscore2", "upscore16"),
    8: ("upscore2", "upscore_pool4", "upscore8"),
}
"""Stride -> the layers that upsample scores; the last one gives the pixels."""

SCALES = ("scale_pool4", "scale_pool3")
"""Layers of FCN-8s at-once: constant factors on the features of the skips."""

HEADS: Mapping[tuple[str, ...], Mapping[str, str]] = {
    ("",): {"semantic": ""},
    ("_geo", "_sem"): {"semantic": "_sem", "geometric": "_geo"},
}
"""Suffixes of the layers of all heads -> name of a head and its suffix."""

STREAMS: Mapping[tuple[str, ...], Mapping[str, str]] = {
    ("",): {"image": ""},
    ("color", "hha"): {"image": "color", "hha": "hha"},
}
"""Suffixes of the layers of all streams -> name of a stream and its suffix."""


@dataclass(frozen=True)
class PublishedNetwork:
    """A network of the release: its trunk, the stride of its finest scores, heads and streams.

    ``heads``, ``streams``: name -> suffix of its layers. ``at_once``: whether its skips are scaled.
    ``scale_layers``: layers that hold the factors; pytorch-fcn has none. ``depth``: whether the
    first layer sees depth as a fourth channel.
    """

    trunk: Trunk
    stride: int
    heads: Mapping[str, str]
    streams: Mapping[str, str]
    at_once: bool = False
    scale_layers: Sequence[str] = ()
    depth: bool = False

    def __str__(self) -> str:
        backbone = {"vgg16": "VGG16", "caffenet": "AlexNet"}[self.trunk]
        return f"FCN-{self.stride}s{' at-once' if self.at_once else ''} on {backbone}"

    def inputs(self) -> dict[str, list[str]]:
        """Return the inputs of each stream."""
        return {name: [name, "depth"] if self.depth else [name] for name in self.streams}

    def trunk_layers(self, stream: str) -> dict[str, str]:
        """Return the layers of the trunk of a stream, in order -> their names with one stream."""
        layers = {f"{name}{self.streams[stream]}": name for name in TRUNKS[self.trunk]}
        if self.depth:
            layers = {WITH_DEPTH.get(own, own): name for own, name in layers.items()}
        return layers

    def score_layers(self, head: str, stream: str) -> list[str]:
        """Return the layers that score the maps of a stream, the coarsest first."""
        suffix = f"{self.heads[head]}{self.streams[stream]}"
        return [f"{name}{suffix}" for name in ("score_fr", *SKIPS[self.stride])]

    def deconvolutions(self, head: str) -> list[str]:
        """Return the layers that upsample the scores of a head, in order."""
        return [f"{name}{self.heads[head]}" for name in DECONVOLUTIONS[self.stride]]

    def learned_layers(self) -> list[str]:
        """Return the convolutions, each with a weight and a bias."""
        pairs = [(head, stream) for head in self.heads for stream in self.streams]
        trunks = [layer for stream in self.streams for layer in self.trunk_layers(stream)]
        return [*trunks, *(layer for pair in pairs for layer in self.score_layers(*pair))]

    def tensors(self) -> list[str]:
        """Return the names of all tensors."""
        learned = [
            f"{layer}.{kind}" for layer in self.learned_layers() for kind in ("weight", "bias")
        ]
        fixed = [layer for head in self.heads for layer in self.deconvolutions(head)]
        return [
            *learned,
            *(f"{name}.weight" for name in (*fixed, *self.scale_layers)),
        ]


def nearest_network(layers: Iterable[str], *, at_once: bool = False) -> PublishedNetwork:
    """Return the published network that the layers point to; it may not have all of them.

    ``at_once``: whether the skips are scaled, in files without layers for that.
    """
    names = {*layers}
    suffixes = tuple(sorted(m[1] for name in names if (m := re.fullmatch("score_fr(.*)", name))))
    heads = HEADS.get(suffixes, HEADS[("",)])
    streams = STREAMS.get(suffixes, STREAMS[("",)])
    suffix = next(iter(heads.values())) + ("" if len(streams) == 1 else "color")
    stride = 32
    for finer, layer in ((16, "score_pool4"), (8, "score_pool3")):
        if f"{layer}{suffix}" in names:
            stride = finer
    trunk: Trunk = "caffenet" if {"conv1", "conv5"} & names else "vgg16"
    scales = SCALES if {*SCALES} & names else ()
    at_once = stride == 8 and (at_once or bool(scales))
    depth = not names.isdisjoint(WITH_DEPTH.values())
    return PublishedNetwork(trunk, stride, heads, streams, at_once, scales, depth)
