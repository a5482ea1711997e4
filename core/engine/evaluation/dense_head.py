"""One head of a configuration, to evaluate densely with random weights on a random image."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, inf

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from ....registry import Component, PluxelError
from ...config._config import Config
from ...config._dump import to_plain
from ...config.sections.factory import Factory
from ...contracts.kinds import Decoder
from ...contracts.optional import DenseForm
from ...geometry.grid import Grid
from ...geometry.regions import Size
from ...model.blueprint import Blueprint
from ...model.build import build_model
from ...model.network import SegmentationModel
from ..inference.tiling import measured

Method = tuple[Component, DenseForm]
"""A decoder and one of its dense forms."""


class DenseHead:
    """A head to evaluate densely: its configuration and random weights.

    ``spec``: grid and receptive field of its coarse scores. ``coarse``: their stride.
    """

    def __init__(
        self,
        config: Config,
        blueprint: Blueprint,
        head: str,
        inner: Factory[Decoder],
        dtype: torch.dtype,
        seed: int,
    ) -> None:
        self.config, self.blueprint, self.head = config, blueprint, head
        self.inner, self.dtype, self.seed = inner, dtype, seed
        plain = self.model(inner)
        for parameter in plain.heads[head].parameters():
            if not parameter.any():  # score layers start as zeros
                nn.init.normal_(parameter, std=0.1)
        self.weights = plain.state_dict()
        name = next(iter(plain.heads[head].decoders))
        (self.spec,) = measured(plain.streams[name], plain.heads[head], name).specs
        self.coarse = _whole(self.spec.grid)

    def model(self, decoder: Factory[Decoder]) -> SegmentationModel:
        """Return the model with only this head, and with another decoder."""
        section = self.config.pipeline.heads[self.head].model_copy(update={"decoder": decoder})
        pipeline = self.config.pipeline.model_copy(update={"heads": {self.head: section}})
        with self.config.at("heads", self.head, "decoder"):
            model = build_model(replace(self.config, pipeline=pipeline), self.blueprint)
        return model.eval()

    def denser(self, method: Method) -> SegmentationModel:
        """Return the model with a decoder that evaluates it densely."""
        component, form = method
        inner = to_plain(self.inner, absolute=False)
        section = {"type": component.qualified, "decoder": inner, **form.parameters}
        decoder = TypeAdapter(Factory[Decoder]).validate_python(
            section, context={"host": self.config.host}
        )
        model = self.model(decoder)
        model.load_state_dict(self.weights)
        return model

    def image(self, size: Size) -> dict[str, Tensor]:
        """Return random inputs in 0–1, equal in every call."""
        generator = torch.Generator().manual_seed(self.seed)
        return {
            name: torch.rand(1, channels, *size, generator=generator, dtype=self.dtype)
            for name, channels in self.blueprint.channels.items()
        }

    def usual_size(self) -> Size:
        """Return a size at which some receptive fields lie inside the image, if they are finite."""
        height, width = (512 if seen == inf else ceil(seen) for seen in self.spec.receptive_field)
        return height + 2 * self.coarse + 5, width + 3 * self.coarse + 1


def _whole(grid: Grid) -> int:
    """Return the stride of a grid. Raises: PluxelError unless it is one whole number."""
    vertical, horizontal = grid.stride
    if vertical != horizontal or vertical.denominator != 1:
        raise PluxelError(
            f"the scores have strides {vertical} and {horizontal} (vertical, horizontal); dense "
            "evaluation needs one whole number"
        )
    return int(vertical)
