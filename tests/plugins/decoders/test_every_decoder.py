"""Requirements of every built-in decoder, on every built-in backbone that offers its strides."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pluxel.plugins
import pytest
import torch
from pluxel.core import Factory, Scores
from pluxel.core.contracts.kinds import Decoder
from pluxel.core.geometry.fit import check_fit
from pluxel.core.model.network import Head
from pluxel.registry import Host, PluxelError
from pydantic import TypeAdapter
from torch import Tensor, nn

pytestmark = pytest.mark.slow

HOST = Host({"pluxel": pluxel.plugins}, files=[Path(__file__).parents[1] / "words.py"])
DECODERS = [component.name for component in HOST.components("decoder")]
BACKBONES = [
    "vgg16",
    "alexnet",
    "googlenet",
    "resnet18",
    "convnext_atto",
    "tf_mobilenetv3_small_minimal_100",
    "test_vit",
]
NEEDED = {
    f"fcn{finest}s": tuple(stride for stride in (2, 4, 8, 16, 32) if stride >= finest)
    for finest in (2, 4, 8, 16)
}
DENSER = {"atrous": 8, "shift_and_stitch": 16}
"""Decoders that run the backbone, and the stride of their scores after stride 32, by default."""
PARAMETERS: dict[str, dict[str, Any]] = {
    **{name: {"decoder": "fcn32s"} for name in DENSER},
    "semantic_projection": {"decoder": "fcn32s", "embedding": "class_words", "dim": 4},
}
FROM_ONE_MAP = {"fcn32s", "pspnet", "deeplabv3", "dpt", "linear", "fcn_head", "semantic_projection"}
"""Decoders that need no maps of several strides."""
CANNOT_FOLLOW = {("atrous", "tf_mobilenetv3_small_minimal_100")}
"""These networks choose their padding in Python, by the size of the image."""

every = pytest.mark.parametrize("name", DECODERS)


@cache
def backbone(name: str, device: str = "meta") -> Any:
    """A backbone on the meta device, or with random weights."""
    known = name in {component.name for component in HOST.components("backbone")}
    target = HOST.load(HOST.get("backbone", name if known else "timm"))
    with torch.device(device):
        return target(3, **({} if known else {"model": name})).eval()


def factory(name: str) -> Factory[Decoder]:
    section = {"type": name, **PARAMETERS.get(name, {})}
    return TypeAdapter(Factory[Decoder]).validate_python(section, context={"host": HOST})


def build(name: str, trunk: Any, num_classes: int = 5) -> Any:
    return factory(name)(
        features=trunk.feature_specs,
        num_classes=num_classes,
        class_names=[f"class{i}" for i in range(num_classes)],
        backbone=trunk,
        in_channels=3,
    )


def scores(decoder: Any, trunk: Any, image: Tensor) -> Scores:
    """Run a decoder as a model does."""
    if hasattr(decoder, "inner"):
        return decoder(image, trunk, decoder.inner)
    return Head({"image": decoder}, "mean")({"image": trunk(image)})


def image(of: Any, device: str = "meta", size: tuple[int, int] = (96, 160)) -> Tensor:
    height, width = (-(-n // of.pad_multiple) * of.pad_multiple for n in size)
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, height, width, generator=generator, device="cpu").to(device)


@every
@pytest.mark.parametrize("trunk", BACKBONES)
def test_every_backbone_that_offers_the_strides(name: str, trunk: str) -> None:
    bare = backbone(trunk)
    strides = {spec.grid.stride[0] for spec in bare.feature_specs}
    moves = bare.feature_specs[-1].source != "assumed"  # attention does not shift
    if name in DENSER:
        runs = moves and (name, trunk) not in CANNOT_FOLLOW
    elif name in NEEDED:
        runs = set(NEEDED[name]) <= strides
    else:
        runs = len(strides) > 1 or name in FROM_ONE_MAP
    if not runs:
        with pytest.raises(PluxelError), torch.device("meta"):
            build(name, bare)
        return
    with torch.device("meta"):
        decoder = build(name, bare)
    assert isinstance(decoder, Decoder)
    given = image(bare)
    found = scores(decoder, bare, given)
    assert found.tensor.shape[:2] == (2, 5)
    if name not in DENSER:
        sizes = [one.shape[-2:] for one in bare(given)]
        grids = [spec.grid for spec in bare.feature_specs]
        check_fit(name, found, list(zip(sizes, grids, strict=True)))


@pytest.mark.parametrize("name", [*NEEDED, *DENSER, "fcn32s"])
def test_scores_of_fully_convolutional_networks_have_the_grid_of_the_finest_map(name: str) -> None:
    bare = backbone("resnet18")
    with torch.device("meta"):
        found = scores(build(name, bare), bare, image(bare))
    strides = [spec.grid.stride[0] for spec in bare.feature_specs]
    finest = bare.feature_specs[strides.index(min(NEEDED.get(name, (32,))))]
    assert found.grid.offset == finest.grid.offset
    assert found.grid.stride[0] == DENSER.get(name, finest.grid.stride[0])


@pytest.mark.parametrize("name", [*NEEDED, *PARAMETERS, "fcn32s"])
def test_scores_of_fully_convolutional_networks_are_initially_zero_and_learn(name: str) -> None:
    trunk = backbone("resnet18", "cpu")
    decoder = build(name, trunk)
    if hasattr(decoder, "load_pretrained"):
        decoder.load_pretrained()
    found = scores(decoder, trunk, image(trunk, "cpu")).tensor
    assert not found.any()
    target = torch.zeros(2, *found.shape[-2:], dtype=torch.long)
    nn.functional.cross_entropy(found, target).backward()
    for parameter in decoder.parameters():
        assert parameter.grad is not None
        assert parameter.grad.any()


def test_there_are_decoders_to_test() -> None:
    assert {"fcn32s", "fcn16s", "fcn8s", *DENSER} <= set(DECODERS)
