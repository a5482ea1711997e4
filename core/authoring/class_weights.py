"""How much a pixel of each class counts, from what a configuration says.

The named schemes are functions of f_c = n_c / Σ n, the share of class c among the labeled pixels
of the training split, scaled so that Σ f_c w_c = 1: a pixel weighs 1 on average, and a learning
rate that suits the loss without weights suits the loss with them. A class without a pixel weighs 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Literal

from ...registry import PluxelError, did_you_mean
from ..contracts.kinds import ClassFrequencies

Scheme = Literal["auto", "inverse_sqrt", "median_frequency", "effective_number"]
ClassWeights = Scheme | dict[str, float] | list[float] | None
"""A scheme; class name -> weight (1 for one that is not named); one weight a class; or none."""


def inverse_sqrt(shares: Sequence[float]) -> list[float]:
    """Return 1 / √f: mild, the weights of CamVid's classes differ by a factor of about 11."""
    return [share**-0.5 for share in shares]


def median_frequency(shares: Sequence[float]) -> list[float]:
    """Return median(f) / f (Eigen & Fergus 2015, section 6.3.2).

    Their f counts only the images in which the class occurs; here it counts all of them.
    """
    middle = median(shares)
    return [middle / share for share in shares]


def effective_number(shares: Sequence[float]) -> list[float]:
    """Return (1 − β) / (1 − βⁿ), β = (N − 1) / N (Cui et al. 2019, equation 4), for large N.

    That is 1 / (1 − exp(−n / N)), up to a factor. Pixels of one image are no independent samples,
    so N, "the volume of all possible data", is not their number but the median class's: rarer
    classes weigh as 1 / n, commoner ones approach one weight.
    """
    volume = median(shares)
    return [-1 / math.expm1(-share / volume) for share in shares]


SCHEMES: Mapping[str, Callable[[Sequence[float]], list[float]]] = {
    "auto": inverse_sqrt,
    "inverse_sqrt": inverse_sqrt,
    "median_frequency": median_frequency,
    "effective_number": effective_number,
}


def resolve(
    choice: ClassWeights, class_names: Sequence[str], class_frequencies: ClassFrequencies
) -> list[float] | None:
    """Return one weight a class, or None for none.

    Calls ``class_frequencies`` (which may scan the training split) for a named scheme only.
    Raises: PluxelError for an unknown class, a wrong number of weights, one that is not a finite
    number ≥ 0, or a training split without a labeled pixel.
    """
    if choice is None:
        return None
    if isinstance(choice, str):
        return balanced(class_frequencies(), SCHEMES[choice])
    if isinstance(choice, Mapping):
        for name in choice:
            if name not in class_names:
                near = did_you_mean(name, class_names)
                raise PluxelError(f"class_weights: unknown class {name!r}.{near}")
        weights = [float(choice.get(name, 1.0)) for name in class_names]
    else:
        weights = [float(weight) for weight in choice]
    _check(weights, class_names)
    return weights


def balanced(
    frequencies: Sequence[int], scheme: Callable[[Sequence[float]], list[float]]
) -> list[float]:
    """Return a scheme's weights for so many pixels of each class. Raises: PluxelError for none."""
    total = sum(frequencies)
    if not total:
        raise PluxelError("class_weights: the training split has no labeled pixel to count")
    shares = [count / total for count in frequencies if count]
    weights = scheme(shares)
    average = math.fsum(f * w for f, w in zip(shares, weights, strict=True))
    scaled = iter(weights)
    return [next(scaled) / average if count else 1.0 for count in frequencies]


def _check(weights: Sequence[float], class_names: Sequence[str]) -> None:
    if len(weights) != len(class_names):
        raise PluxelError(
            f"class_weights: {len(weights)} weights for {len(class_names)} classes "
            f"({', '.join(class_names)})"
        )
    for name, weight in zip(class_names, weights, strict=True):
        if not (math.isfinite(weight) and weight >= 0):
            raise PluxelError(f"class_weights: {name} must weigh a number ≥ 0, not {weight}")
