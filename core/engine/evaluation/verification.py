"""Check that the methods of dense evaluation agree, on one random image.

Long, Shelhamer, Darrell, PAMI 2016, section 3.2: shift-and-stitch and filter dilation give the same
scores, up to the order of sums, except near padding. Shifting the image also moves the padding of
inner layers. Splitting each layer's map into fragments does not, so its scores agree everywhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor, inf

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from ....registry import Component, Host, PluxelError
from ...common.randomness import seeded
from ...common.timing import multiply_adds
from ...config._config import Config
from ...config._dump import to_plain
from ...config.sections.factory import Factory
from ...contracts.kinds import Decoder
from ...contracts.offers import offering, offers
from ...contracts.optional import DenseForm, ScoresDensely
from ...geometry.grid import Grid
from ...geometry.regions import Size
from ...geometry.scores import Scores
from ...model.blueprint import Blueprint
from ...model.build import build_model
from ...model.network import SegmentationModel
from ..inference.tiling import measured
from ..preparation import prepare_data

Method = tuple[Component, DenseForm]
"""A decoder and one of its dense forms."""

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
"""Largest difference due to the order of sums, as a share of the range of the scores."""


@dataclass(frozen=True)
class DenseMethod:
    """The cost of one method: ``multiply_adds`` and ``seconds`` for the image."""

    name: str
    passes: int
    multiply_adds: int
    seconds: float


@dataclass(frozen=True)
class Difference:
    """The largest difference between the scores of two methods, as a share of their range.

    ``cell``: its (row, column) in the dense map; ``pixel``: the center of that cell in the image.
    ``interior``: the largest difference among cells whose receptive fields lie inside the image;
    None if there are no such cells. ``expected``: whether the methods should agree at borders too.
    """

    methods: tuple[str, str]
    largest: float
    cell: tuple[int, int]
    pixel: tuple[float, float]
    interior: float | None
    expected: bool


@dataclass(frozen=True)
class DenseReport:
    """The results for one head: scores of stride ``dense`` from a network of stride ``coarse``.

    ``size``: (height, width) of the image. ``tolerance``: the largest acceptable difference.
    """

    head: str
    size: Size
    coarse: int
    dense: int
    methods: Sequence[DenseMethod]
    differences: Sequence[Difference]
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether all differences that should vanish are within the tolerance."""
        shares = [each.largest if each.expected else each.interior for each in self.differences]
        return all(share is None or share <= self.tolerance for share in shares)


def verify_dense(
    config: Config,
    *,
    factor: int | None = None,
    size: Size | None = None,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> list[DenseReport]:
    """Compare the methods for every head of a configuration, with random weights and images.

    ``factor``: the ratio of coarse to dense stride; by default from the decoder, else at most 4.
    ``size``: of the image; by default so large that some receptive fields lie inside it.

    Raises: PluxelError if a head does not support dense evaluation, or if the factor does not
    divide the stride.
    """
    data = prepare_data(config)
    config, blueprint = data.config, data.blueprint
    reports = []
    for name, head in config.pipeline.heads.items():
        with config.at("heads", name, "decoder"), seeded(seed):
            subject = _DenseHead(config, blueprint, name, _inner(head.decoder), dtype, seed)
        ratio = factor or _usual_factor(head.decoder, subject.coarse)
        with config.at("heads", name, "decoder"):
            reports.append(_verify(subject, ratio, size or subject.usual_size()))
    return reports


def _inner(decoder: Factory[Decoder]) -> Factory[Decoder]:
    """Return the inner decoder of one that evaluates the backbone densely, else the decoder."""
    if not decoder.wants("backbone"):
        return decoder
    inner = decoder.params.get("decoder")
    if not isinstance(inner, Factory):
        raise PluxelError(
            f"{decoder} runs the backbone itself, and has no parameter 'decoder' to evaluate with "
            "other methods"
        )
    return inner


def _usual_factor(decoder: Factory[Decoder], stride: int) -> int:
    """Return the factor of a decoder that already scores densely; otherwise 4 at most."""
    if offers(decoder.target, ScoresDensely):
        for factor in range(1, stride + 1):
            for form in decoder.target.dense_forms(stride, factor):
                if form.parameters.items() <= decoder.params.items():
                    return factor
    divisors = _divisors(stride)
    return max((factor for factor in divisors if factor <= 4), default=min(divisors, default=1))


def _whole(grid: Grid) -> int:
    """Return the stride of a grid. Raises: PluxelError unless it is one whole number."""
    vertical, horizontal = grid.stride
    if vertical != horizontal or vertical.denominator != 1:
        raise PluxelError(
            f"the scores have strides {vertical} and {horizontal} (vertical, horizontal); dense "
            "evaluation needs one whole number"
        )
    return int(vertical)


def _divisors(stride: int) -> list[int]:
    """Return the factors by which scores of a stride can be denser."""
    return [factor for factor in range(2, stride + 1) if stride % factor == 0]


class _DenseHead:
    """A head to evaluate densely: its configuration and random weights.

    ``spec``: grid and receptive field of its coarse scores. ``coarse``: their stride.
    """

    def __init__(
        self,
        config: Config,
        blueprint: Blueprint,
        head: str,
        inner: Factory[Decoder],
        dtype: torch.dtype,
        seed: int,
    ) -> None:
        self.config, self.blueprint, self.head = config, blueprint, head
        self.inner, self.dtype, self.seed = inner, dtype, seed
        plain = self.model(inner)
        for parameter in plain.heads[head].parameters():
            if not parameter.any():  # score layers start as zeros
                nn.init.normal_(parameter, std=0.1)
        self.weights = plain.state_dict()
        name = next(iter(plain.heads[head].decoders))
        (self.spec,) = measured(plain.streams[name], plain.heads[head], name).specs
        self.coarse = _whole(self.spec.grid)

    def model(self, decoder: Factory[Decoder]) -> SegmentationModel:
        """Return the model with only this head, and with another decoder."""
        section = self.config.pipeline.heads[self.head].model_copy(update={"decoder": decoder})
        pipeline = self.config.pipeline.model_copy(update={"heads": {self.head: section}})
        with self.config.at("heads", self.head, "decoder"):
            model = build_model(replace(self.config, pipeline=pipeline), self.blueprint)
        return model.eval()

    def denser(self, method: Method) -> SegmentationModel:
        """Return the model with a decoder that evaluates it densely."""
        component, form = method
        inner = to_plain(self.inner, absolute=False)
        section = {"type": component.qualified, "decoder": inner, **form.parameters}
        decoder = TypeAdapter(Factory[Decoder]).validate_python(
            section, context={"host": self.config.host}
        )
        model = self.model(decoder)
        model.load_state_dict(self.weights)
        return model

    def image(self, size: Size) -> dict[str, Tensor]:
        """Return random inputs in 0–1, equal in every call."""
        generator = torch.Generator().manual_seed(self.seed)
        return {
            name: torch.rand(1, channels, *size, generator=generator, dtype=self.dtype)
            for name, channels in self.blueprint.channels.items()
        }

    def usual_size(self) -> Size:
        """Return a size at which some receptive fields lie inside the image, if they are finite."""
        height, width = (512 if seen == inf else ceil(seen) for seen in self.spec.receptive_field)
        return height + 2 * self.coarse + 5, width + 3 * self.coarse + 1


def _methods(host: Host, stride: int, factor: int) -> list[Method]:
    """Return the dense forms of all installed decoders, those of many passes first."""
    found = [
        (component, form)
        for component, target in offering(host, "decoder", ScoresDensely)
        for form in target.dense_forms(stride, factor)
    ]
    return sorted(found, key=lambda method: -method[1].passes)


def _verify(subject: _DenseHead, factor: int, size: Size) -> DenseReport:
    if factor not in (divisors := _divisors(subject.coarse)):
        problem = "leaves" if factor == 1 else "does not divide"
        remedy = f"use {', '.join(map(str, divisors))}" if divisors else "it cannot be denser"
        raise PluxelError(f"factor {factor} {problem} the stride {subject.coarse}; {remedy}")
    methods = _methods(subject.config.host, subject.coarse, factor)
    steady = [form.name for _, form in methods if not form.shifts_borders]
    if not steady or len(methods) < 2:
        raise PluxelError("no two installed decoders score more densely in comparable ways")
    runs = {form.name: _run(subject, (one, form), size) for one, form in methods}
    reference = steady[0]
    differences = [
        _difference(subject, form, reference, runs, size)
        for _, form in methods
        if form.name != reference
    ]
    return DenseReport(
        subject.head,
        size,
        subject.coarse,
        subject.coarse // factor,
        [cost for _, cost in runs.values()],
        differences,
        TOLERANCE[subject.dtype],
    )


def _run(subject: _DenseHead, method: Method, size: Size) -> tuple[Scores, DenseMethod]:
    """Return the scores and the cost of one method."""
    form = method[1]
    model = subject.denser(method).to(subject.dtype)
    image = subject.image(size)
    if form.passes == 1:  # warm up; among many passes, the first hardly counts
        with torch.inference_mode():
            model(image)
    began = time.perf_counter()
    with torch.inference_mode():
        scores = model(image)[subject.head]
    seconds = time.perf_counter() - began
    # Each of many passes is one of the network itself.
    counted = subject.model(subject.inner).to(subject.dtype) if form.passes > 1 else model
    without_data = {name: pixels.to("meta") for name, pixels in image.items()}
    cost = multiply_adds(counted.to("meta"), without_data)
    return scores, DenseMethod(form.name, form.passes, form.passes * cost, seconds)


def _difference(
    subject: _DenseHead,
    form: DenseForm,
    reference: str,
    runs: Mapping[str, tuple[Scores, DenseMethod]],
    size: Size,
) -> Difference:
    methods, expected = (form.name, reference), not form.shifts_borders
    scores = [runs[name][0] for name in methods]
    grid = scores[0].grid
    sizes = [found.tensor.shape[-2:] for found in scores]
    if expected and sizes[0] != sizes[1]:
        raise PluxelError(
            f"{methods[0]} and {methods[1]} should agree everywhere, but their maps have "
            f"{' and '.join(f'{rows}×{columns}' for rows, columns in sizes)} cells"
        )
    rows, columns = (min(pair) for pair in zip(*sizes, strict=True))
    a, b = (found.tensor[..., :rows, :columns] for found in scores)
    span = float(b.max() - b.min()) or 1.0
    share = (a - b).abs().amax((0, 1)) / span
    row, column = divmod(int(share.argmax()), columns)
    inside = [
        _interior(grid, subject.spec.reach[axis], size[axis], axis, cells)
        for axis, cells in enumerate((rows, columns))
    ]
    within = share[inside[0], inside[1]]
    return Difference(
        methods,
        float(share.max()),
        (row, column),
        (float(grid.offset[0] + row * grid.stride[0]),
         float(grid.offset[1] + column * grid.stride[1])),
        float(within.max()) if within.numel() else None,
        expected,
    )  # fmt: skip


def _interior(grid: Grid, reach: float | Fraction, pixels: int, axis: int, cells: int) -> slice:
    """Return the cells with receptive fields inside the image."""
    if reach == inf:
        return slice(0)
    first = ceil((reach - grid.offset[axis]) / grid.stride[axis])
    last = floor((pixels - 1 - reach - grid.offset[axis]) / grid.stride[axis])
    return slice(max(0, first), max(0, min(cells, last + 1)))
