"""Build metrics as a configuration does, and score random images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pluxel import plugins
from pluxel.core import Factory, Metric
from pluxel.core.authoring import SegmentedBatch
from pluxel.registry import Host
from pydantic import TypeAdapter
from torch import Tensor

Scored = Callable[..., dict[str, Tensor]]
IGNORE = 255


@pytest.fixture(scope="session")
def host() -> Host:
    return Host(plugins=[plugins])


@pytest.fixture(scope="session")
def scored(host: Host) -> Scored:
    """``scored({"type": "dice"}, batch)``: the scores of the sum over the images of batches."""
    adapter = TypeAdapter(Factory[Metric])

    def scored(section: dict[str, Any], *batches: SegmentedBatch) -> dict[str, Tensor]:
        metric = adapter.validate_python(section, context={"host": host})(
            num_classes=batches[0].num_classes, ignore_index=IGNORE, class_names=[]
        )
        return dict(metric.scores(torch.cat([metric.statistics(b) for b in batches]).sum(0)))

    return scored


def blobs(
    classes: int = 4, size: tuple[int, int] = (40, 56), seed: int = 0, images: int = 2
) -> SegmentedBatch:
    """Return smooth regions, predictions that resemble them, and a strip that is ignored."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(2, images, classes, 6, 7, generator=generator)
    fields = torch.nn.functional.interpolate(noise.flatten(0, 1), size, mode="bilinear")
    truth, other = fields.unflatten(0, (2, images))
    target = truth.argmax(1)
    target[:, 5:9] = IGNORE
    return SegmentedBatch.of((3 * truth + other).softmax(1), target, IGNORE)
