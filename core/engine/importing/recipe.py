"""The configuration of a published network: its shipped recipe, with what the weights determine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ....registry import Host, PluxelError
from ...common.files import write_text
from ...config._config import Config
from ...config._load import load_config
from ...config.tree.files import shipped
from ...contracts.normalization import CAFFE_NORMALIZATION
from .published import PublishedNetwork

DATA: Mapping[Sequence[int], str] = {
    (21,): "voc",
    (33, 3): "siftflow",
    (40,): "nyudv2",
    (60,): "context",
}
"""Numbers of classes of the heads -> the data of the release, with which names of recipes begin."""

CHANGES: Mapping[str, Mapping[str, Any]] = {"context": {"dataset": {"classes": 60}}}
"""Data -> how the release differs from the recipe, which trains on 59 classes."""

OWN = {"splits": {"train": "train", "val": "val"}}
"""The usual splits, for a network of data that the user names."""

_TRUNKS = {"vgg16": "vgg16", "caffenet": "alexnet"}


@dataclass(frozen=True)
class Recipe:
    """The shipped recipe of a network, and what it changes for the data of the network."""

    name: str
    changes: Mapping[str, Any]


def recipe_of(
    network: PublishedNetwork, classes: Sequence[int], inputs: Sequence[str], *, names_data: bool
) -> Recipe:
    """Return the recipe of a network with these numbers of classes and these inputs.

    ``names_data``: whether the user names the data. A network that was not published then takes the
    recipe of a published one with the same heads, inputs and layers.

    Raises: PluxelError if there is no such recipe.
    """
    data = DATA.get(tuple(classes))
    name = _name(network, data, inputs) if data else ""
    if data and name in shipped():
        return Recipe(name, CHANGES.get(data, {}))
    if names_data:
        alike = "siftflow" if len(classes) > 1 else "voc" if [*inputs] == ["image"] else "nyudv2"
        name = _name(network, alike, inputs)
        if name in shipped():
            return Recipe(name, OWN)
    own = " and ".join(map(str, classes))
    notes = (
        []
        if names_data
        else ["to name the data that it was trained on, add  dataset='{type: …, root: …}'"]
    )
    if data is None:
        known = ", ".join(f"{' and '.join(map(str, key))} ({DATA[key]})" for key in DATA)
        raise PluxelError(f"the network has {own} classes; the published ones have {known}", notes)
    seen = " and ".join(inputs)
    raise PluxelError(
        f"{network} with {own} classes that sees {seen} is not a published network", notes
    )


def _name(network: PublishedNetwork, data: str, inputs: Sequence[str]) -> str:
    """Return the name of a recipe: data, stride, inputs if the data have several, and backbone."""
    stride = f"fcn{network.stride}s" + ("_atonce" if network.at_once else "")
    seen = ["color" if name == "image" else name for name in inputs]
    varies = data == "nyudv2" or seen != ["color"]
    return "_".join([data, "heavy", stride, *(seen if varies else []), _TRUNKS[network.trunk]])


def configuration(
    network: PublishedNetwork,
    recipe: Recipe,
    skip_scales: Sequence[float],
    overrides: Sequence[str],
    *,
    learned: bool,
    host: Host,
) -> Config:
    """Return the configuration of a network, with its training in the release.

    That of a staged network is its last phase. ``learned``: whether the upsampling of scores is
    learned.

    Raises: ConfigError for a mistake in the overrides.
    """
    whole = load_config(recipe.name, host=host, phase=f"{network.stride}s")
    trunk = {"pretrained": False, "normalization": CAFFE_NORMALIZATION.model_dump(mode="json")}
    decoder: dict[str, Any] = {}
    if network.stride < 32:
        decoder["skip_scales"] = [*skip_scales]
        decoder["upsampling"] = "learned" if learned else "bilinear"
    determined = {
        "base": "recipe.yaml",
        "streams": {stream: {"backbone": trunk} for stream in network.streams},
        "heads": {head: {"decoder": decoder} for head in network.heads},
        "init_from": None,
        **recipe.changes,
    }
    with TemporaryDirectory() as folder:
        write_text(Path(folder) / "recipe.yaml", whole.show())
        path = Path(folder) / "config.yaml"
        write_text(path, json.dumps(determined))
        return load_config(path, overrides, host=host)
