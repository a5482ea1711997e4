"""Check that the methods of dense evaluation agree, on one random image.

Long, Shelhamer, Darrell, PAMI 2016, section 3.2: shift-and-stitch and filter dilation give the same
scores, up to the order of sums, except near padding. Shifting the image also moves the padding of
inner layers. Splitting each layer's map into fragments does not, so its scores agree everywhere.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ....registry import Host, PluxelError
from ...common.progress import busy
from ...common.randomness import seeded
from ...common.timing import multiply_adds
from ...config._config import Config
from ...config.sections.factory import Factory
from ...contracts.kinds import Decoder
from ...contracts.offers import offering, offers
from ...contracts.optional import ScoresDensely
from ...geometry.regions import Size
from ...geometry.scores import Scores
from ..preparation import prepare_data
from .dense_head import DenseHead, Method
from .differences import Difference, difference

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
            subject = DenseHead(config, blueprint, name, _inner(head.decoder), dtype, seed)
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


def _divisors(stride: int) -> list[int]:
    """Return the factors by which scores of a stride can be denser."""
    return [factor for factor in range(2, stride + 1) if stride % factor == 0]


def _methods(host: Host, stride: int, factor: int) -> list[Method]:
    """Return the dense forms of all installed decoders, those of many passes first."""
    found = [
        (component, form)
        for component, target in offering(host, "decoder", ScoresDensely)
        for form in target.dense_forms(stride, factor)
    ]
    return sorted(found, key=lambda method: -method[1].passes)


def _verify(subject: DenseHead, factor: int, size: Size) -> DenseReport:
    if factor not in (divisors := _divisors(subject.coarse)):
        problem = "leaves" if factor == 1 else "does not divide"
        remedy = f"use {', '.join(map(str, divisors))}" if divisors else "it cannot be denser"
        raise PluxelError(f"factor {factor} {problem} the stride {subject.coarse}; {remedy}")
    methods = _methods(subject.config.host, subject.coarse, factor)
    steady = [form.name for _, form in methods if not form.shifts_borders]
    if not steady or len(methods) < 2:
        raise PluxelError("no two installed decoders score more densely in comparable ways")
    runs = {}
    for one, form in methods:
        with busy(f"head {subject.head}, {form.name}"):
            runs[form.name] = _run(subject, (one, form), size)
    reference = steady[0]
    scores = {name: found for name, (found, _) in runs.items()}
    differences = [
        difference(subject.spec, form, reference, scores, size)
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


def _run(subject: DenseHead, method: Method, size: Size) -> tuple[Scores, DenseMethod]:
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
