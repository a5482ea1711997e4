"""How far the scores of a head look into the image, backbone and decoder taken together."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .geometry import FeatureSpec, deepest
from .model import Head, Stream
from .tracing import measure


class _Network(nn.Module):
    """``network(image) -> scores``; a decoder that is the inner one of another gets one map."""

    def __init__(self, backbone: Any, decoder: nn.Module, only: int | None) -> None:
        super().__init__()
        self.backbone, self.decoder, self.only = backbone, decoder, only

    def forward(self, image: Tensor) -> Tensor:
        maps = self.backbone(image)
        return self.decoder(maps if self.only is None else [maps[self.only]]).tensor


def reach_of(stream: Stream, head: Head, name: str) -> FeatureSpec:
    """Return grid and receptive field of what a head's decoder says of the stream ``name``.

    Of a decoder that evaluates the backbone more densely, those of the coarse scores, which see as
    much.

    Raises: PluxelError if the two take no images of any size.
    """
    only = deepest(stream.backbone.feature_specs) if head.on_images else None
    network = _Network(stream.backbone, head.decoders[name], only)
    return measure(network, stream.channels, [name]).specs[0]
