"""What several checks of networks need: a small backbone, random weights, and comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..common.randomness import seeded
from ..common.torch_private import fake_tensors, needs_values
from ..contracts.normalization import Normalization
from ..contracts.offers import minimum_size, pad_multiple
from ..geometry.regions import padded_size
from ..geometry.scores import Scores
from ..geometry.tracing import measure
from ..model.network import Head
from ._check import ConformanceError, require
from ._subject import Subject

DEEPEST = 32
"""The coarsest stride of a `Pyramid`."""

_ATTEMPTS = 5
"""Passes until each parameter must have got a gradient; of paths dropped at random, one in 10⁵ at a
rate of 0.1 is dropped in all of them."""


class Pyramid(nn.Module):
    """A small backbone with maps of strides 2, 4, 8, 16 and 32.

    ``widths``: channels of each map. ``kernel``: of each convolution; with 3, the cells of each map
    begin at pixel 0, with 2 between pixels.
    """

    def __init__(self, widths: Sequence[int] = (4, 6, 8, 10, 12), kernel: int = 3) -> None:
        super().__init__()
        channels = [3, *widths]
        self.stages = nn.ModuleList(
            nn.Conv2d(before, after, kernel, stride=2, padding=(kernel - 1) // 2)
            for before, after in zip(channels, widths, strict=False)
        )
        self.normalization = Normalization(mean=(0.5,) * 3, std=(0.25,) * 3)
        self.feature_specs = measure(self, 3, [f"stride{2**n}" for n in range(1, 6)]).specs
        self.pad_multiple = DEEPEST

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return five maps for an image (N, 3, H, W)."""
        maps = [image]
        for stage in self.stages:
            maps.append(torch.tanh(stage(maps[-1])))
        return maps[1:]


def pyramid(*arguments: Any) -> Pyramid:
    """Return a pyramid with weights from a fixed seed, in evaluation mode."""
    with seeded(1):
        return randomized(Pyramid(*arguments)).eval()


class Network(nn.Module):
    """A backbone and one decoder: an image (N, 3, H, W) → scores (N, num_classes, h, w)."""

    def __init__(self, subject: Subject, backbone: Any, decoder: Any = None) -> None:
        super().__init__()
        if decoder is None:
            decoder = subject.decoder(backbone)
        self.on_images = subject.factory().wants("backbone")
        self.backbone = backbone
        self.head = Head({"image": decoder}, "mean", on_images=self.on_images)

    def scores(self, image: Tensor) -> Scores:
        """Return the scores and their grid."""
        if self.on_images:
            return self.head({"image": image}, {"image": self.backbone})
        return self.head({"image": self.backbone(image)})

    def forward(self, image: Tensor) -> Tensor:
        """Return the scores."""
        return self.scores(image).tensor


def randomized(network: Any) -> Any:
    """Return the network after adding noise to its weights, some of which start at zero.

    Buffers that are zero get it too: they may be vectors that ``load_pretrained`` fills.
    """
    with seeded(2), torch.no_grad():
        for buffer in network.buffers():
            if buffer.is_floating_point() and not buffer.any():
                buffer.normal_()
        for parameter in network.parameters():
            fan_in = parameter[0].numel() if parameter.ndim > 1 else 100
            parameter.add_(torch.randn_like(parameter) / math.sqrt(fan_in))
    return network


def image_for(
    backbone: object, height: int, width: int, batch: int = 1, channels: int = 3
) -> Tensor:
    """Return a random image of at least this size, padded to what the backbone accepts."""
    size = padded_size((height, width), pad_multiple(backbone), minimum_size(backbone))
    with seeded(3):
        return torch.randn(batch, channels, *size)


def require_equal(
    found: Sequence[Tensor], expected: Sequence[Tensor], what: str, tolerance: float = 1e-3
) -> None:
    """Raise ConformanceError unless tensors are equal, up to a share of their largest value."""
    require(len(found) == len(expected), f"{what}: {len(found)} results, not {len(expected)}")
    for number, (mine, its) in enumerate(zip(found, expected, strict=True)):
        require(
            mine.shape == its.shape,
            f"{what}: result {number} is {tuple(mine.shape)}, not {tuple(its.shape)}",
        )
        difference = (mine.float() - its.float()).abs().max().item() if mine.numel() else 0
        limit = tolerance * its.float().abs().max().item() if its.numel() else 0
        require(difference <= limit, f"{what}: result {number} differs by {difference:.3g}")


def require_finite(tensors: Sequence[Tensor], what: str) -> None:
    """Raise ConformanceError if a value is NaN or infinite."""
    require(
        all(bool(one.isfinite().all()) for one in tensors), f"{what} has NaN or infinite values"
    )


def exported(network: nn.Module, image: Tensor) -> Callable[[Tensor], Any]:
    """Return what ``torch.export`` makes of a network.

    Raises: ConformanceError with the reason if the network cannot be exported.
    """
    try:
        with torch.no_grad():
            return torch.export.export(network, (image,)).module()
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConformanceError(f"torch.export fails ({type(error).__name__}: {reason})") from error


def require_gradients(
    network: nn.Module, outputs: Callable[[], Sequence[Tensor]], what: str
) -> None:
    """Raise ConformanceError for parameters of a network that get no gradient in training mode.

    ``outputs``: computes what the gradients flow from. It is called again while parameters are left
    out, because layers may drop paths at random.
    """
    network.train()
    without: list[str] = []
    for _ in range(_ATTEMPTS):
        torch.stack([one.square().mean() for one in outputs()]).sum().backward()
        without = [
            name.removeprefix("decoders.image.")  # of a head
            for name, one in network.named_parameters()
            if one.requires_grad and (one.grad is None or not one.grad.any())
        ]
        if not without:
            return
    listed = ", ".join(without[:5]) + (" …" if len(without) > 5 else "")
    raise ConformanceError(f"{what} gives no gradient to {listed}")


@contextmanager
def without_values() -> Iterator[None]:
    """Compute with fake tensors, whose device need not exist.

    Raises: ConformanceError if the block reads the value of a tensor.
    """
    try:
        with fake_tensors():
            yield
    except Exception as error:
        if not needs_values(error):
            raise
        raise ConformanceError(
            f"it reads the value of a tensor ({error}), such as by .item(), bool() or a mask as an "
            "index: the program then waits for the GPU"
        ) from error


def require_on(device: str, tensors: Sequence[Tensor], what: str) -> None:
    """Raise ConformanceError for a tensor on another device."""
    for one in tensors:
        require(one.device.type == device, f"on {device}, {what} is on {one.device}")
