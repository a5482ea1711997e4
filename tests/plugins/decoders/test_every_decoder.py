"""What every built-in decoder owes, on every built-in backbone that offers its strides."""

from __future__ import annotations

from functools import cache
from typing import Any

import pluxel.plugins
import pytest
import torch
from pluxel.core.contracts import WIRING, Decoder
from pluxel.core.geometry import StrideError
from pluxel.registry import Host
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

HOST = Host({"pluxel": pluxel.plugins})
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
NEEDED = {"fcn16s": (16, 32), "fcn8s": (8, 16, 32)}

every = pytest.mark.parametrize("name", DECODERS)


@cache
def backbone(name: str) -> Any:
    """A backbone without data."""
    known = name in {component.name for component in HOST.components("backbone")}
    target = HOST.load(HOST.get("backbone", name if known else "timm"))
    with torch.device("meta"):
        return target(3, **({} if known else {"model": name})).eval()


def build(name: str, features: Any, num_classes: int = 5) -> Any:
    return HOST.load(HOST.get("decoder", name))(features, num_classes)


def maps(of: Any, device: str = "meta", size: tuple[int, int] = (96, 160)) -> list[torch.Tensor]:
    height, width = (-(-n // of.pad_multiple) * of.pad_multiple for n in size)
    return [
        torch.zeros(one.shape, device=device)
        for one in of(torch.zeros(2, 3, height, width, device="meta"))
    ]


@every
@pytest.mark.parametrize("trunk", BACKBONES)
def test_any_backbone_that_offers_the_strides(name: str, trunk: str) -> None:
    features = backbone(trunk).feature_specs
    strides = [spec.grid.stride[0] for spec in features]
    needed = NEEDED.get(name, (max(strides),))
    if not set(needed) <= set(strides):
        with pytest.raises(StrideError):
            build(name, features)
        return
    with torch.device("meta"):
        decoder = build(name, features)
    assert isinstance(decoder, Decoder)
    given = maps(backbone(trunk))
    scores = decoder(given)
    finest = max(i for i, stride in enumerate(strides) if stride == min(needed))
    assert scores.grid == features[finest].grid
    assert scores.tensor.shape == (2, 5, *given[finest].shape[-2:])


@every
def test_scores_are_zero_at_first_and_every_layer_learns(name: str) -> None:
    trunk = backbone("resnet18")
    decoder = build(name, trunk.feature_specs)
    given = [
        torch.rand(one.shape, generator=torch.Generator().manual_seed(0)) for one in maps(trunk)
    ]
    scores = decoder(given).tensor
    assert not scores.any()
    target = torch.zeros(2, *scores.shape[-2:], dtype=torch.long)
    nn.functional.cross_entropy(scores, target).backward()
    for parameter in decoder.parameters():
        assert parameter.grad is not None
        assert parameter.grad.any()


@every
def test_it_runs_on_a_gpu_that_is_not_there(name: str) -> None:
    trunk = backbone("resnet18")
    shapes = [one.shape for one in maps(trunk)]
    with FakeTensorMode(), torch.device("cuda"):
        scores = build(name, trunk.feature_specs)([torch.zeros(shape) for shape in shapes])
    assert isinstance(scores.tensor, FakeTensor)
    assert scores.tensor.device.type == "cuda"


@every
def test_it_runs_under_autocast(name: str) -> None:
    trunk = backbone("resnet18")
    decoder, given = build(name, trunk.feature_specs), maps(trunk, "cpu")
    with torch.autocast("cpu", torch.bfloat16):
        scores = decoder(given).tensor
    assert scores.shape == decoder(given).tensor.shape
    assert scores.isfinite().all()


@every
def test_weights_can_be_moved_from_one_to_another(name: str) -> None:
    features = backbone("resnet18").feature_specs
    one, other = build(name, features), build(name, features)
    for parameter in one.parameters():
        nn.init.normal_(parameter)
    other.load_state_dict(one.state_dict())
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(mine, its) for mine, its in pairs)


@every
def test_it_asks_for_wiring_that_there_is(name: str) -> None:
    target = HOST.load(HOST.get("decoder", name))
    wiring = target.__init__.__code__.co_varnames[1 : target.__init__.__code__.co_argcount]
    assert set(wiring) <= set(WIRING["decoder"])


def test_there_is_something_to_test() -> None:
    assert {"fcn32s", "fcn16s", "fcn8s"} <= set(DECODERS)
