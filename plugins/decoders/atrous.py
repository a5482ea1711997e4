"""Dilation (à trous): strides taken out of a network, its later filters dilated.

Long, Shelhamer, Darrell, PAMI 2016, section 3.2: the "algorithme à trous" of wavelets (Mallat
1999) for networks of convolutions and pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from ...core import Decoder, Factory, FeatureSpec, Scores
from ...core.authoring import Dilation
from ...registry import PluxelError
from ._on_images import OnImages

Exact = Literal["valid", "fragments"]


class Atrous(OnImages):
    """Score the backbone's deepest map at a finer stride, all weights untouched.

    ``decoder``: what scores that map. ``output_stride``: in pixels; strides beyond it are taken
    out, from the end. ``exact``: ``valid`` dilates the filters, which equals shift-and-stitch
    wherever no padding is in sight; ``fragments`` runs each layer as it is on interlaced fragments
    of its input, which gives the same scores by the other method, padding or not.

    Raises: PluxelError for a stride that those of the backbone do not lead to, and naming the layer
    for which the result would be another: global pooling, attention, statistics of a batch.
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        class_names: Sequence[str],
        backbone: nn.Module,
        in_channels: int,
        *,
        decoder: Factory[Decoder],
        output_stride: Annotated[int, Field(ge=1)] = 8,
        exact: Exact = "valid",
    ) -> None:
        super().__init__(features, num_classes, class_names, decoder)
        self.dilation = Dilation(self.network(backbone, self.inner), in_channels, output_stride)
        self.grid = self.dilation.maps[0].grid
        self.exact: Exact = exact
        if self.grid.stride != (output_stride, output_stride):
            strides = sorted({int(spec.grid.stride[0]) for spec in features})
            raise PluxelError(
                f"output_stride {output_stride} is not available: the backbone has strides "
                f"{', '.join(map(str, strides))}"
            )

    def forward(self, image: Tensor, backbone: nn.Module, inner: nn.Module) -> Scores:
        """Return scores at ``output_stride`` for an image (N, channels, H, W), normalized."""
        if self.exact == "valid":
            run = partial(self.score, backbone, inner)
            found = self.dilation(run, image, (backbone, inner))
        else:
            found = self.dilation.by_fragments(self.network(backbone, inner), image)
        return Scores(found, self.grid, self.coarse.border)  # pyright: ignore[reportArgumentType] - of one map
