"""The configuration of a published network: its data, normalization and training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....registry import PluxelError
from ...contracts.inputs import InputKind
from ...contracts.normalization import CAFFE_NORMALIZATION, Normalization
from .published import PublishedNetwork

KINDS: Mapping[str, InputKind] = {"image": "color", "hha": "hha", "depth": "depth"}
"""Input of the release -> what it is, which determines how it is normalized."""


@dataclass(frozen=True)
class PublishedData:
    """A dataset of the release: its component, and the normalization of its colors.

    ``splits``: those of the release, by role.
    """

    component: str
    parameters: Mapping[str, Any]
    splits: Mapping[str, str]
    colors: Normalization


def _bgr(*mean: float) -> Normalization:
    return CAFFE_NORMALIZATION.model_copy(update={"mean": mean})


_TRAINVAL = {"train": "trainval", "val": "test"}

DATA: Mapping[Sequence[int], PublishedData] = {
    (21,): PublishedData(
        "voc",
        {"root": "VOCdevkit", "year": "2011"},
        {"train": "train", "val": "seg11valid"},
        CAFFE_NORMALIZATION,
    ),
    (33, 3): PublishedData(
        "siftflow", {"root": "SiftFlow"}, _TRAINVAL, _bgr(114.578, 115.294, 108.353)
    ),
    (40,): PublishedData("nyudv2", {"root": "NYUDv2"}, _TRAINVAL, _bgr(116.190, 97.203, 92.318)),
    (60,): PublishedData(
        "pascal_context",
        {"root": "VOCdevkit", "classes": 60},
        {"train": "train", "val": "val"},
        _bgr(104.007, 116.669, 122.679),
    ),
}
"""Numbers of classes of the heads -> the data of the release."""


def published_data(classes: Sequence[int]) -> PublishedData:
    """Return the data that a network with these numbers of classes was trained on.

    Raises: PluxelError if no published network has them.
    """
    if tuple(classes) in DATA:
        return DATA[tuple(classes)]
    own = " and ".join(map(str, classes))
    known = ", ".join(f"{' and '.join(map(str, key))} ({DATA[key].component})" for key in DATA)
    raise PluxelError(
        f"the network has {own} classes; the published ones have {known}",
        ["to name the data that it was trained on, add  dataset='{type: …, root: …}'"],
    )


def configuration(
    network: PublishedNetwork,
    data: PublishedData,
    inputs: Mapping[str, Sequence[str]],
    skip_scales: Sequence[float],
    *,
    learned: bool,
) -> dict[str, Any]:
    """Return the configuration of a network, and of its training in the release.

    ``inputs``: stream -> its inputs. ``learned``: whether the upsampling of scores is learned.
    """
    decoder: dict[str, Any] = {"type": f"pluxel/fcn{network.stride}s"}
    if network.stride < 32:
        decoder["skip_scales"] = list(skip_scales)
        decoder["upsampling"] = "learned" if learned else "bilinear"
    loss = {
        "type": "pluxel/cross_entropy",
        "reduction": "sum" if network.trunk == "vgg16" else "mean",
    }
    names = [name for each in inputs.values() for name in each]
    parameters = {**data.parameters}
    if names != ["image"]:
        parameters["inputs"] = names
    return {
        "streams": {
            stream: {
                "input": each[0] if len(each) == 1 else [*each],
                "backbone": {
                    "type": f"pluxel/{network.trunk}",
                    "alignment": "caffe",
                    "normalization": data.colors.model_dump(mode="json"),
                },
            }
            for stream, each in inputs.items()
        },
        "heads": {
            head: {"decoder": decoder, "loss": loss, "fusion": "mean"} for head in network.heads
        },
        "dataset": {"type": data.component, **parameters},
        "splits": {**data.splits},
        "training": _training(network),
    }


def _training(network: PublishedNetwork) -> dict[str, Any]:
    """Return the training of the release: one image per step, and a learning rate for its loss."""
    if network.trunk == "caffenet":
        optimizer, accumulate = {"lr": 1e-4, "momentum": 0.9}, 20
    else:
        lr = 1e-10 if network.at_once else {32: 1e-10, 16: 1e-12, 8: 1e-14}[network.stride]
        if len(network.heads) > 1:  # its 8s kept the rate of its 16s
            lr = max(lr, 1e-12)
        optimizer, accumulate = {"lr": lr, "momentum": 0.99}, 1
    return {
        "steps": 300_000 if network.at_once else 100_000,
        "batch_size": 1,
        "accumulate": accumulate,
        "optimizer": {"type": "sgd", "weight_decay": 5e-4, **optimizer},
        "schedule": {"type": "constant"},
    }
