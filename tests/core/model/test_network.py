"""Streams and heads: the inputs of the networks, and the scores from their maps."""

from __future__ import annotations

import pytest
import torch
from pluxel.core import FeatureSpec, Grid, Normalization, Scores
from pluxel.core.model.network import Head, SegmentationModel, Stream, fuse, to_unit
from pluxel.core.model.normalize import InputPart, Normalize
from pluxel.registry import PluxelError
from torch import Tensor, nn


class Echo(nn.Module):
    """A backbone whose only map is its input."""

    def __init__(self, channels: int = 3, **attributes: int) -> None:
        super().__init__()
        self.normalization = Normalization(mean=(0.2, 0.4, 0.6), std=(0.5, 0.25, 0.125))
        self.feature_specs = [FeatureSpec("echo", channels, Grid(), (1, 1), "computed")]
        self.__dict__.update(attributes)

    def forward(self, image: Tensor) -> list[Tensor]:
        return [image]


class First(nn.Module):
    """A decoder that returns the first map as scores."""

    def forward(self, maps: list[Tensor]) -> Scores:
        return Scores(maps[0], Grid())


def stream(inputs=("image",), channels=3, **attributes):
    own = dict.fromkeys(inputs, 1) | {"image": channels - len(inputs) + 1}
    parts = [InputPart(name, own[name]) for name in inputs]
    made = Stream(parts, Echo(channels, **attributes))
    made.adopt_normalization()
    return made


def model(made):
    return SegmentationModel({"image": made}, {"semantic": Head({"image": First()}, "mean")})


def pixels(*shape, high=256):
    return torch.randint(0, high, shape, dtype=torch.uint8)


def test_pixels_are_scaled_by_the_range_of_their_type():
    assert to_unit(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0, 1]
    assert to_unit(torch.tensor([0, 65535], dtype=torch.uint16)).tolist() == [0, 1]
    assert to_unit(torch.tensor([0.25])).tolist() == [0.25]


@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_statistics_use_the_order_and_range_of_the_network(scale, order):
    normalize = Normalize([InputPart("image", 3)])
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    normalize.adopt(
        Normalization(
            mean=tuple(scale * m for m in mean),
            std=tuple(scale * s for s in std),
            channel_order=order,
            range=scale,
        )
    )
    image = torch.rand(2, 3, 4, 5)
    expected = image.flip(1) if order == "bgr" else image
    expected = (expected - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(normalize(image), expected)


def test_channels_without_statistics_get_the_average():
    normalize = Normalize([InputPart("image", 4)])
    normalize.adopt(Normalization(mean=(0.1, 0.2, 0.3), std=(1, 1, 1)))
    torch.testing.assert_close(normalize.mean.flatten(), torch.tensor([0.1, 0.2, 0.3, 0.2]))
    gray = Normalize([InputPart("image", 1)])
    gray.adopt(Normalization(mean=(0.1, 0.2, 0.3), std=(1, 1, 1)))
    torch.testing.assert_close(gray.mean.flatten(), torch.tensor([0.2]))


def test_the_normalization_is_saved_with_the_weights():
    taught, fresh = stream(), Stream([InputPart("image", 3)], Echo())
    fresh.load_state_dict(taught.state_dict())
    image = pixels(1, 3, 4, 4)
    assert torch.equal(
        fresh.prepare({"image": image}, None), taught.prepare({"image": image}, None)
    )


def test_padding_is_zero_after_normalizing():
    """A black pixel does not normalize to zero, but to −mean / std."""
    image = pixels(2, 3, 6, 8)
    prepared = stream().prepare({"image": image}, [(6, 8), (4, 5)])
    assert (prepared[0] != 0).any(dim=0).all()
    assert (prepared[1, :, 4:] == 0).all()
    assert (prepared[1, :, :, 5:] == 0).all()


def test_images_are_padded_right_and_bottom_to_an_accepted_size():
    prepared = stream(pad_multiple=4).prepare({"image": pixels(1, 3, 5, 8)}, None)
    assert prepared.shape[-2:] == (8, 8)
    assert (prepared[..., 5:, :] == 0).all()
    assert (prepared[..., :5, :8] != 0).any()
    assert stream(minimum_size=7).prepare({"image": pixels(1, 3, 1, 9)}, None).shape[-2:] == (7, 9)


def test_inputs_of_different_types_are_stacked():
    depth = torch.full((1, 1, 4, 4), 65535, dtype=torch.uint16)
    both = stream(("image", "depth"), 4).prepare(
        {"image": pixels(1, 3, 4, 4), "depth": depth}, None
    )
    assert both.shape == (1, 4, 4, 4)


def test_scores_of_streams_are_summed_or_averaged_on_one_grid():
    one, other = (Scores(torch.full((1, 2, 3, 3), value), Grid(8)) for value in (1.0, 3.0))
    assert (fuse([one, other], "sum").tensor == 4).all()
    assert (fuse([one, other], "mean").tensor == 2).all()
    with pytest.raises(PluxelError, match="different grids"):
        fuse([one, Scores(other.tensor, Grid(8, 1))], "sum")


def test_a_decoder_that_wants_the_backbone_gets_the_image():
    made = stream()

    class Whole(nn.Module):
        def forward(self, image: Tensor, backbone: nn.Module) -> Scores:
            assert isinstance(image, Tensor)
            assert backbone is made.backbone
            return Scores(image, Grid())

    whole = SegmentationModel(
        {"image": made}, {"h": Head({"image": Whole()}, "mean", on_images=True)}
    )
    image = pixels(1, 3, 4, 4)
    expected = model(made)({"image": image})["semantic"].tensor
    assert torch.equal(whole({"image": image})["h"].tensor, expected)


def test_backbones_run_in_the_order_of_the_streams():
    """Otherwise dropout would depend on the order of a set, which differs between processes."""
    names = [f"stream{i}" for i in range(9)]
    ran = []

    class Noted(Echo):
        def forward(self, image: Tensor) -> list[Tensor]:
            ran.append(self.name)
            return super().forward(image)

    streams = {}
    for name in names:
        streams[name] = Stream([InputPart("image", 3)], Noted())
        streams[name].backbone.name = name
    head = Head({name: First() for name in reversed(names)}, "mean")
    SegmentationModel(streams, {"semantic": head})({"image": pixels(1, 3, 4, 4)})
    assert ran == names


def test_a_decoder_that_does_not_return_scores_raises():
    class Bare(nn.Module):
        def forward(self, maps: list[Tensor]) -> Tensor:
            return maps[0]

    head = Head({"image": Bare()}, "mean")
    with pytest.raises(PluxelError) as caught:
        head({"image": [torch.zeros(1, 2, 3, 3)]})
    assert str(caught.value) == (
        "decoder Bare returned a Tensor; a decoder must return Scores(tensor, grid)"
    )


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_images_take_the_type_of_the_weights(kind: torch.dtype) -> None:
    made = stream()
    made.backbone.layer = nn.Conv2d(3, 3, 1)
    assert made.to(kind).prepare({"image": torch.zeros(1, 3, 4, 4).byte()}, None).dtype == kind
