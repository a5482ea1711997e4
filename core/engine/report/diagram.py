"""The pipeline of a run as a diagram: streams, their maps, and heads."""

from __future__ import annotations

from typing import Any

import torch

from ...config.sections.factory import Factory
from ...data.batch import Item
from ...model.network import SegmentationModel, Stream
from ..trained import Trained

_SIZE = (512, 512)
"""(height, width) of the image that is drawn if none is known."""


def diagram_of(
    trained: Trained, model: SegmentationModel, image: Item | None = None
) -> dict[str, Any]:
    """Return the streams with their maps for an image, its ``size`` and ``name``, and the heads.

    ``model``: that of the run, on the device ``meta``. Raises: any error of the components.
    """
    config, blueprint = trained.config, trained.blueprint
    size = image.size if image else _SIZE
    with torch.device("meta"):
        inputs = {
            name: torch.zeros(1, blueprint.channels[name], *size) for name in model.input_names
        }
    model.to("meta").eval()
    pipeline, spaces = config.pipeline, blueprint.label_spaces()
    with torch.inference_mode():
        streams = [
            {
                "name": name,
                "inputs": [f"{part.name} ({part.channels})" for part in stream.parts],
                "backbone": _named(pipeline.streams[name].backbone),
                "parameters": _count(stream.backbone),
                "maps": _maps(stream, inputs),
            }
            for name, stream in model.streams.items()
        ]
    return {
        "size": [*size],
        "name": image.name if image else None,
        "streams": streams,
        "heads": _heads(model, trained, spaces),
    }


def _maps(stream: Stream, inputs: dict[str, torch.Tensor]) -> list[dict[str, Any]]:
    maps = stream.backbone(stream.prepare(inputs, None))
    return [
        {"stride": str(grid.stride[0]), "shape": [*found.shape[1:]]}
        for grid, found in zip(stream.grids, maps, strict=True)
    ]


def _heads(model: SegmentationModel, trained: Trained, spaces: Any) -> list[dict[str, Any]]:
    sections = trained.config.pipeline.heads
    return [
        {
            "name": name,
            "decoder": _named(sections[name].decoder),
            "loss": _named(sections[name].loss),
            "streams": [*head.decoders],
            "parameters": _count(head),
            "classes": spaces[name].num_classes,
            "target": trained.blueprint.targets[name],
        }
        for name, head in model.heads.items()
    ]


def _named(factory: Factory[Any]) -> str:
    """Return the name of a component, with the network that it names, such as timm: resnet18."""
    model = factory.params.get("model")
    return factory.component.name + (f": {model}" if isinstance(model, str) else "")


def _count(module: Any) -> int:
    return sum(one.numel() for one in module.parameters())
