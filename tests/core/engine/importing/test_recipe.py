"""An imported network keeps the shipped recipe, except for what its weights determine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pluxel.core import load_config
from pluxel.core.config.tree.files import shipped
from pluxel.core.contracts.normalization import CAFFE_NORMALIZATION
from pluxel.core.engine.importing.published import HEADS, STREAMS, PublishedNetwork
from pluxel.core.engine.importing.recipe import OWN, configuration, recipe_of
from pluxel.registry import Host, PluxelError

ONE, BOTH = HEADS[("",)], HEADS["_geo", "_sem"]
IMAGE, LATE = STREAMS[("",)], STREAMS["color", "hha"]


def vgg(stride: int, heads=ONE, streams=IMAGE, **options: bool) -> PublishedNetwork:
    return PublishedNetwork("vgg16", stride, heads, streams, **options)


COLOR = ["image"]
RELEASE: dict[str, tuple[PublishedNetwork, list[int], list[str], float]] = {
    "voc_heavy_fcn32s_vgg16": (vgg(32), [21], COLOR, 1e-10),
    "voc_heavy_fcn16s_vgg16": (vgg(16), [21], COLOR, 1e-12),
    "voc_heavy_fcn8s_vgg16": (vgg(8), [21], COLOR, 1e-14),
    "voc_heavy_fcn8s_atonce_vgg16": (vgg(8, at_once=True), [21], COLOR, 1e-10),
    "voc_heavy_fcn32s_alexnet": (PublishedNetwork("caffenet", 32, ONE, IMAGE), [21], COLOR, 1e-4),
    "siftflow_heavy_fcn32s_vgg16": (vgg(32, BOTH), [33, 3], COLOR, 1e-10),
    "siftflow_heavy_fcn16s_vgg16": (vgg(16, BOTH), [33, 3], COLOR, 1e-12),
    "siftflow_heavy_fcn8s_vgg16": (vgg(8, BOTH), [33, 3], COLOR, 1e-12),
    "context_heavy_fcn32s_vgg16": (vgg(32), [60], COLOR, 1e-10),
    "context_heavy_fcn16s_vgg16": (vgg(16), [60], COLOR, 1e-12),
    "context_heavy_fcn8s_vgg16": (vgg(8), [60], COLOR, 1e-14),
    "nyudv2_heavy_fcn32s_color_vgg16": (vgg(32), [40], COLOR, 1e-10),
    "nyudv2_heavy_fcn32s_hha_vgg16": (vgg(32), [40], ["hha"], 1e-10),
    "nyudv2_heavy_fcn32s_color_depth_vgg16": (
        vgg(32, depth=True),
        [40],
        ["image", "depth"],
        1e-10,
    ),
    "nyudv2_heavy_fcn32s_color_hha_vgg16": (
        vgg(32, streams=LATE),
        [40],
        ["image", "hha"],
        1e-12,
    ),
    "nyudv2_heavy_fcn16s_color_hha_vgg16": (
        vgg(16, streams=LATE),
        [40],
        ["image", "hha"],
        1e-12,
    ),
}
"""Name of the recipe -> its network, numbers of classes, inputs and learning rate."""

MEANS = {
    "siftflow": (108.353, 115.294, 114.578),
    "nyudv2": (92.318, 97.203, 116.190),
    "context": (122.679, 116.669, 104.007),
}
"""Of the release, as red, green and blue."""


@pytest.fixture(scope="module")
def host() -> Host:
    return Host()


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The paths at which ``other`` differs, and its values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from differences(one.get(key), other.get(key), f"{path}.{key}".strip("."))
    elif one != other:
        yield path, other


def test_every_network_of_the_release_has_a_recipe() -> None:
    assert {*RELEASE} == {name for name in shipped() if "_heavy_" in name}


@pytest.mark.parametrize("name", RELEASE)
def test_only_what_the_weights_determine_differs_from_the_recipe(name: str, host: Host) -> None:
    network, classes, inputs, rate = RELEASE[name]
    recipe = recipe_of(network, classes, inputs, names_data=False)
    assert recipe.name == name
    scales = [0.5, 0.25][: {32: 0, 16: 1, 8: 2}[network.stride]]
    found = configuration(network, recipe, scales, (), learned=True, host=host)
    assert not found.earlier
    plain = load_config(name, host=host, phase=f"{network.stride}s")
    expected: dict[str, Any] = {}
    for stream in network.streams:
        place = f"streams.{stream}.backbone" if _is_long(found) else "backbone"
        expected[f"{place}.pretrained"] = False
        expected[f"{place}.normalization"] = CAFFE_NORMALIZATION.model_dump(mode="json")
    for head in network.heads if scales else ():
        place = f"heads.{head}.decoder" if len(network.heads) > 1 or _is_long(found) else "decoder"
        expected |= {f"{place}.skip_scales": scales, f"{place}.upsampling": "learned"}
    if name.startswith("context"):
        expected["dataset.classes"] = 60
    if "color_hha" in name:
        expected["init_from"] = None
    trees = [yaml.safe_load(config.show()) for config in (plain, found)]
    assert dict(differences(*trees)) == expected
    training = found.pipeline.training
    is_alexnet = "alexnet" in name
    assert (training.batch_size, training.sampling, training.monitor) == (1, "uniform", None)
    assert training.accumulate == (20 if is_alexnet else 1)
    assert (training.optimizer.lr, training.optimizer.momentum) == (
        rate,
        0.9 if is_alexnet else 0.99,
    )


def _is_long(config) -> bool:
    return "streams" in yaml.safe_load(config.show())


@pytest.mark.parametrize("name", RELEASE)
def test_recipes_subtract_the_means_of_the_release(name: str, host: Host) -> None:
    """Those of VOC are the means of ImageNet, as for the pretrained weights."""
    for config in load_config(name, host=host).phases:
        for stream in config.pipeline.streams.values():
            given = stream.normalization_of("image")
            mean = MEANS.get(name.partition("_")[0]) if "image" in stream.inputs else None
            assert (given.mean if given else None) == mean
            assert given is None or (given.range, given.std, given.channel_order) == (
                255,
                None,
                "rgb",
            )


@pytest.mark.parametrize(
    ("network", "classes", "inputs", "name"),
    [
        (vgg(8), [11], COLOR, "voc_heavy_fcn8s_vgg16"),
        (vgg(16), [40], COLOR, "voc_heavy_fcn16s_vgg16"),
        (vgg(16, BOTH), [5, 2], COLOR, "siftflow_heavy_fcn16s_vgg16"),
        (vgg(32), [13], ["hha"], "nyudv2_heavy_fcn32s_hha_vgg16"),
    ],
)
def test_other_data_take_the_recipe_of_a_network_with_the_same_layers(
    network: PublishedNetwork, classes: list[int], inputs: list[str], name: str
) -> None:
    recipe = recipe_of(network, classes, inputs, names_data=True)
    assert (recipe.name, recipe.changes) == (name, OWN)
    with pytest.raises(PluxelError):
        recipe_of(network, classes, inputs, names_data=False)


def test_a_network_that_was_not_published_is_named() -> None:
    network = PublishedNetwork("caffenet", 32, BOTH, IMAGE)
    for names_data in (False, True):
        with pytest.raises(PluxelError) as caught:
            recipe_of(network, [33, 3], ["image"], names_data=names_data)
        assert caught.value.message == (
            "FCN-32s on AlexNet with 33 and 3 classes that sees image is not a published network"
        )
        assert bool(caught.value.notes) is not names_data
