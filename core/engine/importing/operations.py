"""The operations of the published networks: how their layers are connected, and with what values.

They are those of the descriptions in Shelhamer's release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...model.caffe_parameters import Options
from .published import SCALES, SKIPS, PublishedNetwork

Window = tuple[int, int, int, int]
"""Kernel, padding, stride and groups."""

_VGG16: Mapping[str, Window] = {"conv1_1": (3, 100, 1, 1), "fc6": (7, 0, 1, 1), "fc7": (1, 0, 1, 1)}
_CAFFENET: Mapping[str, Window] = {
    "conv1": (11, 100, 4, 1),
    "conv2": (5, 2, 1, 2),
    "conv3": (3, 1, 1, 1),
    "conv4": (3, 1, 1, 2),
    "conv5": (3, 1, 1, 2),
    "fc6": (6, 0, 1, 1),
    "fc7": (1, 0, 1, 1),
}
_USUAL: Window = (3, 1, 1, 1)
_SCORES: Window = (1, 0, 1, 1)
_POOLED = ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3", "conv1", "conv2", "conv5")
_NORMALIZED = ("conv1", "conv2")
_UPSAMPLING = {
    "upscore": (64, 32), "upscore2": (4, 2), "upscore_pool4": (4, 2), "upscore16": (32, 16),
    "upscore8": (16, 8),
}  # fmt: skip
_SKIP_CROPS = {"score_pool4": 5, "score_pool3": 9}
_LAST_CROPS = {32: 19, 16: 27, 8: 31}
_ALEXNET = (63, 18)
"""Kernel of the upsampling by 32 and the crop after it."""


@dataclass(eq=False)
class Operation:
    """One layer: its kind in lowercase, its name, its parameters, and what it computes on.

    ``weights``: the published name of a layer with weights. ``shares``: of a sum, the coefficient
    of each source.
    """

    kind: str
    layer: str = ""
    options: Options = field(default_factory=dict)
    sources: Sequence[Operation] = ()
    weights: str = ""
    shares: Sequence[float] = ()

    @property
    def leaf(self) -> str:
        """The next layer with weights towards the image."""
        return self.weights or (self.sources[0].leaf if self.sources else "")


def operations(network: PublishedNetwork) -> dict[str, Operation]:
    """Return the operation of each layer with weights, and the last crop of each head.

    The crops have the names of their deconvolutions and ``" crop"``.
    """
    found: dict[str, Operation] = {}
    maps = {stream: _trunk(network, stream, found) for stream in network.streams}
    for head in network.heads:
        _head(network, head, maps, found)
    return found


def _trunk(
    network: PublishedNetwork, stream: str, found: dict[str, Operation]
) -> dict[str, Operation]:
    """Add the layers of a trunk; return the maps that are scored: pool3, pool4 and fc7."""
    windows = _VGG16 if network.trunk == "vgg16" else _CAFFENET
    size = 2 if network.trunk == "vgg16" else 3
    maps, kept, pools = Operation("data"), {}, 0
    for layer, plain in network.trunk_layers(stream).items():
        maps = found[layer] = _convolution(layer, windows.get(plain, _USUAL), maps)
        maps = Operation("relu", options={"negative_slope": 0.0}, sources=[maps])
        if plain in _POOLED:
            pools += 1
            pooling = {"pool": "MAX", "global_pooling": 0.0, "round_mode": "CEIL"}
            maps = Operation("pooling", "", pooling | _window(size, 0, 2), [maps])
            kept[f"pool{pools}"] = maps
        if plain in _NORMALIZED:
            lrn: Options = {"local_size": 5.0, "alpha": 1e-4, "beta": 0.75, "k": 1.0}
            maps = Operation("lrn", "", {**lrn, "norm_region": "ACROSS_CHANNELS"}, [maps])
    return kept | {"fr": maps}


def _head(
    network: PublishedNetwork,
    head: str,
    maps: Mapping[str, Mapping[str, Operation]],
    found: dict[str, Operation],
) -> None:
    """Add the layers of a head: its scores, its upsampling, and the sums of both."""
    share = 1 / len(network.streams)
    by_stream = [network.score_layers(head, stream) for stream in network.streams]

    def score(index: int) -> list[Operation]:
        scored = ("score_fr", *SKIPS[network.stride])[index].removeprefix("score_")
        for stream, layers in zip(network.streams, by_stream, strict=True):
            source = maps[stream][scored]
            if (scale := f"scale_{scored}") in network.scale_layers and scale in SCALES:
                source = Operation("scale", scale, {"axis": 1.0}, [source], scale)
                source = found.setdefault(scale, source)
            found[layers[index]] = _convolution(layers[index], _SCORES, source)
        return [found[layers[index]] for layers in by_stream]

    coarse = score(0)
    scores = coarse[0] if len(coarse) == 1 else _sum(coarse, [share] * len(coarse))
    *inner, last = network.deconvolutions(head)
    for index, (layer, skip) in enumerate(zip(inner, SKIPS[network.stride], strict=True), 1):
        upsampled = found[layer] = _deconvolution(network, layer, head, scores)
        crops = [_crop(_SKIP_CROPS[skip], one) for one in score(index)]
        scores = _sum([upsampled, *crops], [1.0, *[share] * len(crops)])
    upsampled = found[last] = _deconvolution(network, last, head, scores)
    offset = _ALEXNET[1] if network.trunk == "caffenet" else _LAST_CROPS[network.stride]
    found[f"{last} crop"] = _crop(offset, upsampled)


def _window(size: int, pad: int, stride: int) -> dict[str, tuple[float, ...]]:
    sides = {"kernel_size": size, "pad": pad, "stride": stride}
    return {key: (float(value), float(value)) for key, value in sides.items()}


def _convolution(layer: str, window: Window, source: Operation) -> Operation:
    size, pad, stride, groups = window
    options: Options = {"group": float(groups), "dilation": (1.0, 1.0), "axis": 1.0}
    return Operation(
        "convolution", layer, {**options, **_window(size, pad, stride)}, [source], layer
    )


def _deconvolution(
    network: PublishedNetwork, layer: str, head: str, source: Operation
) -> Operation:
    """Return an upsampling; its kernels may be dense or grouped, so groups are free."""
    size, stride = _UPSAMPLING[layer.removesuffix(network.heads[head])]
    size = _ALEXNET[0] if network.trunk == "caffenet" else size
    options: Options = {"dilation": (1.0, 1.0), "axis": 1.0, **_window(size, 0, stride)}
    return Operation("deconvolution", layer, options, [source], layer)


def _crop(offset: int, source: Operation) -> Operation:
    return Operation("crop", "", {"axis": 2.0, "offset": (float(offset), float(offset))}, [source])


def _sum(sources: Sequence[Operation], shares: Sequence[float]) -> Operation:
    return Operation("eltwise", "", {"operation": "SUM"}, sources, shares=shares)
