"""Dilation (à trous): remove strides from a network and dilate its later filters.

Long, Shelhamer, Darrell, PAMI 2016, section 3.2: the "algorithme à trous" of wavelets (Mallat
1999), applied to networks of convolutions and pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from ...core import Decoder, Factory, FeatureSpec, Scores
from ...core.authoring import DenseForm, Dilation
from ...registry import PluxelError
from ._on_images import OnImages

Exact = Literal["valid", "fragments"]


class Atrous(OnImages):
    """Score the backbone's deepest map at a finer stride, with unchanged weights.

    ``decoder``: scores that map. ``output_stride``: in pixels; larger strides are removed, starting
    at the end. ``exact``: ``valid`` dilates the filters, which equals shift-and-stitch wherever
    padding has no influence; ``fragments`` runs each layer unchanged on interlaced fragments of its
    input, which gives the same scores as ``valid``, with and without padding.

    Raises: PluxelError if the backbone's strides cannot reach ``output_stride``, and for a layer
    that would compute something else: global pooling, attention, statistics of a batch.
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

    @classmethod
    def dense_forms(cls, stride: int, factor: int) -> list[DenseForm]:
        """Return both ways, in one pass each."""
        return [
            DenseForm(name, {"output_stride": stride // factor, "exact": exact})
            for name, exact in (("à trous", "valid"), ("fragments", "fragments"))
        ]

    def forward(self, image: Tensor, backbone: nn.Module, inner: nn.Module) -> Scores:
        """Return scores at ``output_stride`` for an image (N, channels, H, W), normalized."""
        if self.exact == "valid":
            run = partial(self.score, backbone, inner)
            scores = self.dilation(run, image, (backbone, inner))
        else:
            scores = self.dilation.by_fragments(self.network(backbone, inner), image)
        return Scores(scores, self.grid, self.coarse.border)  # pyright: ignore[reportArgumentType] - of one map
