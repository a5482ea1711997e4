"""Base class of decoders that run the backbone and delegate scoring to an inner decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ...core import Decoder, Factory, FeatureSpec
from ...core.authoring import ScoringNetwork, StrideError, deepest, resolved_parameters
from ...registry import PluxelError


class OnImages(nn.Module):
    """Evaluate a backbone and an ``inner`` decoder together, at a finer stride than their own.

    ``inner`` scores the deepest map, so it must not fuse maps of several strides. All weights
    belong to the backbone and ``inner``, so runs trained with and without this decoder can load
    each other's weights. The head owns ``inner``, and passes it and the backbone to each call.
    """

    inner: nn.Module

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        class_names: Sequence[str],
        decoder: Factory[Decoder],
    ) -> None:
        super().__init__()
        self.index = deepest(features)
        self.coarse = features[self.index]
        self.inner = _inner(decoder, self.coarse, num_classes, class_names)
        self.resolved_parameters: Mapping[str, Any] = {
            "decoder": decoder.given(resolved_parameters(self.inner))
        }

    def network(self, backbone: nn.Module, inner: nn.Module) -> ScoringNetwork:
        """Return ``network(image) -> scores``, at the stride of the deepest map."""
        return ScoringNetwork(backbone, inner, self.index)

    def score(self, backbone: nn.Module, inner: nn.Module, image: Tensor) -> Tensor:
        """Return the scores (N, num_classes, h, w) of the deepest map."""
        return inner([backbone(image)[self.index]]).tensor


def _inner(
    decoder: Factory[Decoder], coarse: FeatureSpec, num_classes: int, class_names: Sequence[str]
) -> nn.Module:
    if decoder.wants("backbone"):
        raise PluxelError(f"{decoder} runs the backbone itself and cannot be the inner decoder")
    try:
        return decoder(features=[coarse], num_classes=num_classes, class_names=class_names)  # pyright: ignore[reportReturnType] - a decoder is a module
    except StrideError as error:
        raise PluxelError(
            f"{decoder} needs {error.needed}, but at a finer stride only the "
            "deepest map is available: choose an inner decoder that scores one map, such as fcn32s"
        ) from error
