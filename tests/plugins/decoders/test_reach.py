"""Hooks, modes and copies of a model reach all modules, even if a decoder runs the backbone."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pluxel.plugins
import pytest
import torch
from pluxel.core import Factory, Normalization, Scores, measure
from pluxel.core.contracts.kinds import Decoder
from pluxel.core.model.network import Head, SegmentationModel, Stream
from pluxel.core.model.normalize import InputPart
from pluxel.plugins.backbones.alexnet import AlexNet
from pluxel.registry import Host, PluxelError
from pydantic import TypeAdapter
from torch import Tensor, nn

pytestmark = pytest.mark.slow

HOST = Host({"pluxel": pluxel.plugins})
ATROUS = {"type": "atrous", "output_stride": 1}
SHIFTS = {"type": "shift_and_stitch", "factor": 4}
wrapped = pytest.mark.parametrize("section", [ATROUS, SHIFTS], ids=["atrous", "shift_and_stitch"])
IMAGE = torch.rand(1, 3, 16, 20, generator=torch.Generator().manual_seed(0))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(4, 4, 3, padding=1), nn.MaxPool2d(2)),
        )
        self.normalization = Normalization()
        self.feature_specs = measure(self, 3).specs

    def forward(self, image: Tensor) -> list[Tensor]:
        return [self.layers(image)]


def make(section: Any) -> SegmentationModel:
    """A model whose inner decoder has dropout, with random weights."""
    torch.manual_seed(0)
    backbone = Network()
    section = section | {"decoder": {"type": "fcn32s", "dropout": 0.5}}
    factory = TypeAdapter(Factory[Decoder]).validate_python(section, context={"host": HOST})
    decoder: Any = factory(
        features=backbone.feature_specs,
        num_classes=3,
        class_names=["a", "b", "c"],
        backbone=backbone,
        in_channels=3,
    )
    nn.init.normal_(decoder.inner.score.weight)
    head = Head({"image": decoder}, "mean", on_images=True)
    return SegmentationModel(
        {"image": Stream([InputPart("image", 3)], backbone)}, {"h": head}
    ).eval()


@torch.no_grad()
def scores(model: nn.Module) -> Tensor:
    return model({"image": IMAGE})["h"].tensor


@wrapped
def test_hooks_fire_at_every_level(section: Any) -> None:
    model, fired = make(section), Counter()
    names = ["streams.image.backbone", "streams.image.backbone.layers"]
    names += ["streams.image.backbone.layers.3", "heads.h.decoders.image", "heads.h.wrappers.image"]
    scores(model)  # measures sizes on copies
    for name in names:
        module = model.get_submodule(name)
        module.register_forward_hook(lambda *_, name=name: fired.update([name]))
    scores(model)
    assert set(fired) == set(names)


@wrapped
def test_a_hook_of_the_backbone_may_change_its_maps(section: Any) -> None:
    model = make(section)
    backbone = model.get_submodule("streams.image.backbone")
    backbone.register_forward_hook(lambda _module, _images, maps: [0 * one for one in maps])
    bias = model.get_parameter("heads.h.decoders.image.score.bias")
    assert torch.equal(scores(model), bias.view(1, -1, 1, 1).expand_as(scores(model)))


@wrapped
def test_modes_reach_wrapper_and_inner_decoder(section: Any) -> None:
    model = make(section)
    assert not model.get_submodule("heads.h.wrappers.image").training
    assert not any(module.training for module in model.modules())
    assert torch.equal(scores(model), scores(model))
    model.train()
    assert all(module.training for module in model.modules())
    assert not torch.equal(scores(model), scores(model))


@wrapped
def test_each_module_and_each_weight_has_one_name(section: Any) -> None:
    model = make(section)
    names = [name for name, _ in model.named_modules(remove_duplicate=False)]
    assert len(names) == len({*map(id, model.modules())})
    assert "heads.h.wrappers.image" in names
    assert [*model.state_dict()] == [
        *(f"streams.image.normalize.{name}" for name in ("mean", "std", "order")),
        *(f"streams.image.backbone.layers.{i}.{n}" for i in (0, 3) for n in ("weight", "bias")),
        *(f"heads.h.decoders.image.score.{name}" for name in ("weight", "bias")),
    ]
    parameters = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    assert parameters == [name for name in model.state_dict() if "normalize" not in name]


@wrapped
def test_a_replacement_of_the_streams_backbone_runs(section: Any) -> None:
    class Wrapper(nn.Module):
        """A callable without the attributes of a backbone, such as a module that shards."""

        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

        def forward(self, image: Tensor) -> list[Tensor]:
            return [one + 1 for one in self.module(image)]

    model = make(section)
    before = scores(model)
    stream: Any = model.streams["image"]
    stream.backbone = Wrapper(stream.backbone)
    weight = model.get_parameter("heads.h.decoders.image.score.weight")
    torch.testing.assert_close(scores(model), before + weight.sum((1, 2, 3)).view(1, -1, 1, 1))


@wrapped
def test_a_replacement_of_a_layer_runs(section: Any) -> None:
    model, other = make(section), nn.Conv2d(4, 4, 3, padding=1)
    expected = make(section)
    expected.get_submodule("streams.image.backbone.layers.3").load_state_dict(other.state_dict())
    layers: Any = model.get_submodule("streams.image.backbone.layers")
    layers[3] = nn.Sequential(other, nn.Identity())
    assert torch.equal(scores(model), scores(expected))


@wrapped
def test_copies_and_other_types_use_their_own_weights(section: Any) -> None:
    model = make(section)
    twin = copy.deepcopy(model).double()
    assert scores(twin).dtype == torch.float64
    torch.testing.assert_close(scores(twin).float(), scores(model))
    for parameter in twin.parameters():
        nn.init.zeros_(parameter)
    assert not scores(twin).any()
    assert scores(model).any()


@wrapped
@pytest.mark.usefixtures("compiles")
def test_the_model_compiles(section: Any) -> None:
    model = make(section)
    expected = scores(model)
    compiled: Any = torch.compile(model, backend="eager", fullgraph=section == ATROUS)
    torch.testing.assert_close(scores(compiled), expected)


@wrapped
def test_the_model_can_be_exported(section: Any) -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = make(section)

        def forward(self, image: Tensor) -> Tensor:
            return self.model({"image": image})["h"].tensor

    bare = Bare()
    program = torch.export.export(bare, (IMAGE,))
    torch.testing.assert_close(program.module()(IMAGE), scores(bare.model))


def test_layers_that_differ_from_the_plan_are_rejected() -> None:
    for change, message in (
        (
            nn.MaxPool2d(3, 1, 1),
            "expected layer .*4 .* to call maximum.*, but the network calls maximum",
        ),
        (nn.Identity(), "expected layer .* to call maximum.*, but the network "),
    ):
        model = make(ATROUS)
        layers: Any = model.get_submodule("streams.image.backbone.layers")
        layers[4] = change
        with pytest.raises(PluxelError, match="changed since its strides were removed: " + message):
            scores(model)


def test_a_wrapper_with_weights_of_its_own_raises() -> None:
    class Heavy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.backbone = nn.Conv2d(3, 3, 1), nn.Conv2d(1, 1, 1)

        def forward(self, image: Tensor, backbone: nn.Module, inner: nn.Module) -> Scores:
            raise NotImplementedError

    with pytest.raises(PluxelError, match=r"Heavy has weights \(backbone.weight, backbone.bias\)"):
        Head({"image": Heavy()}, "mean", on_images=True)


def test_hooks_of_a_backbone_with_an_output_stride() -> None:
    """Its own layers run under dilation, including their hooks."""
    fired: dict[int | None, list[str]] = {None: [], 8: []}
    for output_stride, names in fired.items():
        backbone = AlexNet(3, output_stride=output_stride).eval()
        for name, module in backbone.named_modules():
            module.register_forward_hook(lambda *_, name=name, names=names: names.append(name))
        with torch.no_grad():
            backbone(torch.rand(1, 3, 96, 96))
    assert fired[8] == fired[None]
    assert len(fired[8]) > 10
