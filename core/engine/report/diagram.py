"""The pipeline of a run as a diagram: streams, their maps, and heads."""

from __future__ import annotations

from typing import Any

import torch

from ....registry import Host
from ...config._config import Config
from ...config._load import load_config
from ...config.sections.factory import Factory
from ...data.batch import Item
from ...model.blueprint import Blueprint
from ...model.build import build_without_memory
from ...model.network import SegmentationModel, Stream
from ..preparation import prepare_data
from ..run import Run
from ..trained import NOT_OF_EVALUATION

_SIZE = (512, 512)
"""(height, width) of the image that is drawn if none is known."""


def untrained_diagram(run: Run, host: Host) -> tuple[dict[str, Any], str]:
    """Return the diagram of a run that has no weights yet, and what it assumes of missing data.

    The run is in the phase of its last step. Raises: ConfigError; any error of the components.
    """
    config = load_config(run.config, ["device=auto"], host=host, unread=NOT_OF_EVALUATION)
    records = run.records()
    phase = records[-1].get("phase", "") if records else config.phases[0].phase
    data = prepare_data(next(one for one in config.phases if one.phase == phase))
    model = build_without_memory(data.config, data.blueprint)
    return diagram_of(data.config, data.blueprint, model), data.assumption


def diagram_of(
    config: Config, blueprint: Blueprint, model: SegmentationModel, image: Item | None = None
) -> dict[str, Any]:
    """Return the streams with their maps for an image, its ``size`` and ``name``, and the heads.

    ``model``: on the device ``meta``. Raises: any error of the components.
    """
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
        "heads": [
            {
                "name": name,
                "decoder": _named(pipeline.heads[name].decoder),
                "loss": _named(pipeline.heads[name].loss),
                "streams": [*head.decoders],
                "parameters": _count(head),
                "classes": spaces[name].num_classes,
                "target": blueprint.targets[name],
            }
            for name, head in model.heads.items()
        ],
    }


def _maps(stream: Stream, inputs: dict[str, torch.Tensor]) -> list[dict[str, Any]]:
    maps = stream.backbone(stream.prepare(inputs, None))
    return [
        {"stride": str(grid.stride[0]), "shape": [*found.shape[1:]]}
        for grid, found in zip(stream.grids, maps, strict=True)
    ]


def _named(factory: Factory[Any]) -> str:
    """Return the name of a component, with the network that it names, such as timm: resnet18."""
    model = factory.params.get("model")
    return factory.component.name + (f": {model}" if isinstance(model, str) else "")


def _count(module: Any) -> int:
    return sum(one.numel() for one in module.parameters())
