"""Normalize the stacked inputs of a network: colors as its weights expect, others as specified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

import torch
from torch import Tensor, nn

from ...registry import PluxelError
from ..contracts.inputs import PLAIN, InputSpec
from ..contracts.normalization import Normalization


@dataclass(frozen=True)
class InputPart:
    """The channels of one input in a stack.

    ``normalization``: replaces the one of the specification, or of the weights.
    """

    name: str
    channels: int
    spec: InputSpec = PLAIN
    normalization: Normalization | None = None

    @property
    def statistics(self) -> Normalization | None:
        """The input's own normalization; None if that of the weights applies."""
        return self.normalization or self.spec.normalization


class Normalize(nn.Module):
    """Apply a ``Normalization`` to each part of stacked inputs in 0–1; its buffers are saved.

    Colors are normalized as the weights expect: if the part has more channels than the statistics,
    the extra channels use the average of the statistics, and if it has fewer, all use the average.
    Parts with a normalization of their own use that; all other parts use the average. Colors always
    have the order that the weights expect.
    """

    mean: Tensor
    std: Tensor
    order: Tensor
    is_log: Tensor
    zero_is_missing: Tensor

    def __init__(self, parts: Sequence[InputPart]) -> None:
        super().__init__()
        self._parts = tuple(parts)
        channels = sum(part.channels for part in parts)
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("std", torch.ones(channels, 1, 1))
        self.register_buffer("order", torch.arange(channels))
        own = [part.statistics for part in parts]
        is_log = [one is not None and one.transform == "log" for one in own]
        has_missing = [part.spec.rules.zero_is_missing for part in parts]
        # Known from the configuration, so they are not saved. The flags spare a look at tensors.
        self._has_log, self._has_missing = any(is_log), any(has_missing)
        self.register_buffer("is_log", self._spread(is_log), persistent=False)
        self.register_buffer("zero_is_missing", self._spread(has_missing), persistent=False)

    def _spread(self, flags: Sequence[bool]) -> Tensor:
        """Return flags of parts for each channel, (channels, 1, 1)."""
        counts = [part.channels for part in self._parts]
        each = [flag for flag, count in zip(flags, counts, strict=True) for _ in range(count)]
        return torch.tensor(each, dtype=torch.bool).view(-1, 1, 1)

    def adopt(self, weights: Normalization) -> None:
        """Copy the statistics of the parts, or those that the weights were trained with.

        Raises: PluxelError for statistics of an input that do not fit its channels, and for weights
        that expect logarithms.
        """
        if weights.transform != "none":
            raise PluxelError(
                "the normalization of a backbone cannot take logarithms: set transform in the "
                "'normalization' of the stream, or of the dataset's input"
            )
        first = 0
        for part in self._parts:
            own = part.statistics
            here = slice(first, first := first + part.channels)
            if own is not None:
                self._adopt_own(part, own, here, weights)
            else:
                self._adopt_weights(part, here, weights)

    def _adopt_weights(self, part: InputPart, here: slice, weights: Normalization) -> None:
        is_color = part.spec.kind == "color"
        for buffer, values in ((self.mean, weights.mean), (self.std, weights.std or (1.0,))):
            buffer[here] = _fit(values, part.channels, is_color).to(buffer) / weights.range
        self._order(here, is_color and weights.channel_order == "bgr")

    def _adopt_own(
        self, part: InputPart, own: Normalization, here: slice, weights: Normalization
    ) -> None:
        is_log, is_color = own.transform == "log", part.spec.kind == "color"
        # The network sees colors in the order of its weights, however the statistics list them.
        order = weights.channel_order if is_color else own.channel_order
        is_listed_otherwise = own.channel_order != order
        for field, values, buffer in (("mean", own.mean, self.mean), ("std", own.std, self.std)):
            if values is None:
                continue
            if len(values) not in (1, part.channels):
                raise PluxelError(
                    f"input '{part.name}' has {part.channels} channels, but its normalization has "
                    f"{len(values)} values of {field}: give one, or one per channel"
                )
            each = torch.tensor(values).expand(part.channels).clone()
            if is_listed_otherwise:
                each[:3] = each[:3].flip(0)
            buffer[here] = each.view(-1, 1, 1).to(buffer) / (1 if is_log else own.range)
        if own.std is None and is_log:
            self.std[here] = 1
        elif own.std is None:  # the scale of values that the weights expect
            expected = _fit(weights.std or (1.0,), part.channels, is_color)
            self.std[here] = expected.to(self.std) / weights.range
        if is_log:  # log(value · range) = log(value) + log(range)
            self.mean[here] -= torch.tensor(float(own.range)).log().to(self.mean)
        self._order(here, order == "bgr")

    def _order(self, here: slice, is_reversed: bool) -> None:
        order = torch.arange(here.start, here.stop)
        if is_reversed:
            order[:3] = order[:3].flip(0)
        self.order[here] = order.to(self.order)

    def adopt_saved(self, saved: Mapping[str, Tensor]) -> None:
        """Adopt the buffers of weights, except the statistics that the configuration states.

        Those take only what depends on the weights: the order of colors, and without ``std`` the
        scale of values. ``saved``: ``mean``, ``std`` and ``order``, of as many channels.
        """
        first = 0
        for part in self._parts:
            here = slice(first, first := first + part.channels)
            own = part.normalization
            if own is None:
                for name, buffer in self.named_buffers():
                    if name in saved:
                        buffer[here] = saved[name][here].to(buffer)
                continue
            order = saved["order"][here].to(self.order)
            if part.spec.kind == "color" and not torch.equal(order, self.order[here]):
                colors = slice(here.start, here.start + 3)
                for buffer in (self.mean, self.std):
                    buffer[colors] = buffer[colors].flip(0)
                self.order[here] = order
            if own.std is None and own.transform == "none":
                self.std[here] = saved["std"][here].to(self.std)

    def mean_of(self, name: str) -> Tensor:
        """Return the raw values in 0–1 of a color input, (channels,), that normalize to zero."""
        counts = {part.name: part.channels for part in self._parts}
        first = sum(counts[part.name] for part in takewhile(lambda p: p.name != name, self._parts))
        # Reversing the colors is its own inverse.
        return self.mean.flatten()[self.order][first : first + counts[name]]

    def forward(self, image: Tensor) -> Tensor:
        """Return the normalized image for an image (N, C, H, W), float in 0–1, RGB first."""
        image = image[:, self.order]
        values = image
        if self._has_log:
            tiny = torch.finfo(image.dtype).tiny
            values = torch.where(self.is_log, image.clamp_min(tiny).log(), image)
        normalized = (values - self.mean) / self.std
        if self._has_missing:
            normalized = normalized.masked_fill(self.zero_is_missing & (image <= 0), 0)
        return normalized


def _fit(values: Sequence[float], channels: int, is_color: bool) -> Tensor:
    """Return statistics of ``channels`` channels, (channels, 1, 1), from those of colors."""
    statistics = torch.tensor(values)
    if len(values) != channels or not is_color:
        known = statistics if is_color and channels > len(values) else statistics[:0]
        average = statistics.mean().expand(channels - len(known))
        statistics = torch.cat([known, average])
    return statistics.view(-1, 1, 1)
