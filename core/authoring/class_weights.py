"""Class weights from a configuration.

The named schemes are functions of f_c = n_c / Σ n, the share of class c among the labeled pixels of
the training split. Weights are scaled so that Σ f_c w_c = 1: the average pixel has weight 1, so a
learning rate that suits the unweighted loss suits the weighted one. A class without pixels has
weight 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Literal

from ...registry import PluxelError, did_you_mean
from ..common.text import plural
from ..contracts.kinds import ClassFrequencies

Scheme = Literal["auto", "inverse_sqrt", "median_frequency", "effective_number"]
ClassWeights = Scheme | dict[str, float] | list[float] | None
"""A scheme; class name -> weight (1 for classes not listed); one weight per class; or none."""


def inverse_sqrt(shares: Sequence[float]) -> list[float]:
    """Return 1 / √f. This is mild: the weights of CamVid's classes differ by a factor of 11."""
    return [share**-0.5 for share in shares]


def median_frequency(shares: Sequence[float]) -> list[float]:
    """Return median(f) / f (Eigen & Fergus 2015, section 6.3.2).

    Their f only counts images in which the class occurs; this one counts all images.
    """
    middle = median(shares)
    return [middle / share for share in shares]


def effective_number(shares: Sequence[float]) -> list[float]:
    """Return (1 − β) / (1 − βⁿ), β = (N − 1) / N (Cui et al. 2019, equation 4), for large N.

    That is 1 / (1 − exp(−n / N)), up to a factor. Pixels of an image are not independent samples,
    so N, "the volume of all possible data", is not the number of all pixels but the number in the
    median class. Weights of rarer classes grow as 1 / n; weights of others approach a constant.
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
    """Return one weight per class, or None without weights.

    Call ``class_frequencies``, which may scan the training split, only for a named scheme.
    Raises: PluxelError for an unknown class, a wrong number of weights, a weight that is not a
    finite number ≥ 0, weights that are all 0, or a training split without labeled pixels.
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
    """Return a scheme's weights for the pixel counts of all classes.

    Raises: PluxelError if all counts are 0.
    """
    total = sum(frequencies)
    if not total:
        raise PluxelError("class_weights: the training split has no labeled pixels")
    shares = [count / total for count in frequencies if count]
    weights = scheme(shares)
    average = math.fsum(f * w for f, w in zip(shares, weights, strict=True))
    scaled = iter(weights)
    return [next(scaled) / average if count else 1.0 for count in frequencies]


def _check(weights: Sequence[float], class_names: Sequence[str]) -> None:
    if len(weights) != len(class_names):
        raise PluxelError(
            f"class_weights: {plural(len(weights), 'weight')} for "
            f"{plural(len(class_names), 'class')} ({', '.join(class_names)})"
        )
    if not any(weights):
        raise PluxelError("class_weights: every class has the weight 0, so nothing is trained")
    for name, weight in zip(class_names, weights, strict=True):
        if not (math.isfinite(weight) and weight >= 0):
            raise PluxelError(
                f"class_weights: the weight of {name} must be a number ≥ 0, not {weight}"
            )
