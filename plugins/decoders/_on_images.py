"""What the decoders share that run the backbone themselves and leave the scoring to another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ...core import Decoder, Factory, FeatureSpec
from ...core.authoring import ScoringNetwork, StrideError, deepest, resolved_parameters
from ...registry import PluxelError


class OnImages(nn.Module):
    """Evaluates backbone and ``inner`` decoder together, more densely than they would be alone.

    ``inner`` scores the deepest map; decoders that fuse maps of several strides are refused. All
    weights are those of backbone and ``inner``, so a run that was trained without this decoder
    loads under it, and back: the head takes ``inner`` over, and passes both in at each call.
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
        """Return ``network(image) -> scores`` at the stride of the deepest map, to be measured."""
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
            f"{decoder} fuses maps of strides {error.needed}, and a network that is evaluated more "
            "densely gives one map, its deepest: choose an inner decoder that scores one map, such "
            "as fcn32s"
        ) from error
