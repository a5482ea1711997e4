"""Streams feed heads: named inputs → normalize → backbone → maps → decoder → scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...registry import PluxelError, article
from ..contracts.inputs import InputSpec
from ..contracts.kinds import Backbone, Decoder
from ..contracts.normalization import RAW_MAXIMUM
from ..contracts.offers import minimum_size, offers, pad_multiple, resolved_parameters
from ..contracts.optional import WrapsDecoder
from ..contracts.options import Fusion
from ..geometry.fit import check_fit
from ..geometry.grid import Grid
from ..geometry.regions import padded_size
from ..geometry.scores import Scores
from .normalize import InputPart, Normalize
from .zero_shot import SeenClasses

Sizes = Sequence[tuple[int, int]]
"""Height and width of each image in a batch, before padding to a common size."""

UNIT = {getattr(torch, name): float(maximum) for name, maximum in RAW_MAXIMUM.items()}
"""Raw value that represents 1, by type. Floating-point images are already in 0–1."""


def to_unit(image: Tensor) -> Tensor:
    """Return raw pixels (N, C, H, W) as float32 in 0–1."""
    return image if image.is_floating_point() else image.float() / UNIT[image.dtype]


class Stream(nn.Module):
    """One backbone and its inputs, stacked along the channels in the order of ``parts``."""

    backbone: Backbone

    def __init__(self, parts: Sequence[InputPart], backbone: Backbone) -> None:
        super().__init__()
        self.parts = tuple(parts)
        self.normalize = Normalize(parts)
        self.backbone = backbone
        # Stored here because a wrapper that replaces the backbone may not have these attributes.
        self.pad_multiple = pad_multiple(backbone)
        self.minimum_size = minimum_size(backbone)
        self.grids = [spec.grid for spec in backbone.feature_specs]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return tuple(part.name for part in self.parts)

    @property
    def channels(self) -> int:
        """The number of channels of all inputs together."""
        return sum(part.channels for part in self.parts)

    def adopt_normalization(self) -> None:
        """Adopt the normalization of the backbone's weights; call this after loading them.

        Raises: PluxelError for statistics of an input that do not fit its channels.
        """
        self.normalize.adopt(self.backbone.normalization)

    def mean_of(self, name: str) -> list[float]:
        """Return the raw values in 0–1 of a color input that normalize to zero, a value a channel.

        A stream without memory for weights returns those of its backbone.
        """
        normalize = self.normalize
        if normalize.mean.is_meta:
            normalize = Normalize(self.parts)
            normalize.adopt(self.backbone.normalization)
        return normalize.mean_of(name).tolist()

    def prepare(self, inputs: Mapping[str, Tensor], sizes: Sizes | None) -> Tensor:
        """Return the network's input: normalized, and zero in the padding."""
        raw = [to_unit(inputs[name]) for name in self.inputs]
        image = self.normalize(raw[0] if len(raw) == 1 else torch.cat(raw, dim=1))
        image = image.to(self._type_of_weights(image))
        if sizes is not None:
            _clear_padding(image, sizes)
        return self._pad(image)

    def _type_of_weights(self, image: Tensor) -> torch.dtype:
        """Return the type that the backbone computes in, such as float16 after ``half()``."""
        types = (p.dtype for p in self.parameters() if p.is_floating_point())
        return next(types, image.dtype)

    def _pad(self, image: Tensor) -> Tensor:
        """Pad on the right and at the bottom to a size that the backbone accepts."""
        size = image.shape[-2], image.shape[-1]
        height, width = padded_size(size, self.pad_multiple, self.minimum_size)
        return functional.pad(image, (0, width - image.shape[-1], 0, height - image.shape[-2]))


def _clear_padding(image: Tensor, sizes: Sizes) -> None:
    for single, (height, width) in zip(image, sizes, strict=True):
        if (height, width) != tuple(single.shape[-2:]):
            single[:, height:] = 0
            single[:, :, width:] = 0


class Head(nn.Module):
    """Scores for one label map: one decoder per stream, with their scores fused.

    If a decoder wraps an ``inner`` decoder, ``inner`` takes its place in ``decoders``, so all
    weights keep the names that they have without the wrapper. The wrapper itself is stored in
    ``wrappers`` and receives ``inner`` as an argument of each call.

    ``seen``: the classes that are seen in training; None for all. Its ``offsets`` are added to the
    scores in evaluation mode, but not in training.

    Raises: PluxelError for a wrapper that has weights besides those of ``inner``.
    """

    offsets: Tensor | None

    def __init__(
        self,
        decoders: Mapping[str, Decoder],
        fusion: Fusion,
        *,
        on_images: bool = False,
        seen: SeenClasses | None = None,
    ) -> None:
        super().__init__()
        self.decoders = nn.ModuleDict()
        self.wrappers = nn.ModuleDict()
        for name, decoder in decoders.items():
            if offers(decoder, WrapsDecoder):
                self.decoders[name] = _detach_inner(decoder)
                self.wrappers[name] = decoder  # pyright: ignore[reportArgumentType]
            else:
                self.decoders[name] = decoder  # pyright: ignore[reportArgumentType]
        self.fusion: Fusion = fusion
        self.on_images = on_images
        self.seen = seen
        self._name = ""
        self._grids: Mapping[str, Sequence[Grid]] = {}
        offsets = seen.offsets if seen else None
        column = None if offsets is None else torch.tensor(offsets).view(-1, 1, 1)
        self.register_buffer("offsets", column, persistent=False)

    @property
    def resolved_parameters(self) -> Mapping[str, Any]:
        """The parameters that the decoder resolved; they are the same for all streams."""
        return resolved_parameters(next(iter({**self.decoders, **self.wrappers}.values())))

    def belong(self, name: str, streams: Mapping[str, Stream]) -> None:
        """Adopt the name of the head, and the grids of the maps that its scores must match."""
        self._name = name
        self._grids = {one: streams[one].grids for one in self.decoders}

    def forward(
        self,
        streams: Mapping[str, Sequence[Tensor] | Tensor],
        backbones: Mapping[str, Backbone] | None = None,
    ) -> Scores:
        """Return the fused scores.

        ``streams``: name -> maps of its backbone, or the prepared image if ``on_images``.
        ``backbones``: stream name -> backbone, required if ``on_images``.

        Raises: PluxelError for scores whose number of cells contradicts their grid.
        """
        scores = []
        for name, decoder in self.decoders.items():
            arguments: list[Any] = [streams[name]]
            if self.on_images and backbones is not None:
                arguments.append(backbones[name])
            if name in self.wrappers:
                scores.append(_scores(self.wrappers[name], *arguments, decoder))
            else:
                scores.append(_scores(decoder, *arguments))
            self._check_fit(name, streams[name], scores[-1])
        total = scores[0] if len(scores) == 1 else fuse(scores, self.fusion)
        if self.offsets is None or self.training:
            return total
        return replace(total, tensor=total.tensor + self.offsets)

    def _check_fit(self, stream: str, given: Sequence[Tensor] | Tensor, scores: Scores) -> None:
        if stream not in self._grids or torch.compiler.is_compiling():
            return
        grids = self._grids[stream]
        pairs = [(given, Grid())] if isinstance(given, Tensor) else zip(given, grids, strict=False)
        sources = [((one.shape[-2], one.shape[-1]), grid) for one, grid in pairs]
        decoder = self.wrappers[stream] if stream in self.wrappers else self.decoders[stream]
        check_fit(f"head '{self._name}': decoder {type(decoder).__name__}", scores, sources, grids)


class ScoringNetwork(nn.Module):
    """Backbone and decoder as one network ``network(image) -> scores``, for measurements.

    ``only``: index of the single map that an inner decoder receives; None passes all maps.
    """

    def __init__(self, backbone: Any, decoder: nn.Module, only: int | None = None) -> None:
        super().__init__()
        self.backbone, self.decoder, self.only = backbone, decoder, only

    def forward(self, image: Tensor) -> Tensor:
        """Return (N, num_classes, h, w) for a normalized image (N, channels, H, W)."""
        maps = self.backbone(image)
        return self.decoder(maps if self.only is None else [maps[self.only]]).tensor


def _detach_inner(decoder: Any) -> nn.Module:
    """Remove the ``inner`` decoder from its wrapper and return it.

    Raises: PluxelError if the wrapper has weights of its own.
    """
    inner = decoder.inner
    del decoder.inner
    if own := [*decoder.state_dict()]:
        raise PluxelError(
            f"decoder {type(decoder).__name__} has weights ({', '.join(own[:3])}) besides those of "
            "the decoder that it wraps, so neither could be loaded without the other"
        )
    return inner


def _scores(decoder: Any, *arguments: Any) -> Scores:
    scores = decoder(*arguments)
    if not isinstance(scores, Scores):
        raise PluxelError(
            f"decoder {type(decoder).__name__} returned {article(type(scores).__name__)}; "
            "a decoder must return Scores(tensor, grid)"
        )
    if not isinstance(scores.grid, Grid):
        found = article(type(scores.grid).__name__)
        raise PluxelError(
            f"decoder {type(decoder).__name__} returned scores on {found}; they need a Grid"
        )
    if scores.tensor.ndim != 4:
        raise PluxelError(
            f"decoder {type(decoder).__name__} returned scores {tuple(scores.tensor.shape)}; "
            "they must be (N, num_classes, h, w)"
        )
    return scores


def fuse(scores: Sequence[Scores], fusion: Fusion) -> Scores:
    """Sum or average the scores of several streams (late fusion, FCN section 4.2, NYUDv2)."""
    grids = {(one.grid, one.border) for one in scores}
    if len(grids) > 1:
        raise PluxelError(
            f"cannot fuse scores that lie on different grids: {sorted(map(str, grids))}"
        )
    total = torch.stack([one.tensor for one in scores]).sum(0)
    return replace(scores[0], tensor=total / len(scores) if fusion == "mean" else total)


class SegmentationModel(nn.Module):
    """``model(inputs) -> {head: Scores}`` for named raw inputs, each (N, C, H, W)."""

    streams: Mapping[str, Stream]
    heads: Mapping[str, Head]

    def __init__(self, streams: Mapping[str, Stream], heads: Mapping[str, Head]) -> None:
        super().__init__()
        # These are module dictionaries, but are declared as the mappings that they serve as.
        self.streams = nn.ModuleDict(streams)  # pyright: ignore[reportAttributeAccessIssue]
        self.heads = nn.ModuleDict(heads)  # pyright: ignore[reportAttributeAccessIssue]
        for name, head in heads.items():
            head.belong(name, streams)

    @cached_property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs that the streams read, without duplicates."""
        return tuple(dict.fromkeys(n for s in self.streams.values() for n in s.inputs))

    @cached_property
    def input_specs(self) -> dict[str, InputSpec]:
        """Name of an input that the streams read -> what it is, with their normalization."""
        parts = [part for stream in self.streams.values() for part in stream.parts]
        return {
            part.name: part.spec.model_copy(update={"normalization": part.statistics})
            for part in reversed(parts)  # of streams that read the same input, the first
        }

    def coarsest_grid(self, head: str) -> Grid:
        """Return the grid of the coarsest map of the backbones that a head reads."""
        streams = [self.streams[name] for name in self.heads[head].decoders]
        return max((grid for one in streams for grid in one.grids), key=lambda grid: grid.stride)

    def forward(
        self, inputs: Mapping[str, Tensor], sizes: Sizes | None = None
    ) -> dict[str, Scores]:
        """Return the scores of each head.

        ``sizes``: original sizes if the images of the batch were padded to a common size.
        """
        images = {name: stream.prepare(inputs, sizes) for name, stream in self.streams.items()}
        read = {
            name for head in self.heads.values() if not head.on_images for name in head.decoders
        }
        # Run in the order of the streams: dropout must not depend on the order of a set.
        maps = {n: s.backbone(images[n]) for n, s in self.streams.items() if n in read}
        backbones = {name: stream.backbone for name, stream in self.streams.items()}
        return {
            name: head(images, backbones) if head.on_images else head(maps)
            for name, head in self.heads.items()
        }
