"""Any timm network with spatial features (Wightman: "PyTorch Image Models", 2019)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from ...core import Normalization
from ...core.authoring import (
    Dilation,
    InputChannels,
    NotEquivariant,
    OutputStride,
    Pretrained,
    log_once,
)
from ...registry import PluxelError
from ._timm import TimmNetwork, check_arguments, create, own_size


class TimmBackbone(TimmNetwork):
    """The feature maps of a timm network, from fine to coarse.

    ``model``: timm's name; a tag (``resnet50.a1_in1k``) selects particular weights.
    ``out_indices``: which maps to return; by default timm's choice, for most networks one per
    stride.
    ``output_stride``: larger strides are removed, and later filters dilated. If layers that depend
    on whole maps prevent this, use timm's own dilation if there is one; its scores differ slightly
    from those of the coarse network.
    ``model_args``: further arguments of the timm network, except those in `INSTEAD`.
    ``pretrained``: timm's weights, none, or a file.
    ``input_channels``: initialization of filters for channels beyond the three colors.
    ``normalization``: expected by the weights, for files that do not contain it.

    Raises: PluxelError if timm does not have the network, or the network does not have the features
    or arguments.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        model: str,
        out_indices: Annotated[tuple[int, ...], Field(min_length=1)] | None = None,
        output_stride: OutputStride = None,
        model_args: dict[str, Any] = {},  # noqa: B006 - the schema's default; never written to
        pretrained: Pretrained = False,
        input_channels: InputChannels = "mean",
        normalization: Normalization | None = None,
    ) -> None:
        super().__init__()
        check_arguments(model_args)
        chosen = {} if out_indices is None else {"out_indices": out_indices}
        self.create(in_channels, model, model_args | chosen)
        self.finish(
            in_channels,
            self.net.feature_info.module_name(),  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
            pretrained=pretrained,
            input_channels=input_channels,
            normalization=normalization,
            usual=self.timms_normalization,
            output_stride=output_stride,
            own_size=own_size(model, self.arguments),
        )

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return timm's maps, channels first."""
        return self.timms_maps(image)

    def without_strides(self, in_channels: int, output_stride: int) -> Dilation | None:
        """Let timm dilate the network, with a warning, if exact dilation is not possible."""
        try:
            return super().without_strides(in_channels, output_stride)
        except NotEquivariant as error:
            dilated = _dilated(self.variant, self.arguments, in_channels, output_stride)
            if dilated is None:
                raise
            log_once(
                logging.WARNING,
                f"{self.variant}: timm removes the strides, which changes the function that the "
                f"weights were trained for ({error})",
            )
            self.net = dilated
            return None


def _dilated(
    model: str, arguments: Mapping[str, Any], in_channels: int, output_stride: int
) -> nn.Module | None:
    """Return the network with timm's own output stride; None if timm does not support it."""
    try:
        net = create(model, {**arguments, "output_stride": output_stride}, in_channels)
    except PluxelError:
        return None
    # Some networks accept the argument and ignore it.
    return net if max(net.feature_info.reduction()) == output_stride else None  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
