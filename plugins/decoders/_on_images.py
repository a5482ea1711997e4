"""What the decoders share that run the backbone themselves and leave the scoring to another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ...core import Decoder, Factory, FeatureSpec
from ...core.authoring import Scored, StrideError, deepest, resolved_parameters
from ...registry import PluxelError


class OnImages(nn.Module):
    """Evaluates backbone and ``inner`` decoder together, more densely than they would be alone.

    ``inner`` scores the deepest map; decoders that fuse maps of several strides are refused. All
    weights are those of backbone and ``inner``, so a run that was trained without this decoder
    loads under it, and back.
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        class_names: Sequence[str],
        backbone: nn.Module,
        decoder: Factory[Decoder],
    ) -> None:
        super().__init__()
        index = deepest(features)
        self.coarse = features[index]
        self.inner = _inner(decoder, self.coarse, num_classes, class_names)
        self.resolved_parameters: Mapping[str, Any] = {
            "decoder": decoder.given(resolved_parameters(self.inner))
        }
        # In a tuple: the backbone's weights are registered, moved and saved with the stream.
        self._network = (Scored(backbone, self.inner, index),)

    @property
    def network(self) -> Scored:
        """``network(image) -> scores`` at the stride of the deepest map."""
        return self._network[0]


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
