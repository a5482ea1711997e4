"""Streams feed heads: named inputs → normalize → backbone → maps → decoder → scores on a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...registry import PluxelError, article
from ..contracts.kinds import Backbone, Decoder
from ..contracts.normalization import RAW_MAXIMUM, Normalization
from ..contracts.offers import minimum_size, offers, pad_multiple, resolved_parameters
from ..contracts.optional import WrapsDecoder
from ..geometry.scores import Scores
from .zero_shot import SeenClasses

Sizes = Sequence[tuple[int, int]]
"""Height and width of each image of a batch before it was padded to a common size."""

UNIT = {getattr(torch, name): float(maximum) for name, maximum in RAW_MAXIMUM.items()}
"""What stands for 1 in raw pixels of a type; floating-point images are in 0–1 already."""


def to_unit(image: Tensor) -> Tensor:
    """Return raw pixels (N, C, H, W) as float32 in 0–1."""
    return image if image.is_floating_point() else image.float() / UNIT[image.dtype]


class Normalize(nn.Module):
    """Apply a ``Normalization`` to images in 0–1; its buffers travel with the weights.

    Channels beyond those that the statistics know get their average; an input with fewer channels
    gets it in all of them.
    """

    mean: Tensor
    std: Tensor
    order: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("std", torch.ones(channels, 1, 1))
        self.register_buffer("order", torch.arange(channels))

    def adopt(self, normalization: Normalization) -> None:
        """Take over the statistics that the weights were trained with."""
        self.mean.copy_(self._fit(normalization.mean) / normalization.range)
        self.std.copy_(self._fit(normalization.std) / normalization.range)
        order = torch.arange(len(self.order))
        if normalization.channel_order == "bgr":
            order[:3] = order[:3].flip(0)
        self.order.copy_(order)

    def _fit(self, values: Sequence[float]) -> Tensor:
        channels = len(self.order)
        statistics = torch.tensor(values, device=self.mean.device)
        if len(values) != channels:
            known = statistics[:channels] if channels > len(values) else statistics[:0]
            statistics = torch.cat([known, statistics.mean().expand(channels - len(known))])
        return statistics.view(-1, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """image: (N, C, H, W) float in 0–1, RGB first; returns what the network expects."""
        return (image[:, self.order] - self.mean) / self.std


class Stream(nn.Module):
    """One or more inputs, stacked on channels, through one backbone."""

    backbone: Backbone

    def __init__(self, inputs: Sequence[str], channels: int, backbone: Backbone) -> None:
        super().__init__()
        self.inputs = tuple(inputs)
        self.channels = channels
        self.normalize = Normalize(channels)
        self.backbone = backbone
        # Kept here, as a wrapper that takes the backbone's place may not have them.
        self.pad_multiple = pad_multiple(backbone)
        self.minimum_size = minimum_size(backbone)

    def adopt_normalization(self) -> None:
        """Normalize as the backbone's weights expect it (call after they have been loaded)."""
        self.normalize.adopt(self.backbone.normalization)

    def prepare(self, inputs: Mapping[str, Tensor], sizes: Sizes | None) -> Tensor:
        """Return the network's input: normalized, and zero wherever there is no image."""
        raw = [to_unit(inputs[name]) for name in self.inputs]
        image = self.normalize(raw[0] if len(raw) == 1 else torch.cat(raw, dim=1))
        if sizes is not None:
            _clear_padding(image, sizes)
        return self._pad(image)

    def _pad(self, image: Tensor) -> Tensor:
        """Pad right and bottom to what the backbone can take."""
        multiple = self.pad_multiple
        height, width = (
            -(-max(size, self.minimum_size) // multiple) * multiple for size in image.shape[-2:]
        )
        return functional.pad(image, (0, width - image.shape[-1], 0, height - image.shape[-2]))


def _clear_padding(image: Tensor, sizes: Sizes) -> None:
    for one, (height, width) in zip(image, sizes, strict=True):
        if (height, width) != tuple(one.shape[-2:]):
            one[:, height:] = 0
            one[:, :, width:] = 0


class Head(nn.Module):
    """Scores for one label map: a decoder a stream, their scores fused.

    A decoder that leaves the scoring to an ``inner`` one hands that one over. ``inner`` takes its
    place in ``decoders``, so all weights keep the names that they have without it; the decoder
    itself goes to ``wrappers``, and gets ``inner`` back as an argument of each call.

    ``seen``: the classes that training sees; None for all. Its ``offsets`` are added to the scores
    when the model is used, not in training.

    Raises: PluxelError for one that has weights of its own beside those.
    """

    offsets: Tensor | None

    def __init__(
        self,
        decoders: Mapping[str, Decoder],
        fusion: str,
        *,
        on_images: bool = False,
        seen: SeenClasses | None = None,
    ) -> None:
        super().__init__()
        self.decoders = nn.ModuleDict()
        self.wrappers = nn.ModuleDict()
        for name, decoder in decoders.items():
            if offers(decoder, WrapsDecoder):
                self.decoders[name] = _taken_out(decoder)
                self.wrappers[name] = decoder  # pyright: ignore[reportArgumentType]
            else:
                self.decoders[name] = decoder  # pyright: ignore[reportArgumentType]
        self.fusion = fusion
        self.on_images = on_images
        self.seen = seen
        offsets = seen.offsets if seen else None
        column = None if offsets is None else torch.tensor(offsets).view(-1, 1, 1)
        self.register_buffer("offsets", column, persistent=False)

    @property
    def resolved_parameters(self) -> Mapping[str, Any]:
        """What the decoder had to find out, by parameter; all streams have the same."""
        return resolved_parameters(next(iter({**self.decoders, **self.wrappers}.values())))

    def forward(
        self,
        streams: Mapping[str, Sequence[Tensor] | Tensor],
        backbones: Mapping[str, Backbone] | None = None,
    ) -> Scores:
        """streams: name -> maps of its backbone, or the prepared image if ``on_images``.

        ``backbones``: those of the streams, needed if ``on_images``.
        """
        scores = []
        for name, decoder in self.decoders.items():
            given: list[Any] = [streams[name]]
            if self.on_images and backbones is not None:
                given.append(backbones[name])
            if name in self.wrappers:
                scores.append(_scores(self.wrappers[name], *given, decoder))
            else:
                scores.append(_scores(decoder, *given))
        total = scores[0] if len(scores) == 1 else fuse(scores, self.fusion)
        if self.offsets is None or self.training:
            return total
        return replace(total, tensor=total.tensor + self.offsets)


class ScoringNetwork(nn.Module):
    """Backbone and decoder as one network, ``network(image) -> scores``, to be measured.

    ``only``: index of the map that the decoder gets if it is the inner one of another; else, all.
    """

    def __init__(self, backbone: Any, decoder: nn.Module, only: int | None = None) -> None:
        super().__init__()
        self.backbone, self.decoder, self.only = backbone, decoder, only

    def forward(self, image: Tensor) -> Tensor:
        """image: (N, channels, H, W), normalized; returns (N, num_classes, h, w)."""
        maps = self.backbone(image)
        return self.decoder(maps if self.only is None else [maps[self.only]]).tensor


def _taken_out(decoder: Any) -> nn.Module:
    """Take the ``inner`` decoder out of one that has no weights beside those of ``inner``."""
    inner = decoder.inner
    del decoder.inner
    if own := [*decoder.state_dict()]:
        raise PluxelError(
            f"decoder {type(decoder).__name__} has weights ({', '.join(own[:3])}) beside those of "
            "the decoder that it wraps, so neither could be loaded without the other"
        )
    return inner


def _scores(decoder: Any, *given: Any) -> Scores:
    scores = decoder(*given)
    if not isinstance(scores, Scores):
        raise PluxelError(
            f"decoder {type(decoder).__name__} returned {article(type(scores).__name__)}: "
            "a decoder returns Scores(tensor, grid)"
        )
    return scores


def fuse(scores: Sequence[Scores], fusion: str) -> Scores:
    """Sum or average the scores of several streams (late fusion, FCN section 4.2, NYUDv2)."""
    grids = {(one.grid, one.border) for one in scores}
    if len(grids) > 1:
        raise PluxelError(
            f"the scores to be fused lie on different grids: {sorted(map(str, grids))}"
        )
    total = torch.stack([one.tensor for one in scores]).sum(0)
    return replace(scores[0], tensor=total / len(scores) if fusion == "mean" else total)


class SegmentationModel(nn.Module):
    """``model(inputs) -> {head: Scores}`` for named raw inputs, each (N, C, H, W)."""

    streams: Mapping[str, Stream]
    heads: Mapping[str, Head]

    def __init__(self, streams: Mapping[str, Stream], heads: Mapping[str, Head]) -> None:
        super().__init__()
        # Module dictionaries; declared as what they are used for.
        self.streams = nn.ModuleDict(streams)  # pyright: ignore[reportAttributeAccessIssue]
        self.heads = nn.ModuleDict(heads)  # pyright: ignore[reportAttributeAccessIssue]

    @cached_property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs that the streams read, each once."""
        return tuple(dict.fromkeys(n for s in self.streams.values() for n in s.inputs))

    def forward(
        self, inputs: Mapping[str, Tensor], sizes: Sizes | None = None
    ) -> dict[str, Scores]:
        """``sizes`` is given where images of a batch were padded to a common size."""
        images = {name: stream.prepare(inputs, sizes) for name, stream in self.streams.items()}
        read = {
            name for head in self.heads.values() if not head.on_images for name in head.decoders
        }
        # In the order of the streams: what dropout draws must not depend on that of a set.
        maps = {n: s.backbone(images[n]) for n, s in self.streams.items() if n in read}
        backbones = {name: stream.backbone for name, stream in self.streams.items()}
        return {
            name: head(images, backbones) if head.on_images else head(maps)
            for name, head in self.heads.items()
        }
