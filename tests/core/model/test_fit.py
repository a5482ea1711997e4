"""A model checks the size of every head's scores against their grid, whatever the image's size."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pluxel.plugins
import pytest
import torch
from pluxel.core import Factory, Grid, Normalization, Scores, measure
from pluxel.core.contracts.kinds import Decoder
from pluxel.core.model.network import Head, SegmentationModel, Stream
from pluxel.core.model.normalize import InputPart
from pluxel.registry import Host, PluxelError
from pydantic import TypeAdapter
from torch import Tensor, nn

HOST = Host({"pluxel": pluxel.plugins})
IMAGE = [InputPart("image", 3)]
BACKBONES: list[tuple[str, dict[str, Any]]] = [
    ("vgg11", {"fc": False, "pool_rounding": "floor"}),
    ("vgg11", {"fc": False, "alignment": "caffe"}),
    ("timm", {"model": "test_resnet"}),
    ("timm", {"model": "tf_mobilenetv3_small_minimal_100"}),
]
DECODERS: list[dict[str, Any]] = [
    {"type": "fcn32s"},
    {"type": "fcn8s"},
    {"type": "atrous", "output_stride": 8, "decoder": "fcn32s"},
    {"type": "shift_and_stitch", "factor": 2, "decoder": "fcn32s"},
]
SIZES = [(1, 90), (33, 31), (127, 250)]


def models(trunk: str, parameters: dict[str, Any]) -> Iterator[SegmentationModel]:
    """Yield a model without data for each built-in decoder that the backbone serves."""
    with torch.device("meta"):
        stream = Stream(IMAGE, HOST.load(HOST.get("backbone", trunk))(3, **parameters))
        for section in DECODERS:
            factory = TypeAdapter(Factory[Decoder]).validate_python(section, context={"host": HOST})
            try:
                decoder = factory(
                    features=stream.backbone.feature_specs,
                    num_classes=2,
                    class_names=["a", "b"],
                    backbone=stream.backbone,
                    in_channels=3,
                )
            except PluxelError:  # needs other strides
                continue
            head = Head({"image": decoder}, "mean", on_images="decoder" in section)
            yield SegmentationModel({"image": stream}, {"semantic": head}).eval()


@pytest.mark.slow
@pytest.mark.parametrize(("trunk", "parameters"), BACKBONES)
def test_scores_of_built_in_decoders_fit_images_of_any_size(
    trunk: str, parameters: dict[str, Any]
) -> None:
    passed = 0
    for model in models(trunk, parameters):
        for size in SIZES:
            with torch.inference_mode(), torch.device("meta"):
                (scores,) = model({"image": torch.zeros(1, 3, *size)}).values()
            assert scores.tensor.shape[1] == 2
            passed += 1
    assert passed >= len(SIZES)


class Backbone(nn.Module):
    """A map of stride 4 and one of stride 8."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 2, 4, 4), nn.Conv2d(2, 2, 3, 2, 1)
        self.normalization = Normalization()
        self.feature_specs = measure(self, 3).specs

    def forward(self, image: Tensor) -> list[Tensor]:
        fine = self.first(image)
        return [fine, self.last(fine)]


class Plugin(nn.Module):
    """The scores of the finer map, changed, on its grid or another."""

    def __init__(self, change: Any, grid: Grid) -> None:
        super().__init__()
        self.change, self.grid = change, grid

    def forward(self, maps: list[Tensor]) -> Scores:
        return Scores(self.change(maps[0]), self.grid)


def model(change: Any, grid: Grid, streams: int = 1) -> SegmentationModel:
    names = [f"stream{i}" for i in range(streams)]
    heads = {"semantic": Head({name: Plugin(change, grid) for name in names}, "mean")}
    return SegmentationModel({name: Stream(IMAGE, Backbone()) for name in names}, heads)


FINE = Grid(4, Fraction(3, 2))
"""The grid of the finer map."""


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [(65, 99), (200, 72)])
@pytest.mark.parametrize(
    ("change", "grid", "stride"),
    [
        (lambda x: x, Grid(8, Fraction(3, 2)), 8),  # the grid of the other map
        (lambda x: x[..., ::2, ::2], FINE, 4),
        (lambda x: x[..., : x.shape[-2] // 2, :], FINE, 4),
        (lambda x: x.repeat(1, 1, 1, 2), FINE, 4),
        (lambda x: x[..., :1, :1], FINE, 4),
    ],
    ids=["stride", "small", "top", "wide", "pooled"],
)
def test_scores_that_do_not_fit_their_grid_are_an_error(
    change: Any, grid: Grid, stride: int, size: tuple[int, int], training: bool
) -> None:
    wrong = model(change, grid).train(training)
    image = torch.zeros(1, 3, *size)
    with pytest.raises(PluxelError) as caught:
        wrong({"image": image})
    rows, columns = change(torch.zeros(1, 1, size[0] // 4, size[1] // 4)).shape[-2:]
    assert str(caught.value).startswith(
        f"head 'semantic': decoder Plugin returned scores of {rows}×{columns} cells (height × "
        f"width), but with their grid of stride {stride}, "
    )


def test_the_error_states_the_size_that_fits() -> None:
    with pytest.raises(PluxelError) as caught:
        model(lambda x: x[..., ::2, ::2], FINE)({"image": torch.zeros(1, 3, 64, 160)})
    assert str(caught.value) == (
        "head 'semantic': decoder Plugin returned scores of 8×20 cells (height × width), but with "
        "their grid of stride 4, 16×40 cells match the image: the scores must have the grid of "
        "the map that they are on, such as Grid(stride, offset)"
    )


def test_the_error_precedes_the_fusion_of_streams() -> None:
    wrong = model(lambda x: x[..., ::2, ::2], FINE, streams=2)
    wrong.heads["semantic"].decoders["stream0"].change = lambda x: x
    with pytest.raises(PluxelError, match="8×20 cells"):
        wrong({"image": torch.zeros(1, 3, 64, 160)})


@pytest.mark.parametrize(
    ("change", "grid"),
    [
        (lambda x: x, FINE),
        (lambda x: x[..., 3:-3, 3:-3], FINE.crop(3)),  # without a border
        (lambda x: nn.functional.pad(x, (5, 5, 5, 5)), FINE.crop(-5)),  # with a frame
        (lambda x: nn.functional.interpolate(x, scale_factor=4), Grid()),
        (lambda x: nn.functional.max_pool2d(x, 2), FINE.conv(2, 2)),  # drops odd cells
    ],
    ids=["same", "cropped", "framed", "upsampled", "pooled"],
)
@pytest.mark.parametrize("size", [(33, 47), (64, 64), (127, 201)])
def test_scores_may_be_larger_or_smaller_by_borders(
    change: Any, grid: Grid, size: tuple[int, int]
) -> None:
    (scores,) = model(change, grid)({"image": torch.zeros(1, 3, *size)}).values()
    assert scores.grid == grid


def test_scores_are_checked_without_their_values() -> None:
    """A check that read a tensor would fail on the meta device."""
    with torch.device("meta"):
        right, wrong = model(lambda x: x, FINE), model(lambda x: x[..., ::2, ::2], FINE)
        right({"image": torch.zeros(1, 3, 65, 99)})
        with pytest.raises(PluxelError, match="cells match the image"):
            wrong({"image": torch.zeros(1, 3, 65, 99)})
