"""What every backbone must guarantee."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from ...registry import PluxelError
from ..common.randomness import seeded
from ..common.torch_private import fake_devices
from ..contracts.signature import read_signature
from ..geometry.fit import check_maps
from ._check import ConformanceError, require
from ._networks import (
    exported,
    image_for,
    randomized,
    require_equal,
    require_finite,
    require_gradients,
    require_on,
    without_values,
)
from ._subject import Subject

SIZES = ((64, 64), (65, 97), (33, 500))
"""Height and width of the images, before padding to a size that the backbone accepts."""


def maps_match_specs(subject: Subject) -> None:
    """Number, channels and sizes of the maps are as declared, at several sizes and batch sizes."""
    backbone = subject.usual_backbone()
    for size in SIZES:
        for batch in (1, 2):
            image = image_for(backbone, *size, batch)
            maps = _maps(backbone, image)
            try:
                check_maps(backbone.feature_specs, maps, image)
            except PluxelError as error:
                at = f"{batch} images of {image.shape[-2]}×{image.shape[-1]} pixels"
                raise ConformanceError(f"for {at}, {error}") from error
            found = ", ".join(dict.fromkeys(str(one.dtype) for one in maps))
            require(found == "torch.float32", f"the maps of a float32 image are {found}")


def grids_are_measured(subject: Subject) -> None:
    """The declared grids are those that Pluxel measures, if attention does not hide them."""
    backbone = subject.usual_backbone()
    found = subject.measurement().specs
    for spec, measured in zip(backbone.feature_specs, found, strict=True):
        located = measured.source != "assumed"
        same = spec.grid == measured.grid if located else spec.grid.stride == measured.grid.stride
        require(
            same,
            f"map '{spec.name}' is declared on a grid of {spec.grid}; measured: {measured.grid}",
        )


def receptive_fields(subject: Subject) -> None:
    """No cell sees beyond its declared receptive field, on which exact tiles rely."""
    backbone = subject.usual_backbone()
    found = subject.measurement().specs
    for spec, measured in zip(backbone.feature_specs, found, strict=True):
        require(
            all(
                a >= b for a, b in zip(spec.receptive_field, measured.receptive_field, strict=True)
            ),
            f"map '{spec.name}' declares a receptive field of {spec.receptive_field}, but its "
            f"cells see {measured.receptive_field} pixels",
        )


def gradients(subject: Subject) -> None:
    """In training mode, gradients reach every parameter and the image."""
    backbone = randomized(subject.usual_backbone())
    image = image_for(backbone, 64, 64, batch=2).requires_grad_()
    require_gradients(backbone, lambda: backbone(image), "the sum of the maps")
    require(image.grad is not None and bool(image.grad.any()), "no gradient reaches the image")


def deterministic(subject: Subject) -> None:
    """In evaluation mode, the same image always gives the same maps."""
    backbone = subject.usual_backbone()
    image = image_for(backbone, 64, 96)
    first = _maps(backbone, image)
    with seeded(4):
        require_equal(_maps(backbone, image), first, "the same image twice", tolerance=0)


def batch_independence(subject: Subject) -> None:
    """In evaluation mode, the maps of an image do not depend on the other images of its batch."""
    backbone = subject.usual_backbone()
    image = image_for(backbone, 64, 64, batch=2)
    alone = [one[:1] for one in _maps(backbone, image)]
    require_equal(_maps(backbone, image[:1]), alone, "an image without the rest of its batch")


def input_channels(subject: Subject) -> None:
    """It can be built for 1, 3 and 4 input channels."""
    for channels in (1, 3, 4):
        backbone = subject.backbone(channels)
        maps = _maps(backbone, image_for(backbone, 64, 64, channels=channels))
        require_finite(maps, f"a map of an image with {channels} channels")


def output_strides(subject: Subject) -> None:
    """Each value of its parameter ``output_stride`` gives maps up to that stride, or is refused."""
    for stride in _advertised(subject):
        try:
            backbone = subject.backbone(output_stride=stride)
        except PluxelError:
            continue  # a network whose layers cannot reach the stride says so
        largest = max(max(spec.grid.stride) for spec in backbone.feature_specs)
        require(largest == stride, f"output_stride {stride} gives maps up to stride {largest}")
        _maps(backbone, image_for(backbone, 64, 64))


def _advertised(subject: Subject) -> Iterator[int]:
    target = subject.host.load(subject.component)
    fields = read_signature(subject.kind, subject.component, target).parameters.model_fields
    for field in fields.values():
        if field.alias == "output_stride":
            yield from (value for value in _literals(field.annotation) if isinstance(value, int))


def _literals(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) is Literal:
        yield from typing.get_args(annotation)
        return
    inner = typing.get_args(annotation)
    for one in inner[:1] if typing.get_origin(annotation) is Annotated else inner:
        yield from _literals(one)


def devices(subject: Subject) -> None:
    """It creates no tensor on another device than that of the image."""
    for device in fake_devices():
        backbone = subject.usual_backbone()
        with without_values(), torch.device(device):
            backbone.to_empty(device=device)
            maps = backbone(torch.zeros(image_for(backbone, 64, 64).shape))
        require_on(device, maps, "a map")


def channels_last(subject: Subject) -> None:
    """An image in memory format ``channels_last`` gives the same maps."""
    backbone = subject.usual_backbone()
    image = image_for(backbone, 64, 96)
    expected = _maps(backbone, image)
    converted = backbone.to(memory_format=torch.channels_last)
    found = _maps(converted, image.contiguous(memory_format=torch.channels_last))
    require_equal(found, expected, "channels_last")


def autocast(subject: Subject) -> None:
    """Under bfloat16 autocast, the maps have the same sizes and finite values."""
    backbone = subject.usual_backbone()
    image = image_for(backbone, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        found = _maps(backbone, image)
    shapes = [one.shape for one in _maps(backbone, image)]
    require([one.shape for one in found] == shapes, "autocast changes the sizes of the maps")
    require_finite(found, "a map under bfloat16 autocast")


def state_dict(subject: Subject) -> None:
    """Its ``state_dict`` holds everything that it needs to give the same maps in another run."""
    backbone, other = randomized(subject.usual_backbone()), subject.backbone(seed=1)
    load_into(other, backbone)
    image = image_for(backbone, 64, 64)
    require_equal(_maps(other, image), _maps(backbone, image), "a copy by state_dict", tolerance=0)


def load_into(other: nn.Module, network: nn.Module) -> None:
    """Load the state of one network into another; nothing may be missing or left over."""
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    missing, unexpected = other.load_state_dict(state, strict=False)
    require(not missing, f"load_state_dict misses {', '.join(missing[:5])}")
    require(not unexpected, f"load_state_dict does not expect {', '.join(unexpected[:5])}")


def export(subject: Subject) -> None:
    """``torch.export`` accepts it, and the exported network gives the same maps."""
    backbone = subject.usual_backbone()
    image = image_for(backbone, 64, 64)
    found = exported(_AsTuple(backbone), image)(image)
    require_equal(list(found), _maps(backbone, image), "the exported network")


class _AsTuple(nn.Module):
    """A backbone whose maps are a tuple, for ``torch.export``."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.backbone(image))


def _maps(backbone: Any, image: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return list(backbone(image))


CHECKS = (
    maps_match_specs,
    grids_are_measured,
    receptive_fields,
    gradients,
    deterministic,
    batch_independence,
    input_channels,
    output_strides,
    devices,
    channels_last,
    autocast,
    state_dict,
    export,
)
